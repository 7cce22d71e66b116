//! Where tasks are kept: the contract of a store, each sentence of which is a conformance test, then the SQL.

mod outcomes;
mod removal;
mod repetitions;
mod schema;
mod sql;
mod tags;
mod token_key;

use std::time::Duration;

use platform::{clock::Timestamp, database::StoreError};
use uuid::Uuid;

use crate::{
    change::Change,
    owner::OwnerId,
    pages::{Cursor, StateFilter},
    task::Task,
};

pub use schema::{SCHEMA, TaskDatabase, migrate};
pub use sql::SqlTaskStore;
pub use token_key::token_key;

/// Requests are remembered for so long after they had their effect.
pub const REMEMBERED: Duration = Duration::from_hours(24);

/// What makes a request one with its repetitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId {
    /// As the client chose it.
    pub id: String,
    /// SHA-256 of what it asks.
    pub digest: [u8; 32],
}

/// Whether an operation is done or only tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It is done.
    Stored,
    /// It is done if no request of that id was within a day; of one that was, the outcome is told again.
    Once(RequestId),
    /// Everything is checked and the outcome told, but nothing is written.
    CheckedOnly,
}

/// A change of one task, and what it depends on.
#[derive(Clone, Debug)]
pub struct Edit {
    /// The task.
    pub id: Uuid,
    /// The etag that the task must still have.
    pub etag: Option<String>,
    /// What is to become of it.
    pub change: Change,
    /// The time of the change.
    pub now: Timestamp,
}

/// What came of [`TaskStore::create`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// The task as it is stored.
    Task(Task),
    /// The owner has a task of that id already, perhaps a deleted one.
    IdTaken,
    /// A request of the same id asked something else.
    RequestIdReused,
    /// The owner's account is gone.
    OwnerErased,
}

/// What came of [`TaskStore::change`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// The task as it is stored now.
    Task(Task),
    /// The owner has no such task, or it is deleted.
    Missing,
    /// The task has another etag.
    EtagMismatch,
    /// A request of the same id asked something else.
    RequestIdReused,
    /// The owner's account is gone.
    OwnerErased,
}

/// What came of [`TaskStore::erase`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erased {
    /// Nothing of the owner is left but the mark.
    Completely,
    /// There may be more; the next call goes on.
    InPart,
}

/// What came of [`TaskStore::purge`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purged {
    /// Some tasks of an owner are gone, or it was found that none of theirs are due; there may be more.
    Some,
    /// Nothing is due.
    Nothing,
}

/// Keeps tasks, each under its owner.
///
/// Every store must keep these promises:
/// - No method must ever return, change or count a task of another owner; an id that only another owner has
///   must be treated as one that nobody has.
/// - Every method must be one atomic operation; what is written must be on disk before the method returns.
/// - Every task that is created or changed must get the owner's next `change_seq`: 1 for the first, then one
///   more each time, in commit order, without gaps, whatever runs at the same time.
/// - Nothing that is refused, changes nothing or is only checked may use a `change_seq` or leave any trace.
/// - Of any number of requests of one owner with one id within 24 hours, one that succeeds must have its effect, and every
///   other must get the same outcome if it asks the same, `RequestIdReused` otherwise. Refusals must not be remembered.
/// - Nothing must be written for an owner whose account is gone; `OwnerErased` is the answer.
#[tonic::async_trait]
pub trait TaskStore: Send + Sync + 'static {
    /// Must store the task with version 1, or answer `IdTaken` if the owner has a task of that id, deleted or
    /// not. Other owners' ids must not matter.
    async fn create(&self, owner: OwnerId, task: Task, effect: Effect) -> Result<Created, StoreError>;

    /// Must return the task, deleted or not, exactly as it was stored.
    async fn get(&self, owner: OwnerId, id: Uuid) -> Result<Option<Task>, StoreError>;

    /// Must return the tasks that are not deleted and match the filter, from the newest `create_time` to the
    /// oldest and among equals from the greatest id to the least, beginning after the cursor, at most `limit`;
    /// fewer only if no more follow.
    async fn list(
        &self,
        owner: OwnerId,
        state: StateFilter,
        after: Cursor,
        limit: usize,
    ) -> Result<Vec<Task>, StoreError>;

    /// Must apply the change to the task as it is at that moment, so that of two changes neither is lost. A
    /// deleted task must be `Missing`, except to an undeletion within 30 days; then the etag must be compared exactly; then a change that changes
    /// nothing must return the task as it is.
    async fn change(&self, owner: OwnerId, edit: Edit, effect: Effect) -> Result<Changed, StoreError>;

    /// Must delete for good a bounded number of the tasks of one owner that have been deleted for 30 days, and no others;
    /// and forget a bounded number of their requests that were more than a day ago.
    async fn purge(&self, now: Timestamp) -> Result<Purged, StoreError>;

    /// Must mark the owner as erased, so that nothing is written for them from then on, and delete a bounded number
    /// of their tasks, deleted ones too. However often it is called, and whatever cut it off, the first mark stays.
    async fn erase(&self, owner: OwnerId, now: Timestamp) -> Result<Erased, StoreError>;
}
