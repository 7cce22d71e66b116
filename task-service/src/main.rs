//! The binary `task-service`.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process::ExitCode,
};

use platform::{
    configuration::{DataCommand, Listener, Need, Peer, Program, Running, Service, Settings, run_service},
    serving::Protocol,
};
use task_service::{Config, StartError, database, migrate, serve};

fn main() -> ExitCode {
    run_service::<TaskService>()
}

struct TaskService;

impl Service for TaskService {
    const PROGRAM: Program = Program {
        name: "task-service",
        about: "Holdfast's tasks: each person's own, over gRPC",
        needs: &[Need::ServiceKey],
        listeners: &[Listener::Task],
        peers: &[Peer::Auth],
        admin_listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 50062),
    };
    const PROTOCOL: Protocol = Protocol::Http2;
    type Error = StartError;
    type Command = DataCommand;

    fn listen(settings: &Settings) -> SocketAddr {
        settings.task_listen
    }

    async fn serve(running: Running) -> Result<(), StartError> {
        let config = Config::from_settings(&running.settings, running.readiness, running.metrics)?;
        serve(running.sockets, config, running.shutdown).await
    }

    async fn migrate(settings: Settings) -> Result<(), StartError> {
        migrate(&settings.task_database_url).await
    }

    async fn command(command: DataCommand, settings: Settings) -> Result<(), StartError> {
        Ok(command.run(&[database(&settings)]).await?)
    }
}
