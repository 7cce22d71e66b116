//! What came of requests, so that repetitions are answered alike: tasks as JSON.

use platform::clock::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::rows::{due_of_columns, due_to_columns, priority_of_number};
use crate::task::{Content, Task};

/// The columns of a task, but for its owner.
#[derive(Serialize, Deserialize)]
struct Row {
    task_id: String,
    version: i64,
    change_seq: i64,
    title: String,
    description: String,
    completed: bool,
    priority: i16,
    tags: Vec<String>,
    due_time: Option<i64>,
    due_zone: Option<String>,
    create_time: i64,
    update_time: i64,
    complete_time: Option<i64>,
    delete_time: Option<i64>,
}

pub(super) fn encode(tasks: &[Task]) -> Result<String, sqlx::Error> {
    let rows: Vec<Row> = tasks.iter().map(row_of_task).collect();
    serde_json::to_string(&rows).map_err(|error| sqlx::Error::Encode(error.into()))
}

pub(super) fn decode(text: &str) -> Result<Vec<Task>, sqlx::Error> {
    let rows: Vec<Row> = serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(error.into()))?;
    rows.into_iter().map(task_of_row).collect()
}

fn row_of_task(task: &Task) -> Row {
    let micros = |time: Option<Timestamp>| time.map(Timestamp::as_micros);
    let (due_time, due_zone) = due_to_columns(task.content.due.as_ref());
    Row {
        task_id: task.id.to_string(),
        version: task.version,
        change_seq: task.change_seq,
        title: task.content.title.clone(),
        description: task.content.description.clone(),
        completed: task.content.completed,
        priority: task.content.priority.number(),
        tags: task.content.tags.clone(),
        due_time: micros(due_time),
        due_zone,
        create_time: task.create_time.as_micros(),
        update_time: task.update_time.as_micros(),
        complete_time: micros(task.complete_time),
        delete_time: micros(task.delete_time),
    }
}

fn task_of_row(row: Row) -> Result<Task, sqlx::Error> {
    let time = |micros: Option<i64>| micros.map(Timestamp::from_micros);
    Ok(Task {
        id: Uuid::try_parse(&row.task_id).map_err(|error| sqlx::Error::Decode(error.into()))?,
        version: row.version,
        change_seq: row.change_seq,
        content: Content {
            title: row.title,
            description: row.description,
            completed: row.completed,
            priority: priority_of_number(row.priority)?,
            tags: row.tags,
            due: due_of_columns(time(row.due_time), row.due_zone)?,
        },
        create_time: Timestamp::from_micros(row.create_time),
        update_time: Timestamp::from_micros(row.update_time),
        complete_time: time(row.complete_time),
        delete_time: time(row.delete_time),
    })
}
