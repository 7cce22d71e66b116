//! A task.

use std::time::Duration;

use platform::clock::Timestamp;
use uuid::Uuid;

use crate::due::Due;

/// How much a task matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Can wait.
    Low,
    /// The default.
    #[default]
    Medium,
    /// Comes first.
    High,
}

impl Priority {
    /// 1 low, 2 medium, 3 high.
    pub(crate) fn number(self) -> i16 {
        match self {
            Self::Low => 1,
            Self::Medium => 2,
            Self::High => 3,
        }
    }

    /// The priority of a number; `None` for any other.
    pub(crate) fn of_number(number: i16) -> Option<Self> {
        match number {
            1 => Some(Self::Low),
            2 => Some(Self::Medium),
            3 => Some(Self::High),
            _ => None,
        }
    }
}

/// What a person says of a task. All of it can be changed; nothing else can.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// 1 to 200 code points, trimmed.
    pub title: String,
    /// 0 to 10000 code points.
    pub description: String,
    /// Whether it is done.
    pub completed: bool,
    /// How much it matters.
    pub priority: Priority,
    /// At most 20, each 1 to 50 code points, lower-cased, trimmed and unique.
    pub tags: Vec<String>,
    /// When it is due, if it is.
    pub due: Option<Due>,
}

/// A deleted task is kept so long.
pub const KEPT_IN_TRASH: Duration = Duration::from_hours(30 * 24);

/// A task as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Unique among the tasks of its owner.
    pub id: Uuid,
    /// What the person says of it.
    pub content: Content,
    /// Counts its changes, from 1; 0 of a task that is not stored.
    pub version: i64,
    /// The place of its last change among all changes of its owner, in commit order, from 1.
    pub change_seq: i64,
    /// When it was created.
    pub create_time: Timestamp,
    /// When it was changed last.
    pub update_time: Timestamp,
    /// When it was completed, if it is.
    pub complete_time: Option<Timestamp>,
    /// When it was deleted, if it is.
    pub delete_time: Option<Timestamp>,
}

/// What ids, times, numbers and the lengths of the other fields take at most in an encoded task.
const FIXED_BYTES: usize = 256;
/// What a tag takes at most besides its text.
const TAG_BYTES: usize = 4;

impl Task {
    /// A task that was not stored yet.
    pub fn new(id: Uuid, content: Content, now: Timestamp) -> Self {
        Self {
            id,
            version: 0,
            change_seq: 0,
            create_time: now,
            update_time: now,
            complete_time: content.completed.then_some(now),
            delete_time: None,
            content,
        }
    }

    /// When it will be gone for good, if it is deleted.
    pub fn purge_time(&self) -> Option<Timestamp> {
        self.delete_time.map(|deleted| deleted.plus(KEPT_IN_TRASH))
    }

    /// Whether there is nothing of it any more, though it may still be stored.
    pub fn is_purged(&self, now: Timestamp) -> bool {
        self.purge_time().is_some_and(|purged| purged <= now)
    }

    /// Names this version of the task (AIP-154); empty if it is not stored.
    pub fn etag(&self) -> String {
        if self.version == 0 {
            String::new()
        } else {
            self.version.to_string()
        }
    }

    /// How many bytes the task takes in a list on the wire, at most.
    pub fn encoded_bytes(&self) -> usize {
        let content = &self.content;
        let tags: usize = content.tags.iter().map(|tag| tag.len() + TAG_BYTES).sum();
        let zone = match &content.due {
            Some(Due::Moment { zone, .. }) => zone.len(),
            _ => 0,
        };
        FIXED_BYTES + content.title.len() + content.description.len() + tags + zone
    }
}
