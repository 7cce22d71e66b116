//! Keys in SQL.

use platform::database::{Connection, Engine, StoreError, statement};
use tonic::async_trait;

use super::{KeyStore, SqlStore};
use crate::{
    keys::{KeyState, StoredKeys, StoredRefreshKey, StoredSigningKey},
    sealing::Sealed,
};

/// Whoever has written this row is alone with the keys until its transaction ends.
const TAKE_LEASE: &str = "
    INSERT INTO leases (name) VALUES ('keys') ON CONFLICT (name) DO UPDATE SET name = excluded.name";

const SIGNING_KEYS: &str = "
    SELECT key_id, state, public_x, public_y, sealed_key, master_key_id, create_time
    FROM signing_keys ORDER BY create_time DESC, key_id";

const REFRESH_KEYS: &str = "
    SELECT key_id, sealed_key, master_key_id, create_time FROM refresh_keys ORDER BY create_time DESC, key_id";

const INSERT_SIGNING_KEY: &str = "
    INSERT INTO signing_keys (key_id, state, public_x, public_y, sealed_key, master_key_id, create_time, state_time)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $7)";

const INSERT_REFRESH_KEY: &str = "
    INSERT INTO refresh_keys (key_id, sealed_key, master_key_id, create_time) VALUES ($1, $2, $3, $4)";

#[async_trait]
impl<E: Engine> KeyStore for SqlStore<E> {
    async fn keys_or_install(
        &self,
        signing: StoredSigningKey,
        refresh: StoredRefreshKey,
    ) -> Result<StoredKeys, StoreError> {
        self.database
            .write(move |connection| {
                let (signing, refresh) = (signing.clone(), refresh.clone());
                Box::pin(async move {
                    statement::<E>(TAKE_LEASE).execute(connection).await?;
                    if let Some(keys) = load::<E>(connection).await? {
                        return Ok(keys);
                    }
                    install::<E>(connection, &signing, &refresh).await?;
                    Ok(StoredKeys {
                        signing: vec![signing],
                        refresh: vec![refresh],
                    })
                })
            })
            .await
    }

    async fn keys(&self) -> Result<Option<StoredKeys>, StoreError> {
        self.database.read(|connection| Box::pin(load::<E>(connection))).await
    }
}

async fn load<E: Engine>(connection: &mut Connection<'_, E>) -> Result<Option<StoredKeys>, sqlx::Error> {
    let rows = statement::<E>(SIGNING_KEYS).all(connection).await?;
    let signing = rows.iter().map(|row| {
        Ok(StoredSigningKey {
            id: row.get("key_id")?,
            state: KeyState::parse(&row.get::<String>("state")?)
                .ok_or_else(|| sqlx::Error::Decode("a signing key has an unknown state".into()))?,
            x: row.get("public_x")?,
            y: row.get("public_y")?,
            sealed: Sealed {
                master_key_id: row.get("master_key_id")?,
                bytes: row.get("sealed_key")?,
            },
            create_time: row.get("create_time")?,
        })
    });
    let signing = signing.collect::<Result<Vec<_>, sqlx::Error>>()?;
    let rows = statement::<E>(REFRESH_KEYS).all(connection).await?;
    let refresh = rows.iter().map(|row| {
        Ok(StoredRefreshKey {
            id: u8::try_from(row.get::<i64>("key_id")?).map_err(|error| sqlx::Error::Decode(error.into()))?,
            sealed: Sealed {
                master_key_id: row.get("master_key_id")?,
                bytes: row.get("sealed_key")?,
            },
            create_time: row.get("create_time")?,
        })
    });
    let refresh = refresh.collect::<Result<Vec<_>, sqlx::Error>>()?;
    Ok((!signing.is_empty()).then_some(StoredKeys { signing, refresh }))
}

async fn install<E: Engine>(
    connection: &mut Connection<'_, E>,
    signing: &StoredSigningKey,
    refresh: &StoredRefreshKey,
) -> Result<(), sqlx::Error> {
    statement::<E>(INSERT_SIGNING_KEY)
        .bind(&*signing.id)
        .bind(signing.state.as_str())
        .bind(&*signing.x)
        .bind(&*signing.y)
        .bind(&*signing.sealed.bytes)
        .bind(&*signing.sealed.master_key_id)
        .bind(signing.create_time)
        .execute(connection)
        .await?;
    statement::<E>(INSERT_REFRESH_KEY)
        .bind(i64::from(refresh.id))
        .bind(&*refresh.sealed.bytes)
        .bind(&*refresh.sealed.master_key_id)
        .bind(refresh.create_time)
        .execute(connection)
        .await
        .map(drop)
}
