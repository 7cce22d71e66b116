//! The command line that all binaries share: serve, migrate, healthcheck, and what each has of its own.

use std::{env, net::SocketAddr, process::ExitCode};

use clap::{Args as _, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{Arguments, Listener, Mistake, Peer, Settings};
use crate::{serving, telemetry};

/// A secret without which a binary does not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// `HOLDFAST_MASTER_KEY`.
    MasterKey,
    /// `HOLDFAST_SERVICE_KEY`.
    ServiceKey,
}

/// What distinguishes one binary from another.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// The binary's name.
    pub name: &'static str,
    /// One line for `--help`.
    pub about: &'static str,
    /// The secrets it needs.
    pub needs: &'static [Need],
    /// Where it listens besides.
    pub listeners: &'static [Listener],
    /// Whom it calls over the network.
    pub peers: &'static [Peer],
    /// Where its admin listener is unless `HOLDFAST_ADMIN_LISTEN` says otherwise.
    pub admin_listen: SocketAddr,
}

#[derive(Parser)]
#[command(version, subcommand_required = false)]
struct CommandLine<C: Subcommand> {
    #[command(subcommand)]
    action: Option<Action<C>>,
    #[command(flatten)]
    arguments: Arguments,
}

#[derive(Subcommand)]
enum Action<C: Subcommand> {
    /// Serve until SIGTERM or Ctrl-C (the default)
    Serve,
    /// Bring the database schema up to date, then exit
    Migrate,
    /// Ask the running process whether it is ready: exits 0 if it is, 1 if not
    Healthcheck,
    #[command(flatten)]
    Own(C),
}

/// The commands of a program that has none of its own.
#[derive(Subcommand, Clone, Copy)]
pub enum NoCommands {}

/// What a program does.
pub trait Actions {
    /// What it is.
    const PROGRAM: Program;
    /// Why it stopped.
    type Error: std::fmt::Display;
    /// The commands besides those that every program has.
    type Command: Subcommand;

    /// Serves until the shutdown.
    fn serve(settings: Settings, shutdown: CancellationToken) -> impl Future<Output = Result<(), Self::Error>>;

    /// Brings the schema of its databases up to date. Needs no secrets.
    fn migrate(settings: Settings) -> impl Future<Output = Result<(), Self::Error>>;

    /// Runs a command of its own. Needs no secrets.
    fn command(command: Self::Command, settings: Settings) -> impl Future<Output = Result<(), Self::Error>>;
}

/// The command line of a program, for help texts and the tests of the documentation.
pub fn command<C: Subcommand>(program: &Program) -> clap::Command {
    CommandLine::<C>::command()
        .name(program.name)
        .bin_name(program.name)
        .about(program.about)
}

/// Runs a binary: reads the settings, reports all mistakes at once, then serves until SIGTERM or Ctrl-C, or
/// does what else it was told.
pub fn run<A: Actions>() -> ExitCode {
    let program = &A::PROGRAM;
    let matches = command::<A::Command>(program)
        .mut_args(ignore_empty_variable)
        .get_matches();
    let parsed = CommandLine::<A::Command>::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let action = parsed.action.unwrap_or(Action::Serve);
    let mut settings = match Settings::check(&parsed.arguments) {
        Ok(settings) => settings,
        Err(mistakes) => return refuse(program, &mistakes),
    };
    let admin_listen = *settings.admin_listen.get_or_insert(program.admin_listen);

    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(program, &error),
    };
    runtime.block_on(async {
        if matches!(action, Action::Healthcheck) {
            return match serving::probe(admin_listen).await {
                Ok(true) => ExitCode::SUCCESS,
                Ok(false) => fail(program, &"not ready"),
                Err(error) => fail(program, &format_args!("no answer at {admin_listen}: {error}")),
            };
        }
        telemetry::start(&settings);
        warn_of_unknown_variables();
        let ended = match action {
            Action::Migrate => A::migrate(settings).await,
            Action::Own(command) => A::command(command, settings).await,
            Action::Serve | Action::Healthcheck => {
                let mut mistakes = missing(program, &settings);
                mistakes.extend(settings.exposed(program.listeners, program.peers));
                if !mistakes.is_empty() {
                    return refuse(program, &mistakes);
                }
                match shutdown_signal() {
                    Ok(shutdown) => A::serve(settings, shutdown).await,
                    Err(error) => return fail(program, &error),
                }
            }
        };
        match ended {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(program, &error),
        }
    })
}

/// An empty variable is none, so that a compose file can pass on what may not be set.
fn ignore_empty_variable(argument: clap::Arg) -> clap::Arg {
    let value = argument.get_env().and_then(env::var_os);
    if value.is_some_and(|value| value.is_empty()) {
        return argument.env(clap::builder::Resettable::Reset);
    }
    argument
}

fn missing(program: &Program, settings: &Settings) -> Vec<Mistake> {
    let missing = program.needs.iter().filter_map(|need| match need {
        Need::MasterKey => settings.require_master_keys().err(),
        Need::ServiceKey => settings.require_service_keys().err(),
    });
    missing.collect()
}

/// A token that is cancelled at the first SIGTERM or SIGINT.
fn shutdown_signal() -> std::io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let shutdown = CancellationToken::new();
    let cancelled = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("shutting down");
        cancelled.cancel();
    });
    Ok(shutdown)
}

/// A name that begins like ours and is not is a spelling mistake, most often.
fn warn_of_unknown_variables() {
    let command = Arguments::augment_args(clap::Command::new("settings"));
    for (name, _) in env::vars_os() {
        let known = command
            .get_arguments()
            .any(|argument| argument.get_env() == Some(&*name));
        if let Some(name) = name.to_str().filter(|name| name.starts_with("HOLDFAST_") && !known) {
            tracing::warn!("{name} is not a setting of Holdfast; it has no effect");
        }
    }
}

fn refuse(program: &Program, mistakes: &[Mistake]) -> ExitCode {
    for mistake in mistakes {
        fail(program, mistake);
    }
    ExitCode::from(2)
}

#[expect(
    clippy::print_stderr,
    reason = "what stops a command is told where it was typed, whatever is logged"
)]
fn fail(program: &Program, error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("{}: {error}", program.name);
    ExitCode::FAILURE
}
