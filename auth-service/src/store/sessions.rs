//! Sessions in SQL.

use platform::{
    clock::Timestamp,
    database::{Connection, Engine, Record, Statement, StoreError, statement},
};
use tonic::async_trait;
use uuid::Uuid;

use super::{Opening, SessionStore, SignIn, SqlStore, audit::append, events::publish, throttle::settle_sign_in};
use crate::{
    audit::{Act, NewAuditRecord},
    events::NewEvent,
    refresh_tokens::Presented,
    sessions::{EndReason, GRACE, Lifetimes, MAX_SESSIONS, NewSession, RefreshOutcome, Refreshed, Session},
};

const INSERT_SESSION: &str = "
    INSERT INTO sessions (session_id, account_id, generation, moved_time, create_time, last_used_time,
                          idle_expire_time, expire_time, token_expire_time, user_agent, ip_address)
    VALUES ($1, $2, 0, $3, $3, $3, $4, $5, $6, $7, $8)";

/// Locks the account, so that its sessions are opened one after the other and never beside a change of its password
/// or its end.
const LOCK_ACCOUNT: &str = "
    UPDATE accounts SET update_time = update_time
    WHERE account_id = $1 AND password_version = $2 AND disabled_time IS NULL AND deleted_time IS NULL";

/// The live sessions beyond the first so many, which are those used last.
const SURPLUS: &str = "
    SELECT session_id FROM sessions
    WHERE account_id = $1 AND end_time IS NULL AND idle_expire_time > $2
    ORDER BY last_used_time DESC, session_id DESC
    LIMIT 1000 OFFSET $3";

/// One guarded step for both ways in which a token moves a session: it is the current one, or it is the one
/// that made the current one and the grace has passed, so the answer was lost.
const MOVE: &str = "
    UPDATE sessions
    SET generation = generation + 1, accepted = $2, moved_time = $3, last_used_time = $3, token_expire_time = $6,
        idle_expire_time = CASE WHEN expire_time < $4 THEN expire_time ELSE $4 END
    WHERE session_id = $1 AND end_time IS NULL AND idle_expire_time > $3
      AND (generation = $2 OR (accepted = $2 AND moved_time < $5))
    RETURNING account_id, generation, accepted, create_time, idle_expire_time";

const LOOK: &str = "
    SELECT account_id, generation, accepted, create_time, idle_expire_time, end_time
    FROM sessions WHERE session_id = $1";

const LIST: &str = "
    SELECT session_id, create_time, last_used_time, idle_expire_time, user_agent, ip_address, end_time
    FROM sessions
    WHERE account_id = $1 AND end_time IS NULL AND idle_expire_time > $2
    ORDER BY last_used_time DESC, session_id DESC";

const END: &str = "
    UPDATE sessions SET end_time = $2, end_reason = $3
    WHERE session_id = $1 AND end_time IS NULL
    RETURNING account_id, session_id, token_expire_time";

const END_OF_ACCOUNT: &str = "
    UPDATE sessions SET end_time = $3, end_reason = $4
    WHERE account_id = $1 AND session_id = $2 AND end_time IS NULL AND idle_expire_time > $3
    RETURNING account_id, session_id, token_expire_time";

const END_OTHERS: &str = "
    UPDATE sessions SET end_time = $3, end_reason = $4
    WHERE account_id = $1 AND session_id <> $2 AND end_time IS NULL
    RETURNING session_id, token_expire_time";

const FORGET: &str = "
    DELETE FROM sessions WHERE session_id IN (
        SELECT session_id FROM sessions WHERE idle_expire_time < $1 LIMIT $2)";

#[async_trait]
impl<E: Engine> SessionStore for SqlStore<E> {
    async fn open_session(
        &self,
        session: NewSession,
        password_version: i64,
        sign_in: SignIn,
    ) -> Result<Opening, StoreError> {
        self.database
            .write(move |connection| {
                let (session, sign_in) = (session.clone(), sign_in.clone());
                Box::pin(async move { open::<E>(connection, &session, password_version, sign_in).await })
            })
            .await
    }

