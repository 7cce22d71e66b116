//! Accounts in SQL.

use platform::{
    clock::Timestamp,
    database::{Connection, Engine, Record, StoreError, statement},
};
use tonic::async_trait;
use uuid::Uuid;

use super::{
    AccountStore, Credentials, Registration, SignIn, SqlStore,
    audit::append,
    events::publish,
    sessions::{end_others, insert_session, session_of},
    throttle::settle_sign_in,
};
use crate::{
    accounts::{Account, Email, NewAccount},
    audit::NewAuditRecord,
    events::{Event, NewEvent},
    sessions::{EndReason, NewSession, Session},
};

const INSERT_ACCOUNT: &str = "
    INSERT INTO accounts (account_id, email, email_key, display_name, password_hash, create_time, update_time)
    VALUES ($1, $2, $3, $4, $5, $6, $6)
    ON CONFLICT (email_key) DO NOTHING";

const CREDENTIALS: &str = "
    SELECT account_id, email, display_name, create_time AS account_create_time, password_hash,
           password_version, disabled_time
    FROM accounts WHERE email_key = $1";

const CREDENTIALS_OF_ACCOUNT: &str = "
    SELECT account_id, email, display_name, accounts.create_time AS account_create_time, password_hash,
           password_version, disabled_time
    FROM accounts JOIN sessions USING (account_id)
    WHERE account_id = $1 AND session_id = $2 AND end_time IS NULL";

/// Of the same password.
const REPLACE_PASSWORD_HASH: &str = "
    UPDATE accounts SET password_hash = $3, update_time = $4 WHERE account_id = $1 AND password_hash = $2";

const CHANGE_PASSWORD: &str = "
    UPDATE accounts SET password_hash = $3, password_version = password_version + 1, update_time = $4
    WHERE account_id = $1 AND password_version = $2 AND deleted_time IS NULL";

/// What is left names nobody. No address has a key like that: it has no @.
const ANONYMISE: &str = "
    UPDATE accounts
    SET email = '', email_key = $2, display_name = '', password_hash = '', deleted_time = $3, update_time = $3
    WHERE account_id = $1 AND deleted_time IS NULL";

const ANONYMISE_SESSIONS: &str = "UPDATE sessions SET user_agent = '', ip_address = '' WHERE account_id = $1";

const FORGET_CLIENTS: &str = "DELETE FROM known_clients WHERE account_id = $1";

const FORGET_RESET: &str = "DELETE FROM password_resets WHERE account_id = $1";

const SESSION: &str = "
    SELECT account_id, email, display_name, accounts.create_time AS account_create_time,
           session_id, sessions.create_time, last_used_time, idle_expire_time, user_agent, ip_address, end_time
    FROM sessions JOIN accounts USING (account_id)
    WHERE account_id = $1 AND session_id = $2";

#[async_trait]
impl<E: Engine> AccountStore for SqlStore<E> {
    async fn register(
        &self,
        account: NewAccount,
        session: NewSession,
        sign_in: SignIn,
    ) -> Result<Registration, StoreError> {
        self.database
            .write(move |connection| {
                let (account, session, sign_in) = (account.clone(), session.clone(), sign_in.clone());
                Box::pin(async move {
                    let created = statement::<E>(INSERT_ACCOUNT)
                        .bind(account.account.id)
                        .bind(account.account.email.as_typed())
                        .bind(account.account.email.key())
                        .bind(&*account.account.display_name)
                        .bind(&*account.password_hash)
                        .bind(account.account.create_time)
                        .execute(connection)
                        .await?;
                    if created == 0 {
                        return Ok(Registration::EmailTaken);
                    }
                    insert_session::<E>(connection, &session).await?;
                    let now = session.create_time;
                    settle_sign_in::<E>(connection, &sign_in.settlement, session.account, now).await?;
                    append::<E>(connection, vec![sign_in.record]).await?;
                    Ok(Registration::Done)
                })
            })
            .await
    }

    async fn credentials(&self, email: &Email) -> Result<Option<Credentials>, StoreError> {
        let find = statement::<E>(CREDENTIALS).bind(email.key().to_owned());
        self.database
            .read(|connection| {
                Box::pin(async move { find.first(connection).await?.as_ref().map(credentials_of).transpose() })
            })
            .await
    }

