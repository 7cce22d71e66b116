//! A binary that runs one service: its listener, its admin listener, what it says of them.

use std::{error::Error, io, net::SocketAddr, process::ExitCode};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{Program, Settings, run};
use crate::serving::{Protocol, Readiness, serve_admin};

/// What distinguishes the binary of one service from another's.
#[derive(Clone, Copy, Debug)]
pub struct ServiceProgram {
    /// The binary.
    pub program: Program,
    /// Which of the settings says where it listens.
    pub listen: fn(&Settings) -> SocketAddr,
    /// What it speaks.
    pub protocol: Protocol,
}

/// What a service is given to run.
pub struct Running {
    /// The settings, checked.
    pub settings: Settings,
    /// Where it serves.
    pub listener: TcpListener,
    /// What its admin listener tells.
    pub readiness: Readiness,
    /// When it ends.
    pub shutdown: CancellationToken,
}

/// Runs the binary: like [`run`], with both listeners bound and announced, and the admin listener served beside.
pub fn run_service<E: Error + Send + Sync + 'static>(
    service: &ServiceProgram,
    serve: impl AsyncFnOnce(Running) -> Result<(), E>,
    migrate: impl AsyncFnOnce(Settings) -> Result<(), E>,
) -> ExitCode {
    run(
        &service.program,
        async |settings, shutdown| {
            let listener = listen((service.listen)(&settings)).await?;
            let admin = listen(settings.admin_listen.unwrap_or(service.program.admin_listen)).await?;
            announce(service, &listener, &admin)?;
            let readiness = Readiness::default();
            let admin = tokio::spawn(serve_admin(admin, readiness.clone(), shutdown.clone()));
            let running = Running {
                settings,
                listener,
                readiness,
                shutdown: shutdown.clone(),
            };
            let ended = serve(running).await;
            shutdown.cancel();
            admin.await?;
            Ok(ended?)
        },
        async |settings| Ok::<(), Box<dyn Error>>(migrate(settings).await?),
    )
}

async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))
}

#[expect(clippy::print_stdout, reason = "where it listens is what the command answers")]
fn announce(service: &ServiceProgram, listener: &TcpListener, admin: &TcpListener) -> io::Result<()> {
    let name = service.program.name;
    let address = listener.local_addr()?;
    match service.protocol {
        Protocol::Http2 => println!("{name}: {address} (gRPC)"),
        Protocol::Any => println!("{name}: http://{address}"),
    }
    println!("{name} admin: http://{}", admin.local_addr()?);
    Ok(())
}
