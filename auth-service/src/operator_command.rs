//! What operators may ask for, on the command line.

use clap::Subcommand;
use platform::{
    configuration::{DatabaseUrl, Settings},
    database::{Database, Engine},
    metrics::Metrics,
    serving::Readiness,
};

use crate::{
    Config, StartError, account_commands::AccountsCommand, administration::Administration,
    audit_commands::AuditCommand, key_commands::KeysCommand, store::SCHEMA,
};

/// The commands of an operator. They need the database and the keys of the service, not the service.
#[derive(Subcommand, Clone)]
pub enum OperatorCommand {
    /// Look at the signing keys, or turn them
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Look at accounts, disable or unlock them, end their sessions
    #[command(subcommand)]
    Accounts(AccountsCommand),
    /// Read the audit log, or check that nobody changed it
    #[command(subcommand)]
    Audit(AuditCommand),
}

impl OperatorCommand {
    /// Whether there is something to work on: a command makes no database, which would be another one than was meant.
    pub fn require_database(settings: &Settings) -> Result<(), StartError> {
        match &settings.auth_database_url {
            DatabaseUrl::Sqlite(path) if !path.exists() => Err(StartError::NoDatabase(path.clone())),
            _ => Ok(()),
        }
    }

    /// Does it, and prints what it has to say.
    pub async fn run(self, settings: &Settings) -> Result<(), StartError> {
        Self::require_database(settings)?;
        match settings.auth_database_url {
            DatabaseUrl::Sqlite(_) => self.run_on::<sqlx::Sqlite>(settings).await,
            DatabaseUrl::Postgres(_) => self.run_on::<sqlx::Postgres>(settings).await,
        }
    }

    async fn run_on<E: Engine>(self, settings: &Settings) -> Result<(), StartError> {
        let config = Config::from_settings(settings, Readiness::default(), Metrics::default())?;
        let database = E::open(&config.database, &SCHEMA).await?;
        let done = self.operate(&database, &config).await;
        database.close().await;
        done
    }

    async fn operate<E: Engine>(self, database: &Database<E>, config: &Config) -> Result<(), StartError> {
        match self {
            Self::Keys(command) => command.run(database, config).await,
            Self::Accounts(command) => Ok(command.run(&Administration::open(database, config).await?).await?),
            Self::Audit(command) => Ok(command.run(&Administration::open(database, config).await?).await?),
        }
    }
}
