//! What differs between database engines.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use sqlx::{Connection as _, Decode, Encode, Postgres, SqlStr, Sqlite, Type};
use tokio::{
    sync::{Semaphore, oneshot},
    time::{Instant, timeout},
};

use super::{
    Connection, Record, Schema, Settlement, Statement, StoreError, Transaction,
    pool::{Lease, Pool},
    write::{Job, enqueue, enqueue_alone},
};
use crate::configuration::DatabaseUrl;

/// A value that every engine can store.
pub trait Bind:
    for<'q> Encode<'q, Sqlite> + Type<Sqlite> + for<'q> Encode<'q, Postgres> + Type<Postgres> + Send
{
}
impl<T> Bind for T where
    T: for<'q> Encode<'q, Sqlite> + Type<Sqlite> + for<'q> Encode<'q, Postgres> + Type<Postgres> + Send
{
}

/// A value that can be read back from every engine.
pub trait Column: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres> {}
impl<T> Column for T where T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres> {}

/// A database engine. Implemented for each of sqlx's drivers that Holdfast runs on.
pub trait Engine: sqlx::Database {
    /// Opens a database whose schema is up to date. `SQLite` brings it up to date first; `PostgreSQL`, where
    /// replicas of several versions may run, refuses a schema that is behind or ahead.
    fn open(url: &DatabaseUrl, schema: &Schema) -> impl Future<Output = Result<Database<Self>, StoreError>> + Send;

    /// Brings the schema of a database up to date. Safe to do from many places at once.
    fn migrate(url: &DatabaseUrl, schema: &Schema) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Adds a value to the arguments of a statement.
    fn bind(arguments: &mut Self::Arguments, value: impl Bind) -> Result<(), sqlx::Error>;

    /// Reads a column of a row by name.
    fn column<T: Column>(row: &Self::Row, name: &str) -> Result<T, sqlx::Error>;

    /// Runs a statement and returns its rows. `named` keeps it prepared on the connection under a name of its own.
    fn fetch(
        connection: &mut Self::Connection,
        named: bool,
        sql: SqlStr,
        arguments: Self::Arguments,
    ) -> BoxFuture<'_, Result<Vec<Self::Row>, sqlx::Error>>;

    /// Runs a statement and returns its first row.
    fn fetch_first(
        connection: &mut Self::Connection,
        named: bool,
        sql: SqlStr,
        arguments: Self::Arguments,
    ) -> BoxFuture<'_, Result<Option<Self::Row>, sqlx::Error>>;

    /// Ends every statement of a connection at a time, and at once when nobody waits for it any more, until
    /// [`Engine::lift_limit`]. Nothing where the server itself limits them.
    fn limit(
        connection: &mut Self::Connection,
        deadline: Instant,
        abandoned: Arc<AtomicBool>,
    ) -> BoxFuture<'_, Result<(), sqlx::Error>>;

    /// Undoes [`Engine::limit`].
    fn lift_limit(connection: &mut Self::Connection) -> BoxFuture<'_, Result<(), sqlx::Error>>;

    /// Runs a statement and returns how many rows it changed.
    fn execute(
        connection: &mut Self::Connection,
        named: bool,
        sql: SqlStr,
        arguments: Self::Arguments,
    ) -> BoxFuture<'_, Result<u64, sqlx::Error>>;
}

/// Runs writes, in whatever way is right for the engine.
pub(super) trait Writer<E: Engine>: Send + Sync {
    /// Takes a write, or refuses it at once when too many wait.
    fn submit(&self, job: Box<dyn Job<E>>) -> Result<(), StoreError>;

    /// Finishes what was taken and closes.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// A server whose machine is gone sends neither the answer nor the end of the statement's time.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(7);
/// How long a long read waits for its place, and how long it then may take: as long as the statements of the server.
const LONG_READ_TIMEOUT: Duration = Duration::from_secs(5);
/// The lease of a long read. Cut off, it ends the statement that runs, and the connection with it.
struct LongRead<E: Engine> {
    lease: Option<Lease<E>>,
    abandoned: Arc<AtomicBool>,
}

impl<E: Engine> LongRead<E> {
    fn new(lease: Lease<E>) -> Self {
        Self {
            lease: Some(lease),
            abandoned: Arc::default(),
        }
    }

    fn connection(&mut self) -> &mut E::Connection {
        #[expect(clippy::expect_used, reason = "it is taken out only at the end")]
        self.lease.as_mut().expect("a long read has its lease").connection()
    }

