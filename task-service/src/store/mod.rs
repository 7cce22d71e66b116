//! Where tasks are kept: the contract of a store, each sentence of which is a conformance test, then the SQL.

mod announcements;
mod creation;
mod lists;
mod outcomes;
mod removal;
mod repetitions;
mod rows;
mod schema;
mod sequence;
mod sql;
mod statistics;
mod tags;
mod token_key;
mod unfolded;

use std::time::Duration;

use platform::{clock::Timestamp, database::StoreError};
use uuid::Uuid;

use crate::{change::Change, condition::DueBound, order::Cursor, owner::OwnerId, query::Query, task::Task};

pub use announcements::{Announcements, SqlAnnouncements};
pub use creation::TaskEngine;
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

/// What is to be done with one task.
#[derive(Clone, Debug)]
pub enum Operation {
    /// It is stored with version 1.
    Create(Box<Task>),
    /// It is changed.
    Change(Edit),
}

/// What came of [`TaskStore::write`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// The tasks as they are stored now, in the order of the operations.
    Tasks(Vec<Task>),
    /// An operation is refused, and so nothing is done.
    Refused {
        /// Which one, from 0.
        index: usize,
        /// Why.
        refusal: Refusal,
    },
    /// A request of the same id asked something else.
    RequestIdReused,
    /// The owner's account is gone.
    OwnerErased,
}

/// Why an operation is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The owner has a task of that id already, perhaps a deleted one.
    IdTaken,
    /// The owner has no such task, or it is deleted.
    Missing,
    /// The task has another etag.
    EtagMismatch,
    /// The tasks up to this one take more bytes than an answer may have.
    AnswerTooLarge,
}

/// What came of [`TaskStore::import`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imported {
    /// So many tasks are new; the owner has the others already.
    Tasks {
        /// How many.
        created: usize,
    },
    /// The owner's account is gone.
    OwnerErased,
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its tasks.
    pub tasks: Vec<Task>,
    /// Every change up to this `change_seq` was there when the tasks were read.
    pub read_seq: i64,
}

/// A part of what changed among the tasks of an owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// The tasks as they are now, deleted ones too, in the order of their last changes.
    pub tasks: Vec<Task>,
    /// Every change up to this `change_seq` was there when the tasks were read.
    pub read_seq: i64,
    /// The greatest `change_seq` of a task that had been purged by then: who was not told of it never will be.
    pub purged_seq: i64,
}

/// Where an owner is in the order of their changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The `change_seq` of the last change; 0 before the first.
    pub last_seq: i64,
    /// The greatest `change_seq` of a task that was purged.
    pub purged_seq: i64,
}

/// The times between which statistics are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days {
    /// The present moment.
    pub now: Timestamp,
    /// The beginning of today.
    pub today: DueBound,
    /// The end of today.
    pub tomorrow: DueBound,
}

/// How many tasks of an owner are not deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// All of them.
    pub total: i64,
    /// Those that are completed.
    pub completed: i64,
    /// Those that are not, and were due before now, or on a day before today.
    pub overdue: i64,
    /// Those that are not, and are due today, earlier or later.
    pub due_today: i64,
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
    /// Must do all operations one after the other, or none of them if one is refused.
    ///
    /// A creation must store the task with version 1; it is `IdTaken` if the owner has a task of that id, deleted or not. Other
    /// owners' ids must not matter. A change must be applied to the task as it is at that moment, so that of two changes neither is
    /// lost. A deleted task must be `Missing`, except to an undeletion within 30 days; then the etag must be compared
    /// exactly; then a change that changes nothing must return the task as it is. Tasks that take more than
    /// `answer_bytes` together must be refused.
    async fn write(
        &self,
        owner: OwnerId,
        operations: Vec<Operation>,
        answer_bytes: usize,
        effect: Effect,
    ) -> Result<Written, StoreError>;

    /// Must store those of the tasks with version 1 whose ids the owner does not have, and leave the others as they are.
    async fn import(&self, owner: OwnerId, tasks: Vec<Task>) -> Result<Imported, StoreError>;

    /// Must return the task, deleted or not, exactly as it was stored.
    async fn get(&self, owner: OwnerId, id: Uuid) -> Result<Option<Task>, StoreError>;

    /// Must return the tasks that the query's condition holds for, none twice, in the query's order, beginning after the
    /// cursor, at most `limit`; fewer only if no more follow. Equal tasks must come in the order of their ids, absent values last. Deleted
    /// tasks must be left out, unless the query asks for those deleted after a time.
    async fn list(
        &self,
        owner: OwnerId,
        query: &Query,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Listed, StoreError>;

    /// Must return the tasks that changed after a place in the owner's order of changes, each once, in that order, deleted
    /// ones too, at most `limit`; fewer only if no more follow. Purged tasks are not among them;
    /// `purged_seq` must tell of every one that is not.
    async fn changes(&self, owner: OwnerId, after_seq: i64, limit: usize) -> Result<Changes, StoreError>;

    /// Must return where the owner is in the order of their changes.
    async fn position(&self, owner: OwnerId) -> Result<Position, StoreError>;

    /// Must count the owner's tasks that are not deleted.
    async fn statistics(&self, owner: OwnerId, days: Days) -> Result<Statistics, StoreError>;

    /// Must delete for good a bounded number of the tasks of one owner that have been deleted for 30 days, and no others;
    /// and forget a bounded number of their requests that were more than a day ago. The position must tell of the tasks.
    async fn purge(&self, now: Timestamp) -> Result<Purged, StoreError>;

    /// Must mark the owner as erased, so that nothing is written for them from then on, and delete a bounded number
    /// of their tasks, deleted ones too. However often it is called, and whatever cut it off, the first mark stays.
    async fn erase(&self, owner: OwnerId, now: Timestamp) -> Result<Erased, StoreError>;
}
