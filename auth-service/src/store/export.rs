//! Everything of one person, in SQL.

use platform::{
    clock::Timestamp,
    database::{Engine, Record, StoreError, statement},
};
use tonic::async_trait;
use uuid::Uuid;

use super::{ExportStore, SqlStore, accounts::account_of, sessions::session_of};
use crate::export::{ExportedAccount, ExportedSession};

const ACCOUNT: &str = "
    SELECT account_id, email, display_name, accounts.create_time AS account_create_time, update_time
    FROM accounts JOIN sessions USING (account_id)
    WHERE account_id = $1 AND session_id = $2 AND end_time IS NULL AND disabled_time IS NULL";

const KNOWN_CLIENTS: &str = "
    SELECT last_sign_in_time FROM known_clients WHERE account_id = $1 ORDER BY last_sign_in_time DESC LIMIT 1000";

const SESSIONS: &str = "
    SELECT session_id, create_time, last_used_time, idle_expire_time, user_agent, ip_address, end_time, end_reason
    FROM sessions WHERE account_id = $1 AND session_id > $2 ORDER BY session_id LIMIT $3";

#[async_trait]
impl<E: Engine> ExportStore for SqlStore<E> {
    async fn exported_account(&self, account: Uuid, session: Uuid) -> Result<Option<ExportedAccount>, StoreError> {
        self.database
            .read(move |connection| {
                Box::pin(async move {
                    let find = statement::<E>(ACCOUNT).bind(account).bind(session);
                    let Some(row) = find.first(connection).await? else {
                        return Ok(None);
                    };
                    let known = statement::<E>(KNOWN_CLIENTS).bind(account).all(connection).await?;
                    let times = known.iter().map(|row| row.get("last_sign_in_time"));
                    Ok(Some(ExportedAccount {
                        account: account_of(&row)?,
                        update_time: row.get("update_time")?,
                        known_network_times: times.collect::<Result<_, _>>()?,
                    }))
                })
            })
            .await
    }

    async fn exported_sessions(
        &self,
        account: Uuid,
        after: Uuid,
        limit: usize,
    ) -> Result<Vec<ExportedSession>, StoreError> {
        let find = statement::<E>(SESSIONS)
            .bind(account)
            .bind(after)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        self.database
            .read(move |connection| {
                Box::pin(async move { find.all(connection).await?.iter().map(exported::<E>).collect() })
            })
            .await
    }
}

fn exported<E: Engine>(row: &Record<E>) -> Result<ExportedSession, sqlx::Error> {
    Ok(ExportedSession {
        session: session_of(row)?,
        end_time: row.get::<Option<Timestamp>>("end_time")?,
        end_reason: row.get("end_reason")?,
    })
}
