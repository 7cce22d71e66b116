//! The binary `gateway`.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process::ExitCode,
};

use gateway::{Config, StartError, serve};
use platform::{
    configuration::{Listener, Need, NoCommands, Peer, Program, Running, Service, Settings, run_service},
    serving::Protocol,
};

fn main() -> ExitCode {
    run_service::<Gateway>()
}

struct Gateway;

impl Service for Gateway {
    const PROGRAM: Program = Program {
        name: "gateway",
        about: "Holdfast's HTTP gateway: browser HTTP and JSON to gRPC",
        needs: &[Need::ServiceKey],
        listeners: &[Listener::Gateway],
        peers: &[Peer::Auth, Peer::Task],
        admin_listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8081),
    };
    const PROTOCOL: Protocol = Protocol::Any;
    type Error = StartError;
    type Command = NoCommands;

    fn listen(settings: &Settings) -> SocketAddr {
        settings.gateway_listen
    }

    async fn serve(running: Running) -> Result<(), StartError> {
        let config = Config::from_settings(&running.settings, running.readiness)?;
        serve(running.sockets, config, running.shutdown).await
    }

    /// It keeps no data.
    async fn migrate(_: Settings) -> Result<(), StartError> {
        Ok(())
    }

    async fn command(command: NoCommands, _: Settings) -> Result<(), StartError> {
        match command {}
    }
}
