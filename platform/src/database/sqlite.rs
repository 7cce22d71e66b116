//! `SQLite`: one writer that commits many operations with one fsync, and a pool of readers.

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    panic::AssertUnwindSafe,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::available_parallelism,
    time::Duration,
};

use futures_util::{FutureExt as _, future::BoxFuture};
use sqlx::{
    Arguments as _, ConnectOptions as _, Connection as _, Row as _, SqlStr, Sqlite, SqliteConnection, query_with,
    sqlite::{SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous},
};
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinHandle,
    time::{Instant, sleep},
};

use super::{
    Bind, Column, Connection, Database, Engine, Job, JobFailure, Ran, Schema, StoreError,
    alone::{self, Texts},
    engine::{Reading, Writer},
    migrations::migrator,
    pool::{Keeping, Pool},
};
use crate::configuration::DatabaseUrl;

/// How long a statement waits for another process that holds the database.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection that finds the database held waits before it tries again.
const CONNECT_PAUSE: Duration = Duration::from_millis(10);
/// The result code of a database that is held by another.
const SQLITE_BUSY: i64 = 5;
/// How long a read waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a migration is tried while another process migrates too.
const MIGRATION_ATTEMPTS: u32 = 5;
/// A long read looks whether its time is over every so many steps of `SQLite`'s virtual machine, some of which may look at a
/// whole text.
const PROGRESS_STEPS: i32 = 1000;
/// How many operations may wait for the writer; the next is refused.
const WRITE_QUEUE: usize = 4096;
/// How many operations share one commit at most.
const GROUP_COMMIT: usize = 64;

impl Engine for Sqlite {
    async fn open(url: &DatabaseUrl, schema: &Schema) -> Result<Database<Self>, StoreError> {
        let options = options(url)?;
        let connection = migrated(&options, schema).await?;
        let cores = available_parallelism().map_or(2, std::num::NonZero::get).max(2);
        let long_reads = cores / 2;
        let options = options.pragma("query_only", "on");
        let readers = Pool::new(Keeping {
            open: Box::new(move || {
                let options = options.clone();
                Box::pin(async move { options.connect().await })
            }),
            most: cores + long_reads,
            wait: ACQUIRE_TIMEOUT,
            // A connection to a file does not die.
            max_age: Duration::MAX,
            trusted_for: Duration::MAX,
        })?;
        Ok(Database {
            readers,
            long_reads: Arc::new(Semaphore::new(long_reads)),
            reading: Reading::Attached,
            writer: Arc::new(SqliteWriter::start(connection)),
        })
    }

    async fn migrate(url: &DatabaseUrl, schema: &Schema) -> Result<(), StoreError> {
        Ok(migrated(&options(url)?, schema).await?.close().await?)
    }

    fn bind(arguments: &mut SqliteArguments, value: impl Bind) -> Result<(), sqlx::Error> {
        arguments.add(value).map_err(sqlx::Error::Encode)
    }

    fn column<T: Column>(row: &SqliteRow, name: &str) -> Result<T, sqlx::Error> {
        row.try_get(name)
    }

    fn fetch(
        connection: &mut SqliteConnection,
        named: bool,
        sql: SqlStr,
        arguments: SqliteArguments,
    ) -> BoxFuture<'_, Result<Vec<SqliteRow>, sqlx::Error>> {
        Box::pin(
            query_with::<Sqlite, _>(sql, arguments)
                .persistent(named)
                .fetch_all(connection),
        )
    }

    fn fetch_first(
        connection: &mut SqliteConnection,
        named: bool,
        sql: SqlStr,
        arguments: SqliteArguments,
    ) -> BoxFuture<'_, Result<Option<SqliteRow>, sqlx::Error>> {
        Box::pin(
            query_with::<Sqlite, _>(sql, arguments)
                .persistent(named)
                .fetch_optional(connection),
        )
    }

    fn limit(
        connection: &mut SqliteConnection,
        deadline: Instant,
        abandoned: Arc<AtomicBool>,
    ) -> BoxFuture<'_, Result<(), sqlx::Error>> {
        Box::pin(async move {
            let mut handle = connection.lock_handle().await?;
            handle.set_progress_handler(PROGRESS_STEPS, move || {
                !abandoned.load(Ordering::Relaxed) && Instant::now() < deadline
            });
            Ok(())
        })
    }

    fn lift_limit(connection: &mut SqliteConnection) -> BoxFuture<'_, Result<(), sqlx::Error>> {
        Box::pin(async move {
            connection.lock_handle().await?.remove_progress_handler();
            Ok(())
        })
    }

    fn execute(
        connection: &mut SqliteConnection,
        named: bool,
        sql: SqlStr,
        arguments: SqliteArguments,
    ) -> BoxFuture<'_, Result<u64, sqlx::Error>> {
        Box::pin(async move {
            let done = query_with::<Sqlite, _>(sql, arguments)
                .persistent(named)
                .execute(connection)
                .await?;
            Ok(done.rows_affected())
        })
    }
}

