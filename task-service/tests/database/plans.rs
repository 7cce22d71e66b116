//! The hot statements find their rows by an index, whatever else is in the tables.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use platform::{
    clock::Clock as _,
    configuration::DatabaseUrl,
    database::{Database, Engine},
    testing::{ManualClock, TestIssuer, Workspace, postgres_database},
    verification::{KeyRing, Verifier},
};
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Row as _, Sqlite, SqliteConnection, raw_sql};
use task_service::{
    change::{Change, NewValues},
    owner::OwnerId,
    pages::{Cursor, StateFilter},
    store::{Changed, Created, Edit, Effect, SCHEMA, SqlTaskStore, TaskStore},
    task::{Content, Task},
};
use uuid::Uuid;

use crate::recorder::Recorder;

const ISSUER: &str = "http://issuer.test";

/// One of the 200 people with 100 tasks each, and the id of their first task: the seed numbers both from zero.
const SEVENTH: Uuid = Uuid::from_u128(7);

#[tokio::test]
async fn hot_statements_use_an_index_on_sqlite() {
    hot_statements_use_an_index::<Sqlite>().await;
}

#[tokio::test]
async fn hot_statements_use_an_index_on_postgres() {
    hot_statements_use_an_index::<Postgres>().await;
}

async fn hot_statements_use_an_index<E: Explaining>() {
    let workspace = Workspace::new();
    let database = E::open(&E::database(&workspace).await, &SCHEMA)
        .await
        .expect("it opens");
    let seeded = database.write(|connection| E::run(connection, E::SEED));
    seeded.await.expect("it is seeded");

    let recorder = Recorder::start();
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
        for plan in plans(&database, &sql).await {
            let bad = plan
                .lines
                .iter()
                .find(|line| plan.forbidden.iter().any(|word| line.contains(word)));
            assert_eq!(bad, None, "{sql}\n{plan:#?}");
            let searches = plan
                .lines
                .iter()
                .any(|line| E::SEARCHES.iter().any(|search| line.contains(search)));
            assert!(searches || sql.contains("INSERT"), "{sql}\n{plan:#?}");
            // A page begins where the last one ended, without reading up to there.
            if sql.contains("ORDER BY") {
                let by_newest = plan.lines.iter().any(|line| line.contains("tasks_by_newest"));
                let from_the_cursor = plan.lines.iter().any(|line| line.contains(E::FROM_THE_CURSOR));
                assert!(by_newest && from_the_cursor, "{sql}\n{plan:#?}");
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

/// There is no other way to an `OwnerId` than a verified token.
async fn owner(subject: Uuid) -> OwnerId {
    let (issuer, clock) = (TestIssuer::new(ISSUER, "key"), Arc::new(ManualClock::new()));
    let token = issuer.token(subject, Uuid::nil(), clock.now());
    let verifier = Verifier::new(ISSUER, Arc::new(KeyRing::new(issuer)), clock);
    OwnerId::of(&verifier.verify(&token).await.expect("the token is good"))
}

async fn plans<E: Explaining>(database: &Database<E>, sql: &str) -> Vec<Plan> {
    let sql = Arc::<str>::from(sql);
    let plans = database.read(move |connection| E::plans(connection, sql));
    plans.await.expect("it is explained")
}

/// How an engine would run a statement, line by line.
#[derive(Debug)]
struct Plan {
    lines: Vec<String>,
    /// No line may say this: it reads a table from end to end, or sorts.
    forbidden: &'static [&'static str],
}

/// An engine that says how it would run a statement.
trait Explaining: Engine {
    /// 20,000 tasks of 200 owners among 20,000, half of them completed, one in fifty deleted.
    const SEED: &'static str;
    /// What it says of a search.
    const SEARCHES: &'static [&'static str];
    /// How it says that the search for a page begins at the cursor.
    const FROM_THE_CURSOR: &'static str;

    async fn database(workspace: &Workspace) -> DatabaseUrl;

    /// Runs statements without parameters.
    fn run<'c>(connection: &'c mut Self::Connection, sql: &'static str) -> BoxFuture<'c, Result<(), sqlx::Error>>;

    /// The plans that the engine may choose.
    fn plans(connection: &mut Self::Connection, sql: Arc<str>) -> BoxFuture<'_, Result<Vec<Plan>, sqlx::Error>>;
}

impl Explaining for Sqlite {
    const SEED: &'static str = "
        WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < 19999)
        INSERT INTO tasks (owner_id, task_id, version, change_seq, title, description, completed, priority, tags,
                           create_time, update_time, complete_time, delete_time)
        SELECT unhex(printf('%032x', n % 200)), unhex(printf('%032x', n)), 1, n / 200 + 1, 'Task', '', n / 200 % 2, 2, '',
               1700000000000000 + n * 1000000, 1700000000000000, iif(n / 200 % 2 = 1, 1700000000000000, NULL),
               iif(n / 200 % 50 = 49, 1700000000000000, NULL)
        FROM numbers;
        WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < 19999)
        INSERT INTO owner_state (owner_id, next_seq) SELECT unhex(printf('%032x', n)), 101 FROM numbers";
    const SEARCHES: &'static [&'static str] = &["SEARCH"];
    const FROM_THE_CURSOR: &'static str = "(owner_id=? AND (create_time,task_id)<(?,?))";

    async fn database(workspace: &Workspace) -> DatabaseUrl {
        workspace.sqlite("task.db")
    }

    fn run<'c>(connection: &'c mut SqliteConnection, sql: &'static str) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        Box::pin(async move { raw_sql(sql).execute(connection).await.map(drop) })
    }

    /// One: no plan depends on values or statistics, which the service never gathers.
    fn plans(connection: &mut SqliteConnection, sql: Arc<str>) -> BoxFuture<'_, Result<Vec<Plan>, sqlx::Error>> {
        Box::pin(async move {
            let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
            let rows = raw_sql(explain).fetch_all(connection).await?;
            let lines: Result<_, _> = rows.iter().map(|row| row.try_get("detail")).collect();
            Ok(vec![Plan {
                lines: lines?,
                forbidden: &["SCAN", "TEMP B-TREE"],
            }])
        })
    }
}

