//! Whether a token that was good when a call began still is, for calls that last.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{Caller, KeyRing, Refusal, Revocations};
use crate::clock::Clock;

/// After something was ended, the calls look together: of many endings in a row each looks five times a second.
const GATHERING: Duration = Duration::from_millis(200);

/// Tells of callers whether their tokens are still good.
#[derive(Clone)]
pub struct Standing {
    keys: Arc<KeyRing>,
    revocations: Arc<Revocations>,
    clock: Arc<dyn Clock>,
}

impl Standing {
    /// By the same keys, revocations and time as the verifier.
    pub fn new(keys: Arc<KeyRing>, revocations: Arc<Revocations>, clock: Arc<dyn Clock>) -> Self {
        Self {
            keys,
            revocations,
            clock,
        }
    }

    /// Returns when the token of a caller is not good any more, and why.
    pub async fn end(self, caller: Caller) -> Refusal {
        let mut changed = self.revocations.changed();
        loop {
            if self.revocations.refuse(&caller) {
                return Refusal::Revoked;
            }
            if !self.keys.holds(caller.key_id()) {
                return Refusal::Invalid;
            }
            let left = caller.expires() - self.clock.now().as_seconds();
            let Some(left) = u64::try_from(left).ok().filter(|left| *left > 0) else {
                return Refusal::Expired;
            };
            tokio::select! {
                // The sender stays for as long as the revocations do.
                _ = changed.changed() => sleep(GATHERING).await,
                () = sleep(Duration::from_secs(left)) => {}
            }
        }
    }
}
