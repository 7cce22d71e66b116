//! What operators may ask for, on the command line.

use clap::Subcommand;
use platform::configuration::Settings;

use crate::{StartError, account_commands::AccountsCommand, audit_commands::AuditCommand, key_commands::KeysCommand};

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
    /// Does it, and prints what it has to say.
    pub async fn run(self, settings: &Settings) -> Result<(), StartError> {
        match self {
            Self::Keys(command) => command.run(settings).await,
            Self::Accounts(command) => command.run(settings).await,
            Self::Audit(command) => command.run(settings).await,
        }
    }
}
