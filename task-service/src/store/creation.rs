//! The usual creation of a task, by one way to the database: the owner's place in the order of changes is taken, and the task
//! stored under it, or neither.

use platform::database::{Database, Engine, StoreError};
use sqlx::{Postgres, Sqlite};

use super::rows::bind_row;
use crate::{owner::OwnerId, task::Task};

/// An engine that tasks are kept on.
pub trait TaskEngine: Engine {
    /// Stores a task, and returns its `change_seq` as `first_seq`; no row if the owner's account is gone. Takes a whole row, of which
    /// the `change_seq` is 0. An id that is taken is a violation of the key, which undoes all of it.
    const CREATE_ALONE: &'static str;
}

impl TaskEngine for Sqlite {
    const CREATE_ALONE: &'static str = "
    INSERT INTO owner_state (owner_id, next_seq, task_count, completed_count)
    VALUES ($1, 2, 1, CASE WHEN $7 THEN 1 ELSE 0 END)
    ON CONFLICT (owner_id) DO UPDATE
    SET next_seq = owner_state.next_seq + 1, task_count = owner_state.task_count + 1,
        completed_count = owner_state.completed_count + CASE WHEN $7 THEN 1 ELSE 0 END
    WHERE owner_state.erased_time IS NULL;
    INSERT INTO tasks (owner_id, task_id, version, change_seq, title, description, completed, priority, tags,
                       due_time, due_zone, create_time, update_time, complete_time, delete_time,
                       folded_title, folded_description)
    SELECT $1, $2, $3, next_seq - 1 + $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17
    FROM owner_state WHERE owner_id = $1 AND erased_time IS NULL
    RETURNING change_seq AS first_seq";
}

impl TaskEngine for Postgres {
    const CREATE_ALONE: &'static str = "
    WITH taken AS (
        INSERT INTO owner_state (owner_id, next_seq, task_count, completed_count)
        VALUES ($1, 2, 1, CASE WHEN $7 THEN 1 ELSE 0 END)
        ON CONFLICT (owner_id) DO UPDATE
        SET next_seq = owner_state.next_seq + 1, task_count = owner_state.task_count + 1,
            completed_count = owner_state.completed_count + CASE WHEN $7 THEN 1 ELSE 0 END
        WHERE owner_state.erased_time IS NULL
        RETURNING next_seq - 1 AS taken_seq)
    INSERT INTO tasks (owner_id, task_id, version, change_seq, title, description, completed, priority, tags,
                       due_time, due_zone, create_time, update_time, complete_time, delete_time,
                       folded_title, folded_description)
    SELECT $1, $2, $3, taken_seq + $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17
    FROM taken
    RETURNING change_seq AS first_seq";
}

/// The usual creation. `None` if nothing was done: the owner's account is gone, or the id is taken.
pub(super) async fn create_alone<E: TaskEngine>(
    database: &Database<E>,
    owner: OwnerId,
    task: &Task,
    stored: impl FnOnce() + Send + 'static,
) -> Result<Option<Task>, StoreError> {
    let task = Task {
        version: 1,
        change_seq: 0,
        ..task.clone()
    };
    let row = task.clone();
    let values = move |statement| bind_row(statement, owner, &row);
    let created = match database.write_alone(E::CREATE_ALONE, values, stored).await {
        Err(StoreError::Failed(error)) if is_unique_violation(&error) => return Ok(None),
        created => created?,
    };
    let Some(row) = created else { return Ok(None) };
    let change_seq = row.get("first_seq")?;
    Ok(Some(Task { change_seq, ..task }))
}

fn is_unique_violation(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}
