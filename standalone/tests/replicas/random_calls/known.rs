//! What one who calls knows by then.

use proto::task::v1::Task;
use uuid::Uuid;

use super::calls::{Answer, Call, Outcome};

/// What one who calls knows.
#[derive(Clone, Default)]
pub(super) struct Known {
    /// Their own tasks as they were seen last, the newest at the end; some are seen more than once.
    pub(super) tasks: Vec<Task>,
    /// Ids of others' tasks that the service chose.
    pub(super) foreign: Vec<String>,
    /// Calls that may be repeated: those with a request id, and imports.
    pub(super) made: Vec<Call>,
    /// With which to go on.
    pub(super) sync_token: String,
}

impl Known {
    /// Learns from what came of a call.
    pub(super) fn learn(&mut self, call: &Call, outcome: &Outcome) {
        if !call.request_id().is_empty() || matches!(call, Call::Import(_)) {
            self.made.push(call.clone());
        }
        let Outcome::Answered(answer) = outcome else { return };
        if let Answer::Pages(_, token) = answer
            && !token.is_empty()
        {
            self.sync_token.clone_from(token);
        }
        let written = match (call, answer) {
            (Call::List(_) | Call::Sync(_), _) => Vec::new(),
            (_, Answer::Tasks(tasks)) => tasks.clone(),
            _ => Vec::new(),
        };
        self.tasks
            .extend(written.into_iter().filter(|task| !task.etag.is_empty()));
    }

    /// Those that nobody else can have.
    pub(super) fn new_ids(&self) -> Vec<String> {
        let ids = self.tasks.iter().map(|task| task.id.clone());
        ids.filter(|id| is_new_id(id)).collect()
    }
}

/// Whether the service chose it.
pub(super) fn is_new_id(id: &str) -> bool {
    Uuid::try_parse(id).is_ok_and(|id| id.get_version_num() == 7)
}
