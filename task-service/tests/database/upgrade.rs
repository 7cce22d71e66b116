//! A database made at any schema that was ever released comes to the present one with everything that is in it.

use platform::{
    clock::Timestamp,
    configuration::DatabaseUrl,
    database::Engine as _,
    entropy::SystemEntropy,
    testing::{Workspace, empty_postgres_database, run_script},
};
use sqlx::{Postgres, Sqlite};
use task_service::{
    change::{Change, NewValues},
    condition::{Condition, DueBound, TextField},
    due::Due,
    query::Query,
    store::{Days, Edit, Effect, Operation, SCHEMA, TaskDatabase, Written},
    task::{Content, Priority, Task},
};
use uuid::Uuid;

use crate::owner::owner;

const OWNER: Uuid = Uuid::from_u128(0x7b69_9e2c_5e31_4c43_a2f5_9d2b_5c8a_0001);
const TASK: Uuid = Uuid::from_u128(0x019a_0000_0000_7000_8000_0000_0000_0001);

/// For each version of the schema, what a database made at it holds: on SQLite, on PostgreSQL. A new step of the schema
/// needs a line here.
const ROWS: &[(&str, &str)] = &[(SQLITE_1, POSTGRES_1), (SQLITE_1, POSTGRES_1), (SQLITE_1, POSTGRES_1)];

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

const NEVER: Days = {
    let epoch = DueBound {
        moment: Timestamp::from_micros(0),
        day: Timestamp::from_micros(0),
    };
    Days {
        now: Timestamp::from_micros(0),
        today: epoch,
        tomorrow: epoch,
    }
};

#[tokio::test]
async fn every_earlier_schema_is_upgraded_on_sqlite() {
    assert_eq!(ROWS.len(), SCHEMA.sqlite.len());
    for (rows, version) in ROWS.iter().zip(1..) {
        let workspace = Workspace::new();
        let url = workspace.sqlite("task.db");
        let old = Sqlite::open(&url, &SCHEMA.at(version)).await.expect("it opens");
        run_script::<Sqlite>(&url, rows.0.to_owned()).await;
        old.close().await;
        check(&url, version).await;
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
        check(&url, version).await;
    }
}

/// Everything is as it was, to the last microsecond, and work goes on from there.
async fn check(url: &DatabaseUrl, version: usize) {
    let database = TaskDatabase::open(url, &SystemEntropy).await.expect("it opens");
    let store = database.store.clone();
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
    // The rows were written as version 1 wrote them: what later versions made of them is there.
    if version < 3 {
        let query = Query {
            condition: Condition::Contains {
                field: TextField::Either,
                text: "AS it".to_owned(),
            },
            ..Query::everything()
        };
        let found = store.list(owner, &query, None, 10).await.expect("it answers");
        assert_eq!(found.tasks, std::slice::from_ref(&kept));
        let statistics = store.statistics(owner, NEVER).await.expect("it answers");
        assert_eq!((statistics.total, statistics.completed), (1, 1));
        // A client that was told nothing may have missed something.
        let position = store.position(owner).await.expect("it answers");
        assert_eq!((position.last_seq, position.purged_seq), (5, 5));
    }
    let reopened = store.write(owner, vec![Operation::Change(edit)], usize::MAX, Effect::Stored);
    let Ok(Written::Tasks(tasks)) = reopened.await else {
        panic!("it is not changed");
    };
    assert_eq!((tasks[0].version, tasks[0].change_seq), (4, 6));
    database.close().await;
}
