//! Tasks as rows: how one is written, and read.

use platform::{
    clock::Timestamp,
    database::{Connection, Engine, Record, Statement, statement},
};
use uuid::Uuid;

use super::tags;
use crate::{
    due::Due,
    folding::fold,
    owner::OwnerId,
    task::{Content, Priority, Task},
};

pub(super) const INSERT: &str = "
    INSERT INTO tasks (owner_id, task_id, version, change_seq, title, description, completed, priority, tags,
                       due_time, due_zone, create_time, update_time, complete_time, delete_time,
                       folded_title, folded_description)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
    ON CONFLICT (owner_id, task_id) DO NOTHING";

pub(super) const UPDATE: &str = "
    UPDATE tasks
    SET version = $3, change_seq = $4, title = $5, description = $6, completed = $7, priority = $8, tags = $9,
        due_time = $10, due_zone = $11, create_time = $12, update_time = $13, complete_time = $14, delete_time = $15,
        folded_title = $16, folded_description = $17
    WHERE owner_id = $1 AND task_id = $2";

const GET: &str = "
    SELECT task_id, version, change_seq, title, description, completed, priority, tags, due_time, due_zone,
           create_time, update_time, complete_time, delete_time
    FROM tasks
    WHERE owner_id = $1 AND task_id = $2";

pub(super) async fn get<E: Engine>(
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

pub(super) async fn tasks_of<E: Engine>(
    statement: Statement<E>,
    connection: &mut Connection<'_, E>,
) -> Result<Vec<Task>, sqlx::Error> {
    let rows = statement.all(connection).await?;
    rows.iter().map(task_of_row::<E>).collect()
}

/// [`INSERT`] and [`UPDATE`] take the same parameters: the whole row.
pub(super) fn whole_row<E: Engine>(sql: &'static str, owner: OwnerId, task: &Task) -> Statement<E> {
    bind_row(statement(sql), owner, task)
}

/// The whole row, as the next parameters.
pub(super) fn bind_row<E: Engine>(statement: Statement<E>, owner: OwnerId, task: &Task) -> Statement<E> {
    let content = &task.content;
    let (due_time, due_zone) = due_to_columns(content.due.as_ref());
    statement
        .bind(owner.as_uuid())
        .bind(task.id)
        .bind(task.version)
        .bind(task.change_seq)
        .bind(content.title.clone())
        .bind(content.description.clone())
        .bind(content.completed)
        .bind(content.priority.number())
        .bind(tags::encode(&content.tags))
        .bind(due_time)
        .bind(due_zone)
        .bind(task.create_time)
        .bind(task.update_time)
        .bind(task.complete_time)
        .bind(task.delete_time)
        .bind(fold(&content.title))
        .bind(fold(&content.description))
}

pub(super) fn task_of_row<E: Engine>(row: &Record<E>) -> Result<Task, sqlx::Error> {
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

pub(super) fn priority_of_number(number: i16) -> Result<Priority, sqlx::Error> {
    Priority::of_number(number).ok_or_else(|| sqlx::Error::Decode(format!("{number} is not a priority").into()))
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
