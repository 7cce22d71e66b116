//! Password resets in SQL.

use platform::{
    clock::Timestamp,
    database::{Connection, Engine, StoreError, statement},
};
use tonic::async_trait;
use uuid::Uuid;

use super::{ResetStore, SqlStore, accounts::account_of, audit::append, events::publish, sessions::end_others};
use crate::{
    accounts::Account,
    audit::{Act, NewAuditRecord},
    resets::{NewReset, TokenHash},
    sessions::EndReason,
};

/// Locks the account, so that it is not deleted meanwhile.
const LOCK_ACCOUNT: &str = "
    UPDATE accounts SET update_time = update_time WHERE account_id = $1 AND deleted_time IS NULL";

const ISSUE: &str = "
    INSERT INTO password_resets (account_id, token_hash, create_time, expire_time) VALUES ($1, $2, $3, $4)
    ON CONFLICT (account_id) DO UPDATE SET token_hash = $2, create_time = $3, expire_time = $4";

const TARGET: &str = "
    SELECT account_id, email, display_name, accounts.create_time AS account_create_time
    FROM password_resets JOIN accounts USING (account_id)
    WHERE token_hash = $1 AND expire_time > $2";

const USE: &str = "DELETE FROM password_resets WHERE token_hash = $1 AND expire_time > $2 RETURNING account_id";

/// An empty hash is no password's.
const SET_PASSWORD: &str = "
    UPDATE accounts SET password_hash = $2, password_version = password_version + 1, update_time = $3
    WHERE account_id = $1";

const FORGET: &str = "
    DELETE FROM password_resets WHERE account_id IN (
        SELECT account_id FROM password_resets WHERE expire_time < $1 LIMIT $2)";

#[async_trait]
impl<E: Engine> ResetStore for SqlStore<E> {
    async fn issue_reset(&self, reset: NewReset, record: NewAuditRecord) -> Result<Option<usize>, StoreError> {
        self.database
            .write(move |connection| {
                let record = record.clone();
                Box::pin(issue::<E>(connection, reset, record))
            })
            .await
    }

    async fn reset_target(&self, token: TokenHash, now: Timestamp) -> Result<Option<Account>, StoreError> {
        let find = statement::<E>(TARGET).bind(token.0.to_vec()).bind(now);
        self.database
            .read(move |connection| {
                Box::pin(async move { find.first(connection).await?.as_ref().map(account_of::<E>).transpose() })
            })
            .await
    }

    async fn use_reset(
        &self,
        token: TokenHash,
        hash: &str,
        record: NewAuditRecord,
    ) -> Result<Option<usize>, StoreError> {
        let hash = hash.to_owned();
        self.database
            .write(move |connection| {
                let (hash, record, now) = (hash.clone(), record.clone(), record.time);
                Box::pin(async move {
                    let used = statement::<E>(USE).bind(token.0.to_vec()).bind(now);
                    let Some(used) = used.first(connection).await? else {
                        return Ok(None);
                    };
                    let account = used.get("account_id")?;
                    let record = record.about(account, None);
                    set_password::<E>(connection, account, hash, vec![record], now)
                        .await
                        .map(Some)
                })
            })
            .await
    }

    async fn forget_resets(&self, now: Timestamp, limit: usize) -> Result<u64, StoreError> {
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

async fn issue<E: Engine>(
    connection: &mut Connection<'_, E>,
    reset: NewReset,
    record: NewAuditRecord,
) -> Result<Option<usize>, sqlx::Error> {
    let now = record.time;
    let lock = statement::<E>(LOCK_ACCOUNT).bind(reset.account);
    if lock.execute(connection).await? == 0 {
        return Ok(None);
    }
    statement::<E>(ISSUE)
        .bind(reset.account)
        .bind(reset.token.0.to_vec())
        .bind(now)
        .bind(reset.expire_time)
        .execute(connection)
        .await?;
    if !reset.withdraws_password {
        append::<E>(connection, vec![record]).await?;
        return Ok(Some(0));
    }
    let records = vec![record.clone(), record.but(Act::PasswordWithdrawn)];
    let ended = set_password::<E>(connection, reset.account, String::new(), records, now);
    ended.await.map(Some)
}

/// Gives the account another password and ends all its sessions; how many.
async fn set_password<E: Engine>(
    connection: &mut Connection<'_, E>,
    account: Uuid,
    hash: String,
    records: Vec<NewAuditRecord>,
    now: Timestamp,
) -> Result<usize, sqlx::Error> {
    statement::<E>(SET_PASSWORD)
        .bind(account)
        .bind(hash)
        .bind(now)
        .execute(connection)
        .await?;
    // No session has the nil id: none is kept.
    let ended = end_others::<E>(connection, account, Uuid::nil(), EndReason::PasswordChanged, now).await?;
    let count = ended.len();
    append::<E>(connection, records).await?;
    publish::<E>(connection, ended, now).await?;
    Ok(count)
}
