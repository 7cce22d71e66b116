//! Tasks in SQL, the same for every engine. Every statement on tasks carries the owner.

use std::sync::Arc;

use platform::{
    clock::Timestamp,
    database::{Connection, Database, Engine, Record, StoreError, statement},
};
use uuid::Uuid;

use super::{Changed, Created, Edit, Effect, Erased, Purged, REMEMBERED, RequestId, TaskStore, outcomes, tags};
use crate::{
    due::Due,
    owner::OwnerId,
    pages::{Cursor, StateFilter},
    task::{Content, KEPT_IN_TRASH, Priority, Task},
};

/// Locks the owner and takes the next change_seq; the lock is what orders the owner's changes by commit.
const TAKE_SEQ: &str = "
    INSERT INTO owner_state (owner_id, next_seq) VALUES ($1, 2)
    ON CONFLICT (owner_id) DO UPDATE SET next_seq = owner_state.next_seq + 1
    RETURNING next_seq - 1 AS change_seq, erased_time";

/// Gives it back, in the same transaction, if nothing came of the change.
const RETURN_SEQ: &str = "UPDATE owner_state SET next_seq = next_seq - 1 WHERE owner_id = $1";

const INSERT: &str = "
    INSERT INTO tasks (owner_id, task_id, version, change_seq, title, description, completed, priority, tags,
                       due_time, due_zone, create_time, update_time, complete_time, delete_time)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
    ON CONFLICT (owner_id, task_id) DO NOTHING";

const UPDATE: &str = "
    UPDATE tasks
    SET version = $3, change_seq = $4, title = $5, description = $6, completed = $7, priority = $8, tags = $9,
        due_time = $10, due_zone = $11, create_time = $12, update_time = $13, complete_time = $14, delete_time = $15
    WHERE owner_id = $1 AND task_id = $2";

const GET: &str = "
    SELECT task_id, version, change_seq, title, description, completed, priority, tags, due_time, due_zone,
           create_time, update_time, complete_time, delete_time
    FROM tasks
    WHERE owner_id = $1 AND task_id = $2";

const LIST: &str = "
    SELECT task_id, version, change_seq, title, description, completed, priority, tags, due_time, due_zone,
           create_time, update_time, complete_time, delete_time
    FROM tasks
    WHERE owner_id = $1 AND delete_time IS NULL AND completed IN ($2, $3) AND (create_time, task_id) < ($4, $5)
    ORDER BY create_time DESC, task_id DESC
    LIMIT $6";

/// An earlier date stands.
const PLAN_PURGE: &str = "
    INSERT INTO purges (due_owner, due_time) VALUES ($1, $2)
    ON CONFLICT (due_owner) DO UPDATE SET due_time = $2 WHERE purges.due_time > $2";

const FIND_REQUEST: &str = "
    SELECT digest, outcome FROM requests WHERE owner_id = $1 AND request_id = $2 AND create_time > $3";

/// One that is not remembered any more may still be there.
const REMEMBER_REQUEST: &str = "
    INSERT INTO requests (owner_id, request_id, digest, outcome, create_time) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (owner_id, request_id) DO UPDATE SET digest = $3, outcome = $4, create_time = $5";

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
        SELECT task_id FROM tasks WHERE owner_id = $1 AND delete_time <= $2 ORDER BY delete_time LIMIT $3)";

const FIRST_DELETED: &str = "
    SELECT delete_time FROM tasks WHERE owner_id = $1 AND delete_time IS NOT NULL ORDER BY delete_time LIMIT 1";

const PUT_OFF_PURGE: &str = "UPDATE purges SET due_time = $2 WHERE due_owner = $1";

const FORGET_PURGE: &str = "DELETE FROM purges WHERE due_owner = $1";

/// The lock that every write takes; what waits for it finds the mark.
const MARK_ERASED: &str = "
    INSERT INTO owner_state (owner_id, next_seq, erased_time) VALUES ($1, 1, $2)
    ON CONFLICT (owner_id) DO UPDATE SET erased_time = coalesce(owner_state.erased_time, $2)";

const ERASE: &str = "
    DELETE FROM tasks
    WHERE owner_id = $1 AND task_id IN (SELECT task_id FROM tasks WHERE owner_id = $1 LIMIT $2)";

