//! Account events in SQL.

use platform::{
    clock::Timestamp,
    database::{Connection, Engine, Record, StoreError, statement},
};
use tonic::async_trait;
use uuid::Uuid;

use super::{EventStore, SqlStore};
use crate::events::{Event, NewEvent, StoredEvent};

/// The row stays locked until the transaction ends: the numbers are in the order of the commits.
const TAKE_NUMBERS: &str = "
    INSERT INTO counters (name, value) VALUES ('account_events', $1)
    ON CONFLICT (name) DO UPDATE SET value = counters.value + $1
    RETURNING value";

const LAST_NUMBER: &str = "SELECT value FROM counters WHERE name = 'account_events'";

const INSERT_EVENT: &str = "
    INSERT INTO account_events (event_id, kind, account_id, session_id, key_id, event_time, forget_time, pending)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

const EVENTS_AFTER: &str = "
    SELECT event_id, kind, account_id, session_id, key_id, event_time, forget_time
    FROM account_events WHERE event_id > $1 ORDER BY event_id LIMIT $2";

const ACKNOWLEDGE: &str = "UPDATE account_events SET pending = $2 WHERE account_id = $1 AND pending";

const FORGET: &str = "
    DELETE FROM account_events WHERE event_id IN (
        SELECT event_id FROM account_events WHERE NOT pending AND forget_time < $1 LIMIT $2)";

#[async_trait]
impl<E: Engine> EventStore for SqlStore<E> {
    async fn events_after(&self, cursor: i64, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        let events = statement::<E>(EVENTS_AFTER)
            .bind(cursor)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        self.database
            .read(move |connection| {
                Box::pin(async move {
                    let rows = events.all(connection).await?;
                    rows.iter().map(event_of::<E>).collect()
                })
            })
            .await
    }

    async fn last_event(&self) -> Result<i64, StoreError> {
        self.database
            .read(|connection| {
                Box::pin(async move {
                    let row = statement::<E>(LAST_NUMBER).first(connection).await?;
                    row.map_or(Ok(0), |row| row.get("value"))
                })
            })
            .await
    }

    async fn acknowledge_erasure(&self, account: Uuid) -> Result<(), StoreError> {
        self.database
            .write(move |connection| {
                Box::pin(async move {
                    let acknowledge = statement::<E>(ACKNOWLEDGE).bind(account).bind(false);
                    acknowledge.execute(connection).await.map(drop)
                })
            })
            .await
    }

    async fn forget_events(&self, now: Timestamp, limit: usize) -> Result<u64, StoreError> {
        self.database
            .write(move |connection| {
                let forget = statement::<E>(FORGET)
                    .bind(now)
                    .bind(i64::try_from(limit).unwrap_or(i64::MAX));
                Box::pin(forget.execute(connection))
            })
            .await
    }
}

/// Must be the last thing that its transaction does.
pub(super) async fn publish<E: Engine>(
    connection: &mut Connection<'_, E>,
    events: Vec<NewEvent>,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    // What concerns no token any more need not be told, except that something must be done.
    let needed = |event: &NewEvent| event.forget_time > now || matches!(event.event, Event::AccountDeleted { .. });
    let events: Vec<_> = events.into_iter().filter(needed).collect();
    let Ok(count) = i64::try_from(events.len()) else {
        return Err(sqlx::Error::Encode("too many events".into()));
    };
    if count == 0 {
        return Ok(());
    }
    let last: i64 = statement::<E>(TAKE_NUMBERS)
        .bind(count)
        .one(connection)
        .await?
        .get("value")?;
    for (event, id) in events.into_iter().zip(last - count + 1..) {
        let NewEvent { event, forget_time } = event;
        let pending = matches!(event, Event::AccountDeleted { .. });
        let (kind, account, session, key) = columns_of(event);
        statement::<E>(INSERT_EVENT)
            .bind(id)
            .bind(kind)
            .bind(account)
            .bind(session)
            .bind(key)
            .bind(now)
            .bind(forget_time)
            .bind(pending)
            .execute(connection)
            .await?;
    }
    Ok(())
}

type Columns = (&'static str, Option<Uuid>, Option<Uuid>, Option<String>);

fn columns_of(event: Event) -> Columns {
    match event {
        Event::SessionEnded { session } => ("SESSION_ENDED", None, Some(session), None),
        Event::TokensWithdrawn { account } => ("TOKENS_WITHDRAWN", account, None, None),
        Event::AccountDeleted { account } => ("ACCOUNT_DELETED", Some(account), None, None),
        Event::KeysChanged => ("KEYS_CHANGED", None, None, None),
        Event::KeyRevoked { key_id } => ("KEY_REVOKED", None, None, Some(key_id)),
    }
}

fn event_of<E: Engine>(row: &Record<E>) -> Result<StoredEvent, sqlx::Error> {
    let kind: String = row.get("kind")?;
    let (account, session, key) = (row.get("account_id")?, row.get("session_id")?, row.get("key_id")?);
    let event = match (&*kind, account, session, key) {
        ("SESSION_ENDED", _, Some(session), _) => Event::SessionEnded { session },
        ("TOKENS_WITHDRAWN", account, ..) => Event::TokensWithdrawn { account },
        ("ACCOUNT_DELETED", Some(account), ..) => Event::AccountDeleted { account },
        ("KEYS_CHANGED", ..) => Event::KeysChanged,
        ("KEY_REVOKED", _, _, Some(key_id)) => Event::KeyRevoked { key_id },
        _ => return Err(sqlx::Error::Decode(format!("{kind} is not an event").into())),
    };
    Ok(StoredEvent {
        id: row.get("event_id")?,
        event,
        event_time: row.get("event_time")?,
        forget_time: row.get("forget_time")?,
    })
}
