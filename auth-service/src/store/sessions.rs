//! Sessions in SQL.

use platform::{
    clock::Timestamp,
    database::{Connection, Engine, Record, StoreError, statement},
};
use tonic::async_trait;
use uuid::Uuid;

use super::{SessionStore, SqlStore};
use crate::{
    refresh_tokens::Presented,
    sessions::{EndReason, GRACE, Lifetimes, NewSession, RefreshOutcome, Refreshed, Session},
};

const INSERT_SESSION: &str = "
    INSERT INTO sessions (session_id, account_id, generation, moved_time, create_time, last_used_time,
                          idle_expire_time, expire_time, user_agent, ip_address)
    VALUES ($1, $2, 0, $3, $3, $3, $4, $5, $6, $7)";

/// One guarded step for both ways in which a token moves a session: it is the current one, or it is the one
/// that made the current one and the grace has passed, so the answer was lost.
const MOVE: &str = "
    UPDATE sessions
    SET generation = generation + 1, accepted = $2, moved_time = $3, last_used_time = $3, idle_expire_time = $4
    WHERE session_id = $1 AND end_time IS NULL AND idle_expire_time > $3 AND expire_time > $3
      AND (generation = $2 OR (accepted = $2 AND moved_time < $5))
    RETURNING account_id, generation, accepted, create_time, idle_expire_time, expire_time";

const LOOK: &str = "
    SELECT account_id, generation, accepted, create_time, idle_expire_time, expire_time, end_time
    FROM sessions WHERE session_id = $1";

const END: &str = "
    UPDATE sessions SET end_time = $2, end_reason = $3 WHERE session_id = $1 AND end_time IS NULL";

#[async_trait]
impl<E: Engine> SessionStore for SqlStore<E> {
    async fn open_session(&self, session: NewSession) -> Result<(), StoreError> {
        self.database
            .write(move |connection| {
                let session = session.clone();
                Box::pin(async move { insert_session::<E>(connection, &session).await })
            })
            .await
    }

    async fn refresh(
        &self,
        presented: Presented,
        lifetimes: Lifetimes,
        now: Timestamp,
    ) -> Result<RefreshOutcome, StoreError> {
        self.database
            .write(move |connection| Box::pin(async move { refresh::<E>(connection, presented, lifetimes, now).await }))
            .await
    }

    async fn end_session(&self, session: Uuid, reason: EndReason, now: Timestamp) -> Result<(), StoreError> {
        self.database
            .write(move |connection| Box::pin(async move { end::<E>(connection, session, reason, now).await }))
            .await
    }
}

async fn refresh<E: Engine>(
    connection: &mut Connection<'_, E>,
    presented: Presented,
    lifetimes: Lifetimes,
    now: Timestamp,
) -> Result<RefreshOutcome, sqlx::Error> {
    let generation = i64::from(presented.generation);
    let moved = statement::<E>(MOVE)
        .bind(presented.session)
        .bind(generation)
        .bind(now)
        .bind(now.plus(lifetimes.idle))
        .bind(now.minus(GRACE))
        .first(connection)
        .await?;
    if let Some(row) = moved {
        let refreshed = refreshed_of(&row, presented.session)?;
        return Ok(if refreshed.generation == presented.generation + 1 {
            RefreshOutcome::Rotated(refreshed)
        } else {
            RefreshOutcome::Recovered(refreshed)
        });
    }
    let Some(row) = statement::<E>(LOOK).bind(presented.session).first(connection).await? else {
        return Ok(RefreshOutcome::Unknown);
    };
    let end_time: Option<Timestamp> = row.get("end_time")?;
    let expires: Timestamp = row.get::<Timestamp>("idle_expire_time")?.min(row.get("expire_time")?);
    if end_time.is_some() {
        return Ok(RefreshOutcome::Ended);
    }
    if expires <= now {
        return Ok(RefreshOutcome::Expired);
    }
    // The step refused it, so its grace still runs.
    if row.get::<Option<i64>>("accepted")? == Some(generation) {
        return Ok(RefreshOutcome::Repeated(refreshed_of(&row, presented.session)?));
    }
    end::<E>(connection, presented.session, EndReason::RefreshReused, now).await?;
    Ok(RefreshOutcome::Reused {
        account: row.get("account_id")?,
    })
}

async fn end<E: Engine>(
    connection: &mut Connection<'_, E>,
    session: Uuid,
    reason: EndReason,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let end = statement::<E>(END).bind(session).bind(now).bind(reason.as_str());
    end.execute(connection).await.map(drop)
}

pub(super) async fn insert_session<E: Engine>(
    connection: &mut Connection<'_, E>,
    session: &NewSession,
) -> Result<(), sqlx::Error> {
    statement::<E>(INSERT_SESSION)
        .bind(session.id)
        .bind(session.account)
        .bind(session.create_time)
        .bind(session.idle_expire_time)
        .bind(session.expire_time)
        .bind(&*session.client.user_agent)
        .bind(&*session.client.ip_address)
        .execute(connection)
        .await
        .map(drop)
}

fn refreshed_of<E: Engine>(row: &Record<E>, session: Uuid) -> Result<Refreshed, sqlx::Error> {
    Ok(Refreshed {
        account: row.get("account_id")?,
        session,
        generation: u32::try_from(row.get::<i64>("generation")?).map_err(|error| sqlx::Error::Decode(error.into()))?,
        sign_in_time: row.get("create_time")?,
        expire_time: row.get::<Timestamp>("idle_expire_time")?.min(row.get("expire_time")?),
    })
}

pub(super) fn session_of<E: Engine>(row: &Record<E>) -> Result<Session, sqlx::Error> {
    Ok(Session {
        id: row.get("session_id")?,
        create_time: row.get("create_time")?,
        last_used_time: row.get("last_used_time")?,
        expire_time: row.get::<Timestamp>("idle_expire_time")?.min(row.get("expire_time")?),
        user_agent: row.get("user_agent")?,
        ip_address: row.get("ip_address")?,
        ended: row.get::<Option<Timestamp>>("end_time")?.is_some(),
    })
}
