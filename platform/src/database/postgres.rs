//! `PostgreSQL`: a pool of connections; each write is a transaction of its own, run again after a conflict.

use std::{
    io,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use futures_util::future::BoxFuture;
use sqlx::{
    Arguments as _, ConnectOptions as _, Connection as _, PgConnection, Postgres, Row as _, SqlStr,
    postgres::{PgArguments, PgConnectOptions, PgRow},
    query_with, raw_sql,
};
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep, timeout},
};
use tokio_util::task::TaskTracker;

use super::{
    Bind, Column, Connection, Database, Engine, Job, JobFailure, Ran, Schema, StoreError,
    engine::{ANSWER_TIMEOUT, Reading, Writer},
    migrations::{AppliedStep, check_version, migrator},
    pool::{Keeping, Pool},
    statement,
};
use crate::configuration::{DatabasePooler, DatabaseUrl, PostgresUrl};

/// How long a call waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// Whether a connection still is one is asked when it was not used for so long.
const TRUSTED_FOR: Duration = Duration::from_secs(1);
/// How long to wait before a server that starts is asked again.
const CONNECT_PAUSE: Duration = Duration::from_millis(50);
/// cannot_connect_now
const STARTING: &str = "57P03";
/// Connections are replaced by and by, so that those behind a balancer spread again.
const MAX_CONNECTION_AGE: Duration = Duration::from_mins(30);
/// A statement that takes longer is cancelled by the server, well within the deadline that calls get by default; one
/// that waits longer for a lock fails; a transaction whose client fell silent is ended. Not asked for as parameters of
/// the connection: poolers refuse those, or leave them out.
const TIMEOUTS: &str = "SET statement_timeout = '5s'; SET lock_timeout = '3s'; \
                        SET idle_in_transaction_session_timeout = '10s'";
/// What works on whole tables takes as long as they are large, whatever the server or the role has as its default.
pub(super) const UNLIMITED: &str = "SET statement_timeout = 0; SET lock_timeout = 0; \
                                    SET idle_in_transaction_session_timeout = 0";
/// How many writes may run or wait for a connection; the next is refused.
const WRITE_QUEUE: usize = 1024;
/// For so long a write is run again after conflicts, with pauses that grow.
const CONFLICT_DEADLINE: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Whether a connection of ours stays on one session of the server, or only each of its transactions does.
#[derive(Clone, Copy)]
struct Sessions(DatabasePooler);

impl Sessions {
    fn stay(self) -> bool {
        self.0 == DatabasePooler::None
    }

    /// A session that is shared has the timeouts for the transaction alone; they take the way of its BEGIN.
    fn begin(self) -> &'static str {
        match self.0 {
            DatabasePooler::None => "BEGIN",
            DatabasePooler::Transaction => {
                "BEGIN; SET LOCAL statement_timeout = '5s'; SET LOCAL lock_timeout = '3s'; \
                 SET LOCAL idle_in_transaction_session_timeout = '10s'"
            }
        }
    }

    fn reading(self) -> Reading {
        match self.0 {
            DatabasePooler::None => Reading::Attached,
            DatabasePooler::Transaction => Reading::Detached {
                begin: "BEGIN READ ONLY; SET LOCAL statement_timeout = '5s'; SET LOCAL lock_timeout = '3s'; \
                        SET LOCAL idle_in_transaction_session_timeout = '10s'",
            },
        }
    }
}

impl Engine for Postgres {
    async fn open(url: &DatabaseUrl, schema: &Schema) -> Result<Database<Self>, StoreError> {
        let url = postgres(url)?;
        let sessions = Sessions(url.pooler);
        let options = options(url);
        let pool = Pool::new(Keeping {
            open: Box::new(move || Box::pin(connect(options.clone(), sessions))),
            most: url.max_connections as usize,
            wait: ACQUIRE_TIMEOUT,
            max_age: MAX_CONNECTION_AGE,
            trusted_for: TRUSTED_FOR,
        })?;
        let database = Database {
            readers: pool.clone(),
            long_reads: Arc::new(Semaphore::new((url.max_connections as usize / 2).max(1))),
            reading: sessions.reading(),
            writer: Arc::new(PostgresWriter {
                pool,
                sessions,
                places: Arc::new(Semaphore::new(WRITE_QUEUE)),
                running: TaskTracker::new(),
            }),
        };
        check_sessions(url).await?;
        check_schema(&database, schema).await?;
        Ok(database)
    }

