//! What changed since.

use proto::task::v1 as wire;

use crate::{
    error::TaskError,
    owner::OwnerId,
    pages::{MAX_PAGE_BYTES, READ_AT_ONCE},
    query,
    store::Changes,
    task::Task,
    tasks::Tasks,
    tokens::Purpose,
    validation::Violations,
};

/// A page of what changed.
#[derive(Debug)]
pub struct SyncPage {
    /// The tasks, deleted ones too, in the order of their last changes.
    pub tasks: Vec<Task>,
    /// The token of the next page; empty if this is the last one.
    pub next_page_token: String,
    /// On the last page, the token with which to go on later.
    pub next_sync_token: String,
}

/// How far a client has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The `change_seq` up to which it knows every change.
    pub(crate) seq: i64,
    /// Where the owner was when it began with nothing: it need not hear of what had been deleted by then. Where it knew
    /// everything, if it began with that.
    pub(crate) begun_seq: i64,
}

impl Progress {
    /// Of a client that knows nothing, and nothing was read yet.
    const BEGINNING: Self = Self {
        seq: 0,
        begun_seq: i64::MAX,
    };

    /// Of a client that knows every change up to this `change_seq`.
    pub(crate) fn up_to(seq: i64) -> Self {
        Self { seq, begun_seq: seq }
    }

    pub(crate) fn encode(self) -> Vec<u8> {
        [self.seq.to_be_bytes(), self.begun_seq.to_be_bytes()].concat()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (seq, begun_seq) = bytes.split_first_chunk()?;
        Some(Self {
            seq: i64::from_be_bytes(*seq),
            begun_seq: i64::from_be_bytes(begun_seq.try_into().ok()?),
        })
    }

    /// Refuses a client that may have missed a deletion, or knows more than the database: then that was restored.
    pub(crate) fn check(self, purged_seq: i64, last_seq: i64) -> Result<(), TaskError> {
        if self.missed(purged_seq) || self.seq > last_seq {
            return Err(TaskError::SyncTokenExpired);
        }
        Ok(())
    }

    /// Whether the client may have missed a deletion.
    pub(crate) fn missed(self, purged_seq: i64) -> bool {
        self.seq.max(self.begun_seq) < purged_seq
    }
}

impl Tasks {
    /// A page of what changed since a sync token, or of everything.
    pub async fn sync(&self, owner: OwnerId, request: &wire::SyncTasksRequest) -> Result<SyncPage, TaskError> {
        let mut violations = Violations::default();
        let page_size = query::page_size(request.page_size, &mut violations);
        let page_size = violations.accept(page_size)?;
        let purpose = Purpose::SyncPage(&request.sync_token);
        let mut progress = if request.page_token.is_empty() {
            self.progress(owner, &request.sync_token)?
                .unwrap_or(Progress::BEGINNING)
        } else {
            let opened = self.tokens.open(owner, purpose, &request.page_token);
            let progress = opened.as_deref().and_then(Progress::decode);
            progress.ok_or(TaskError::PageTokenInvalid)?
        };
        let (mut tasks, mut bytes): (Vec<Task>, usize) = (Vec::new(), 0);
        let more = 'page: loop {
            let wanted = (page_size + 1 - tasks.len()).min(READ_AT_ONCE);
            let changes = self.changes(owner, progress, wanted).await?;
            progress.begun_seq = progress.begun_seq.min(changes.read_seq);
            let exhausted = changes.tasks.len() < wanted;
            for task in changes.tasks {
                bytes += task.encoded_bytes();
                if tasks.len() == page_size || bytes > MAX_PAGE_BYTES {
                    break 'page true;
                }
                progress.seq = task.change_seq;
                tasks.push(task);
            }
            if exhausted {
                progress.seq = progress.seq.max(changes.read_seq);
                break false;
            }
        };
        let (next_page_token, next_sync_token) = if more {
            (self.tokens.seal(owner, purpose, progress.encode()), String::new())
        } else {
            (String::new(), self.sync_token(owner, progress.seq))
        };
        Ok(SyncPage {
            tasks,
            next_page_token,
            next_sync_token,
        })
    }

    /// What changed after that, unless the client must begin anew.
    pub(crate) async fn changes(&self, owner: OwnerId, progress: Progress, limit: usize) -> Result<Changes, TaskError> {
        let changes = self.store.changes(owner, progress.seq, limit).await?;
        let last_seq = changes.tasks.last().map_or(0, |task| task.change_seq);
        progress.check(changes.purged_seq, changes.read_seq.max(last_seq))?;
        Ok(changes)
    }

    /// How far the client of a sync token has come; `None` without one.
    pub(crate) fn progress(&self, owner: OwnerId, sync_token: &str) -> Result<Option<Progress>, TaskError> {
        if sync_token.is_empty() {
            return Ok(None);
        }
        let opened = self.tokens.open(owner, Purpose::Sync, sync_token);
        let progress = opened.as_deref().and_then(Progress::decode);
        progress.map(Some).ok_or(TaskError::SyncTokenInvalid)
    }

    /// The token of a client that knows every change up to this change_seq.
    pub(crate) fn sync_token(&self, owner: OwnerId, seq: i64) -> String {
        self.tokens.seal(owner, Purpose::Sync, Progress::up_to(seq).encode())
    }
}
