//! The owner's order of changes, and the counts that go with it, in SQL: one row, which every write locks first.

use platform::{
    clock::Timestamp,
    database::{Connection, Engine, statement},
};

use super::{Operation, Position};
use crate::{change::Change, owner::OwnerId, task::Task};

/// Locks the owner and takes as many change_seqs as there may be changes; the lock is what orders them by commit. The
/// counts are set to what they will most likely be.
const TAKE: &str = "
    INSERT INTO owner_state (owner_id, next_seq, task_count, completed_count) VALUES ($1, 1 + $2, $3, $4)
    ON CONFLICT (owner_id) DO UPDATE
    SET next_seq = owner_state.next_seq + $2, task_count = owner_state.task_count + $3,
        completed_count = owner_state.completed_count + $4
    RETURNING next_seq - $2 AS first_seq, erased_time";

/// Gives back what was not used, in the same transaction, and sets the counts right.
const SETTLE: &str = "
    UPDATE owner_state
    SET next_seq = next_seq - $2, task_count = task_count - $3, completed_count = completed_count - $4
    WHERE owner_id = $1";

const POSITION: &str = "SELECT next_seq - 1 AS last_seq, purged_seq FROM owner_state WHERE owner_id = $1";

/// What an operation took of its owner's row, and has not used.
#[must_use = "what is not used must be given back"]
pub(super) struct Taken {
    owner: OwnerId,
    next_seq: i64,
    unused: i64,
    excess: Counts,
}

/// How many tasks, of those that are not deleted.
#[derive(Clone, Copy, Default)]
struct Counts {
    tasks: i64,
    completed: i64,
}

impl Counts {
    fn of(task: &Task) -> Self {
        let counted = task.delete_time.is_none();
        Self {
            tasks: counted.into(),
            completed: (counted && task.content.completed).into(),
        }
    }

    /// What the counts will most likely grow by.
    fn expected(operation: &Operation) -> Self {
        match operation {
            Operation::Create(task) => Self::of(task),
            Operation::Change(edit) => match &edit.change {
                Change::Set(values) => Self {
                    tasks: 0,
                    completed: values.completed.map_or(0, |completed| if completed { 1 } else { -1 }),
                },
                Change::Toggle => Self { tasks: 0, completed: 1 },
                Change::Delete => Self {
                    tasks: -1,
                    completed: 0,
                },
                Change::Undelete => Self { tasks: 1, completed: 0 },
            },
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            tasks: self.tasks + other.tasks,
            completed: self.completed + other.completed,
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            tasks: self.tasks - other.tasks,
            completed: self.completed - other.completed,
        }
    }
}

impl Taken {
    /// Locks the owner. `None` if the owner's account is gone; then nothing is taken.
    pub(super) async fn take<E: Engine>(
        connection: &mut Connection<'_, E>,
        owner: OwnerId,
        operations: &[Operation],
    ) -> Result<Option<Self>, sqlx::Error> {
        let expected = operations.iter().map(Counts::expected);
        let excess = expected.fold(Counts::default(), Counts::plus);
        let unused = i64::try_from(operations.len()).unwrap_or(i64::MAX);
        let take = statement::<E>(TAKE)
            .bind(owner.as_uuid())
            .bind(unused)
            .bind(excess.tasks)
            .bind(excess.completed);
        let row = take.one(connection).await?;
        let taken = Self {
            owner,
            next_seq: row.get("first_seq")?,
            unused,
            excess,
        };
        if row.get::<Option<Timestamp>>("erased_time")?.is_none() {
            return Ok(Some(taken));
        }
        taken.settle::<E>(connection).await?;
        Ok(None)
    }

    /// The change_seq of the next change.
    pub(super) fn next(&self) -> i64 {
        self.next_seq
    }

    /// A change was written with the next change_seq: what the task was before, if it was, and what it is.
    pub(super) fn used(&mut self, before: Option<&Task>, after: &Task) {
        self.next_seq += 1;
        self.unused -= 1;
        let grown = Counts::of(after).minus(before.map_or_else(Counts::default, Counts::of));
        self.excess = self.excess.minus(grown);
    }

    /// Gives back what was not used.
    pub(super) async fn settle<E: Engine>(self, connection: &mut Connection<'_, E>) -> Result<(), sqlx::Error> {
        let Counts { tasks, completed } = self.excess;
        if (self.unused, tasks, completed) == (0, 0, 0) {
            return Ok(());
        }
        let settle = statement::<E>(SETTLE)
            .bind(self.owner.as_uuid())
            .bind(self.unused)
            .bind(tasks)
            .bind(completed);
        settle.execute(connection).await.map(drop)
    }
}

/// Where the owner is in the order of their changes.
pub(super) async fn position<E: Engine>(
    connection: &mut Connection<'_, E>,
    owner: OwnerId,
) -> Result<Position, sqlx::Error> {
    let row = statement::<E>(POSITION).bind(owner.as_uuid()).first(connection).await?;
    let Some(row) = row else {
        return Ok(Position {
            last_seq: 0,
            purged_seq: 0,
        });
    };
    Ok(Position {
        last_seq: row.get("last_seq")?,
        purged_seq: row.get("purged_seq")?,
    })
}
