//! Whether this process can do its work just now.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

/// One thing that must be right; the error says what is not.
pub type Check = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// The checks of a process, by name. Ready means: all of them pass, there is at least one, and the process does not leave.
#[derive(Clone, Default)]
pub struct Readiness {
    checks: Arc<Mutex<Vec<(&'static str, Check)>>>,
    leaving: CancellationToken,
}

impl Readiness {
    /// Adds a check.
    pub fn add(&self, name: &'static str, check: Check) {
        self.checks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((name, check));
    }

    /// Not ready from now on, for good, whatever the checks say.
    pub fn leave(&self) {
        self.leaving.cancel();
    }

    /// Waits until it leaves.
    pub(super) async fn left(&self) {
        self.leaving.cancelled().await;
    }

    /// Runs all checks: what is wrong, one line each; `Ok` if nothing is.
    pub async fn check(&self) -> Result<(), Vec<String>> {
        if self.leaving.is_cancelled() {
            return Err(vec!["shutting down".to_owned()]);
        }
        let checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if checks.is_empty() {
            return Err(vec!["starting".to_owned()]);
        }
        let mut wrong = Vec::new();
        for (name, check) in checks {
            if let Err(error) = check().await {
                wrong.push(format!("{name}: {error}"));
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }
}
