//! Throttling in SQL.

use platform::{
    clock::Timestamp,
    database::{Connection, Engine, Record, StoreError, statement},
};
use tonic::async_trait;
use uuid::Uuid;

use super::{Admission, SqlStore, ThrottleStore};
use crate::throttle::{Attempt, Binding, Charge, Count, Counter, KNOWN_FOR, Settlement, Subject};

const LOOK: &str = "SELECT failures, first_time, last_time, forget_time FROM throttles WHERE subject = $1";

/// Also where there was nothing, so that it can be locked.
const LOCK: &str = "
    INSERT INTO throttles (subject, identifier, failures, first_time, last_time, forget_time)
    VALUES ($1, $2, 0, $3, $3, $3)
    ON CONFLICT (subject) DO UPDATE SET failures = throttles.failures
    RETURNING failures, first_time, last_time, forget_time";

const COUNT: &str = "
    UPDATE throttles SET failures = $2, first_time = $3, last_time = $4, forget_time = $5 WHERE subject = $1";

/// The time before stands again, unless there was another failure since.
const REFUND: &str = "
    UPDATE throttles
    SET failures = failures - 1,
        forget_time = CASE WHEN last_time = $2 THEN $4 ELSE forget_time END,
        last_time = CASE WHEN last_time = $2 THEN $3 ELSE last_time END
    WHERE subject = $1 AND failures > 0";

const CLEAR: &str = "DELETE FROM throttles WHERE subject = $1";

const UNLOCK: &str = "DELETE FROM throttles WHERE subject = $1 OR identifier = $1";

const FORGET: &str = "
    DELETE FROM throttles WHERE subject IN (
        SELECT subject FROM throttles WHERE forget_time < $1 LIMIT $2)";

const IS_KNOWN: &str = "SELECT client FROM known_clients WHERE client = $1 AND last_sign_in_time > $2";

const KNOW: &str = "
    INSERT INTO known_clients (client, account_id, last_sign_in_time) VALUES ($1, $2, $3)
    ON CONFLICT (client) DO UPDATE SET account_id = $2, last_sign_in_time = $3";

const FORGET_KNOWN: &str = "
    DELETE FROM known_clients WHERE client IN (
        SELECT client FROM known_clients WHERE last_sign_in_time < $1 LIMIT $2)";

#[async_trait]
impl<E: Engine> ThrottleStore for SqlStore<E> {
    async fn look(&self, attempt: Attempt, now: Timestamp) -> Result<Admission, StoreError> {
        self.database
            .read(move |connection| {
                Box::pin(async move {
                    let mut counts = Vec::new();
                    for counter in &attempt.counters {
                        let find = statement::<E>(LOOK).bind(counter.subject.0.to_vec());
                        counts.push(find.first(connection).await?.as_ref().map(count_of).transpose()?);
                    }
                    let held = held::<E>(connection, &attempt, &counts, now).await?;
                    Ok(held.map_or(Admission::Admitted(Vec::new()), Admission::HeldUntil))
                })
            })
            .await
    }

    async fn charge(&self, attempt: Attempt, now: Timestamp) -> Result<Admission, StoreError> {
        self.database
            .write(move |connection| {
                let attempt = attempt.clone();
                Box::pin(async move { charge::<E>(connection, &attempt, now).await })
            })
            .await
    }

    async fn settle(&self, settlement: Settlement) -> Result<(), StoreError> {
        self.database
            .write(move |connection| {
                let settlement = settlement.clone();
                Box::pin(async move { settle::<E>(connection, &settlement).await })
            })
            .await
    }

    async fn unlock(&self, identifier: Subject) -> Result<(), StoreError> {
        self.database
            .write(move |connection| {
                let unlock = statement::<E>(UNLOCK).bind(identifier.0.to_vec());
                Box::pin(async move { unlock.execute(connection).await.map(drop) })
            })
            .await
    }

    async fn forget_throttles(&self, now: Timestamp, limit: usize) -> Result<u64, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.database
            .write(move |connection| {
                Box::pin(async move {
                    let forget = statement::<E>(FORGET).bind(now).bind(limit);
                    let forgotten = forget.execute(connection).await?;
                    let forget = statement::<E>(FORGET_KNOWN).bind(now.minus(KNOWN_FOR)).bind(limit);
                    Ok(forgotten + forget.execute(connection).await?)
                })
            })
            .await
    }
}