    fn finish(mut self, is_at_rest: bool) {
        if let Some(lease) = self.lease.take() {
            lease.end(is_at_rest);
        }
    }
}

impl<E: Engine> Drop for LongRead<E> {
    fn drop(&mut self) {
        if let Some(lease) = self.lease.take() {
            self.abandoned.store(true, Ordering::Relaxed);
            lease.discard();
        }
    }
}

/// How reads run.
#[derive(Clone, Copy)]
pub(super) enum Reading {
    /// Within the call: nothing is left behind when its caller gives up.
    Attached,
    /// As a transaction, to stay on one session of the server, on a task of its own, which goes on when the caller gives
    /// up: a BEGIN cut off on its way would leave a transaction that nobody knows of.
    Detached {
        /// How it begins.
        begin: &'static str,
    },
}

/// An open database with its schema up to date.
pub struct Database<E: Engine> {
    pub(super) readers: Pool<E>,
    /// Places for reads that may take long: fewer than there are connections.
    pub(super) long_reads: Arc<Semaphore>,
    pub(super) reading: Reading,
    pub(super) writer: Arc<dyn Writer<E>>,
}

impl<E: Engine> Clone for Database<E> {
    fn clone(&self) -> Self {
        Self {
            readers: self.readers.clone(),
            long_reads: self.long_reads.clone(),
            reading: self.reading,
            writer: self.writer.clone(),
        }
    }
}

impl<E: Engine> Database<E> {
    /// Runs an operation that only reads.
    pub async fn read<T: Send + 'static>(
        &self,
        operation: impl for<'c> FnOnce(&'c mut Connection<'c, E>) -> BoxFuture<'c, Result<T, sqlx::Error>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let Reading::Detached { begin } = self.reading else {
            return read(self.readers.take().await?, None, operation).await;
        };
        let (answer, answered) = oneshot::channel();
        let readers = self.readers.clone();
        tokio::spawn(async move {
            let lease = readers.take().await;
            if answer.is_closed() {
                return;
            }
            let found = match lease {
                Ok(lease) => read(lease, Some(begin), operation).await,
                Err(error) => Err(error),
            };
            // A caller that gave up does not want to know.
            answer.send(found).ok();
        });
        answered
            .await
            .unwrap_or_else(|_| Err(StoreError::Unavailable("the read was cut off".to_owned())))
    }

    /// Runs an operation that only reads, but may look at very many rows. Only some of these run at once, so that other reads
    /// find a connection; none takes longer than five seconds, nor goes on for long when its caller gives up.
    pub async fn read_long<T: Send + 'static>(
        &self,
        operation: impl for<'c> FnOnce(&'c mut Connection<'c, E>) -> BoxFuture<'c, Result<T, sqlx::Error>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let place = timeout(LONG_READ_TIMEOUT, self.long_reads.clone().acquire_owned()).await;
        let Ok(Ok(place)) = place else {
            return Err(StoreError::Unavailable("too many long reads are waiting".to_owned()));
        };
        if let Reading::Detached { .. } = self.reading {
            // It goes on without its caller, and so keeps its place.
            return self
                .read(move |connection| {
                    Box::pin(async move {
                        let found = operation(connection).await;
                        drop(place);
                        found
                    })
                })
                .await;
        }
        let mut long = LongRead::new(self.readers.take().await?);
        let deadline = Instant::now() + LONG_READ_TIMEOUT;
        let abandoned = long.abandoned.clone();
        E::limit(long.connection(), deadline, abandoned).await?;
        let found = operation(&mut Connection::new(long.connection(), true)).await;
        E::lift_limit(long.connection()).await?;
        long.finish(found.is_ok());
        Ok(found?)
    }

    /// Runs an operation that writes, as one transaction, and returns when it is on disk. An `Err` of the
    /// operation undoes it, an `Ok` keeps it; the operation may be run again after a conflict. When the caller
    /// gives up waiting, an operation that has begun goes on, and one that has not is left out.
    pub async fn write<T: Send + 'static>(&self, operation: impl Transaction<E, T>) -> Result<T, StoreError> {
        self.write_settled(operation, Settlement::default()).await
    }

    /// Like [`Database::write`], for an operation whose outcome may undo it, or is to be told of.
    pub async fn write_settled<T: Send + 'static>(
        &self,
        operation: impl Transaction<E, T>,
        settlement: Settlement<T>,
    ) -> Result<T, StoreError> {
        enqueue(&*self.writer, operation, settlement).await
    }

    /// Like [`Database::write`], for one statement that returns one row, or none if it changed nothing; on `SQLite` it may be
    /// several, one behind the other, of which one returns that row. It is atomic by itself, so that it is one way to the
    /// database and back. `stored` is told if there is a row, or if nobody knows.
    pub async fn write_alone(
        &self,
        sql: &'static str,
        values: impl Fn(Statement<E>) -> Statement<E> + Send + 'static,
        stored: impl FnOnce() + Send + 'static,
    ) -> Result<Option<Record<E>>, StoreError> {
        let rows = enqueue_alone(&*self.writer, sql, values, stored).await?;
        Ok(rows.into_iter().next())
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.read(|connection| Box::pin(async { super::statement::<E>("SELECT 1").first(connection).await.map(drop) }))
            .await
    }

    /// Finishes the writes that were taken, then closes every connection.
    pub async fn close(&self) {
        self.writer.close().await;
        self.readers.close().await;
    }
}

/// Reads, and gives the connection back, or up.
async fn read<E: Engine, T: Send>(
    mut lease: Lease<E>,
    begin: Option<&'static str>,
    operation: impl for<'c> FnOnce(&'c mut Connection<'c, E>) -> BoxFuture<'c, Result<T, sqlx::Error>> + Send,
) -> Result<T, StoreError> {
    let connection = lease.connection();
    let read = async {
        let Some(begin) = begin else {
            return operation(&mut Connection::new(connection, true)).await;
        };
        let mut transaction = connection.begin_with(SqlStr::from_static(begin)).await?;
        let found = operation(&mut Connection::new(&mut *transaction, false)).await?;
        transaction.commit().await?;
        Ok(found)
    };
    if let Ok(found) = timeout(ANSWER_TIMEOUT, read).await {
        lease.end(found.is_ok());
        return Ok(found?);
    }
    lease.discard();
    Err(StoreError::Unavailable("the database fell silent".to_owned()))
}