    async fn migrate(url: &DatabaseUrl, schema: &Schema) -> Result<(), StoreError> {
        let url = postgres(url)?;
        if url.pooler == DatabasePooler::Transaction {
            return Err(StoreError::MigrationNeedsSession);
        }
        let mut connection = options(url).connect().await?;
        raw_sql(UNLIMITED).execute(&mut connection).await?;
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

    fn fetch(
        connection: &mut PgConnection,
        named: bool,
        sql: SqlStr,
        arguments: PgArguments,
    ) -> BoxFuture<'_, Result<Vec<PgRow>, sqlx::Error>> {
        Box::pin(
            query_with::<Postgres, _>(sql, arguments)
                .persistent(named)
                .fetch_all(connection),
        )
    }

    fn fetch_first(
        connection: &mut PgConnection,
        named: bool,
        sql: SqlStr,
        arguments: PgArguments,
    ) -> BoxFuture<'_, Result<Option<PgRow>, sqlx::Error>> {
        Box::pin(
            query_with::<Postgres, _>(sql, arguments)
                .persistent(named)
                .fetch_optional(connection),
        )
    }

    /// `statement_timeout`.
    fn limit(_: &mut PgConnection, _: Instant, _: Arc<AtomicBool>) -> BoxFuture<'_, Result<(), sqlx::Error>> {
        Box::pin(async { Ok(()) })
    }

    fn lift_limit(_: &mut PgConnection) -> BoxFuture<'_, Result<(), sqlx::Error>> {
        Box::pin(async { Ok(()) })
    }

    fn execute(
        connection: &mut PgConnection,
        named: bool,
        sql: SqlStr,
        arguments: PgArguments,
    ) -> BoxFuture<'_, Result<u64, sqlx::Error>> {
        Box::pin(async move {
            let done = query_with::<Postgres, _>(sql, arguments)
                .persistent(named)
                .execute(connection)
                .await?;
            Ok(done.rows_affected())
        })
    }
}

fn postgres(url: &DatabaseUrl) -> Result<&PostgresUrl, StoreError> {
    match url {
        DatabaseUrl::Postgres(url) => Ok(url),
        DatabaseUrl::Sqlite(_) => Err(StoreError::OtherEngine),
    }
}

/// Nothing that a pooler would refuse.
pub(super) fn options(url: &PostgresUrl) -> PgConnectOptions {
    let options = url.options().application_name("holdfast").extra_float_digits(None);
    let options = options.disable_statement_logging();
    match url.pooler {
        DatabasePooler::None => options,
        DatabasePooler::Transaction => options.statement_cache_capacity(0),
    }
}

/// A connection. A server that is about to start is waited for, as long as the caller waits.
async fn connect(options: PgConnectOptions, sessions: Sessions) -> Result<PgConnection, sqlx::Error> {
    let mut connection = loop {
        match options.connect().await {
            Err(error) if is_starting(&error) => sleep(CONNECT_PAUSE).await,
            connected => break connected?,
        }
    };
    // A session that is shared gets them with each transaction.
    if sessions.stay() {
        raw_sql(TIMEOUTS).execute(&mut connection).await?;
    }
    Ok(connection)
}

fn is_starting(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => error.kind() == io::ErrorKind::ConnectionRefused,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| code == STARTING),
        _ => false,
    }
}

/// Two connections of ours must not meet on one session of the server, unless it is known that they may.
async fn check_sessions(url: &PostgresUrl) -> Result<(), StoreError> {
    if url.pooler == DatabasePooler::Transaction {
        return Ok(());
    }
    let (mut first, mut second) = (options(url).connect().await?, options(url).connect().await?);
    raw_sql("SET holdfast.connection = 'first'").execute(&mut first).await?;
    let seen = raw_sql("SELECT current_setting('holdfast.connection', true) IS NOT DISTINCT FROM 'first' AS seen");
    let seen: bool = seen.fetch_one(&mut second).await?.try_get("seen")?;
    raw_sql("RESET holdfast.connection").execute(&mut first).await?;
    second.close().await?;
    first.close().await?;
    if seen { Err(StoreError::SessionsShared) } else { Ok(()) }
}