fn options(url: &DatabaseUrl) -> Result<SqliteConnectOptions, StoreError> {
    let DatabaseUrl::Sqlite(path) = url else {
        return Err(StoreError::OtherEngine);
    };
    create_private_file(path).map_err(|error| StoreError::Unavailable(format!("{}: {error}", path.display())))?;
    Ok(SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        // NORMAL loses acknowledged commits when the power goes.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        .disable_statement_logging())
}

/// A connection to the database with its schema up to date. Two processes that begin at once both come to that:
/// the one that finds a step taken by the other meanwhile looks again.
async fn migrated(options: &SqliteConnectOptions, schema: &Schema) -> Result<SqliteConnection, StoreError> {
    let mut connection = connect(options).await?;
    let migrator = migrator(schema.sqlite);
    let mut attempt = 1;
    while let Err(error) = migrator.run_direct(None, &mut connection, false).await {
        if attempt == MIGRATION_ATTEMPTS {
            return Err(error.into());
        }
        attempt += 1;
    }
    Ok(connection)
}

/// The first connection makes a new file one with a write-ahead log, for which `SQLite` does not wait its turn as it does
/// for every other lock.
async fn connect(options: &SqliteConnectOptions) -> Result<SqliteConnection, sqlx::Error> {
    let deadline = Instant::now() + BUSY_TIMEOUT;
    loop {
        match options.connect().await {
            Err(error) if is_busy(&error) && Instant::now() < deadline => sleep(CONNECT_PAUSE).await,
            connected => return connected,
        }
    }
}

pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    // The low byte of an extended code is the primary one.
    code.and_then(|code| code.parse::<i64>().ok())
        .is_some_and(|code| code & 0xff == SQLITE_BUSY)
}

/// Only the owner may read the file; `SQLite` gives its journals the same mode.
fn create_private_file(path: &Path) -> io::Result<()> {
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map(drop)
}

struct SqliteWriter {
    /// `None` once closed.
    queue: Mutex<Option<mpsc::Sender<Box<dyn Job<Sqlite>>>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl SqliteWriter {
    fn start(connection: SqliteConnection) -> Self {
        let (queue, jobs) = mpsc::channel(WRITE_QUEUE);
        let task = tokio::spawn(write_jobs(connection, jobs));
        Self {
            queue: Mutex::new(Some(queue)),
            task: Mutex::new(Some(task)),
        }
    }
}

impl Writer<Sqlite> for SqliteWriter {
    fn submit(&self, job: Box<dyn Job<Sqlite>>) -> Result<(), StoreError> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queue
            .as_ref()
            .ok_or_else(|| StoreError::Unavailable("shutting down".to_owned()))?;
        queue
            .try_send(job)
            .map_err(|_| StoreError::Unavailable("too many writes are waiting".to_owned()))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        Box::pin(async {
            if let Some(task) = task {
                task.await.ok();
            }
        })
    }
}

/// Takes whatever waits, up to a limit, into one transaction, each operation in a savepoint of its own; then
/// commits once and answers all. Nobody is answered before the commit is on disk.
async fn write_jobs(mut connection: SqliteConnection, mut jobs: mpsc::Receiver<Box<dyn Job<Sqlite>>>) {
    let mut group = Vec::with_capacity(GROUP_COMMIT);
    let mut texts = Texts::default();
    while jobs.recv_many(&mut group, GROUP_COMMIT).await > 0 {
        group.retain(|job| !job.is_abandoned());
        if group.is_empty() {
            continue;
        }
        // A panic outside of an operation of its own fails the group.
        let written = AssertUnwindSafe(write_group(&mut connection, &mut group, &mut texts)).catch_unwind();
        let stored = written.await.unwrap_or(Err(sqlx::Error::WorkerCrashed));
        if stored.is_err() {
            // After a failed statement the transaction may still be open; after a failed BEGIN it is not.
            run(&mut connection, "ROLLBACK").await.ok();
        }
        let stored = stored.map_err(|error| JobFailure(error.to_string()));
        for job in group.drain(..) {
            job.finish(stored.clone());
        }
    }
    connection.close().await.ok();
}

async fn write_group(
    connection: &mut SqliteConnection,
    group: &mut [Box<dyn Job<Sqlite>>],
    texts: &mut Texts,
) -> Result<(), sqlx::Error> {
    if let [job] = group
        && let Some(alone) = job.alone()
    {
        return alone::transaction(connection, alone, texts).await;
    }
    run(connection, "BEGIN IMMEDIATE").await?;
    for job in group {
        if let Some(alone) = job.alone() {
            alone::savepoint(connection, alone, texts).await;
            continue;
        }
        run(connection, "SAVEPOINT operation").await?;
        // A panic undoes the operation and leaves its caller without an outcome; the others go on.
        let ran = AssertUnwindSafe(job.run(&mut Connection::new(connection, true)))
            .catch_unwind()
            .await
            .unwrap_or(Ran::Undo);
        if ran != Ran::Keep {
            run(connection, "ROLLBACK TO operation").await?;
        }
        run(connection, "RELEASE operation").await?;
    }
    run(connection, "COMMIT").await
}

pub(super) async fn run(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    Sqlite::execute(connection, true, SqlStr::from_static(sql), SqliteArguments::default())
        .await
        .map(drop)
}