async fn charge<E: Engine>(
    connection: &mut Connection<'_, E>,
    attempt: &Attempt,
    now: Timestamp,
) -> Result<Admission, sqlx::Error> {
    let (mut counts, mut charges) = (Vec::new(), Vec::new());
    for counter in &attempt.counters {
        let lock = statement::<E>(LOCK)
            .bind(counter.subject.0.to_vec())
            .bind(counter.identifier.map(|identifier| identifier.0.to_vec()))
            .bind(now);
        let row = lock.one(connection).await?;
        let count = count_of(&row)?;
        charges.push(Charge {
            subject: counter.subject,
            time: now,
            last_time: count.last_time,
            forget_time: row.get("forget_time")?,
        });
        counts.push(Some(count));
    }
    if let Some(held) = held::<E>(connection, attempt, &counts, now).await? {
        return Ok(Admission::HeldUntil(held));
    }
    for (Counter { limit, subject, .. }, count) in attempt.counters.iter().zip(counts) {
        let count = limit.failed(count, now);
        statement::<E>(COUNT)
            .bind(subject.0.to_vec())
            .bind(count.failures)
            .bind(count.first_time)
            .bind(count.last_time)
            .bind(limit.forgotten_at(&count))
            .execute(connection)
            .await?;
    }
    Ok(Admission::Admitted(charges))
}

/// Until when the counters that apply hold the try up, the last of them.
async fn held<E: Engine>(
    connection: &mut Connection<'_, E>,
    attempt: &Attempt,
    counts: &[Option<Count>],
    now: Timestamp,
) -> Result<Option<Timestamp>, sqlx::Error> {
    let mut held = None;
    for (counter, count) in attempt.counters.iter().zip(counts) {
        let until = count.as_ref().and_then(|count| counter.limit.held_until(count));
        let Some(until) = until.filter(|until| *until > now) else {
            continue;
        };
        let binding = match counter.binding {
            Binding::Always => true,
            Binding::Strangers(client) => {
                let is_known = statement::<E>(IS_KNOWN)
                    .bind(client.0.to_vec())
                    .bind(now.minus(KNOWN_FOR));
                is_known.first(connection).await?.is_none()
            }
        };
        if binding {
            held = held.max(Some(until));
        }
    }
    Ok(held)
}

/// Settles a try that nobody was signed in by.
pub(super) async fn settle<E: Engine>(
    connection: &mut Connection<'_, E>,
    settlement: &Settlement,
) -> Result<(), sqlx::Error> {
    let mut steps: Vec<(Subject, Option<Charge>)> = Vec::new();
    steps.extend(settlement.cleared.iter().map(|subject| (*subject, None)));
    steps.extend(settlement.refunded.iter().map(|charge| (charge.subject, Some(*charge))));
    // The order in which they are locked everywhere.
    steps.sort_unstable_by_key(|(subject, _)| *subject);
    for (subject, charge) in steps {
        let step = match charge {
            None => statement::<E>(CLEAR).bind(subject.0.to_vec()),
            Some(charge) => statement::<E>(REFUND)
                .bind(subject.0.to_vec())
                .bind(charge.time)
                .bind(charge.last_time)
                .bind(charge.forget_time),
        };
        step.execute(connection).await?;
    }
    Ok(())
}

/// Settles a try by which an account was signed in to.
pub(super) async fn settle_sign_in<E: Engine>(
    connection: &mut Connection<'_, E>,
    settlement: &Settlement,
    account: Uuid,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    settle::<E>(connection, settlement).await?;
    if let Some(client) = settlement.known {
        let know = statement::<E>(KNOW).bind(client.0.to_vec()).bind(account).bind(now);
        know.execute(connection).await?;
    }
    Ok(())
}

fn count_of<E: Engine>(row: &Record<E>) -> Result<Count, sqlx::Error> {
    Ok(Count {
        failures: row.get("failures")?,
        first_time: row.get("first_time")?,
        last_time: row.get("last_time")?,
    })
}