async fn check_schema(database: &Database<Postgres>, schema: &Schema) -> Result<(), StoreError> {
    let encoding = database.read(|connection| {
        Box::pin(async {
            let show = statement::<Postgres>("SELECT current_setting('server_encoding') AS encoding");
            show.one(connection).await?.get::<String>("encoding")
        })
    });
    let encoding = encoding.await?;
    if encoding != "UTF8" {
        return Err(StoreError::Encoding(encoding));
    }
    let applied = database.read(|connection| Box::pin(applied_steps(connection))).await?;
    check_version(schema.postgres, &applied, schema.migrate_command)
}

async fn applied_steps(connection: &mut Connection<'_, Postgres>) -> Result<Vec<AppliedStep>, sqlx::Error> {
    let has_table = statement::<Postgres>("SELECT to_regclass('_sqlx_migrations') IS NOT NULL AS has_table");
    if !has_table.one(connection).await?.get("has_table")? {
        return Ok(Vec::new());
    }
    let steps = statement::<Postgres>("SELECT version, checksum FROM _sqlx_migrations WHERE success ORDER BY version");
    let steps = steps.all(connection).await?;
    let steps = steps.iter().map(|step| {
        Ok(AppliedStep {
            version: step.get("version")?,
            checksum: step.get("checksum")?,
        })
    });
    steps.collect()
}

struct PostgresWriter {
    pool: Pool<Postgres>,
    sessions: Sessions,
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
        let (pool, sessions) = (self.pool.clone(), self.sessions);
        self.running.spawn(async move {
            run(&pool, sessions, job).await;
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

async fn run(pool: &Pool<Postgres>, sessions: Sessions, mut job: Box<dyn Job<Postgres>>) {
    let deadline = Instant::now() + CONFLICT_DEADLINE;
    let mut pause = FIRST_PAUSE;
    let stored = loop {
        if job.is_abandoned() {
            return;
        }
        let ran = run_once(pool, sessions, &mut *job).await;
        let conflict = matches!(&ran, Ok(Ran::Conflict) | Err(Failed::Conflict));
        if conflict && Instant::now() < deadline {
            sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
            continue;
        }
        break match ran {
            Ok(_) => Ok(()),
            Err(failed) => Err(JobFailure(failed.to_string())),
        };
    };
    job.finish(stored);
}

/// Why a transaction is not on disk, though its operation did not fail.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("the transaction met another one")]
    Conflict,
    #[error("{0}")]
    Unavailable(String),
    /// What became of a commit without an answer nobody knows.
    #[error("the database fell silent")]
    Silent,
}

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        if super::error::is_conflict(&error) {
            Self::Conflict
        } else {
            Self::Unavailable(error.to_string())
        }
    }
}

async fn run_once(pool: &Pool<Postgres>, sessions: Sessions, job: &mut dyn Job<Postgres>) -> Result<Ran, Failed> {
    let lease = pool.take().await;
    let mut lease = lease.map_err(|error| Failed::Unavailable(error.to_string()))?;
    let connection: &mut PgConnection = lease.connection();
    let run = async {
        if job.alone().is_some() && sessions.stay() {
            return Ok(job.run(&mut Connection::new(connection, true)).await);
        }
        let begin = SqlStr::from_static(sessions.begin());
        let mut transaction = connection.begin_with(begin).await?;
        let mut connection = Connection::new(&mut *transaction, sessions.stay());
        let ran = job.run(&mut connection).await;
        if ran == Ran::Keep {
            transaction.commit().await?;
        } else {
            transaction.rollback().await?;
        }
        Ok(ran)
    };
    if let Ok(ran) = timeout(ANSWER_TIMEOUT, run).await {
        lease.end(matches!(ran, Ok(Ran::Keep)));
        return ran;
    }
    lease.discard();
    Err(Failed::Silent)
}
