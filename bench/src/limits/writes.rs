//! The statements of writes by sqlx alone: no service, no token, no gRPC.

use std::{error::Error, time::Duration};

use clap::{Args, ValueEnum};
use futures_util::future::try_join_all;
use platform::{
    clock::Timestamp,
    entropy::{SystemEntropy, uuid_v4},
};
use sqlx::{
    Connection as _, Postgres, Sqlite, SqliteConnection,
    pool::PoolOptions,
    sqlite::{SqliteConnectOptions, SqliteSynchronous},
};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{figures::CALLERS, running::cpu};

/// So many operations share one commit.
const BATCH: usize = 64;

/// What is written, and how long.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Which statement
    #[arg(value_enum)]
    statement: Statement,
    /// Of which database
    database_url: String,
    /// For so many milliseconds
    milliseconds: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Statement {
    /// A task, 64 in a transaction, each as one string of statements; SQLite
    Insert,
    /// A session, by its guarded step
    Move,
}

/// All of one operation, so that it is one way to the thread of the connection and back.
const INSERT: &str = "
    SAVEPOINT operation;
    INSERT INTO owner_state (owner_id, next_seq) VALUES ($1, 2)
    ON CONFLICT (owner_id) DO UPDATE SET next_seq = owner_state.next_seq + 1;
    INSERT INTO tasks (owner_id, task_id, version, change_seq, title, description, completed, priority, tags, due_time,
                       create_time, update_time, folded_title, folded_description)
    VALUES ($1, $2, 1, $3, $4, $5, FALSE, 3, $6, $7, $7, $7, $4, $5);
    RELEASE operation";

/// One more like one that there is: nobody's who refreshes.
const COPY: &str = "
    INSERT INTO sessions (session_id, account_id, generation, moved_time, create_time, last_used_time, idle_expire_time,
                          expire_time, token_expire_time, user_agent, ip_address)
    SELECT $1, account_id, 0, moved_time, create_time, last_used_time, idle_expire_time, expire_time, token_expire_time,
           user_agent, ip_address
    FROM sessions LIMIT 1";

const MOVE: &str = "
    UPDATE sessions
    SET generation = generation + 1, accepted = generation, moved_time = $2, last_used_time = $2
    WHERE session_id = $1 AND end_time IS NULL
    RETURNING account_id, generation";

/// Moves sessions by one engine; the driver has a type of its own for each.
macro_rules! moving {
    ($engine:ty, $connections:expr, $options:expr, $end:expr) => {{
        let pool = PoolOptions::<$engine>::new()
            .max_connections($connections)
            .test_before_acquire(false)
            .connect_with($options)
            .await?;
        let movers = (0..CALLERS).map(async |_| {
            let session = uuid_v4(&SystemEntropy);
            sqlx::query(COPY).bind(session).execute(&pool).await?;
            let mut count = 0_u64;
            while Instant::now() < $end {
                let now = Timestamp::from_micros(1_795_000_000_000_000);
                sqlx::query(MOVE).bind(session).bind(now).fetch_one(&pool).await?;
                count += 1;
            }
            Ok::<_, Box<dyn Error>>(count)
        });
        try_join_all(movers).await?.iter().sum::<u64>()
    }};
}

/// Writes, and prints how often, the CPU time of it all in microseconds, and how long it took in microseconds.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let (before, began) = (cpu(std::process::id())?, Instant::now());
    let end = began + Duration::from_millis(arguments.milliseconds);
    let url = &arguments.database_url;
    let is_sqlite = url.starts_with("sqlite:");
    let count = match arguments.statement {
        Statement::Insert => inserts(durable(url)?, end).await?,
        Statement::Move if is_sqlite => moving!(Sqlite, 1, durable(url)?, end),
        Statement::Move => moving!(Postgres, u32::try_from(CALLERS)?, url.parse()?, end),
    };
    let cpu = cpu(std::process::id())?.saturating_sub(before);
    println!("{count} {} {}", cpu.as_micros(), began.elapsed().as_micros());
    Ok(())
}

fn durable(url: &str) -> Result<SqliteConnectOptions, sqlx::Error> {
    Ok(url
        .parse::<SqliteConnectOptions>()?
        .synchronous(SqliteSynchronous::Full))
}

async fn inserts(options: SqliteConnectOptions, end: Instant) -> Result<u64, Box<dyn Error>> {
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let owners: Vec<Uuid> = (0..BATCH)
        .map(|number| Uuid::from_u128(1 << 80 | number as u128))
        .collect();
    let mut count = 0_u64;
    while Instant::now() < end {
        sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await?;
        for owner in &owners {
            count += 1;
            sqlx::query(INSERT)
                .bind(owner)
                .bind(uuid_v4(&SystemEntropy))
                .bind(i64::try_from(count)?)
                .bind("Buy milk number 17")
                .bind("two litres, and oats")
                .bind("\nhome\nshop\n")
                .bind(Timestamp::from_micros(1_795_000_000_000_000))
                .execute(&mut connection)
                .await?;
        }
        sqlx::query("COMMIT").execute(&mut connection).await?;
    }
    Ok(count)
}
