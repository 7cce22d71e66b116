//! What was ended before its time, as a verifier knows it.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

use tokio::sync::watch;
use uuid::Uuid;

use super::Caller;
use crate::clock::Timestamp;

/// Ended sessions and withdrawn tokens, each kept until no access token is good any more that it
/// concerns.
#[derive(Debug, Default)]
pub struct Revocations {
    known: RwLock<Known>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Known {
    /// Until when each is kept.
    sessions: HashMap<Uuid, Timestamp>,
    /// Tokens issued before that second are withdrawn, and until when this is kept.
    accounts: HashMap<Uuid, Withdrawal>,
    /// The same of everybody's.
    everyone: Option<Withdrawal>,
}

#[derive(Clone, Copy, Debug)]
struct Withdrawal {
    issued_before: i64,
    forget_time: Timestamp,
}

impl Revocations {
    /// Whether the token of a caller was withdrawn, by its session or by its account.
    pub fn refuse(&self, caller: &Caller) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let withdrawn = |withdrawal: Option<&Withdrawal>| {
            withdrawal.is_some_and(|withdrawal| caller.issued() < withdrawal.issued_before)
        };
        known.sessions.contains_key(&caller.session())
            || withdrawn(known.accounts.get(&caller.subject()))
            || withdrawn(known.everyone.as_ref())
    }

    /// A session was ended.
    pub fn end_session(&self, session: Uuid, forget_time: Timestamp) {
        self.write().sessions.insert(session, forget_time);
        self.tell();
    }

    /// The tokens that were issued before the second of that time, to an account or to everyone, were withdrawn. Tokens tell
    /// no more than the second; those of that second are told session by session.
    pub fn withdraw(&self, account: Option<Uuid>, at: Timestamp, forget_time: Timestamp) {
        let withdrawal = Withdrawal {
            issued_before: at.as_seconds(),
            forget_time,
        };
        let mut known = self.write();
        match account {
            Some(account) => drop(known.accounts.insert(account, withdrawal)),
            None => known.everyone = Some(withdrawal),
        }
        drop(known);
        self.tell();
    }

    /// Something was ended or withdrawn, here or elsewhere.
    pub(crate) fn tell(&self) {
        self.changed.send_replace(());
    }

    /// Hears of everything that is ended or withdrawn from now on.
    pub(super) fn changed(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Forgets what concerns no token any more.
    pub fn forget(&self, now: Timestamp) {
        let mut known = self.write();
        known.sessions.retain(|_, forget_time| *forget_time > now);
        known.accounts.retain(|_, withdrawal| withdrawal.forget_time > now);
        known.everyone = known.everyone.filter(|withdrawal| withdrawal.forget_time > now);
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}
