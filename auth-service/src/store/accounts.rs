//! Accounts in SQL.

use platform::{
    clock::Timestamp,
    database::{Engine, Record, StoreError, statement},
};
use tonic::async_trait;
use uuid::Uuid;

use super::{
    AccountStore, Credentials, Registration, SqlStore,
    sessions::{insert_session, session_of},
};
use crate::{
    accounts::{Account, Email, NewAccount},
    sessions::{NewSession, Session},
};

const INSERT_ACCOUNT: &str = "
    INSERT INTO accounts (account_id, email, email_key, display_name, password_hash, create_time, update_time)
    VALUES ($1, $2, $3, $4, $5, $6, $6)
    ON CONFLICT (email_key) DO NOTHING";

const CREDENTIALS: &str = "
    SELECT account_id, email, display_name, create_time AS account_create_time, password_hash
    FROM accounts WHERE email_key = $1";

const REPLACE_PASSWORD_HASH: &str = "
    UPDATE accounts SET password_hash = $3, update_time = $4 WHERE account_id = $1 AND password_hash = $2";

const SESSION: &str = "
    SELECT account_id, email, display_name, accounts.create_time AS account_create_time,
           session_id, sessions.create_time, last_used_time, idle_expire_time, expire_time, user_agent, ip_address,
           end_time
    FROM sessions JOIN accounts USING (account_id)
    WHERE account_id = $1 AND session_id = $2";

#[async_trait]
impl<E: Engine> AccountStore for SqlStore<E> {
    async fn register(&self, account: NewAccount, session: NewSession) -> Result<Registration, StoreError> {
        self.database
            .write(move |connection| {
                let (account, session) = (account.clone(), session.clone());
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
                    Ok(Registration::Done)
                })
            })
            .await
    }

    async fn credentials(&self, email: &Email) -> Result<Option<Credentials>, StoreError> {
        let key = email.key().to_owned();
        self.database
            .read(|connection| {
                Box::pin(async move {
                    let found = statement::<E>(CREDENTIALS).bind(key).first(connection).await?;
                    found
                        .map(|row| {
                            Ok(Credentials {
                                account: account_of(&row)?,
                                password_hash: row.get("password_hash")?,
                            })
                        })
                        .transpose()
                })
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

    async fn session(&self, account: Uuid, session: Uuid) -> Result<Option<(Account, Session)>, StoreError> {
        self.database
            .read(|connection| {
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

fn account_of<E: Engine>(row: &Record<E>) -> Result<Account, sqlx::Error> {
    Ok(Account {
        id: row.get("account_id")?,
        email: Email::stored(row.get("email")?),
        display_name: row.get("display_name")?,
        create_time: row.get("account_create_time")?,
    })
}
