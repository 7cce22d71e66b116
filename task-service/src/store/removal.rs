//! What goes for good, in SQL: tasks that were in the trash for long, requests of yesterday, everything of an account that
//! was deleted.

use platform::{
    clock::Timestamp,
    database::{Connection, Engine, statement},
};
use uuid::Uuid;

use super::{Erased, Purged, REMEMBERED};
use crate::{owner::OwnerId, task::KEPT_IN_TRASH};

/// An earlier date stands.
const PLAN_PURGE: &str = "
    INSERT INTO purges (due_owner, due_time) VALUES ($1, $2)
    ON CONFLICT (due_owner) DO UPDATE SET due_time = $2 WHERE purges.due_time > $2";

const FORGET_REQUESTS: &str = "
    DELETE FROM requests
    WHERE owner_id = $1 AND request_id IN (
        SELECT request_id FROM requests WHERE owner_id = $1 AND create_time <= $2 ORDER BY create_time LIMIT $3)";

const FIRST_REQUEST: &str = "SELECT create_time FROM requests WHERE owner_id = $1 ORDER BY create_time LIMIT 1";

const ERASE_REQUESTS: &str = "
    DELETE FROM requests
    WHERE owner_id = $1 AND request_id IN (SELECT request_id FROM requests WHERE owner_id = $1 LIMIT $2)";

/// Of all owners: it holds no task.
const FIRST_PURGE: &str = "SELECT due_owner FROM purges WHERE due_time <= $1 ORDER BY due_time LIMIT 1";

/// The lock that every write takes.
const LOCK_OWNER: &str = "UPDATE owner_state SET next_seq = next_seq WHERE owner_id = $1";

const PURGE: &str = "
    DELETE FROM tasks
    WHERE owner_id = $1 AND task_id IN (
        SELECT task_id FROM tasks WHERE owner_id = $1 AND delete_time <= $2 ORDER BY delete_time LIMIT $3)
    RETURNING change_seq";

/// Who has not been told of them by now never will be.
const TELL_OF_PURGE: &str = "UPDATE owner_state SET purged_seq = $2 WHERE owner_id = $1 AND purged_seq < $2";

const FIRST_DELETED: &str = "
    SELECT delete_time FROM tasks WHERE owner_id = $1 AND delete_time IS NOT NULL ORDER BY delete_time LIMIT 1";

const PUT_OFF_PURGE: &str = "UPDATE purges SET due_time = $2 WHERE due_owner = $1";

const FORGET_PURGE: &str = "DELETE FROM purges WHERE due_owner = $1";

/// The lock that every write takes; what waits for it finds the mark.
const MARK_ERASED: &str = "
    INSERT INTO owner_state (owner_id, next_seq, erased_time) VALUES ($1, 1, $2)
    ON CONFLICT (owner_id) DO UPDATE
    SET erased_time = coalesce(owner_state.erased_time, $2), task_count = 0, completed_count = 0";

const ERASE: &str = "
    DELETE FROM tasks
    WHERE owner_id = $1 AND task_id IN (SELECT task_id FROM tasks WHERE owner_id = $1 LIMIT $2)";

/// How many tasks are erased or purged in one transaction.
const ERASED_AT_ONCE: u32 = 500;

/// Sees to it that the owner is looked at then.
pub(super) async fn plan_purge<E: Engine>(
    connection: &mut Connection<'_, E>,
    owner: OwnerId,
    due: Timestamp,
) -> Result<(), sqlx::Error> {
    let plan = statement::<E>(PLAN_PURGE).bind(owner.as_uuid()).bind(due);
    plan.execute(connection).await.map(drop)
}

pub(super) async fn purge<E: Engine>(
    connection: &mut Connection<'_, E>,
    now: Timestamp,
) -> Result<Purged, sqlx::Error> {
    let Some(row) = statement::<E>(FIRST_PURGE).bind(now).first(connection).await? else {
        return Ok(Purged::Nothing);
    };
    let owner: Uuid = row.get("due_owner")?;
    statement::<E>(LOCK_OWNER).bind(owner).execute(connection).await?;
    let purge = statement::<E>(PURGE)
        .bind(owner)
        .bind(now.minus(KEPT_IN_TRASH))
        .bind(i64::from(ERASED_AT_ONCE));
    let purged = purge.all(connection).await?;
    let mut purged_seq = 0;
    for row in &purged {
        purged_seq = purged_seq.max(row.get::<i64>("change_seq")?);
    }
    if !purged.is_empty() {
        let tell = statement::<E>(TELL_OF_PURGE).bind(owner).bind(purged_seq);
        tell.execute(connection).await?;
    }
    let forget = statement::<E>(FORGET_REQUESTS)
        .bind(owner)
        .bind(now.minus(REMEMBERED))
        .bind(i64::from(ERASED_AT_ONCE));
    let forgotten = forget.execute(connection).await?;
    if purged.len() == ERASED_AT_ONCE as usize || forgotten == u64::from(ERASED_AT_ONCE) {
        return Ok(Purged::Some);
    }
    let mut due: Option<Timestamp> = None;
    for (first, column, kept) in [
        (FIRST_DELETED, "delete_time", KEPT_IN_TRASH),
        (FIRST_REQUEST, "create_time", REMEMBERED),
    ] {
        if let Some(row) = statement::<E>(first).bind(owner).first(connection).await? {
            let next = row.get::<Timestamp>(column)?.plus(kept);
            due = Some(due.map_or(next, |due| due.min(next)));
        }
    }
    let done = match due {
        Some(due) => statement::<E>(PUT_OFF_PURGE).bind(owner).bind(due),
        None => statement::<E>(FORGET_PURGE).bind(owner),
    };
    done.execute(connection).await?;
    Ok(Purged::Some)
}

pub(super) async fn erase<E: Engine>(
    connection: &mut Connection<'_, E>,
    owner: OwnerId,
    now: Timestamp,
) -> Result<Erased, sqlx::Error> {
    let mark = statement::<E>(MARK_ERASED).bind(owner.as_uuid()).bind(now);
    mark.execute(connection).await?;
    let erase = statement::<E>(ERASE)
        .bind(owner.as_uuid())
        .bind(i64::from(ERASED_AT_ONCE));
    let tasks = erase.execute(connection).await?;
    let erase = statement::<E>(ERASE_REQUESTS)
        .bind(owner.as_uuid())
        .bind(i64::from(ERASED_AT_ONCE));
    let erased = tasks.max(erase.execute(connection).await?);
    let forget = statement::<E>(FORGET_PURGE).bind(owner.as_uuid());
    forget.execute(connection).await?;
    Ok(if erased < u64::from(ERASED_AT_ONCE) {
        Erased::Completely
    } else {
        Erased::InPart
    })
}
