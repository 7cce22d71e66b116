//! How the engines would run a statement.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, Postgres, Row as _, Sqlite, SqliteConnection,
    raw_sql, sqlite::SqliteConnectOptions,
};

use super::{Workspace, postgres_database};
use crate::{
    configuration::DatabaseUrl,
    database::{Database, Engine, Schema},
};

/// How an engine would run a statement, line by line.
#[derive(Debug)]
pub struct Plan {
    lines: Vec<String>,
    forbidden: &'static [&'static str],
}

impl Plan {
    /// Whether a line says this.
    pub fn says(&self, words: &str) -> bool {
        self.lines.iter().any(|line| line.contains(words))
    }

    /// The line that reads a table from end to end, or sorts.
    pub fn fault(&self) -> Option<&str> {
        let faulty = |line: &&String| self.forbidden.iter().any(|words| line.contains(words));
        self.lines.iter().find(faulty).map(String::as_str)
    }
}

/// How long a script waits for its turn to write.
const LONG: Duration = Duration::from_mins(1);

/// A literal of a type of `PostgreSQL`, as the seed of a test has it.
pub type ValueOf = fn(&str) -> String;

/// An engine that says how it would run a statement.
pub trait Explaining: Engine {
    /// What a plan says of a search by an index.
    const SEARCH: &'static str;

    /// A new database with a schema, in the workspace if it is a file.
    fn database(workspace: &Workspace, schema: &'static Schema) -> impl Future<Output = DatabaseUrl> + Send;

    /// Runs statements without parameters, on a connection of their own.
    fn script(url: DatabaseUrl, sql: String) -> BoxFuture<'static, Result<(), sqlx::Error>>;

    /// The plans that the engine may choose.
    fn plans(
        connection: &mut Self::Connection,
        sql: Arc<str>,
        value_of: ValueOf,
    ) -> BoxFuture<'_, Result<Vec<Plan>, sqlx::Error>>;
}

/// Runs statements without parameters, as one transaction, however long they take.
///
/// # Panics
/// If one fails.
#[expect(clippy::expect_used, reason = "a test cannot go on without it")]
pub async fn run_script<E: Explaining>(url: &DatabaseUrl, sql: String) {
    let run = E::script(url.clone(), format!("BEGIN; {sql}; COMMIT"));
    run.await.expect("the statements run");
}

/// The plans that the engine may choose for a statement.
///
/// # Panics
/// If it cannot be explained.
#[expect(clippy::expect_used, reason = "a test cannot go on without it")]
pub async fn plans<E: Explaining>(database: &Database<E>, sql: &str, value_of: ValueOf) -> Vec<Plan> {
    let sql = Arc::<str>::from(sql);
    let plans = database.read(move |connection| E::plans(connection.driver(), sql, value_of));
    plans.await.expect("the statement is explained")
}

impl Explaining for Sqlite {
    const SEARCH: &'static str = "SEARCH";

    async fn database(workspace: &Workspace, _: &'static Schema) -> DatabaseUrl {
        workspace.sqlite("explained.db")
    }

    fn script(url: DatabaseUrl, sql: String) -> BoxFuture<'static, Result<(), sqlx::Error>> {
        let DatabaseUrl::Sqlite(path) = url else {
            unreachable!("it is of SQLite")
        };
        Box::pin(async move {
            let options = SqliteConnectOptions::new().filename(path);
            let mut connection = options.busy_timeout(LONG).connect().await?;
            raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
            connection.close().await
        })
    }

    /// One: no plan depends on values or statistics, which the service never gathers.
    fn plans(
        connection: &mut SqliteConnection,
        sql: Arc<str>,
        _: ValueOf,
    ) -> BoxFuture<'_, Result<Vec<Plan>, sqlx::Error>> {
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
    const SEARCH: &'static str = "Index Cond: ";

    async fn database(_: &Workspace, schema: &'static Schema) -> DatabaseUrl {
        postgres_database(schema).await
    }

    fn script(url: DatabaseUrl, sql: String) -> BoxFuture<'static, Result<(), sqlx::Error>> {
        let DatabaseUrl::Postgres(url) = url else {
            unreachable!("it is of PostgreSQL")
        };
        Box::pin(async move {
            let mut connection = url.options().extra_float_digits(None).connect().await?;
            raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
            connection.close().await
        })
    }

    /// The one for the values at hand and the one for any values: after some runs the server chooses between them.
    /// A few rows of one owner it may sort; where it would rather not, the index must have the order.
    fn plans(
        connection: &mut PgConnection,
        sql: Arc<str>,
        value_of: ValueOf,
    ) -> BoxFuture<'_, Result<Vec<Plan>, sqlx::Error>> {
        Box::pin(async move {
            let prepare = AssertSqlSafe(format!("PREPARE hot AS {sql}"));
            raw_sql(prepare).execute(&mut *connection).await?;
            let types = "SELECT unnest(parameter_types)::text AS type FROM pg_prepared_statements WHERE name = 'hot'";
            let types = raw_sql(types).fetch_all(&mut *connection).await?;
            let values: Result<Vec<_>, _> = types.iter().map(|row| row.try_get("type").map(value_of)).collect();
            let values = values?;
            let values = if values.is_empty() {
                String::new()
            } else {
                format!("({})", values.join(", "))
            };
            let execute = format!("EXPLAIN (COSTS OFF) EXECUTE hot{values}");
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
