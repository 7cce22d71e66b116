//! The key that seals page tokens: made once, the same in every replica.

use platform::{
    database::{Database, Engine, StoreError, statement},
    entropy::{Entropy, random_bytes},
    secret::Secret,
};

const CREATE: &str = "INSERT INTO token_keys (key_id, secret) VALUES (1, $1) ON CONFLICT (key_id) DO NOTHING";
const READ: &str = "SELECT secret FROM token_keys WHERE key_id = 1";

/// The key of this database. If there is none yet, one is made; if two processes do so at once, both get the
/// one that came first.
pub async fn token_key<E: Engine>(database: &Database<E>, entropy: &dyn Entropy) -> Result<Secret<32>, StoreError> {
    let read = || {
        database.read(|connection| {
            Box::pin(async {
                let row = statement::<E>(READ).first(connection).await?;
                row.map(|row| row.get::<Vec<u8>>("secret")).transpose()
            })
        })
    };
    let mut stored = read().await?;
    if stored.is_none() {
        let new = random_bytes::<32>(entropy).to_vec();
        database
            .write(move |connection| {
                let new = new.clone();
                Box::pin(async move { statement::<E>(CREATE).bind(new).execute(connection).await })
            })
            .await?;
        stored = read().await?;
    }
    let bytes = stored.unwrap_or_default();
    Secret::try_from(bytes.as_slice()).map_err(|error| StoreError::Failed(sqlx::Error::Decode(error.into())))
}