    async fn refresh(
        &self,
        presented: Presented,
        lifetimes: Lifetimes,
        reuse: NewAuditRecord,
    ) -> Result<RefreshOutcome, StoreError> {
        let now = reuse.time;
        let values = move |statement| bind_move(statement, presented, lifetimes, now);
        if let Some(row) = self.database.write_alone(MOVE, values, || ()).await? {
            return Ok(moved_to(&row, presented)?);
        }
        self.database
            .write(move |connection| Box::pin(refresh::<E>(connection, presented, lifetimes, reuse.clone())))
            .await
    }

    async fn list_sessions(&self, account: Uuid, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        let list = statement::<E>(LIST).bind(account).bind(now);
        self.database
            .read(move |connection| {
                Box::pin(async move { list.all(connection).await?.iter().map(session_of::<E>).collect() })
            })
            .await
    }

    async fn end_session(&self, session: Uuid, reason: EndReason, record: NewAuditRecord) -> Result<bool, StoreError> {
        self.database
            .write(move |connection| {
                let (record, now) = (record.clone(), record.time);
                let end = statement::<E>(END).bind(session).bind(now).bind(reason.as_str());
                Box::pin(async move {
                    let found = end.all(connection).await?;
                    ended::<E>(connection, found, record).await
                })
            })
            .await
    }

    async fn end_session_of(
        &self,
        account: Uuid,
        session: Uuid,
        reason: EndReason,
        record: NewAuditRecord,
    ) -> Result<bool, StoreError> {
        self.database
            .write(move |connection| {
                let (record, now) = (record.clone(), record.time);
                let end = statement::<E>(END_OF_ACCOUNT)
                    .bind(account)
                    .bind(session)
                    .bind(now)
                    .bind(reason.as_str());
                Box::pin(async move {
                    let found = end.all(connection).await?;
                    ended::<E>(connection, found, record).await
                })
            })
            .await
    }

    async fn end_other_sessions(
        &self,
        account: Uuid,
        kept: Uuid,
        reason: EndReason,
        record: NewAuditRecord,
    ) -> Result<usize, StoreError> {
        self.database
            .write(move |connection| {
                let (record, now) = (record.clone(), record.time);
                Box::pin(async move {
                    let ended = end_others::<E>(connection, account, kept, reason, now).await?;
                    let count = ended.len();
                    if count > 0 {
                        append::<E>(connection, vec![record]).await?;
                    }
                    publish::<E>(connection, ended, now).await?;
                    Ok(count)
                })
            })
            .await
    }

    async fn forget_sessions(&self, before: Timestamp, limit: usize) -> Result<u64, StoreError> {
        self.database
            .write(move |connection| {
                let forget = statement::<E>(FORGET)
                    .bind(before)
                    .bind(i64::try_from(limit).unwrap_or(i64::MAX));
                Box::pin(forget.execute(connection))
            })
            .await
    }
}

async fn open<E: Engine>(
    connection: &mut Connection<'_, E>,
    session: &NewSession,
    password_version: i64,
    sign_in: SignIn,
) -> Result<Opening, sqlx::Error> {
    let lock = statement::<E>(LOCK_ACCOUNT)
        .bind(session.account)
        .bind(password_version);
    if lock.execute(connection).await? == 0 {
        return Ok(Opening::AccountChanged);
    }
    let surplus = statement::<E>(SURPLUS)
        .bind(session.account)
        .bind(session.create_time)
        .bind(MAX_SESSIONS - 1);
    let now = session.create_time;
    let (mut ended, mut records) = (Vec::new(), vec![sign_in.record.clone()]);
    for row in surplus.all(connection).await? {
        let surplus: Uuid = row.get("session_id")?;
        ended.extend(end::<E>(connection, surplus, EndReason::Evicted, now).await?);
        records.push(sign_in.record.but(Act::SessionEvicted).about(session.account, surplus));
    }
    insert_session::<E>(connection, session).await?;
    settle_sign_in::<E>(connection, &sign_in.settlement, session.account, now).await?;
    let evicted = ended.len();
    append::<E>(connection, records).await?;
    publish::<E>(connection, ended, now).await?;
    Ok(Opening::Opened { evicted })
}

/// The values of [`MOVE`].
fn bind_move<E: Engine>(
    statement: Statement<E>,
    presented: Presented,
    lifetimes: Lifetimes,
    now: Timestamp,
) -> Statement<E> {
    statement
        .bind(presented.session)
        .bind(i64::from(presented.generation))
        .bind(now)
        .bind(now.plus(lifetimes.idle))
        .bind(now.minus(GRACE))
        .bind(lifetimes.last_token_expires(now))
}