/// How many tasks are erased or purged in one transaction.
const ERASED_AT_ONCE: u32 = 500;

/// Tasks in a database of any engine.
pub struct SqlTaskStore<E: Engine> {
    database: Database<E>,
}

impl<E: Engine> SqlTaskStore<E> {
    /// The tasks of an open database.
    pub fn new(database: Database<E>) -> Self {
        Self { database }
    }
}

#[tonic::async_trait]
impl<E: Engine> TaskStore for SqlTaskStore<E> {
    async fn create(&self, owner: OwnerId, task: Task, effect: Effect) -> Result<Created, StoreError> {
        let task = Arc::new(task);
        self.database
            .write(move |connection| Box::pin(create::<E>(connection, owner, task.clone(), effect.clone())))
            .await
    }

    async fn get(&self, owner: OwnerId, id: Uuid) -> Result<Option<Task>, StoreError> {
        self.database
            .read(move |connection| Box::pin(get::<E>(connection, owner, id)))
            .await
    }

    async fn list(
        &self,
        owner: OwnerId,
        state: StateFilter,
        after: Cursor,
        limit: usize,
    ) -> Result<Vec<Task>, StoreError> {
        let (completed, or_completed) = match state {
            StateFilter::Any => (false, true),
            StateFilter::Active => (false, false),
            StateFilter::Completed => (true, true),
        };
        let list = statement::<E>(LIST)
            .bind(owner.as_uuid())
            .bind(completed)
            .bind(or_completed)
            .bind(after.create_time)
            .bind(after.task_id)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        self.database
            .read(move |connection| {
                Box::pin(async move {
                    let rows = list.all(connection).await?;
                    rows.iter().map(task_of_row::<E>).collect()
                })
            })
            .await
    }

    async fn change(&self, owner: OwnerId, edit: Edit, effect: Effect) -> Result<Changed, StoreError> {
        let edit = Arc::new(edit);
        self.database
            .write(move |connection| Box::pin(change::<E>(connection, owner, edit.clone(), effect.clone())))
            .await
    }

    async fn purge(&self, now: Timestamp) -> Result<Purged, StoreError> {
        self.database
            .write(move |connection| Box::pin(purge::<E>(connection, now)))
            .await
    }

    async fn erase(&self, owner: OwnerId, now: Timestamp) -> Result<Erased, StoreError> {
        self.database
            .write(move |connection| {
                Box::pin(async move {
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
                })
            })
            .await
    }
}

async fn create<E: Engine>(
    connection: &mut Connection<'_, E>,
    owner: OwnerId,
    task: Arc<Task>,
    effect: Effect,
) -> Result<Created, sqlx::Error> {
    let Some(change_seq) = take_seq::<E>(connection, owner).await? else {
        return Ok(Created::OwnerErased);
    };
    match repetition::<E>(connection, owner, &effect, task.create_time).await? {
        Repetition::First => {}
        Repetition::Again(task) => return Ok(Created::Task(task)),
        Repetition::Other => return Ok(Created::RequestIdReused),
    }
    let created = match &effect {
        Effect::Stored | Effect::Once(_) => {
            let task = Task {
                version: 1,
                change_seq,
                ..(*task).clone()
            };
            if write_task::<E>(INSERT, connection, owner, &task).await? == 1 {
                remember::<E>(connection, owner, &effect, &task, task.create_time).await?;
                return Ok(Created::Task(task));
            }
            Created::IdTaken
        }
        Effect::CheckedOnly => match get::<E>(connection, owner, task.id).await? {
            Some(_) => Created::IdTaken,
            None => Created::Task((*task).clone()),
        },
    };
    return_seq::<E>(connection, owner).await?;
    Ok(created)
}

