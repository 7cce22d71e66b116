//! `PostgreSQL`: a pool of connections; each write is a transaction of its own, run again after a conflict.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use sqlx::{
    Acquire as _, Arguments as _, ConnectOptions as _, Connection as _, PgConnection, PgPool, Postgres, Row as _,
    migrate::Migrate as _,
    postgres::{PgArguments, PgConnectOptions, PgPoolOptions, PgRow},
    query_with,
};
use tokio::{sync::Semaphore, time::Instant};
use tokio_util::task::TaskTracker;

use super::{
    Bind, Column, Database, Engine, Job, JobFailure, Ran, Schema, StoreError,
    engine::Writer,
    migrations::{MIGRATIONS_TABLE, check_version, migrator},
};
use crate::configuration::DatabaseUrl;

/// Connections of one replica.
const MAX_CONNECTIONS: u32 = 16;
/// How long a call waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// Connections are replaced by and by, so that those behind a balancer spread again.
const MAX_CONNECTION_AGE: Duration = Duration::from_mins(30);
/// A statement that takes longer is cancelled by the server. Well within every deadline that calls get by default.
const STATEMENT_TIMEOUT: &str = "5s";
/// A statement that waits longer for a lock fails.
const LOCK_TIMEOUT: &str = "3s";
/// A transaction whose client fell silent is ended by the server.
const IDLE_IN_TRANSACTION_TIMEOUT: &str = "10s";
/// How many writes may run or wait for a connection; the next is refused.
const WRITE_QUEUE: usize = 1024;
/// For so long a write is run again after conflicts.
const CONFLICT_DEADLINE: Duration = Duration::from_secs(5);

impl Engine for Postgres {
    async fn open(url: &DatabaseUrl, schema: &Schema) -> Result<Database<Self>, StoreError> {
        let options = options(url)?;
        let mut connection = options.connect().await?;
        check_schema(&mut connection, schema).await?;
        connection.close().await?;
        let pool = PgPoolOptions::new()
            .max_connections(MAX_CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .max_lifetime(MAX_CONNECTION_AGE)
            .connect_with(options)
            .await?;
        Ok(Database {
            readers: pool.clone(),
            writer: Arc::new(PostgresWriter {
                pool,
                places: Arc::new(Semaphore::new(WRITE_QUEUE)),
                running: TaskTracker::new(),
            }),
        })
    }

    async fn migrate(url: &DatabaseUrl, schema: &Schema) -> Result<(), StoreError> {
        // A step may take as long as the table is large.
        let options = options(url)?.options([("statement_timeout", "0"), ("lock_timeout", "0")]);
        let mut connection = options.connect().await?;
        // sqlx holds an advisory lock meanwhile, so that of many at once each step is taken by one.
        migrator(schema.postgres)
            .run_direct(None, &mut connection, false)
            .await?;
        Ok(connection.close().await?)
    }

    fn bind(arguments: &mut PgArguments, value: impl Bind) -> Result<(), sqlx::Error> {
        arguments.add(value).map_err(sqlx::Error::Encode)
    }

    fn column<T: Column>(row: &PgRow, name: &str) -> Result<T, sqlx::Error> {
        row.try_get(name)
    }

    fn fetch<'c>(
        connection: &'c mut PgConnection,
        sql: &'static str,
        arguments: PgArguments,
    ) -> BoxFuture<'c, Result<Vec<PgRow>, sqlx::Error>> {
        Box::pin(query_with::<Postgres, _>(sql, arguments).fetch_all(connection))
    }

    fn fetch_first<'c>(
        connection: &'c mut PgConnection,
        sql: &'static str,
        arguments: PgArguments,
    ) -> BoxFuture<'c, Result<Option<PgRow>, sqlx::Error>> {
        Box::pin(query_with::<Postgres, _>(sql, arguments).fetch_optional(connection))
    }

    fn execute<'c>(
        connection: &'c mut PgConnection,
        sql: &'static str,
        arguments: PgArguments,
    ) -> BoxFuture<'c, Result<u64, sqlx::Error>> {
        Box::pin(async move {
            let done = query_with::<Postgres, _>(sql, arguments).execute(connection).await?;
            Ok(done.rows_affected())
        })
    }
}

fn options(url: &DatabaseUrl) -> Result<PgConnectOptions, StoreError> {
    let DatabaseUrl::Postgres(url) = url else {
        return Err(StoreError::OtherEngine);
    };
    Ok(url
        .options()
        .application_name("holdfast")
        .options([
            ("statement_timeout", STATEMENT_TIMEOUT),
            ("lock_timeout", LOCK_TIMEOUT),
            ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION_TIMEOUT),
        ])
        .disable_statement_logging())
}

async fn check_schema(connection: &mut PgConnection, schema: &Schema) -> Result<(), StoreError> {
    let has_table = sqlx::query("SELECT to_regclass($1) IS NOT NULL AS has_table").bind(MIGRATIONS_TABLE);
    let has_table: bool = has_table.fetch_one(&mut *connection).await?.try_get("has_table")?;
    let applied = if has_table {
        connection.list_applied_migrations(MIGRATIONS_TABLE).await?
    } else {
        Vec::new()
    };
    check_version(&migrator(schema.postgres), &applied, schema.migrate_command)
}

struct PostgresWriter {
    pool: PgPool,
    places: Arc<Semaphore>,
    running: TaskTracker,
}

impl Writer<Postgres> for PostgresWriter {
    /// Each write is a task of its own, so that a caller that gives up leaves no transaction half done.
    fn submit(&self, job: Box<dyn Job<Postgres>>) -> Result<(), StoreError> {
        let place = self
            .places
            .clone()
            .try_acquire_owned()
            .map_err(|_| StoreError::Unavailable("too many writes are waiting".to_owned()))?;
        let pool = self.pool.clone();
        self.running.spawn(async move {
            run(&pool, job).await;
            drop(place);
        });
        Ok(())
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.places.close();
        self.running.close();
        Box::pin(self.running.wait())
    }
}

async fn run(pool: &PgPool, mut job: Box<dyn Job<Postgres>>) {
    let deadline = Instant::now() + CONFLICT_DEADLINE;
    let stored = loop {
        if job.is_abandoned() {
            return;
        }
        match run_once(pool, &mut *job).await {
            Ok(Ran::Conflict) if Instant::now() < deadline => {}
            Ok(_) => break Ok(()),
            Err(error) if super::error::is_conflict(&error) && Instant::now() < deadline => {}
            Err(error) => break Err(JobFailure(error.to_string())),
        }
    };
    job.finish(stored);
}

async fn run_once(pool: &PgPool, job: &mut dyn Job<Postgres>) -> Result<Ran, sqlx::Error> {
    let mut connection = pool.acquire().await?;
    let mut transaction = connection.begin().await?;
    let ran = job.run(&mut transaction).await;
    if ran == Ran::Keep {
        transaction.commit().await?;
    } else {
        transaction.rollback().await?;
    }
    Ok(ran)
}
