//! Writes: an operation, its place in a queue, and the answer when it is on disk.

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use super::{Connection, Engine, Record, Statement, StoreError, engine::Writer, error::is_conflict, statement};

/// An operation that runs inside a transaction and may be run again after a conflict.
pub trait Transaction<E: Engine, T>:
    for<'c> Fn(&'c mut Connection<'c, E>) -> BoxFuture<'c, Result<T, sqlx::Error>> + Send + Sync + 'static
{
}

impl<E: Engine, T, F> Transaction<E, T> for F where
    F: for<'c> Fn(&'c mut Connection<'c, E>) -> BoxFuture<'c, Result<T, sqlx::Error>> + Send + Sync + 'static
{
}

/// Why a job's work is not on disk.
#[derive(Clone, Debug)]
pub(crate) struct JobFailure(pub(crate) String);

/// What is to become of the changes of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ran {
    /// It succeeded.
    Keep,
    /// It failed by itself.
    Undo,
    /// It met another transaction; it may be run again.
    Conflict,
}

/// A write that waits for its turn. The writer knows neither what it does nor what it answers.
pub(crate) trait Job<E: Engine>: Send {
    /// The statement, if it is one that stands alone: it needs no transaction around it.
    fn alone(&mut self) -> Option<&mut Alone<E>> {
        None
    }

    /// Whether nobody waits for the answer any more. A job that has not begun is then left out.
    fn is_abandoned(&self) -> bool;

    /// Runs the operation, keeps its outcome, and says what is to become of its changes.
    fn run<'c>(&'c mut self, connection: &'c mut Connection<'c, E>) -> BoxFuture<'c, Ran>;

    /// Answers the caller: the outcome, or why it is not on disk.
    fn finish(self: Box<Self>, stored: Result<(), JobFailure>);
}

/// What an outcome of a write means.
pub struct Settlement<T> {
    /// Whether the changes are kept. Of an outcome that is not, they are undone; it is answered all the same.
    pub keeps: fn(&T) -> bool,
    /// Told of an outcome that was kept once it is on disk, also when the caller gave up waiting; and of one of
    /// which nobody knows whether it is.
    pub stored: Box<dyn FnOnce(&T) + Send>,
}

impl<T> Default for Settlement<T> {
    /// Everything is kept, nobody is told.
    fn default() -> Self {
        Self {
            keeps: |_| true,
            stored: Box::new(|_| ()),
        }
    }
}

struct Operation<F, T> {
    transaction: F,
    settlement: Settlement<T>,
    outcome: Option<Result<T, sqlx::Error>>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<E: Engine, T: Send + 'static, F: Transaction<E, T>> Job<E> for Operation<F, T> {
    fn is_abandoned(&self) -> bool {
        self.answer.is_closed()
    }

    fn run<'c>(&'c mut self, connection: &'c mut Connection<'c, E>) -> BoxFuture<'c, Ran> {
        Box::pin(async {
            let outcome = (self.transaction)(connection).await;
            let ran = match &outcome {
                Ok(outcome) if (self.settlement.keeps)(outcome) => Ran::Keep,
                Err(error) if is_conflict(error) => Ran::Conflict,
                Ok(_) | Err(_) => Ran::Undo,
            };
            self.outcome = Some(outcome);
            ran
        })
    }

    fn finish(self: Box<Self>, stored: Result<(), JobFailure>) {
        if let Some(Ok(outcome)) = &self.outcome
            && (self.settlement.keeps)(outcome)
        {
            (self.settlement.stored)(outcome);
        }
        // A caller that gave up does not want to know.
        self.answer.send(answer(stored, self.outcome)).ok();
    }
}

/// A statement that is a whole write, which waits for its turn. On `SQLite` it may be several statements, one behind the
/// other.
pub(crate) struct Alone<E: Engine> {
    sql: &'static str,
    values: Box<dyn Fn(Statement<E>) -> Statement<E> + Send>,
    stored: Option<Box<dyn FnOnce() + Send>>,
    outcome: Option<Result<Vec<Record<E>>, sqlx::Error>>,
    answer: oneshot::Sender<Result<Vec<Record<E>>, StoreError>>,
}