async fn change<E: Engine>(
    connection: &mut Connection<'_, E>,
    owner: OwnerId,
    edit: Arc<Edit>,
    effect: Effect,
) -> Result<Changed, sqlx::Error> {
    let Some(change_seq) = take_seq::<E>(connection, owner).await? else {
        return Ok(Changed::OwnerErased);
    };
    match repetition::<E>(connection, owner, &effect, edit.now).await? {
        Repetition::First => {}
        Repetition::Again(task) => return Ok(Changed::Task(task)),
        Repetition::Other => return Ok(Changed::RequestIdReused),
    }
    let found = get::<E>(connection, owner, edit.id).await?;
    let changed = match (outcome(found, &edit), &effect) {
        (Outcome::Altered(altered), Effect::Stored | Effect::Once(_)) => {
            let task = Task { change_seq, ..altered };
            write_task::<E>(UPDATE, connection, owner, &task).await?;
            if let Some(due) = task.purge_time() {
                let plan = statement::<E>(PLAN_PURGE).bind(owner.as_uuid()).bind(due);
                plan.execute(connection).await?;
            }
            remember::<E>(connection, owner, &effect, &task, edit.now).await?;
            return Ok(Changed::Task(task));
        }
        (Outcome::Altered(altered), Effect::CheckedOnly) => Changed::Task(altered),
        (Outcome::Unaltered(changed), _) => changed,
    };
    if let Changed::Task(task) = &changed {
        remember::<E>(connection, owner, &effect, task, edit.now).await?;
    }
    return_seq::<E>(connection, owner).await?;
    Ok(changed)
}

