//! The statements that are really run, as the trace target `holdfast::sql` tells them.

use std::sync::{Arc, Mutex, PoisonError};

use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    subscriber::DefaultGuard,
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt as _},
};

/// Records the statements of this thread until it is dropped.
pub struct StatementRecorder {
    statements: Arc<Mutex<Vec<String>>>,
    _guard: DefaultGuard,
}

impl StatementRecorder {
    /// Begins to record.
    pub fn start() -> Self {
        let statements = Arc::<Mutex<Vec<String>>>::default();
        let subscriber = tracing_subscriber::registry().with(Statements(statements.clone()));
        Self {
            statements,
            _guard: tracing::subscriber::set_default(subscriber),
        }
    }

    /// Each statement once, in the order of their first run; those that run as one string by themselves, without the
    /// transaction around them.
    pub fn statements(self) -> Vec<String> {
        let mut once = Vec::new();
        let recorded = self.statements.lock().unwrap_or_else(PoisonError::into_inner);
        for sql in recorded.iter().flat_map(|sql| sql.split(';')) {
            let sql = sql.trim();
            let is_around = ["BEGIN", "SAVEPOINT", "RELEASE", "COMMIT"];
            if !sql.is_empty()
                && !is_around.iter().any(|word| sql.starts_with(word))
                && !once.iter().any(|seen| seen == sql)
            {
                once.push(sql.to_owned());
            }
        }
        once
    }
}

struct Statements(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Statements {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "holdfast::sql" {
            event.record(&mut SqlOf(&self.0));
        }
    }
}

struct SqlOf<'a>(&'a Mutex<Vec<String>>);

impl Visit for SqlOf<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "sql" {
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(value.to_owned());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}
