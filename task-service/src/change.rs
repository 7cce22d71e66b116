//! A change to a task, and what comes of it.

use platform::clock::Timestamp;

use crate::{
    due::Due,
    task::{Content, Priority, Task},
};

/// What is to become of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Some of its fields get new values.
    Set(Box<NewValues>),
    /// It is completed if it is active, and active if it is completed.
    Toggle,
    /// It goes to the trash.
    Delete,
    /// It comes back from there.
    Undelete,
}

/// New values of some fields; `None` leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields of Content")]
pub struct NewValues {
    pub title: Option<String>,
    pub description: Option<String>,
    pub completed: Option<bool>,
    pub priority: Option<Priority>,
    pub tags: Option<Vec<String>>,
    pub due: Option<Option<Due>>,
}

impl Change {
    /// A change of nothing but whether it is done.
    pub fn completed(completed: bool) -> Self {
        Self::Set(Box::new(NewValues {
            completed: Some(completed),
            ..NewValues::default()
        }))
    }

    /// Whether it can be done to a task in the trash.
    pub fn reaches_deleted(&self) -> bool {
        matches!(self, Self::Undelete)
    }

    /// The task after the change, one version on; `None` if nothing about it changes.
    pub fn apply(&self, task: &Task, now: Timestamp) -> Option<Task> {
        let mut changed = task.clone();
        match self {
            Self::Delete => changed.delete_time = Some(now),
            Self::Undelete => changed.delete_time = None,
            Self::Toggle => changed.content.completed = !task.content.completed,
            Self::Set(values) => changed.content = values.applied_to(&task.content),
        }
        if changed.content == task.content && changed.delete_time == task.delete_time {
            return None;
        }
        if changed.content.completed != task.content.completed {
            changed.complete_time = changed.content.completed.then_some(now);
        }
        changed.version += 1;
        changed.update_time = now;
        Some(changed)
    }
}

impl NewValues {
    /// The content with the new values in it.
    pub fn applied_to(&self, content: &Content) -> Content {
        let new = self.clone();
        let old = content.clone();
        Content {
            title: new.title.unwrap_or(old.title),
            description: new.description.unwrap_or(old.description),
            completed: new.completed.unwrap_or(old.completed),
            priority: new.priority.unwrap_or(old.priority),
            tags: new.tags.unwrap_or(old.tags),
            due: new.due.unwrap_or(old.due),
        }
    }
}