impl<E: Engine> Alone<E> {
    /// Its text.
    pub(super) fn sql(&self) -> &'static str {
        self.sql
    }

    /// Adds its values to those of another statement.
    pub(super) fn add_values(&self, statement: Statement<E>) -> Statement<E> {
        (self.values)(statement)
    }

    /// What it returned.
    pub(super) fn returned(&mut self, rows: Result<Vec<Record<E>>, sqlx::Error>) -> Ran {
        let ran = match &rows {
            Ok(rows) if rows.is_empty() => Ran::Undo,
            Ok(_) => Ran::Keep,
            Err(error) if is_conflict(error) => Ran::Conflict,
            Err(_) => Ran::Undo,
        };
        self.outcome = Some(rows);
        ran
    }
}

impl<E: Engine> Job<E> for Alone<E> {
    fn alone(&mut self) -> Option<&mut Self> {
        Some(self)
    }

    fn is_abandoned(&self) -> bool {
        self.answer.is_closed()
    }

    fn run<'c>(&'c mut self, connection: &'c mut Connection<'c, E>) -> BoxFuture<'c, Ran> {
        Box::pin(async {
            // All rows are read: what comes behind the last one tells that it is on disk.
            let rows = self.add_values(statement(self.sql)).all(connection).await;
            self.returned(rows)
        })
    }

    fn finish(mut self: Box<Self>, stored: Result<(), JobFailure>) {
        // Of a statement whose answer was lost nobody knows whether it is on disk.
        let has_no_effect = match &self.outcome {
            Some(Ok(rows)) => rows.is_empty(),
            Some(Err(error)) => error.as_database_error().is_some(),
            None => false,
        };
        if let Some(told) = self.stored.take().filter(|_| !has_no_effect) {
            told();
        }
        self.answer.send(answer(stored, self.outcome)).ok();
    }
}

/// What the caller is told. An operation that failed by itself says so, whatever became of the others.
fn answer<T>(stored: Result<(), JobFailure>, outcome: Option<Result<T, sqlx::Error>>) -> Result<T, StoreError> {
    match (stored, outcome) {
        (_, Some(Err(error))) => Err(error.into()),
        (Ok(()), Some(Ok(outcome))) => Ok(outcome),
        (Err(JobFailure(cause)), _) => Err(StoreError::Unavailable(cause)),
        (Ok(()), None) => Err(StoreError::Unavailable("the operation was not run".to_owned())),
    }
}

/// Hands a statement that stands alone to a writer and waits for its rows.
pub(super) async fn enqueue_alone<E: Engine>(
    writer: &dyn Writer<E>,
    sql: &'static str,
    values: impl Fn(Statement<E>) -> Statement<E> + Send + 'static,
    stored: impl FnOnce() + Send + 'static,
) -> Result<Vec<Record<E>>, StoreError> {
    let (answer, answered) = oneshot::channel();
    writer.submit(Box::new(Alone {
        sql,
        values: Box::new(values),
        stored: Some(Box::new(stored)),
        outcome: None,
        answer,
    }))?;
    answered
        .await
        .unwrap_or_else(|_| Err(StoreError::Unavailable("the writer stopped".to_owned())))
}

/// Hands an operation to a writer and waits for its answer.
pub(super) async fn enqueue<E: Engine, T: Send + 'static>(
    writer: &dyn Writer<E>,
    transaction: impl Transaction<E, T>,
    settlement: Settlement<T>,
) -> Result<T, StoreError> {
    let (answer, answered) = oneshot::channel();
    writer.submit(Box::new(Operation {
        transaction,
        settlement,
        outcome: None,
        answer,
    }))?;
    answered
        .await
        .unwrap_or_else(|_| Err(StoreError::Unavailable("the writer stopped".to_owned())))
}