fn moved_to<E: Engine>(row: &Record<E>, presented: Presented) -> Result<RefreshOutcome, sqlx::Error> {
    let refreshed = refreshed_of(row, presented.session)?;
    Ok(if refreshed.generation == presented.generation + 1 {
        RefreshOutcome::Rotated(refreshed)
    } else {
        RefreshOutcome::Recovered(refreshed)
    })
}

async fn refresh<E: Engine>(
    connection: &mut Connection<'_, E>,
    presented: Presented,
    lifetimes: Lifetimes,
    reuse: NewAuditRecord,
) -> Result<RefreshOutcome, sqlx::Error> {
    let now = reuse.time;
    let moved = bind_move(statement::<E>(MOVE), presented, lifetimes, now);
    if let Some(row) = moved.first(connection).await? {
        return moved_to(&row, presented);
    }
    let Some(row) = statement::<E>(LOOK).bind(presented.session).first(connection).await? else {
        return Ok(RefreshOutcome::Unknown);
    };
    if row.get::<Option<Timestamp>>("end_time")?.is_some() {
        return Ok(RefreshOutcome::Ended);
    }
    if row.get::<Timestamp>("idle_expire_time")? <= now {
        return Ok(RefreshOutcome::Expired);
    }
    // The step refused it, so its grace still runs.
    if row.get::<Option<i64>>("accepted")? == Some(i64::from(presented.generation)) {
        return Ok(RefreshOutcome::Repeated(refreshed_of(&row, presented.session)?));
    }
    let account: Uuid = row.get("account_id")?;
    let ended = end::<E>(connection, presented.session, EndReason::RefreshReused, now).await?;
    append::<E>(connection, vec![reuse.about(account, presented.session)]).await?;
    publish::<E>(connection, ended, now).await?;
    Ok(RefreshOutcome::Reused { account })
}

/// Records and tells the end of what was found; whether anything was. The record is about the account whose session
/// it was.
async fn ended<E: Engine>(
    connection: &mut Connection<'_, E>,
    found: Vec<Record<E>>,
    record: NewAuditRecord,
) -> Result<bool, sqlx::Error> {
    let Some(first) = found.first() else {
        return Ok(false);
    };
    let (account, session): (Uuid, Uuid) = (first.get("account_id")?, first.get("session_id")?);
    let now = record.time;
    append::<E>(connection, vec![record.about(account, session)]).await?;
    publish::<E>(connection, events_of(&found)?, now).await?;
    Ok(true)
}

/// The event to publish, if the session had not ended.
async fn end<E: Engine>(
    connection: &mut Connection<'_, E>,
    session: Uuid,
    reason: EndReason,
    now: Timestamp,
) -> Result<Vec<NewEvent>, sqlx::Error> {
    let end = statement::<E>(END).bind(session).bind(now).bind(reason.as_str());
    events_of(&end.all(connection).await?)
}

/// The events to publish.
pub(super) async fn end_others<E: Engine>(
    connection: &mut Connection<'_, E>,
    account: Uuid,
    kept: Uuid,
    reason: EndReason,
    now: Timestamp,
) -> Result<Vec<NewEvent>, sqlx::Error> {
    let end = statement::<E>(END_OTHERS)
        .bind(account)
        .bind(kept)
        .bind(now)
        .bind(reason.as_str());
    events_of(&end.all(connection).await?)
}

fn events_of<E: Engine>(ended: &[Record<E>]) -> Result<Vec<NewEvent>, sqlx::Error> {
    let events = ended.iter().map(|row| {
        Ok(NewEvent::session_ended(
            row.get("session_id")?,
            row.get("token_expire_time")?,
        ))
    });
    events.collect()
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
        .bind(session.token_expire_time)
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
        expire_time: row.get("idle_expire_time")?,
    })
}

pub(super) fn session_of<E: Engine>(row: &Record<E>) -> Result<Session, sqlx::Error> {
    Ok(Session {
        id: row.get("session_id")?,
        create_time: row.get("create_time")?,
        last_used_time: row.get("last_used_time")?,
        expire_time: row.get("idle_expire_time")?,
        user_agent: row.get("user_agent")?,
        ip_address: row.get("ip_address")?,
        ended: row.get::<Option<Timestamp>>("end_time")?.is_some(),
    })
}
