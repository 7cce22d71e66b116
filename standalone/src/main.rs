//! The binary `holdfast`.

use std::process::ExitCode;

use auth_service::OperatorCommand;
use clap::Subcommand;
use platform::configuration::{Actions, DataCommand, Listener, Program, Settings, run};
use standalone::{ADMIN_LISTEN, Addresses, Holdfast, Listeners, StandaloneError};
use tokio_util::sync::CancellationToken;

fn main() -> ExitCode {
    run::<Standalone>()
}

struct Standalone;

/// Its commands besides those that every program has.
#[derive(Subcommand)]
enum Command {
    #[command(flatten)]
    Data(DataCommand),
    #[command(flatten)]
    Operator(OperatorCommand),
}

impl Actions for Standalone {
    const PROGRAM: Program = Program {
        name: "holdfast",
        about: "Accounts and each person's own tasks: all of Holdfast in one process on embedded SQLite",
        needs: &[],
        listeners: &[Listener::Auth, Listener::Task, Listener::Gateway],
        peers: &[],
        admin_listen: ADMIN_LISTEN,
    };
    type Error = StandaloneError;
    type Command = Command;

    async fn serve(settings: Settings, shutdown: CancellationToken) -> Result<(), StandaloneError> {
        let listeners = Listeners::bind(&settings).await?;
        let holdfast = Holdfast::start(listeners, &settings, shutdown)?;
        if holdfast.ready().await {
            announce(&settings, holdfast.addresses());
        }
        holdfast.ended().await
    }

    async fn migrate(settings: Settings) -> Result<(), StandaloneError> {
        standalone::migrate(&settings).await
    }

    async fn command(command: Command, settings: Settings) -> Result<(), StandaloneError> {
        match command {
            Command::Data(command) => Ok(command.run(&standalone::databases(&settings)).await?),
            Command::Operator(command) => standalone::operate(command, &settings).await,
        }
    }
}

#[expect(clippy::print_stdout, reason = "what the person who started it waits for")]
fn announce(settings: &Settings, addresses: Addresses) {
    let Addresses {
        auth,
        task,
        gateway,
        admin,
    } = addresses;
    let (http, grpc) = match settings.tls.http {
        None => ("http", "(gRPC)"),
        Some(_) => ("https", "(gRPC, TLS)"),
    };
    println!(
        r"Holdfast {version} is ready.

  REST           {http}://{gateway}
  auth-service   {auth}  {grpc}
  task-service   {task}  {grpc}
  admin          http://{admin}
  data           {data}
",
        version = env!("CARGO_PKG_VERSION"),
        data = settings.data_dir.display(),
    );
    // With TLS it depends on names that only the certificate has.
    if settings.tls.http.is_none() {
        println!(
            r#"Try it:

  curl -s http://{gateway}/v1/auth/register -H 'content-type: application/json' \
    -d '{{"email": "ada@example.com", "password": "correct horse battery staple"}}'

  TOKEN=$(curl -s http://{gateway}/v1/auth/login -H 'content-type: application/json' \
    -d '{{"email": "ada@example.com", "password": "correct horse battery staple"}}' \
    | sed 's/.*"accessToken":"\([^"]*\)".*/\1/')

  grpcurl -plaintext -H "authorization: Bearer $TOKEN" -d '{{"task": {{"title": "Try Holdfast"}}}}' \
    {task} holdfast.task.v1.TaskService/CreateTask

  curl -s http://{gateway}/v1/tasks -H "authorization: Bearer $TOKEN"
"#
        );
    }
    println!("Ctrl-C stops it.");
}
