//! What operators do, in SQL.

use std::time::Duration;

use platform::{
    clock::Timestamp,
    database::{Engine, Record, StoreError, statement},
};
use tonic::async_trait;
use uuid::Uuid;

use super::{
    AdministrationStore, SqlStore, accounts::account_of, audit::append, events::publish, sessions::end_others,
};
use crate::{
    accounts::AccountState,
    audit::NewAuditRecord,
    events::{Event, NewEvent},
    sessions::{EndReason, GRACE},
};

const SECOND: Duration = Duration::from_secs(1);

const ACCOUNTS_AFTER: &str = "
    SELECT account_id, email, display_name, create_time AS account_create_time, disabled_time
    FROM accounts WHERE email_key > $1 AND deleted_time IS NULL ORDER BY email_key LIMIT $2";

const ACCOUNT: &str = "
    SELECT account_id, email, display_name, create_time AS account_create_time, disabled_time
    FROM accounts WHERE account_id = $1 AND deleted_time IS NULL";

/// The first time stays.
const DISABLE: &str = "
    UPDATE accounts SET disabled_time = COALESCE(disabled_time, $2), update_time = $2
    WHERE account_id = $1 AND deleted_time IS NULL";

const ENABLE: &str = "
    UPDATE accounts SET disabled_time = NULL, update_time = $2
    WHERE account_id = $1 AND deleted_time IS NULL";

const END_SOME: &str = "
    UPDATE sessions SET end_time = $4, end_reason = $2
    WHERE session_id IN (
        SELECT session_id FROM sessions WHERE end_time IS NULL AND create_time <= $1 LIMIT $3)
    RETURNING session_id, last_used_time, token_expire_time";

#[async_trait]
impl<E: Engine> AdministrationStore for SqlStore<E> {
    async fn accounts_after(&self, email_key: &str, limit: usize) -> Result<Vec<AccountState>, StoreError> {
        let find = statement::<E>(ACCOUNTS_AFTER)
            .bind(email_key.to_owned())
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        self.database
            .read(move |connection| {
                Box::pin(async move { find.all(connection).await?.iter().map(state_of::<E>).collect() })
            })
            .await
    }

    async fn account(&self, account: Uuid) -> Result<Option<AccountState>, StoreError> {
        let find = statement::<E>(ACCOUNT).bind(account);
        self.database
            .read(move |connection| {
                Box::pin(async move { find.first(connection).await?.as_ref().map(state_of::<E>).transpose() })
            })
            .await
    }

    async fn disable_account(&self, account: Uuid, record: NewAuditRecord) -> Result<Option<usize>, StoreError> {
        self.database
            .write(move |connection| {
                let (record, now) = (record.clone(), record.time);
                let disable = statement::<E>(DISABLE).bind(account).bind(now);
                Box::pin(async move {
                    if disable.execute(connection).await? == 0 {
                        return Ok(None);
                    }
                    // No session has the nil id: none is kept.
                    let reason = EndReason::AccountDisabled;
                    let ended = end_others::<E>(connection, account, Uuid::nil(), reason, now).await?;
                    let count = ended.len();
                    append::<E>(connection, vec![record]).await?;
                    publish::<E>(connection, ended, now).await?;
                    Ok(Some(count))
                })
            })
            .await
    }

    async fn enable_account(&self, account: Uuid, record: NewAuditRecord) -> Result<bool, StoreError> {
        self.database
            .write(move |connection| {
                let record = record.clone();
                let enable = statement::<E>(ENABLE).bind(account).bind(record.time);
                Box::pin(async move {
                    if enable.execute(connection).await? == 0 {
                        return Ok(false);
                    }
                    append::<E>(connection, vec![record]).await?;
                    Ok(true)
                })
            })
            .await
    }

    async fn end_some_sessions(&self, withdrawn: Timestamp, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.database
            .write(move |connection| {
                let end = statement::<E>(END_SOME)
                    .bind(withdrawn)
                    .bind(EndReason::Administered.as_str())
                    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
                    .bind(now);
                Box::pin(async move {
                    let ended = end.all(connection).await?;
                    // A repeated refresh gives a token for so long after the last use that is noted; tokens tell the
                    // second only.
                    let since = withdrawn.minus(GRACE + SECOND);
                    let mut events = Vec::new();
                    for row in &ended {
                        if row.get::<Timestamp>("last_used_time")? >= since {
                            let session = row.get("session_id")?;
                            events.push(NewEvent::session_ended(session, row.get("token_expire_time")?));
                        }
                    }
                    publish::<E>(connection, events, now).await?;
                    Ok(ended.len())
                })
            })
            .await
    }

    async fn withdraw_all_tokens(&self, record: NewAuditRecord) -> Result<(), StoreError> {
        self.database
            .write(move |connection| {
                let (record, now) = (record.clone(), record.time);
                Box::pin(async move {
                    append::<E>(connection, vec![record]).await?;
                    let withdrawn = Event::TokensWithdrawn { account: None };
                    publish::<E>(connection, vec![NewEvent::of_all_tokens(withdrawn, now)], now).await
                })
            })
            .await
    }
}

fn state_of<E: Engine>(row: &Record<E>) -> Result<AccountState, sqlx::Error> {
    Ok(AccountState {
        account: account_of(row)?,
        disabled: row.get::<Option<Timestamp>>("disabled_time")?.is_some(),
    })
}
