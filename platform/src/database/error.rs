//! What can go wrong with a database, as the stores see it.

use crate::wire_error::WireError;

/// Why an operation of a store did not happen. What the operation itself may find (absent, taken, changed
/// meanwhile) is a value of its own type, never one of these.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database does not answer, is busy, full or read-only; a retry may succeed.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// A mistake of ours: SQL or data that do not fit.
    #[error("a database operation failed: {0}")]
    Failed(sqlx::Error),
    /// The schema cannot be brought up to date.
    #[error("the database schema cannot be used: {0}")]
    Schema(#[from] sqlx::migrate::MigrateError),
}

/// `SQLite`'s primary result codes for a database that cannot be used just now: BUSY, LOCKED, READONLY,
/// INTERRUPT, IOERR, FULL, CANTOPEN, PROTOCOL.
const SQLITE_UNAVAILABLE: [i64; 8] = [5, 6, 8, 9, 10, 13, 14, 15];

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let unavailable = match &error {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed | sqlx::Error::Io(_) => {
                true
            }
            sqlx::Error::Database(database) => database
                .code()
                .and_then(|code| code.parse::<i64>().ok())
                // The low byte of an extended code is the primary one.
                .is_some_and(|code| SQLITE_UNAVAILABLE.contains(&(code & 0xff))),
            _ => false,
        };
        if unavailable {
            Self::Unavailable(error.to_string())
        } else {
            Self::Failed(error)
        }
    }
}

impl From<StoreError> for WireError {
    /// The cause goes to the log, once, here.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(cause) => {
                tracing::warn!(cause, "the database is unavailable");
                WireError::unavailable("the database is unavailable")
            }
            failed => {
                tracing::error!(error = %failed, "a database operation failed");
                WireError::internal()
            }
        }
    }
}
