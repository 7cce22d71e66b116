//! The binary `auth-service`.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process::ExitCode,
};

use auth_service::{Config, OperatorCommand, StartError, database, migrate, serve};
use clap::Subcommand;
use platform::{
    configuration::{DataCommand, Listener, Need, Program, Running, Service, Settings, run_service},
    serving::Protocol,
};

fn main() -> ExitCode {
    run_service::<AuthService>()
}

struct AuthService;

/// Its commands besides those that every program has.
#[derive(Subcommand)]
enum Command {
    #[command(flatten)]
    Data(DataCommand),
    #[command(flatten)]
    Operator(OperatorCommand),
}

impl Service for AuthService {
    const PROGRAM: Program = Program {
        name: "auth-service",
        about: "Holdfast's accounts: registers people, signs them in, keeps their sessions",
        needs: &[Need::MasterKey, Need::ServiceKey],
        listeners: &[Listener::Auth],
        peers: &[],
        admin_listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 50061),
    };
    const PROTOCOL: Protocol = Protocol::Http2;
    type Error = StartError;
    type Command = Command;

    fn listen(settings: &Settings) -> SocketAddr {
        settings.auth_listen
    }

    async fn serve(running: Running) -> Result<(), StartError> {
        let config = Config::from_settings(&running.settings, running.readiness, running.metrics)?;
        serve(running.sockets, config, running.shutdown).await
    }

    async fn migrate(settings: Settings) -> Result<(), StartError> {
        migrate(&settings.auth_database_url).await
    }

    async fn command(command: Command, settings: Settings) -> Result<(), StartError> {
        match command {
            Command::Data(command) => Ok(command.run(&[database(&settings)]).await?),
            Command::Operator(command) => command.run(&settings).await,
        }
    }
}
