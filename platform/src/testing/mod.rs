//! What tests stand on: a clock that they move, a directory that goes away, an issuer of tokens, certificates, a real PostgreSQL, the
//! statements that are run and how an engine would run them.

mod certificates;
mod events;
mod issuer;
mod plans;
mod postgres;
mod recorder;

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use crate::{
    clock::{Clock, Timestamp},
    configuration::DatabaseUrl,
};

pub use certificates::{TestAuthority, TestCertificate};
pub use events::TestEvents;
pub use issuer::TestIssuer;
pub use plans::{Explaining, Plan, ValueOf, plans, run_script};
pub use postgres::{
    address_of, empty_postgres_database, over_tcp, postgres_database, through_pooler, through_session_pooler,
};
pub use recorder::StatementRecorder;

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock at an arbitrary, fixed moment: 2026-01-01T00:00:00Z.
    #[expect(clippy::new_without_default, reason = "a clock is chosen, not defaulted")]
    pub fn new() -> Self {
        Self(AtomicI64::new(1_767_225_600_000_000))
    }

    /// Moves the clock forward.
    pub fn advance(&self, duration: Duration) {
        self.0.fetch_add(
            i64::try_from(duration.as_micros()).unwrap_or(i64::MAX),
            Ordering::SeqCst,
        );
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// A directory for one test, removed when dropped.
pub struct Workspace(tempfile::TempDir);

impl Workspace {
    /// A new, empty one.
    ///
    /// # Panics
    /// If the system's directory for temporary files cannot be written.
    #[expect(
        clippy::new_without_default,
        clippy::expect_used,
        reason = "a test cannot go on without it"
    )]
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory can be made"))
    }

    /// The directory.
    pub fn path(&self) -> &std::path::Path {
        self.0.path()
    }

    /// A `SQLite` database in it.
    pub fn sqlite(&self, name: &str) -> DatabaseUrl {
        DatabaseUrl::Sqlite(self.path().join(name))
    }
}
