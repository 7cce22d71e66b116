//! Tasks in SQL, the same for every engine. Every statement on tasks carries the owner.

use std::sync::Arc;

use platform::{
    clock::Timestamp,
    database::{Connection, Database, Engine, Record, StoreError, statement},
};
use uuid::Uuid;

use super::{
    Changed, Created, Edit, Effect, Erased, Purged, TaskStore,
    removal::{self, plan_purge},
    repetitions::{Repetition, remember, repetition},
    tags,
};
use crate::{
    due::Due,
    owner::OwnerId,
    pages::{Cursor, StateFilter},
    task::{Content, Priority, Task},
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
            .write(move |connection| Box::pin(removal::purge::<E>(connection, now)))
            .await
    }

    async fn erase(&self, owner: OwnerId, now: Timestamp) -> Result<Erased, StoreError> {
        self.database
            .write(move |connection| Box::pin(removal::erase::<E>(connection, owner, now)))
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
                plan_purge::<E>(connection, owner, due).await?;
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

pub(super) async fn return_seq<E: Engine>(
    connection: &mut Connection<'_, E>,
    owner: OwnerId,
) -> Result<(), sqlx::Error> {
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
