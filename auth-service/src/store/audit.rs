//! The audit log in SQL.

use platform::{
    clock::Timestamp,
    database::{Connection, Engine, Record, StoreError, statement},
};
use tonic::async_trait;
use uuid::Uuid;

use super::{AuditStore, SqlStore};
use crate::audit::{AuditKeys, AuditRecord, Closing, Link, NewAuditRecord};

/// The row stays locked until the transaction ends: the numbers are in the order of the commits.
const TAKE_NUMBERS: &str = "
    INSERT INTO counters (name, value) VALUES ('audit_records', $1)
    ON CONFLICT (name) DO UPDATE SET value = counters.value + $1
    RETURNING value";

const LAST_NUMBER: &str = "SELECT value FROM counters WHERE name = 'audit_records'";

const HASH: &str = "
    SELECT hash FROM audit_records WHERE sequence = $1
    UNION ALL SELECT hash FROM audit_closings WHERE sequence = $1";

const INSERT: &str = "
    INSERT INTO audit_records (sequence, record_time, act, account_id, session_id, ip_address, user_agent, request_id,
                               detail, key_id, hash)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

const AFTER: &str = "
    SELECT sequence, record_time, act, account_id, session_id, ip_address, user_agent, request_id, detail, key_id, hash
    FROM audit_records WHERE sequence > $1 ORDER BY sequence LIMIT $2";

const AFTER_OF_ACCOUNT: &str = "
    SELECT sequence, record_time, act, account_id, session_id, ip_address, user_agent, request_id, detail, key_id, hash
    FROM audit_records WHERE account_id = $3 AND sequence > $1 ORDER BY sequence LIMIT $2";

const LAST_CLOSING: &str = "
    SELECT sequence, hash, close_time, key_id, proof
    FROM audit_closings WHERE sequence > 0 ORDER BY sequence DESC LIMIT 1";

const OLDEST: &str = "SELECT sequence, record_time FROM audit_records WHERE sequence > 0 ORDER BY sequence LIMIT 1";

/// From the oldest record on, so that only what is deleted is read.
const FIRST_SINCE: &str = "
    SELECT sequence FROM audit_records WHERE sequence >= $1 AND record_time >= $2 ORDER BY sequence LIMIT 1";

const LAST: &str = "SELECT sequence FROM audit_records WHERE sequence >= $1 ORDER BY sequence DESC LIMIT 1";

/// A trigger deletes the records up to there.
const CLOSE: &str = "
    INSERT INTO audit_closings (sequence, hash, close_time, key_id, proof) VALUES ($1, $2, $3, $4, $5)";

/// A day in microseconds.
const DAY: i64 = 86_400_000_000;

#[async_trait]
impl<E: Engine> AuditStore for SqlStore<E> {
    async fn append_audit(&self, record: NewAuditRecord) -> Result<(), StoreError> {
        self.database
            .write(move |connection| Box::pin(append::<E>(connection, vec![record.clone()])))
            .await
    }

    async fn audit_after(
        &self,
        sequence: i64,
        account: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let find = statement::<E>(if account.is_some() { AFTER_OF_ACCOUNT } else { AFTER })
            .bind(sequence)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let find = match account {
            Some(account) => find.bind(account),
            None => find,
        };
        self.database
            .read(move |connection| {
                Box::pin(async move { find.all(connection).await?.iter().map(record_of::<E>).collect() })
            })
            .await
    }

    async fn last_audit_closing(&self) -> Result<Option<Closing>, StoreError> {
        self.database
            .read(|connection| {
                Box::pin(async move {
                    let closing = statement::<E>(LAST_CLOSING).first(connection).await?;
                    closing
                        .map(|row| {
                            Ok(Closing {
                                last: Link {
                                    sequence: row.get("sequence")?,
                                    hash: row.get("hash")?,
                                },
                                time: row.get("close_time")?,
                                key_id: row.get("key_id")?,
                                proof: row.get("proof")?,
                            })
                        })
                        .transpose()
                })
            })
            .await
    }