    async fn credentials_of(&self, account: Uuid, session: Uuid) -> Result<Option<Credentials>, StoreError> {
        let find = statement::<E>(CREDENTIALS_OF_ACCOUNT).bind(account).bind(session);
        self.database
            .read(|connection| {
                Box::pin(async move { find.first(connection).await?.as_ref().map(credentials_of).transpose() })
            })
            .await
    }

    async fn replace_password_hash(
        &self,
        account: Uuid,
        old: &str,
        new: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (old, new) = (old.to_owned(), new.to_owned());
        self.database
            .write(move |connection| {
                let (old, new) = (old.clone(), new.clone());
                Box::pin(async move {
                    let replace = statement::<E>(REPLACE_PASSWORD_HASH)
                        .bind(account)
                        .bind(old)
                        .bind(new)
                        .bind(now);
                    replace.execute(connection).await.map(drop)
                })
            })
            .await
    }

    async fn change_password(
        &self,
        account: Uuid,
        version: i64,
        hash: &str,
        kept: Uuid,
        record: NewAuditRecord,
    ) -> Result<Option<usize>, StoreError> {
        let hash = hash.to_owned();
        self.database
            .write(move |connection| {
                let (hash, record, now) = (hash.clone(), record.clone(), record.time);
                Box::pin(async move {
                    let change = statement::<E>(CHANGE_PASSWORD)
                        .bind(account)
                        .bind(version)
                        .bind(hash)
                        .bind(now);
                    if change.execute(connection).await? == 0 {
                        return Ok(None);
                    }
                    let ended = end_others::<E>(connection, account, kept, EndReason::PasswordChanged, now).await?;
                    let count = ended.len();
                    // A link that was given out before may be in the wrong hands too.
                    statement::<E>(FORGET_RESET).bind(account).execute(connection).await?;
                    append::<E>(connection, vec![record]).await?;
                    publish::<E>(connection, ended, now).await?;
                    Ok(Some(count))
                })
            })
            .await
    }

    async fn delete_account(&self, account: Uuid, record: NewAuditRecord) -> Result<Option<usize>, StoreError> {
        self.database
            .write(move |connection| Box::pin(delete::<E>(connection, account, record.clone())))
            .await
    }

    async fn session(&self, account: Uuid, session: Uuid) -> Result<Option<(Account, Session)>, StoreError> {
        self.database
            .read(move |connection| {
                Box::pin(async move {
                    let found = statement::<E>(SESSION)
                        .bind(account)
                        .bind(session)
                        .first(connection)
                        .await?;
                    found.map(|row| Ok((account_of(&row)?, session_of(&row)?))).transpose()
                })
            })
            .await
    }
}

async fn delete<E: Engine>(
    connection: &mut Connection<'_, E>,
    account: Uuid,
    record: NewAuditRecord,
) -> Result<Option<usize>, sqlx::Error> {
    let now = record.time;
    let anonymise = statement::<E>(ANONYMISE)
        .bind(account)
        .bind(format!("deleted {account}"))
        .bind(now);
    if anonymise.execute(connection).await? == 0 {
        return Ok(None);
    }
    // No session has the nil id: none is kept.
    let mut events = end_others::<E>(connection, account, Uuid::nil(), EndReason::AccountDeleted, now).await?;
    let count = events.len();
    for forget in [ANONYMISE_SESSIONS, FORGET_CLIENTS, FORGET_RESET] {
        statement::<E>(forget).bind(account).execute(connection).await?;
    }
    append::<E>(connection, vec![record]).await?;
    events.push(NewEvent::of_all_tokens(Event::AccountDeleted { account }, now));
    publish::<E>(connection, events, now).await?;
    Ok(Some(count))
}

fn credentials_of<E: Engine>(row: &Record<E>) -> Result<Credentials, sqlx::Error> {
    Ok(Credentials {
        account: account_of(row)?,
        password_hash: row.get("password_hash")?,
        password_version: row.get("password_version")?,
        disabled: row.get::<Option<Timestamp>>("disabled_time")?.is_some(),
    })
}

pub(super) fn account_of<E: Engine>(row: &Record<E>) -> Result<Account, sqlx::Error> {
    Ok(Account {
        id: row.get("account_id")?,
        email: Email::stored(row.get("email")?),
        display_name: row.get("display_name")?,
        create_time: row.get("account_create_time")?,
    })
}
