//! The binary `auth-service`.

use std::{
    error::Error,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process::ExitCode,
};

use auth_service::{Config, migrate, serve};
use platform::{
    configuration::{Need, Program, Settings, run},
    serving::{Readiness, serve_admin},
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const PROGRAM: Program = Program {
    name: "auth-service",
    about: "Holdfast's accounts: registers people, signs them in, keeps their sessions",
    needs: &[Need::MasterKey, Need::ServiceKey],
    admin_listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 50061),
};

fn main() -> ExitCode {
    run(&PROGRAM, serve_until, async |settings| {
        Ok(migrate(&settings.auth_database_url).await?)
    })
}

#[expect(
    clippy::print_stdout,
    reason = "the addresses are what the person who started it waits for"
)]
async fn serve_until(settings: Settings, shutdown: CancellationToken) -> Result<(), Box<dyn Error>> {
    let readiness = Readiness::default();
    let config = Config::from_settings(&settings, readiness.clone()).ok_or("a secret is missing")?;
    let listener = TcpListener::bind(settings.auth_listen).await?;
    let admin = TcpListener::bind(settings.admin_listen.unwrap_or(PROGRAM.admin_listen)).await?;
    println!("auth-service        {} (gRPC)", listener.local_addr()?);
    println!("auth-service admin  http://{}", admin.local_addr()?);
    let admin = tokio::spawn(serve_admin(admin, readiness, shutdown.clone()));
    serve(listener, config, shutdown).await?;
    Ok(admin.await?)
}
