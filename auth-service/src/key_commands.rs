//! The signing keys, as an operator sees and turns them. Every running replica takes the change over within seconds.

use std::sync::Arc;

use clap::Subcommand;
use platform::database::{Database, Engine};

use crate::{
    Config, StartError,
    account_commands::say,
    administration::operator,
    audit::{Act, Audit},
    keys::{Keys, KeysError, StoredSigningKey},
    store::{KeyStore as _, SqlStore},
};

/// What is done with the signing keys.
#[derive(Subcommand, Clone)]
pub enum KeysCommand {
    /// List the signing keys, the newest first
    List,
    /// Publish a new signing key; it takes over ten minutes later
    Rotate,
    /// Withdraw a signing key at once, for a key that somebody may have stolen: no token that it signed is good any more,
    /// and every client refreshes. Another key signs from now on
    Revoke {
        /// The id of the key, as `list` shows it
        // Of base64url, so one in 64 begins with a hyphen.
        #[arg(allow_hyphen_values = true)]
        key_id: String,
    },
}

impl KeysCommand {
    /// Does it, and prints the keys as they are then.
    pub(crate) async fn run<E: Engine>(self, database: &Database<E>, config: &Config) -> Result<(), StartError> {
        let store = Arc::new(SqlStore::new(database.clone()));
        let keys = Keys::open(config.keys(store.clone())).await?;
        let audit = Audit::new(store.clone(), &keys, config.clock.clone());
        let record = |act| audit.record(act, &operator());
        match self {
            Self::List => {}
            Self::Rotate => {
                audit.append(record(Act::SigningKeyRotated)).await?;
                keys.rotate().await?;
            }
            Self::Revoke { key_id } => {
                let stored = store.keys().await?;
                if !stored.is_some_and(|stored| stored.signing.iter().any(|key| key.id == key_id)) {
                    return Err(KeysError::Unknown.into());
                }
                audit.append(record(Act::SigningKeyRevoked).saying(&key_id)).await?;
                keys.revoke(&key_id).await?;
            }
        }
        let stored = store.keys().await?;
        show(&stored.map(|stored| stored.signing).unwrap_or_default());
        Ok(())
    }
}

fn show(keys: &[StoredSigningKey]) {
    for key in keys {
        let since = prost_types::Timestamp::from(key.state_time);
        let line = format!("{:<16}  {:<7}  since {since}", key.id, key.state.as_str());
        match key.signs_from() {
            Some(from) => say(&format!("{line}, signs from {}", prost_types::Timestamp::from(from))),
            None => say(&line),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::KeysCommand;

    #[derive(Parser)]
    struct CommandLine {
        #[command(subcommand)]
        keys: KeysCommand,
    }

    #[test]
    fn a_key_id_may_begin_with_a_hyphen() {
        for id in ["-vQ2hX_8sTf0aBcD", "--Q2hX_8sTf0aBcD", "-h2hX_8sTf0aBcD-"] {
            let parsed = CommandLine::try_parse_from(["holdfast", "revoke", id]);
            let KeysCommand::Revoke { key_id } = parsed.map_err(|error| error.to_string()).unwrap().keys else {
                panic!("{id} is taken for another command");
            };
            assert_eq!(key_id, id);
        }
    }
}
