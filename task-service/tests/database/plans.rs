//! The hot statements find their rows by an index, whatever else is in the tables.

use platform::{
    clock::{Clock as _, Timestamp},
    testing::{Explaining, ManualClock, StatementRecorder, Workspace, plans, run_script},
};
use sqlx::{Postgres, Sqlite};
use task_service::{
    change::{Change, NewValues},
    condition::{Condition, DueBound},
    news::News,
    query::Query,
    store::{Days, Edit, Effect, Operation, SCHEMA, SqlTaskStore, TaskEngine, TaskStore, Written},
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
    use_the_store(&SqlTaskStore::new(database.clone(), News::within_the_process())).await;
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
            for (order, index, from_the_cursor) in [
                ("ORDER BY create_time", "tasks_by_newest", E::AFTER_THE_NEWEST),
                ("ORDER BY change_seq", "tasks_by_change", E::AFTER_THE_CHANGE),
            ] {
                let found = plan.says(index) && plan.says(from_the_cursor);
                assert!(found || !sql.contains(order), "{sql}\n{plan:#?}");
            }
            // Statistics read an index and nothing else.
            let counted = plan.says(E::ONLY_THE_INDEX) && plan.says("tasks_by_due");
            assert!(counted || !sql.contains("AS overdue"), "{sql}\n{plan:#?}");
        }
    }
    database.close().await;
}

/// Every operation, so that its statements are run.
async fn use_the_store(store: &dyn TaskStore) {
    let (clock, seventh) = (ManualClock::new(), owner(SEVENTH).await);
    assert!(store.get(seventh, SEVENTH).await.expect("it answers").is_some());
    let completed = |completed| Condition::All(vec![Condition::Completed(completed)]);
    for (condition, limit) in [
        (Condition::everything(), 50),
        (completed(false), 25),
        (completed(true), 25),
    ] {
        let query = Query {
            condition,
            ..Query::everything()
        };
        let page = store.list(seventh, &query, None, limit).await.expect("it answers");
        assert_eq!(page.tasks.len(), limit, "the seed is not what is looked for");
    }
    let changes = store.changes(seventh, 50, 25).await.expect("it answers");
    assert_eq!(changes.tasks.len(), 25, "the seed is not what is looked for");
    let statistics = store.statistics(seventh, days()).await.expect("it answers");
    assert!(statistics.overdue > 0, "the seed is not what is looked for");

    let content = Content {
        title: "new".to_owned(),
        ..Content::default()
    };
    let task = Task::new(Uuid::max(), content, clock.now());
    let edited = |change| {
        Operation::Change(Edit {
            id: SEVENTH,
            etag: None,
            change,
            now: clock.now(),
        })
    };
    for operation in [
        Operation::Create(Box::new(task)),
        edited(Change::Set(Box::new(NewValues {
            title: Some("other".to_owned()),
            ..NewValues::default()
        }))),
        // Changes nothing, so that the change_seq is given back.
        edited(Change::Set(Box::default())),
    ] {
        let written = store.write(seventh, vec![operation], usize::MAX, Effect::Stored).await;
        assert!(matches!(written, Ok(Written::Tasks(_))));
    }
}

/// After all that the seed has.
fn days() -> Days {
    let late = Timestamp::from_micros(4_000_000_000_000_000);
    let bound = DueBound {
        moment: late,
        day: late,
    };
    Days {
        now: late,
        today: bound,
        tomorrow: bound,
    }
}

/// Tasks of so many owners, 100 each, half of them completed, one in fifty deleted; among as many owners as there are tasks.
trait Seeded: Explaining + TaskEngine {
    /// How a plan says that the search for a page begins at the cursor.
    const AFTER_THE_NEWEST: &'static str;
    const AFTER_THE_CHANGE: &'static str;
    /// How it says that no row is read.
    const ONLY_THE_INDEX: &'static str;

    fn seed(owners: u32) -> String;
}

impl Seeded for Sqlite {
    const AFTER_THE_NEWEST: &'static str = "(owner_id=? AND (create_time,task_id)<(?,?))";
    const AFTER_THE_CHANGE: &'static str = "(owner_id=? AND change_seq>?)";
    const ONLY_THE_INDEX: &'static str = "USING COVERING INDEX";

    fn seed(owners: u32) -> String {
        let tasks = owners * 100;
        format!(
            "WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {tasks} - 1)
             INSERT INTO tasks (owner_id, task_id, version, change_seq, title, description, completed, priority, tags,
                                create_time, update_time, complete_time, delete_time, due_time, folded_title,
                                folded_description)
             SELECT unhex(printf('%032x', n % {owners})), unhex(printf('%032x', n)), 1, n / {owners} + 1, 'Task', '',
                    n / {owners} % 2, 2, '', 1700000000000000 + n * 1000000, 1700000000000000,
                    iif(n / {owners} % 2 = 1, 1700000000000000, NULL), iif(n / {owners} % 50 = 49, 1700000000000000, NULL),
                    iif(n / {owners} % 3 = 0, 1700000000000000 + n * 1000000, NULL), 'task', ''
             FROM numbers;
             WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {tasks} - 1)
             INSERT INTO owner_state (owner_id, next_seq) SELECT unhex(printf('%032x', n)), 101 FROM numbers"
        )
    }
}

impl Seeded for Postgres {
    const AFTER_THE_NEWEST: &'static str = "AND (ROW(create_time, task_id) < ROW(";
    const AFTER_THE_CHANGE: &'static str = "AND (change_seq > ";
    // How much of the table has to be looked at depends on when it was vacuumed last.
    const ONLY_THE_INDEX: &'static str = "Index";

    fn seed(owners: u32) -> String {
        let tasks = owners * 100;
        format!(
            "INSERT INTO tasks (owner_id, task_id, version, change_seq, title, description, completed, priority, tags,
                                create_time, update_time, complete_time, delete_time, due_time, folded_title,
                                folded_description)
             SELECT lpad(to_hex(n % {owners}), 32, '0')::uuid, lpad(to_hex(n), 32, '0')::uuid, 1, n / {owners} + 1, 'Task',
                    '', n / {owners} % 2 = 1, 2, '', to_timestamp(1700000000 + n), to_timestamp(1700000000),
                    CASE WHEN n / {owners} % 2 = 1 THEN to_timestamp(1700000000) END,
                    CASE WHEN n / {owners} % 50 = 49 THEN to_timestamp(1700000000) END,
                    CASE WHEN n / {owners} % 3 = 0 THEN to_timestamp(1700000000 + n) END, 'task', ''
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
        "bigint" | "integer" | "smallint" => "50".to_owned(),
        other => panic!("no value for {other}"),
    }
}