impl Explaining for Postgres {
    const SEED: &'static str = "
        INSERT INTO tasks (owner_id, task_id, version, change_seq, title, description, completed, priority, tags,
                           create_time, update_time, complete_time, delete_time)
        SELECT lpad(to_hex(n % 200), 32, '0')::uuid, lpad(to_hex(n), 32, '0')::uuid, 1, n / 200 + 1, 'Task', '',
               n / 200 % 2 = 1, 2, '', to_timestamp(1700000000 + n), to_timestamp(1700000000),
               CASE WHEN n / 200 % 2 = 1 THEN to_timestamp(1700000000) END,
               CASE WHEN n / 200 % 50 = 49 THEN to_timestamp(1700000000) END
        FROM generate_series(0, 19999) AS n;
        INSERT INTO owner_state (owner_id, next_seq)
        SELECT lpad(to_hex(n), 32, '0')::uuid, 101 FROM generate_series(0, 19999) AS n;
        ANALYZE tasks, owner_state";
    const SEARCHES: &'static [&'static str] = &["Index Cond: ((owner_id = ", "Index Cond: (owner_id = "];
    const FROM_THE_CURSOR: &'static str = "AND (ROW(create_time, task_id) < ROW(";

    async fn database(_: &Workspace) -> DatabaseUrl {
        postgres_database(&SCHEMA).await
    }

    fn run<'c>(connection: &'c mut PgConnection, sql: &'static str) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        Box::pin(async move { raw_sql(sql).execute(connection).await.map(drop) })
    }

    /// The one for the values at hand and the one for any values: after some runs the server chooses between them.
    /// The few tasks of one owner it may sort; where it would rather not, the index must have the order.
    fn plans(connection: &mut PgConnection, sql: Arc<str>) -> BoxFuture<'_, Result<Vec<Plan>, sqlx::Error>> {
        Box::pin(async move {
            let prepare = AssertSqlSafe(format!("PREPARE hot AS {sql}"));
            raw_sql(prepare).execute(&mut *connection).await?;
            let types = "SELECT unnest(parameter_types)::text AS type FROM pg_prepared_statements WHERE name = 'hot'";
            let types = raw_sql(types).fetch_all(&mut *connection).await?;
            let values: Result<Vec<_>, _> = types.iter().map(|row| row.try_get("type").map(value_of)).collect();
            let execute = format!("EXPLAIN (COSTS OFF) EXECUTE hot({})", values?.join(", "));
            let mut plans = Vec::new();
            for (mode, forbidden) in [
                ("SET plan_cache_mode = force_custom_plan", &["Seq Scan"][..]),
                ("SET plan_cache_mode = force_generic_plan", &["Seq Scan"]),
                ("SET enable_sort = off", &["Seq Scan", "Sort"]),
            ] {
                raw_sql(mode).execute(&mut *connection).await?;
                let rows = raw_sql(AssertSqlSafe(execute.clone()));
                let rows = rows.fetch_all(&mut *connection).await?;
                let lines: Result<_, _> = rows.iter().map(|row| row.try_get(0)).collect();
                plans.push(Plan {
                    lines: lines?,
                    forbidden,
                });
            }
            raw_sql("RESET ALL").execute(&mut *connection).await?;
            raw_sql("DEALLOCATE hot").execute(connection).await?;
            Ok(plans)
        })
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
