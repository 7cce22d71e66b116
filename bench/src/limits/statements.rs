//! The statements of reads by sqlx alone: no service, no token, no gRPC.

use std::{error::Error, hint::black_box, time::Duration};

use clap::{Args, ValueEnum};
use futures_util::future::try_join_all;
use platform::clock::Timestamp;
use sqlx::{Postgres, Row as _, Sqlite, pool::PoolOptions};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    figures::{CALLERS, PAGE},
    running::cpu,
};

/// What is read, and how long.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Which statement
    #[arg(value_enum)]
    statement: Statement,
    /// Of which database
    database_url: String,
    /// Whose tasks
    owner: Uuid,
    /// For so many milliseconds
    milliseconds: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Statement {
    Get,
    Page,
}

const GET: &str = "
    SELECT task_id, version, change_seq, title, description, completed, priority, tags, due_time, due_zone,
           create_time, update_time, complete_time, delete_time
    FROM tasks
    WHERE owner_id = $1 AND task_id = $2";

const PAGE_OF: &str = "
    SELECT task_id, version, change_seq, title, description, completed, priority, tags, due_time, due_zone,
           create_time, update_time, complete_time, delete_time
    FROM tasks
    WHERE owner_id = $1 AND delete_time IS NULL
    ORDER BY create_time DESC, task_id DESC
    LIMIT $2";

/// All columns of a row.
macro_rules! decode {
    ($row:expr) => {{
        let row = $row;
        let task: (Uuid, i64, i64, String, String, bool, i16, String) = (
            row.try_get("task_id")?,
            row.try_get("version")?,
            row.try_get("change_seq")?,
            row.try_get("title")?,
            row.try_get("description")?,
            row.try_get("completed")?,
            row.try_get("priority")?,
            row.try_get("tags")?,
        );
        let due: (Option<Timestamp>, Option<String>) = (row.try_get("due_time")?, row.try_get("due_zone")?);
        let times: (Timestamp, Timestamp, Option<Timestamp>, Option<Timestamp>) = (
            row.try_get("create_time")?,
            row.try_get("update_time")?,
            row.try_get("complete_time")?,
            row.try_get("delete_time")?,
        );
        (task, due, times)
    }};
}

/// Reads by one engine; the driver has a type of its own for each.
macro_rules! read {
    ($engine:ty, $arguments:expr) => {{
        let arguments = $arguments;
        let pool = PoolOptions::<$engine>::new()
            .max_connections(u32::try_from(CALLERS)?)
            .test_before_acquire(false)
            .connect(&arguments.database_url)
            .await?;
        let page = i64::try_from(PAGE)?;
        let first = sqlx::query(PAGE_OF)
            .bind(arguments.owner)
            .bind(page)
            .fetch_all(&pool)
            .await?;
        let ids = first
            .iter()
            .map(|row| row.try_get("task_id"))
            .collect::<Result<Vec<Uuid>, _>>()?;
        let end = Instant::now() + Duration::from_millis(arguments.milliseconds);
        let readers = (0..CALLERS).map(async |_| {
            let mut count = 0_u64;
            while Instant::now() < end {
                let rows = match arguments.statement {
                    Statement::Get => {
                        let id = ids[usize::try_from(count)? % ids.len()];
                        let one = sqlx::query(GET).bind(arguments.owner).bind(id);
                        vec![one.fetch_one(&pool).await?]
                    }
                    Statement::Page => {
                        sqlx::query(PAGE_OF)
                            .bind(arguments.owner)
                            .bind(page)
                            .fetch_all(&pool)
                            .await?
                    }
                };
                for row in &rows {
                    black_box(decode!(row));
                }
                count += 1;
            }
            Ok::<_, Box<dyn Error>>(count)
        });
        let before = cpu(std::process::id())?;
        let count = try_join_all(readers).await?.iter().sum::<u64>();
        (count, cpu(std::process::id())?.saturating_sub(before))
    }};
}

/// Reads, by as many at once as call the service, and prints how often, and the CPU time of it all in microseconds.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let (count, cpu) = if arguments.database_url.starts_with("sqlite:") {
        read!(Sqlite, arguments)
    } else {
        read!(Postgres, arguments)
    };
    println!("{count} {}", cpu.as_micros());
    Ok(())
}
