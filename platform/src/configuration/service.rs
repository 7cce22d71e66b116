//! A binary that runs one service: its listener, its admin listener, what it says of them.

use std::{error::Error, io, marker::PhantomData, net::SocketAddr, process::ExitCode};

use clap::Subcommand;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{Actions, Program, Settings, run};
use crate::{
    metrics::Metrics,
    serving::{Protocol, Readiness, Sockets, serve_admin, shutdown_after},
    tls::ServerTls,
};

/// The binary of one service.
pub trait Service {
    /// The binary.
    const PROGRAM: Program;
    /// What it speaks.
    const PROTOCOL: Protocol;
    /// Why it stopped.
    type Error: Error + Send + Sync + 'static;
    /// The commands besides those that every program has.
    type Command: Subcommand;

    /// Which of the settings says where it listens.
    fn listen(settings: &Settings) -> SocketAddr;

    /// Serves until the shutdown.
    fn serve(running: Running) -> impl Future<Output = Result<(), Self::Error>>;

    /// Brings the schema of its database up to date.
    fn migrate(settings: Settings) -> impl Future<Output = Result<(), Self::Error>>;

    /// Runs a command of its own.
    fn command(command: Self::Command, settings: Settings) -> impl Future<Output = Result<(), Self::Error>>;
}

/// What a service is given to run.
pub struct Running {
    /// The settings, checked.
    pub settings: Settings,
    /// Where it serves.
    pub sockets: Sockets,
    /// What its admin listener tells.
    pub readiness: Readiness,
    /// What it measures, which the admin listener tells too.
    pub metrics: Metrics,
    /// When it ends.
    pub shutdown: CancellationToken,
}

/// Runs the binary: like [`run`], with both listeners bound and announced, and the admin listener served beside.
pub fn run_service<S: Service>() -> ExitCode {
    run::<Listening<S>>()
}

struct Listening<S>(PhantomData<S>);

impl<S: Service> Actions for Listening<S> {
    const PROGRAM: Program = S::PROGRAM;
    type Error = Box<dyn Error>;
    type Command = S::Command;

    async fn serve(settings: Settings, shutdown: CancellationToken) -> Result<(), Self::Error> {
        let listener = listen(S::listen(&settings)).await?;
        let admin = listen(settings.admin_listen.unwrap_or(S::PROGRAM.admin_listen)).await?;
        let tls = match S::PROTOCOL {
            Protocol::Http2 => settings.tls.grpc.clone(),
            Protocol::Any => settings.tls.http.clone(),
        };
        announce::<S>(&listener, tls.as_ref(), &admin)?;
        let readiness = Readiness::default();
        let metrics = Metrics::default();
        let shutdown = shutdown_after(shutdown, [readiness.clone()], settings.drain_delay);
        let admin = tokio::spawn(serve_admin(admin, readiness.clone(), metrics.clone(), shutdown.clone()));
        let running = Running {
            settings,
            sockets: Sockets::new(listener, tls),
            readiness,
            metrics,
            shutdown: shutdown.clone(),
        };
        let ended = S::serve(running).await;
        shutdown.cancel();
        admin.await?;
        Ok(ended?)
    }

    async fn migrate(settings: Settings) -> Result<(), Self::Error> {
        Ok(S::migrate(settings).await?)
    }

    async fn command(command: S::Command, settings: Settings) -> Result<(), Self::Error> {
        Ok(S::command(command, settings).await?)
    }
}

async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))
}

#[expect(clippy::print_stdout, reason = "where it listens is what the command answers")]
fn announce<S: Service>(listener: &TcpListener, tls: Option<&ServerTls>, admin: &TcpListener) -> io::Result<()> {
    let name = S::PROGRAM.name;
    let address = listener.local_addr()?;
    match (S::PROTOCOL, tls) {
        (Protocol::Http2, None) => println!("{name}: {address} (gRPC)"),
        (Protocol::Http2, Some(_)) => println!("{name}: {address} (gRPC, TLS)"),
        (Protocol::Any, None) => println!("{name}: http://{address}"),
        (Protocol::Any, Some(_)) => println!("{name}: https://{address}"),
    }
    println!("{name} admin: http://{}", admin.local_addr()?);
    Ok(())
}
