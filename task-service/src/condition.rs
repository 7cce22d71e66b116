//! Which tasks a list holds.

use platform::clock::Timestamp;

use crate::task::Priority;

/// Which tasks. Two-valued: a comparison with a field that is absent is false, and its negation true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Every one of them holds; of none: every task.
    All(Vec<Condition>),
    /// At least one of them holds.
    Any(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// It is completed, or it is not.
    Completed(bool),
    /// The priority lies between these, both included; from a greater to a lesser: no task.
    Priority {
        /// The least.
        from: Priority,
        /// The greatest.
        to: Priority,
    },
    /// It has this tag, as tags are kept: trimmed and lower-cased.
    Tag(String),
    /// It has any tag.
    Tagged,
    /// It is due from one time on and before another; `None` is open. Both open: it is due at all.
    Due {
        /// The first time.
        from: Option<DueBound>,
        /// The first time after.
        before: Option<DueBound>,
    },
    /// A time of the task lies from one time on and before another; `None` is open. Both open: it is set.
    Time {
        /// Which.
        field: TimeField,
        /// The first time.
        from: Option<Timestamp>,
        /// The first time after.
        before: Option<Timestamp>,
    },
    /// The text occurs in the field, whatever the case and the accents.
    Contains {
        /// Which.
        field: TextField,
        /// What is looked for.
        text: String,
    },
    /// The whole field is the text, whatever the case and the accents.
    Equals {
        /// Which.
        field: TextField,
        /// What it is compared with.
        text: String,
    },
}

/// Where a span of due times begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueBound {
    /// For moments.
    pub moment: Timestamp,
    /// For whole days: the midnight UTC that begins the day.
    pub day: Timestamp,
}

/// A time of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields of Task")]
pub enum TimeField {
    Create,
    Update,
    Complete,
    Delete,
}

/// A text of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields of Content")]
pub enum TextField {
    Title,
    Description,
    /// The one or the other.
    Either,
}

impl Condition {
    /// Every task.
    pub fn everything() -> Self {
        Self::All(Vec::new())
    }
}
