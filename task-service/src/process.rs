//! The process of the binary: its name, its listeners.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use platform::{
    configuration::{Need, Program, Settings},
    serving::{Readiness, serve_admin},
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{Config, StartError, serve};

/// What distinguishes the binary.
pub const PROGRAM: Program = Program {
    name: "task-service",
    about: "Holdfast: each person's own tasks, over gRPC",
    needs: &[Need::ServiceKey],
    admin_listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 50062),
};

/// Serves as the binary does: listens where the settings say, tells where, and serves the admin listener
/// beside.
#[expect(clippy::print_stdout, reason = "where it listens is what the command answers")]
pub async fn run(settings: Settings, shutdown: CancellationToken) -> Result<(), StartError> {
    let readiness = Readiness::default();
    let config = Config::from_settings(&settings, readiness.clone()).ok_or(StartError::ServiceKeyMissing)?;
    let (listener, address) = listen(settings.task_listen).await?;
    let (admin, admin_address) = listen(settings.admin_listen.unwrap_or(PROGRAM.admin_listen)).await?;
    println!("task-service: {address} (gRPC)");
    println!("task-service admin: http://{admin_address}");
    let admin = tokio::spawn(serve_admin(admin, readiness, shutdown.clone()));
    let ended = serve(listener, config, shutdown.clone()).await;
    shutdown.cancel();
    admin.await.ok();
    ended
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |error| StartError::Listen(address, error);
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}
