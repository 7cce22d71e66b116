//! Requests with an id, in SQL: whether one is the first of its id, and what came of it.

use platform::{
    clock::Timestamp,
    database::{Connection, Engine, statement},
};

use super::{Effect, REMEMBERED, RequestId, outcomes, removal::plan_purge};
use crate::{owner::OwnerId, task::Task};

const FIND_REQUEST: &str = "
    SELECT digest, outcome FROM requests WHERE owner_id = $1 AND request_id = $2 AND create_time > $3";

/// One that is not remembered any more may still be there.
const REMEMBER_REQUEST: &str = "
    INSERT INTO requests (owner_id, request_id, digest, outcome, create_time) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (owner_id, request_id) DO UPDATE SET digest = $3, outcome = $4, create_time = $5";

/// What a request is among those of its id.
pub(super) enum Repetition {
    /// The first, or one without an id.
    First,
    /// One that asks the same as one before: the tasks that were answered to that one.
    Again(Vec<Task>),
    /// One that asks something else.
    Other,
}

/// The owner must be locked.
pub(super) async fn repetition<E: Engine>(
    connection: &mut Connection<'_, E>,
    owner: OwnerId,
    effect: &Effect,
    now: Timestamp,
) -> Result<Repetition, sqlx::Error> {
    let Effect::Once(RequestId { id, digest }) = effect else {
        return Ok(Repetition::First);
    };
    let find = statement::<E>(FIND_REQUEST)
        .bind(owner.as_uuid())
        .bind(id.clone())
        .bind(now.minus(REMEMBERED));
    let Some(row) = find.first(connection).await? else {
        return Ok(Repetition::First);
    };
    if row.get::<Vec<u8>>("digest")? == digest {
        Ok(Repetition::Again(outcomes::decode(&row.get::<String>("outcome")?)?))
    } else {
        Ok(Repetition::Other)
    }
}

pub(super) async fn remember<E: Engine>(
    connection: &mut Connection<'_, E>,
    owner: OwnerId,
    effect: &Effect,
    tasks: &[Task],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let Effect::Once(RequestId { id, digest }) = effect else {
        return Ok(());
    };
    statement::<E>(REMEMBER_REQUEST)
        .bind(owner.as_uuid())
        .bind(id.clone())
        .bind(digest.to_vec())
        .bind(outcomes::encode(tasks)?)
        .bind(now)
        .execute(connection)
        .await?;
    plan_purge::<E>(connection, owner, now.plus(REMEMBERED)).await
}
