//! What the fuzz targets (`fuzz/`) reach that is private. Compiled with `--cfg fuzzing` only, which cargo-fuzz sets.

use jiff::tz::TimeZone;
use platform::clock::Timestamp;
use uuid::Uuid;

use crate::{
    condition::Condition,
    filter, imports,
    order::{Cursor, Order},
    owner::OwnerId,
    sync::Progress,
    task::Task,
    tasks::Tasks,
    tokens,
    transfer::{Draft, Problem},
    validation::Violations,
};

/// Anybody.
pub fn owner(id: Uuid) -> OwnerId {
    OwnerId::without_proof(id)
}

/// The condition of a filter; else where it is wrong, in characters from 1, and how.
pub fn filter(text: &str, zone: &TimeZone) -> Result<Condition, (usize, String)> {
    filter::parse(text, zone).map_err(|error| (error.position, error.problem))
}

/// The order that an `order_by` names; `None` if it cannot be used.
pub fn order(text: &str) -> Option<Order> {
    Order::parse(text, &mut Violations::default())
}

/// The cursor that a page token's content holds, and its content; `None` if it holds none.
pub fn cursor(content: &[u8]) -> Option<(Cursor, Vec<u8>)> {
    let cursor = Cursor::decode(content)?;
    let again = cursor.encode();
    Some((cursor, again))
}

/// The content again of a token that holds the progress of a synchronisation; `None` if it holds none.
pub fn progress(content: &[u8]) -> Option<Vec<u8>> {
    Progress::decode(content).map(Progress::encode)
}

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose<'a> {
    /// The next page of a list of this query.
    Page(&'a [u8]),
    /// The next page of a synchronisation that began with this token.
    SyncPage(&'a str),
    /// What changed since.
    Sync,
}

impl<'a> From<Purpose<'a>> for tokens::Purpose<'a> {
    fn from(purpose: Purpose<'a>) -> Self {
        match purpose {
            Purpose::Page(query) => Self::Page(query),
            Purpose::SyncPage(begun_with) => Self::SyncPage(begun_with),
            Purpose::Sync => Self::Sync,
        }
    }
}

impl Tasks {
    /// The token that holds a content, as good as those that the service makes.
    pub fn seal(&self, owner: OwnerId, purpose: Purpose<'_>, content: Vec<u8>) -> String {
        self.tokens.seal(owner, purpose.into(), content)
    }

    /// The content of a token; `None` if it is not of this owner and purpose.
    pub fn open(&self, owner: OwnerId, purpose: Purpose<'_>, token: &str) -> Option<Vec<u8>> {
        self.tokens.open(owner, purpose.into(), token)
    }
}

/// What the query of a list binds its page tokens to.
pub fn identity(request: &proto::task::v1::ListTasksRequest) -> Vec<u8> {
    crate::query::identity(request)
}

/// The task that an import makes of a draft, unless it breaks a rule.
pub fn task_of(draft: Draft, now: Timestamp) -> Result<Task, Problem> {
    imports::task_of(draft, now)
}
