//! The hot statements find their rows by an index, whatever else is in the tables.

use platform::{
    clock::Clock as _,
    testing::{Explaining, ManualClock, StatementRecorder, Workspace, plans, run_script},
};
use sqlx::{Postgres, Sqlite};
use task_service::{
    change::{Change, NewValues},
    pages::{Cursor, StateFilter},
    store::{Changed, Created, Edit, Effect, SCHEMA, SqlTaskStore, TaskStore},
    task::{Content, Task},
};
use uuid::Uuid;

use crate::owner::owner;

/// One of the people with 100 tasks each, and the id of their first task: the seed numbers both from zero.
const SEVENTH: Uuid = Uuid::from_u128(7);

#[tokio::test]
async fn hot_statements_use_an_index_on_sqlite() {
    hot_statements_use_an_index::<Sqlite>(200).await;
}

#[tokio::test]
async fn hot_statements_use_an_index_on_postgres() {
    hot_statements_use_an_index::<Postgres>(200).await;
}

#[tokio::test]
#[ignore = "a million tasks take a minute: scripts/soak"]
async fn hot_statements_use_an_index_at_a_million_on_sqlite() {
    hot_statements_use_an_index::<Sqlite>(10_000).await;
}

#[tokio::test]
#[ignore = "a million tasks take a minute: scripts/soak"]
async fn hot_statements_use_an_index_at_a_million_on_postgres() {
    hot_statements_use_an_index::<Postgres>(10_000).await;
}

async fn hot_statements_use_an_index<E: Seeded>(owners: u32) {
    let workspace = Workspace::new();
    let url = E::database(&workspace, &SCHEMA).await;
    let database = E::open(&url, &SCHEMA).await.expect("it opens");
    run_script::<E>(&url, E::seed(owners)).await;

    let recorder = StatementRecorder::start();
    use_the_store(&SqlTaskStore::new(database.clone())).await;
    let statements = recorder.statements();
    for expected in [
        "FROM tasks",
        "LIMIT",
        "UPDATE tasks",
        "INSERT INTO tasks",
        "INTO owner_state",
        "UPDATE owner_state",
    ] {
        assert!(
            statements.iter().any(|sql| sql.contains(expected)),
            "{expected} was not run"
        );
    }
    for sql in statements {
        for plan in plans(&database, &sql, value_of).await {
            assert_eq!(plan.fault(), None, "{sql}\n{plan:#?}");
            // The search is by the owner, or finds the row of an INSERT.
            let searches = plan.says("(owner_id=") || plan.says("owner_id = ");
            assert!(
                plan.says(E::SEARCH) && searches || sql.contains("INSERT"),
                "{sql}\n{plan:#?}"
            );
            // A page begins where the last one ended, without reading up to there.
            if sql.contains("ORDER BY") {
                let from_the_cursor = plan.says("tasks_by_newest") && plan.says(E::FROM_THE_CURSOR);
                assert!(from_the_cursor, "{sql}\n{plan:#?}");
            }
        }
    }
    database.close().await;
}

/// Every operation, so that its statements are run.
async fn use_the_store(store: &dyn TaskStore) {
    let (clock, seventh) = (ManualClock::new(), owner(SEVENTH).await);
    assert!(store.get(seventh, SEVENTH).await.expect("it answers").is_some());
    for (state, limit) in [
        (StateFilter::Any, 50),
        (StateFilter::Active, 25),
        (StateFilter::Completed, 25),
    ] {
        let page = store.list(seventh, state, Cursor::START, limit).await;
        assert_eq!(
            page.expect("it answers").len(),
            limit,
            "the seed is not what is looked for"
        );
    }
    let content = Content {
        title: "new".to_owned(),
        ..Content::default()
    };
    let created = store.create(seventh, Task::new(Uuid::max(), content, clock.now()), Effect::Stored);
    assert!(matches!(created.await, Ok(Created::Task(_))));
    for change in [
        Change::Set(Box::new(NewValues {
            title: Some("other".to_owned()),
            ..NewValues::default()
        })),
        // Changes nothing, so that the change_seq is given back.
        Change::Set(Box::default()),
    ] {
        let edit = Edit {
            id: SEVENTH,
            etag: None,
            change,
            now: clock.now(),
        };
        assert!(matches!(
            store.change(seventh, edit, Effect::Stored).await,
            Ok(Changed::Task(_))
        ));
    }
}

/// Tasks of so many owners, 100 each, half of them completed, one in fifty deleted; among as many owners as there are tasks.
trait Seeded: Explaining {
    /// How a plan says that the search for a page begins at the cursor.
    const FROM_THE_CURSOR: &'static str;

    fn seed(owners: u32) -> String;
}

impl Seeded for Sqlite {
    const FROM_THE_CURSOR: &'static str = "(owner_id=? AND (create_time,task_id)<(?,?))";

    fn seed(owners: u32) -> String {
        let tasks = owners * 100;
        format!(
            "WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {tasks} - 1)
             INSERT INTO tasks (owner_id, task_id, version, change_seq, title, description, completed, priority, tags,
                                create_time, update_time, complete_time, delete_time)
             SELECT unhex(printf('%032x', n % {owners})), unhex(printf('%032x', n)), 1, n / {owners} + 1, 'Task', '',
                    n / {owners} % 2, 2, '', 1700000000000000 + n * 1000000, 1700000000000000,
                    iif(n / {owners} % 2 = 1, 1700000000000000, NULL), iif(n / {owners} % 50 = 49, 1700000000000000, NULL)
             FROM numbers;
             WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {tasks} - 1)
             INSERT INTO owner_state (owner_id, next_seq) SELECT unhex(printf('%032x', n)), 101 FROM numbers"
        )
    }
}

impl Seeded for Postgres {
    const FROM_THE_CURSOR: &'static str = "AND (ROW(create_time, task_id) < ROW(";

    fn seed(owners: u32) -> String {
        let tasks = owners * 100;
        format!(
            "INSERT INTO tasks (owner_id, task_id, version, change_seq, title, description, completed, priority, tags,
                                create_time, update_time, complete_time, delete_time)
             SELECT lpad(to_hex(n % {owners}), 32, '0')::uuid, lpad(to_hex(n), 32, '0')::uuid, 1, n / {owners} + 1, 'Task',
                    '', n / {owners} % 2 = 1, 2, '', to_timestamp(1700000000 + n), to_timestamp(1700000000),
                    CASE WHEN n / {owners} % 2 = 1 THEN to_timestamp(1700000000) END,
                    CASE WHEN n / {owners} % 50 = 49 THEN to_timestamp(1700000000) END
             FROM generate_series(0, {tasks} - 1) AS n;
             INSERT INTO owner_state (owner_id, next_seq)
             SELECT lpad(to_hex(n), 32, '0')::uuid, 101 FROM generate_series(0, {tasks} - 1) AS n;
             ANALYZE tasks, owner_state"
        )
    }
}

/// A value of a type, as the seed has it: the seventh owner and their first task, a time in the middle.
fn value_of(parameter: &str) -> String {
    match parameter {
        "uuid" => format!("'{SEVENTH}'"),
        "timestamp with time zone" => "to_timestamp(1700010000)".to_owned(),
        "boolean" => "true".to_owned(),
        "text" => "'text'".to_owned(),
        "bigint" | "smallint" => "50".to_owned(),
        other => panic!("no value for {other}"),
    }
}
