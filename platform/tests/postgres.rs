//! What PostgreSQL alone has to get right: schema versions, conflicts, its native types. What it shares with
//! SQLite is in the conformance cases of the services.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use platform::{
    clock::Timestamp,
    configuration::DatabaseUrl,
    database::{Database, Engine as _, Migration, Schema, StoreError, statement},
    testing::{empty_postgres_database, postgres_database},
};
use sqlx::Postgres;
use tokio::{sync::Barrier, task::JoinSet};

const FIRST: Migration = Migration {
    version: 1,
    description: "entries",
    sql: "CREATE TABLE entries (id BIGINT PRIMARY KEY, number BIGINT NOT NULL, time TIMESTAMPTZ)",
};
const SECOND: Migration = Migration {
    version: 2,
    description: "names",
    sql: "ALTER TABLE entries ADD COLUMN name TEXT",
};
const OLD: Schema = Schema {
    migrate_command: "platform-test migrate",
    sqlite: &[],
    postgres: &[FIRST],
    filled_by_migration: &[],
};
const NEW: Schema = Schema {
    postgres: &[FIRST, SECOND],
    ..OLD
};

async fn refusal(url: &DatabaseUrl, schema: &Schema) -> StoreError {
    Postgres::open(url, schema).await.err().unwrap()
}

#[tokio::test]
async fn postgres_is_not_served_with_a_schema_that_is_behind_or_ahead() {
    let url = empty_postgres_database().await;
    let empty = refusal(&url, &OLD).await;
    assert!(
        matches!(
            empty,
            StoreError::SchemaBehind {
                found: 0,
                wanted: 1,
                ..
            }
        ),
        "{empty}"
    );
    assert!(empty.to_string().contains("run `platform-test migrate`"), "{empty}");

    Postgres::migrate(&url, &OLD).await.unwrap();
    Postgres::open(&url, &OLD).await.unwrap().close().await;
    let behind = refusal(&url, &NEW).await;
    assert!(
        matches!(
            behind,
            StoreError::SchemaBehind {
                found: 1,
                wanted: 2,
                ..
            }
        ),
        "{behind}"
    );

    Postgres::migrate(&url, &NEW).await.unwrap();
    let ahead = refusal(&url, &OLD).await;
    assert!(
        matches!(ahead, StoreError::SchemaAhead { found: 2, wanted: 1 }),
        "{ahead}"
    );
    let changed = Schema {
        postgres: &[
            Migration {
                sql: "SELECT 1",
                ..FIRST
            },
            SECOND,
        ],
        ..OLD
    };
    let changed = refusal(&url, &changed).await;
    assert!(matches!(changed, StoreError::SchemaChanged { version: 2 }), "{changed}");
}

#[tokio::test]
async fn postgres_is_migrated_once_by_many_at_once() {
    let url = empty_postgres_database().await;
    let mut migrations = JoinSet::new();
    for _ in 0..8 {
        let url = url.clone();
        migrations.spawn(async move { Postgres::migrate(&url, &NEW).await });
    }
    for migrated in migrations.join_all().await {
        migrated.unwrap();
    }
    Postgres::open(&url, &NEW).await.unwrap().close().await;
}

async fn entries() -> Database<Postgres> {
    let database = Postgres::open(&postgres_database(&NEW).await, &NEW).await.unwrap();
    let insert = |id: i64| {
        database.write(move |connection| {
            let insert = statement::<Postgres>("INSERT INTO entries (id, number, time) VALUES ($1, 0, $2)");
            Box::pin(insert.bind(id).bind(None::<Timestamp>).execute(connection))
        })
    };
    insert(1).await.unwrap();
    insert(2).await.unwrap();
    database
}

async fn number(database: &Database<Postgres>, id: i64) -> i64 {
    let read = database.read(move |connection| {
        Box::pin(async move {
            let row = statement::<Postgres>("SELECT number FROM entries WHERE id = $1")
                .bind(id)
                .one(connection)
                .await?;
            row.get("number")
        })
    });
    read.await.unwrap()
}

const ADD: &str = "UPDATE entries SET number = number + 1 WHERE id = $1";

/// Two transactions that lock the same two rows in opposite order: PostgreSQL ends one, and it is run again.
#[tokio::test]
async fn postgres_runs_a_write_again_that_met_a_deadlock() {
    let database = entries().await;
    let both_hold_their_first = Arc::new(Barrier::new(2));
    let runs = Arc::new(AtomicU32::new(0));
    let mut writes = JoinSet::new();
    for (first, second) in [(1_i64, 2_i64), (2, 1)] {
        let (database, barrier, runs) = (database.clone(), both_hold_their_first.clone(), runs.clone());
        writes.spawn(async move {
            let write = database.write(move |connection| {
                let (barrier, run) = (barrier.clone(), runs.fetch_add(1, Ordering::SeqCst));
                Box::pin(async move {
                    statement::<Postgres>(ADD).bind(first).execute(connection).await?;
                    if run < 2 {
                        barrier.wait().await;
                    }
                    statement::<Postgres>(ADD).bind(second).execute(connection).await
                })
            });
            write.await
        });
    }
    for write in writes.join_all().await {
        assert_eq!(write.unwrap(), 1);
    }
    assert!(runs.load(Ordering::SeqCst) > 2, "one of them was run again");
    assert_eq!((number(&database, 1).await, number(&database, 2).await), (2, 2));
}

