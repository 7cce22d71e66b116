//! Whose tasks.

use platform::{account_events::DeletedAccount, verification::Caller};
use uuid::Uuid;

/// The person whose tasks an operation may touch. Made only from a verified [`Caller`], or the
/// proof that the account is gone, and asked for by every method of the store: to forget ownership does not compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnerId(Uuid);

impl OwnerId {
    /// The caller's own tasks.
    pub fn of(caller: &Caller) -> Self {
        Self(caller.subject())
    }

    /// The tasks of an account that was deleted, to erase them.
    pub fn of_deleted(account: DeletedAccount) -> Self {
        Self(account.id())
    }

    /// Anybody.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn without_proof(id: Uuid) -> Self {
        Self(id)
    }

    /// The first column of every key.
    pub(crate) fn as_uuid(self) -> Uuid {
        self.0
    }
}