async fn purge<E: Engine>(connection: &mut Connection<'_, E>, now: Timestamp) -> Result<Purged, sqlx::Error> {
    let Some(row) = statement::<E>(FIRST_PURGE).bind(now).first(connection).await? else {
        return Ok(Purged::Nothing);
    };
    let owner: Uuid = row.get("due_owner")?;
    statement::<E>(LOCK_OWNER).bind(owner).execute(connection).await?;
    let purge = statement::<E>(PURGE)
        .bind(owner)
        .bind(now.minus(KEPT_IN_TRASH))
        .bind(i64::from(ERASED_AT_ONCE));
    let tasks = purge.execute(connection).await?;
    let forget = statement::<E>(FORGET_REQUESTS)
        .bind(owner)
        .bind(now.minus(REMEMBERED))
        .bind(i64::from(ERASED_AT_ONCE));
    if tasks.max(forget.execute(connection).await?) == u64::from(ERASED_AT_ONCE) {
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

/// What a request is among those of its id.
enum Repetition {
    /// The first, or one without an id.
    First,
    /// One that asks the same as one before: the outcome of that one.
    Again(Task),
    /// One that asks something else.
    Other,
}

/// Gives the owner's change_seq back unless the request is the first.
async fn repetition<E: Engine>(
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
    return_seq::<E>(connection, owner).await?;
    if row.get::<Vec<u8>>("digest")? == digest {
        Ok(Repetition::Again(outcomes::decode(&row.get::<String>("outcome")?)?))
    } else {
        Ok(Repetition::Other)
    }
}

async fn remember<E: Engine>(
    connection: &mut Connection<'_, E>,
    owner: OwnerId,
    effect: &Effect,
    task: &Task,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let Effect::Once(RequestId { id, digest }) = effect else {
        return Ok(());
    };
    statement::<E>(REMEMBER_REQUEST)
        .bind(owner.as_uuid())
        .bind(id.clone())
        .bind(digest.to_vec())
        .bind(outcomes::encode(task)?)
        .bind(now)
        .execute(connection)
        .await?;
    let plan = statement::<E>(PLAN_PURGE)
        .bind(owner.as_uuid())
        .bind(now.plus(REMEMBERED));
    plan.execute(connection).await.map(drop)
}

enum Outcome {
    /// The task is to be written so.
    Altered(Task),
    /// Nothing is to be written.
    Unaltered(Changed),
}

fn outcome(found: Option<Task>, edit: &Edit) -> Outcome {
    let reached =
        |task: &Task| task.delete_time.is_none() || edit.change.reaches_deleted() && !task.is_purged(edit.now);
    let Some(task) = found.filter(reached) else {
        return Outcome::Unaltered(Changed::Missing);
    };
    if edit.etag.as_ref().is_some_and(|etag| *etag != task.etag()) {
        return Outcome::Unaltered(Changed::EtagMismatch);
    }
    match edit.change.apply(&task, edit.now) {
        Some(altered) => Outcome::Altered(altered),
        None => Outcome::Unaltered(Changed::Task(task)),
    }
}

/// `None` if the owner's account is gone.
async fn take_seq<E: Engine>(connection: &mut Connection<'_, E>, owner: OwnerId) -> Result<Option<i64>, sqlx::Error> {
    let row = statement::<E>(TAKE_SEQ).bind(owner.as_uuid()).one(connection).await?;
    if row.get::<Option<Timestamp>>("erased_time")?.is_some() {
        return_seq::<E>(connection, owner).await?;
        return Ok(None);
    }
    row.get("change_seq").map(Some)
}

async fn return_seq<E: Engine>(connection: &mut Connection<'_, E>, owner: OwnerId) -> Result<(), sqlx::Error> {
    statement::<E>(RETURN_SEQ)
        .bind(owner.as_uuid())
        .execute(connection)
        .await
        .map(drop)
}

async fn get<E: Engine>(
    connection: &mut Connection<'_, E>,
    owner: OwnerId,
    id: Uuid,
) -> Result<Option<Task>, sqlx::Error> {
    let row = statement::<E>(GET)
        .bind(owner.as_uuid())
        .bind(id)
        .first(connection)
        .await?;
    row.as_ref().map(task_of_row::<E>).transpose()
}

/// [`INSERT`] and [`UPDATE`] take the same parameters: the whole row.
async fn write_task<E: Engine>(
    sql: &'static str,
    connection: &mut Connection<'_, E>,
    owner: OwnerId,
    task: &Task,
) -> Result<u64, sqlx::Error> {
    let content = &task.content;
    let (due_time, due_zone) = due_to_columns(content.due.as_ref());
    statement::<E>(sql)
        .bind(owner.as_uuid())
        .bind(task.id)
        .bind(task.version)
        .bind(task.change_seq)
        .bind(content.title.clone())
        .bind(content.description.clone())
        .bind(content.completed)
        .bind(priority_number(content.priority))
        .bind(tags::encode(&content.tags))
        .bind(due_time)
        .bind(due_zone)
        .bind(task.create_time)
        .bind(task.update_time)
        .bind(task.complete_time)
        .bind(task.delete_time)
        .execute(connection)
        .await
}

fn task_of_row<E: Engine>(row: &Record<E>) -> Result<Task, sqlx::Error> {
    Ok(Task {
        id: row.get("task_id")?,
        version: row.get("version")?,
        change_seq: row.get("change_seq")?,
        content: Content {
            title: row.get("title")?,
            description: row.get("description")?,
            completed: row.get("completed")?,
            priority: priority_of_number(row.get("priority")?)?,
            tags: tags::decode(&row.get::<String>("tags")?),
            due: due_of_columns(row.get("due_time")?, row.get("due_zone")?)?,
        },
        create_time: row.get("create_time")?,
        update_time: row.get("update_time")?,
        complete_time: row.get("complete_time")?,
        delete_time: row.get("delete_time")?,
    })
}

pub(super) fn due_to_columns(due: Option<&Due>) -> (Option<Timestamp>, Option<String>) {
    match due {
        None => (None, None),
        Some(due @ Due::Day(_)) => (Some(due.order()), None),
        Some(Due::Moment { at, zone }) => (Some(*at), Some(zone.clone())),
    }
}

pub(super) fn priority_number(priority: Priority) -> i16 {
    match priority {
        Priority::Low => 1,
        Priority::Medium => 2,
        Priority::High => 3,
    }
}

pub(super) fn priority_of_number(number: i16) -> Result<Priority, sqlx::Error> {
    match number {
        1 => Ok(Priority::Low),
        2 => Ok(Priority::Medium),
        3 => Ok(Priority::High),
        _ => Err(sqlx::Error::Decode(format!("{number} is not a priority").into())),
    }
}

pub(super) fn due_of_columns(time: Option<Timestamp>, zone: Option<String>) -> Result<Option<Due>, sqlx::Error> {
    match (time, zone) {
        (None, _) => Ok(None),
        (Some(at), Some(zone)) => Ok(Some(Due::Moment { at, zone })),
        (Some(order), None) => Due::day_of_order(order)
            .map(Some)
            .ok_or_else(|| sqlx::Error::Decode("due_time is outside the calendar".into())),
    }
}