    async fn last_audit(&self) -> Result<i64, StoreError> {
        self.database
            .read(|connection| {
                Box::pin(async move {
                    let row = statement::<E>(LAST_NUMBER).first(connection).await?;
                    row.map_or(Ok(0), |row| row.get("value"))
                })
            })
            .await
    }

    async fn close_audit_day(&self, before: Timestamp, now: Timestamp, keys: AuditKeys) -> Result<bool, StoreError> {
        self.database
            .write(move |connection| Box::pin(close_day::<E>(connection, before, now, keys.clone())))
            .await
    }
}

/// Adds records to the end of the chain. What else a transaction writes comes before it, except account events: all
/// transactions take the two locks in that order.
pub(super) async fn append<E: Engine>(
    connection: &mut Connection<'_, E>,
    records: Vec<NewAuditRecord>,
) -> Result<(), sqlx::Error> {
    let Ok(count) = i64::try_from(records.len()) else {
        return Err(sqlx::Error::Encode("too many audit records".into()));
    };
    if count == 0 {
        return Ok(());
    }
    let last: i64 = statement::<E>(TAKE_NUMBERS)
        .bind(count)
        .one(connection)
        .await?
        .get("value")?;
    let before = statement::<E>(HASH).bind(last - count).first(connection).await?;
    let mut previous: Vec<u8> = before.map_or(Ok(Vec::new()), |row| row.get("hash"))?;
    for (record, sequence) in records.into_iter().zip(last - count + 1..) {
        let record = record.linked(sequence, &previous);
        previous.clone_from(&record.hash);
        statement::<E>(INSERT)
            .bind(record.sequence)
            .bind(record.time)
            .bind(record.act)
            .bind(record.account)
            .bind(record.session)
            .bind(record.ip_address)
            .bind(record.user_agent)
            .bind(record.request_id)
            .bind(record.detail)
            .bind(record.key_id)
            .bind(record.hash)
            .execute(connection)
            .await?;
    }
    Ok(())
}

async fn close_day<E: Engine>(
    connection: &mut Connection<'_, E>,
    before: Timestamp,
    now: Timestamp,
    keys: AuditKeys,
) -> Result<bool, sqlx::Error> {
    let Some(oldest) = statement::<E>(OLDEST).first(connection).await? else {
        return Ok(false);
    };
    let midnight_after = |time: Timestamp| Timestamp::from_micros((time.as_micros().div_euclid(DAY) + 1) * DAY);
    let (first, end): (i64, _) = (oldest.get("sequence")?, midnight_after(oldest.get("record_time")?));
    if end > before {
        return Ok(false);
    }
    let kept = statement::<E>(FIRST_SINCE)
        .bind(first)
        .bind(end)
        .first(connection)
        .await?;
    let last: i64 = match kept {
        Some(kept) => kept.get::<i64>("sequence")? - 1,
        None => statement::<E>(LAST)
            .bind(first)
            .one(connection)
            .await?
            .get("sequence")?,
    };
    let hash = statement::<E>(HASH).bind(last).one(connection).await?.get("hash")?;
    let closing = keys.close(Link { sequence: last, hash }, now);
    let closed = statement::<E>(CLOSE)
        .bind(closing.last.sequence)
        .bind(closing.last.hash)
        .bind(closing.time)
        .bind(closing.key_id)
        .bind(closing.proof);
    Ok(closed.execute(connection).await? > 0)
}

fn record_of<E: Engine>(row: &Record<E>) -> Result<AuditRecord, sqlx::Error> {
    Ok(AuditRecord {
        sequence: row.get("sequence")?,
        time: row.get("record_time")?,
        act: row.get("act")?,
        account: row.get("account_id")?,
        session: row.get("session_id")?,
        ip_address: row.get("ip_address")?,
        user_agent: row.get("user_agent")?,
        request_id: row.get("request_id")?,
        detail: row.get("detail")?,
        key_id: row.get("key_id")?,
        hash: row.get("hash")?,
    })
}
