//! The signing keys, as an operator sees and turns them. Every running replica takes the change over within seconds.

use std::{
    io::{self, Write as _},
    sync::Arc,
};

use clap::Subcommand;
use platform::{
    configuration::{DatabaseUrl, Settings},
    database::Engine,
    metrics::Metrics,
    serving::Readiness,
};

use crate::{
    Config, StartError,
    administration::operator,
    audit::{Act, Audit},
    keys::{Keys, KeysError, StoredSigningKey},
    store::{KeyStore as _, SCHEMA, SqlStore},
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
        key_id: String,
    },
}

impl KeysCommand {
    /// Does it, and prints the keys as they are then.
    pub async fn run(self, settings: &Settings) -> Result<(), StartError> {
        match settings.auth_database_url {
            DatabaseUrl::Sqlite(_) => self.run_on::<sqlx::Sqlite>(settings).await,
            DatabaseUrl::Postgres(_) => self.run_on::<sqlx::Postgres>(settings).await,
        }
    }

    async fn run_on<E: Engine>(self, settings: &Settings) -> Result<(), StartError> {
        let config = Config::from_settings(settings, Readiness::default(), Metrics::default())?;
        let database = E::open(&config.database, &SCHEMA).await?;
        let store = Arc::new(SqlStore::new(database.clone()));
        let keys = Keys::open(config.keys(store.clone())).await?;
        let audit = Audit::new(store.clone(), &keys, config.clock);
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
        say(&stored.map(|stored| stored.signing).unwrap_or_default());
        database.close().await;
        Ok(())
    }
}

fn say(keys: &[StoredSigningKey]) {
    let mut output = io::stdout().lock();
    for key in keys {
        let since = prost_types::Timestamp::from(key.state_time);
        // A reader that went away has read enough.
        writeln!(output, "{:<16}  {:<7}  since {since}", key.id, key.state.as_str()).ok();
    }
}
