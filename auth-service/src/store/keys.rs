//! Keys in SQL.

use platform::{
    clock::Timestamp,
    database::{Connection, Engine, StoreError, statement},
};
use tonic::async_trait;

use super::{KeyStore, SqlStore, events::publish};
use crate::{
    events::{Event, NewEvent},
    keys::{
        KeyState, StoredKeys, StoredRefreshKey, StoredSigningKey,
        life::{Demand, Step, due},
    },
    sealing::Sealed,
};

/// Whoever has written this row is alone with the keys until its transaction ends.
const TAKE_LEASE: &str = "
    INSERT INTO leases (name) VALUES ('keys') ON CONFLICT (name) DO UPDATE SET name = excluded.name";

const SIGNING_KEYS: &str = "
    SELECT key_id, state, public_x, public_y, sealed_key, master_key_id, create_time, state_time
    FROM signing_keys ORDER BY create_time DESC, key_id";

const REFRESH_KEYS: &str = "
    SELECT key_id, sealed_key, master_key_id, create_time FROM refresh_keys ORDER BY create_time DESC, key_id";

const INSERT_SIGNING_KEY: &str = "
    INSERT INTO signing_keys (key_id, state, public_x, public_y, sealed_key, master_key_id, create_time, state_time)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $7)";

const MOVE_SIGNING_KEY: &str = "UPDATE signing_keys SET state = $2, state_time = $3 WHERE key_id = $1";

const RETIRE_OTHERS: &str = "
    UPDATE signing_keys SET state = 'RETIRED', state_time = $2 WHERE key_id <> $1 AND state = 'ACTIVE'";

const DELETE_SIGNING_KEY: &str = "DELETE FROM signing_keys WHERE key_id = $1";

/// Unless another replica was first.
const RESEAL_SIGNING_KEY: &str = "
    UPDATE signing_keys SET sealed_key = $2, master_key_id = $3 WHERE key_id = $1 AND master_key_id = $4";

const RESEAL_REFRESH_KEY: &str = "
    UPDATE refresh_keys SET sealed_key = $2, master_key_id = $3 WHERE key_id = $1 AND master_key_id = $4";

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

    async fn turn_keys(
        &self,
        demand: Demand,
        candidate: StoredSigningKey,
        now: Timestamp,
    ) -> Result<(Vec<Step>, Vec<StoredSigningKey>), StoreError> {
        self.database
            .write(move |connection| {
                let (demand, candidate) = (demand.clone(), candidate.clone());
                Box::pin(async move { turn::<E>(connection, &demand, candidate, now).await })
            })
            .await
    }

    async fn reseal_signing_key(&self, id: &str, old: &Sealed, new: Sealed) -> Result<(), StoreError> {
        let (id, old) = (id.to_owned(), old.master_key_id.clone());
        self.database
            .write(move |connection| {
                let reseal = statement::<E>(RESEAL_SIGNING_KEY)
                    .bind(id.clone())
                    .bind(new.bytes.clone())
                    .bind(new.master_key_id.clone())
                    .bind(old.clone());
                Box::pin(async move { reseal.execute(connection).await.map(drop) })
            })
            .await
    }

    async fn reseal_refresh_key(&self, id: u8, old: &Sealed, new: Sealed) -> Result<(), StoreError> {
        let old = old.master_key_id.clone();
        self.database
            .write(move |connection| {
                let reseal = statement::<E>(RESEAL_REFRESH_KEY)
                    .bind(i64::from(id))
                    .bind(new.bytes.clone())
                    .bind(new.master_key_id.clone())
                    .bind(old.clone());
                Box::pin(async move { reseal.execute(connection).await.map(drop) })
            })
            .await
    }

    async fn keys(&self) -> Result<Option<StoredKeys>, StoreError> {
        self.database.read(|connection| Box::pin(load::<E>(connection))).await
    }
}

async fn turn<E: Engine>(
    connection: &mut Connection<'_, E>,
    demand: &Demand,
    candidate: StoredSigningKey,
    now: Timestamp,
) -> Result<(Vec<Step>, Vec<StoredSigningKey>), sqlx::Error> {
    statement::<E>(TAKE_LEASE).execute(connection).await?;
    let steps = due(&signing_keys::<E>(connection).await?, demand, now);
    for step in &steps {
        match step {
            Step::Publish => insert_signing_key::<E>(connection, &candidate, KeyState::Pending).await?,
            Step::PublishActive => {
                retire_others::<E>(connection, &candidate.id, now).await?;
                insert_signing_key::<E>(connection, &candidate, KeyState::Active).await?;
            }
            Step::Activate(id) => {
                retire_others::<E>(connection, id, now).await?;
                let activate = statement::<E>(MOVE_SIGNING_KEY)
                    .bind(id.clone())
                    .bind(KeyState::Active.as_str())
                    .bind(now);
                activate.execute(connection).await?;
            }
            Step::Remove(id) => {
                let delete = statement::<E>(DELETE_SIGNING_KEY).bind(id.clone());
                delete.execute(connection).await?;
            }
        }
    }
    let turned = signing_keys::<E>(connection).await?;
    if !steps.is_empty() {
        let mut events = vec![NewEvent::of_all_tokens(Event::KeysChanged, now)];
        if let Demand::Revoke { key_id } = demand
            && steps.contains(&Step::Remove(key_id.clone()))
        {
            let key_id = key_id.clone();
            events.insert(0, NewEvent::of_all_tokens(Event::KeyRevoked { key_id }, now));
        }
        publish::<E>(connection, events, now).await?;
    }
    Ok((steps, turned))
}

async fn retire_others<E: Engine>(
    connection: &mut Connection<'_, E>,
    id: &str,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let retire = statement::<E>(RETIRE_OTHERS).bind(id.to_owned()).bind(now);
    retire.execute(connection).await.map(drop)
}

async fn load<E: Engine>(connection: &mut Connection<'_, E>) -> Result<Option<StoredKeys>, sqlx::Error> {
    let signing = signing_keys::<E>(connection).await?;
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

async fn signing_keys<E: Engine>(connection: &mut Connection<'_, E>) -> Result<Vec<StoredSigningKey>, sqlx::Error> {
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
            state_time: row.get("state_time")?,
        })
    });
    signing.collect()
}

async fn install<E: Engine>(
    connection: &mut Connection<'_, E>,
    signing: &StoredSigningKey,
    refresh: &StoredRefreshKey,
) -> Result<(), sqlx::Error> {
    insert_signing_key::<E>(connection, signing, signing.state).await?;
    statement::<E>(INSERT_REFRESH_KEY)
        .bind(i64::from(refresh.id))
        .bind(&*refresh.sealed.bytes)
        .bind(&*refresh.sealed.master_key_id)
        .bind(refresh.create_time)
        .execute(connection)
        .await
        .map(drop)
}

async fn insert_signing_key<E: Engine>(
    connection: &mut Connection<'_, E>,
    key: &StoredSigningKey,
    state: KeyState,
) -> Result<(), sqlx::Error> {
    statement::<E>(INSERT_SIGNING_KEY)
        .bind(&*key.id)
        .bind(state.as_str())
        .bind(&*key.x)
        .bind(&*key.y)
        .bind(&*key.sealed.bytes)
        .bind(&*key.sealed.master_key_id)
        .bind(key.create_time)
        .execute(connection)
        .await
        .map(drop)
}
