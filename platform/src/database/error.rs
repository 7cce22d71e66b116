//! What can go wrong with a database, as the stores see it.

use sqlx::postgres::PgDatabaseError;

use crate::wire_error::WireError;

/// Why an operation of a store did not happen. What the operation itself may find (absent, taken, changed
/// meanwhile) is a value of its own type, never one of these.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database does not answer, is busy, full or read-only; a retry may succeed.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// A mistake of ours: the URL names another engine than the one that opens it.
    #[error("the database is of another engine")]
    OtherEngine,
    /// A mistake of ours: SQL or data that do not fit.
    #[error("a database operation failed: {0}")]
    Failed(sqlx::Error),
    /// A migration or an import is refused where its session might be shared.
    #[error(
        "this needs a session of its own: give it the address of PostgreSQL itself, without HOLDFAST_DATABASE_POOLER"
    )]
    MigrationNeedsSession,
    /// Connections share the sessions of the server, and this is not known to the settings.
    #[error(
        "connections share the sessions of PostgreSQL: a pooler of transactions needs HOLDFAST_DATABASE_POOLER=transaction"
    )]
    SessionsShared,
    /// The database cannot keep every text.
    #[error("the database has the encoding {0}, and cannot keep every text: make it with the encoding UTF8")]
    Encoding(String),
    /// The schema lacks steps.
    #[error("the database schema is at version {found}, this version needs {wanted}: run `{migrate_command}`")]
    SchemaBehind {
        /// The last step that was taken.
        found: i64,
        /// The last step that this binary knows.
        wanted: i64,
        /// What to run.
        migrate_command: &'static str,
    },
    /// The schema was brought further by a newer version.
    #[error("the database schema is at version {found}, this version knows {wanted} at most: run a newer version")]
    SchemaAhead {
        /// The last step that was taken.
        found: i64,
        /// The last step that this binary knows.
        wanted: i64,
    },
    /// A step that was taken is not the one that this binary knows by its number.
    #[error("the database schema, at version {version}, was not made by a released version")]
    SchemaChanged {
        /// The last step that was taken.
        version: i64,
    },
    /// The schema cannot be brought up to date.
    #[error("the database schema cannot be used: {0}")]
    Schema(#[from] sqlx::migrate::MigrateError),
}

/// `SQLite`'s primary result codes for a database that cannot be used just now: BUSY, LOCKED, READONLY,
/// INTERRUPT, IOERR, FULL, CANTOPEN, PROTOCOL.
const SQLITE_UNAVAILABLE: [i64; 8] = [5, 6, 8, 9, 10, 13, 14, 15];

/// `PostgreSQL`'s error codes, whole or by their class of two characters, for a database that cannot be used just
/// now: connection exceptions, insufficient resources, operator intervention (a shutdown, a statement's timeout),
/// a standby, a lock not to be had, a conflict that retries did not get past.
const POSTGRES_UNAVAILABLE: [&str; 7] = ["08", "53", "57", "25006", "55P03", "40001", "40P01"];

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if is_unavailable(&error) {
            Self::Unavailable(error.to_string())
        } else {
            Self::Failed(error)
        }
    }
}

fn is_unavailable(error: &sqlx::Error) -> bool {
    let database = match error {
        sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::Io(_)
        | sqlx::Error::Tls(_) => return true,
        sqlx::Error::Database(database) => database,
        _ => return false,
    };
    let code = database.code().unwrap_or_default();
    if database.try_downcast_ref::<PgDatabaseError>().is_some() {
        return POSTGRES_UNAVAILABLE
            .iter()
            .any(|unavailable| code.starts_with(unavailable));
    }
    // The low byte of an extended code is the primary one.
    code.parse::<i64>()
        .is_ok_and(|code| SQLITE_UNAVAILABLE.contains(&(code & 0xff)))
}

/// Whether the transaction met another one, and would succeed if it were run again (40001 serialization_failure,
/// 40P01 deadlock_detected).
pub(super) fn is_conflict(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| ["40001", "40P01"].contains(&&*code))
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
