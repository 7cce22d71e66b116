//! Whose tasks.

use platform::verification::Caller;
use uuid::Uuid;

/// The person whose tasks an operation may touch. Made only from a verified [`Caller`], and asked for by every
/// method of the store: to forget ownership does not compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnerId(Uuid);

impl OwnerId {
    /// The caller's own tasks.
    pub fn of(caller: &Caller) -> Self {
        Self(caller.subject())
    }

    /// The first column of every key.
    pub(crate) fn as_uuid(self) -> Uuid {
        self.0
    }
}
