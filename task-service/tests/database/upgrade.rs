//! A database made at any schema that was ever released comes to the present one with everything that is in it.

use platform::{
    clock::Timestamp,
    database::{Database, Engine},
    testing::{Explaining, Workspace, empty_postgres_database, run_script},
};
use sqlx::{Postgres, Sqlite};
use task_service::{
    change::{Change, NewValues},
    due::Due,
    store::{Changed, Edit, Effect, SCHEMA, SqlTaskStore, TaskStore as _},
    task::{Content, Priority, Task},
};
use uuid::Uuid;

use crate::owner::owner;

const OWNER: Uuid = Uuid::from_u128(0x7b69_9e2c_5e31_4c43_a2f5_9d2b_5c8a_0001);
const TASK: Uuid = Uuid::from_u128(0x019a_0000_0000_7000_8000_0000_0000_0001);

/// For each version of the schema, what a database made at it holds: on SQLite, on PostgreSQL. A new step of the schema
/// needs a line here.
const ROWS: &[(&str, &str)] = &[(SQLITE_1, POSTGRES_1), (SQLITE_1, POSTGRES_1)];

const SQLITE_1: &str = "INSERT INTO tasks (owner_id, task_id, version, change_seq, title, description, completed, priority, tags, due_time,
                        due_zone, create_time, update_time, complete_time, delete_time)
     VALUES (x'7b699e2c5e314c43a2f59d2b5c8a0001', x'019a0000000070008000000000000001', 3, 5, 'Kept', 'As it was', 1, 3,
             char(10) || 'home' || char(10), 1767225600000000, 'Europe/Berlin', 1760000000123456, 1760000001000000,
             1760000001000000, NULL);
     INSERT INTO owner_state (owner_id, next_seq) VALUES (x'7b699e2c5e314c43a2f59d2b5c8a0001', 6)";

const POSTGRES_1: &str = "INSERT INTO tasks (owner_id, task_id, version, change_seq, title, description, completed, priority, tags, due_time,
                        due_zone, create_time, update_time, complete_time, delete_time)
     VALUES ('7b699e2c-5e31-4c43-a2f5-9d2b5c8a0001', '019a0000-0000-7000-8000-000000000001', 3, 5, 'Kept', 'As it was',
             true, 3, E'\\nhome\\n', '2026-01-01T00:00:00Z', 'Europe/Berlin', '2025-10-09T08:53:20.123456Z',
             '2025-10-09T08:53:21Z', '2025-10-09T08:53:21Z', NULL);
     INSERT INTO owner_state (owner_id, next_seq) VALUES ('7b699e2c-5e31-4c43-a2f5-9d2b5c8a0001', 6)";

#[tokio::test]
async fn every_earlier_schema_is_upgraded_on_sqlite() {
    assert_eq!(ROWS.len(), SCHEMA.sqlite.len());
    for (rows, version) in ROWS.iter().zip(1..) {
        let workspace = Workspace::new();
        let url = workspace.sqlite("task.db");
        let old = Sqlite::open(&url, &SCHEMA.at(version)).await.expect("it opens");
        run_script::<Sqlite>(&url, rows.0.to_owned()).await;
        old.close().await;
        check(Sqlite::open(&url, &SCHEMA).await.expect("it is upgraded")).await;
    }
}

#[tokio::test]
async fn every_earlier_schema_is_upgraded_on_postgres() {
    assert_eq!(ROWS.len(), SCHEMA.postgres.len());
    for (rows, version) in ROWS.iter().zip(1..) {
        let url = empty_postgres_database().await;
        Postgres::migrate(&url, &SCHEMA.at(version)).await.expect("it is made");
        let old = Postgres::open(&url, &SCHEMA.at(version)).await.expect("it opens");
        run_script::<Postgres>(&url, rows.1.to_owned()).await;
        old.close().await;
        Postgres::migrate(&url, &SCHEMA).await.expect("it is upgraded");
        check(Postgres::open(&url, &SCHEMA).await.expect("it opens")).await;
    }
}

/// Everything is as it was, to the last microsecond, and work goes on from there.
async fn check<E: Explaining>(database: Database<E>) {
    let store = SqlTaskStore::new(database.clone());
    let owner = owner(OWNER).await;
    let kept = Task {
        id: TASK,
        content: Content {
            title: "Kept".to_owned(),
            description: "As it was".to_owned(),
            completed: true,
            priority: Priority::High,
            tags: vec!["home".to_owned()],
            due: Some(Due::Moment {
                at: Timestamp::from_micros(1_767_225_600_000_000),
                zone: "Europe/Berlin".to_owned(),
            }),
        },
        version: 3,
        change_seq: 5,
        create_time: Timestamp::from_micros(1_760_000_000_123_456),
        update_time: Timestamp::from_micros(1_760_000_001_000_000),
        complete_time: Some(Timestamp::from_micros(1_760_000_001_000_000)),
        delete_time: None,
    };
    assert_eq!(store.get(owner, TASK).await.expect("it answers"), Some(kept.clone()));
    let edit = Edit {
        id: TASK,
        etag: Some(kept.etag()),
        change: Change::Set(Box::new(NewValues {
            completed: Some(false),
            ..NewValues::default()
        })),
        now: Timestamp::from_micros(1_800_000_000_000_000),
    };
    let changed = store.change(owner, edit, Effect::Stored).await.expect("it is changed");
    assert!(matches!(changed, Changed::Task(task) if (task.version, task.change_seq) == (4, 6)));
    database.close().await;
}