#[tokio::test]
async fn postgres_undoes_a_write_that_fails() {
    let database = entries().await;
    let failed = database.write(|connection| {
        Box::pin(async move {
            statement::<Postgres>(ADD).bind(1_i64).execute(connection).await?;
            statement::<Postgres>("SELECT nonsense").execute(connection).await
        })
    });
    assert!(matches!(failed.await, Err(StoreError::Failed(_))));
    assert_eq!(number(&database, 1).await, 0);
}

#[tokio::test]
async fn postgres_keeps_times_to_the_microsecond() {
    let database = entries().await;
    for micros in [
        -62_135_596_800_000_000,
        -1,
        0,
        1,
        946_684_800_000_000,
        1_767_225_600_123_456,
        253_402_300_799_999_999,
    ] {
        let time = Timestamp::from_micros(micros);
        let update = database.write(move |connection| {
            let update = statement::<Postgres>("UPDATE entries SET time = $1 WHERE id = 1");
            Box::pin(update.bind(time).execute(connection))
        });
        update.await.unwrap();
        let read = database.read(|connection| {
            Box::pin(async move {
                let select = "SELECT time, extract(epoch FROM time)::text AS seconds FROM entries WHERE id = 1";
                let row = statement::<Postgres>(select).one(connection).await?;
                Ok((row.get::<Timestamp>("time")?, row.get::<String>("seconds")?))
            })
        });
        let (read, seconds) = read.await.unwrap();
        assert_eq!(read, time);
        // PostgreSQL itself means the same moment.
        let seconds: f64 = seconds.parse().unwrap();
        let expected = Duration::from_micros(micros.unsigned_abs()).as_secs_f64();
        assert!((seconds.abs() - expected).abs() < 0.001, "{seconds} {expected}");
    }
}

async fn session(database: &Database<Postgres>) -> Result<i32, StoreError> {
    let read = database.read(|connection| {
        Box::pin(async {
            let select = statement::<Postgres>("SELECT pg_backend_pid() AS session");
            select.one(connection).await?.get("session")
        })
    });
    read.await
}

/// A server that was away took every connection with it.
#[tokio::test]
async fn a_connection_to_postgres_that_died_while_it_was_idle_is_replaced() {
    let database = entries().await;
    let died = session(&database).await.unwrap();
    let url = postgres_database(&NEW).await;
    let other = Postgres::open(&url, &NEW).await.unwrap();
    let ended = other.read(move |connection| {
        Box::pin(async move {
            let end = statement::<Postgres>("SELECT pg_terminate_backend($1) AS ended").bind(died);
            end.one(connection).await?.get::<bool>("ended")
        })
    });
    assert!(ended.await.unwrap());
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_ne!(session(&database).await.unwrap(), died);
}

/// One that died under a read is not given to the next.
#[tokio::test]
async fn a_connection_to_postgres_that_died_in_use_is_replaced() {
    let database = entries().await;
    let read = database.read(|connection| {
        Box::pin(async {
            let end = statement::<Postgres>("SELECT pg_terminate_backend(pg_backend_pid()) AS ended");
            end.one(connection).await?.get::<bool>("ended")
        })
    });
    assert!(matches!(read.await, Err(StoreError::Unavailable(_))));
    for _ in 0..32 {
        session(&database).await.unwrap();
    }
}

/// What a caller that gave up left on a connection is no answer to the next; nor is a new connection needed each time.
#[tokio::test]
async fn reads_of_postgres_that_are_given_up_leave_their_connections_good() {
    let database = entries().await;
    let mut sessions = HashSet::new();
    for round in 0..200_i32 {
        let read = database.read(move |connection| {
            Box::pin(async move {
                let select = statement::<Postgres>("SELECT pg_sleep($1), -1 AS number");
                let slow = select.bind(f64::from(round % 5) / 1e3).one(connection).await?;
                slow.get::<i32>("number")
            })
        });
        let patience = Duration::from_micros(u64::from(round.unsigned_abs()) * 20);
        tokio::time::timeout(patience, read).await.ok();
        let read = database.read(move |connection| {
            Box::pin(async move {
                let select = statement::<Postgres>("SELECT $1 AS number, pg_backend_pid() AS session");
                let row = select.bind(round).one(connection).await?;
                Ok((row.get::<i32>("number")?, row.get::<i32>("session")?))
            })
        });
        let (number, session) = read.await.unwrap();
        assert_eq!(number, round);
        sessions.insert(session);
    }
    assert!(sessions.len() <= 16, "{} sessions", sessions.len());
}
