//! The life of a signing key: PENDING (published, not signing), ACTIVE, RETIRED (published, signing no more), gone.

use std::time::Duration;

use platform::clock::Timestamp;

use super::{KeyState, StoredSigningKey};

/// For how long verifiers may keep a key set: its max-age (RFC 9111, section 5.2.2.1).
pub const KEY_SET_MAX_AGE: Duration = Duration::from_mins(5);
/// A key is published for so long before it signs, so that every verifier has it by then.
pub(super) const PUBLISH: Duration = Duration::from_mins(10);
/// So long after a key was published every verifier that can be reached has been told of it, and has fetched it: in an
/// emergency it signs then.
pub(super) const HEARD: Duration = Duration::from_secs(1);
/// A key is published for so long after it signed last: the longest life of an access token, and the time until the
/// last replica has heard that another key signs now.
const RETIRE: Duration = Duration::from_mins(65);

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Demand {
    /// What is due by the calendar: a new key so long after the last one began to sign.
    Schedule {
        /// How long a key signs.
        rotation: Duration,
    },
    /// A new key, whenever the last one was made.
    Rotate,
    /// An end to a key. One that signs is first replaced, and ends when it is asked for again: by then no replica signs
    /// with it any more, so that no client is given a token of it that is refused already.
    Revoke {
        /// `kid` of the tokens that it signed.
        key_id: String,
    },
}

/// A change of the set of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The new key is published, and waits.
    Publish,
    /// The new key is published and signs at once: there is no other.
    PublishActive,
    /// A key signs from now on, in the place of the one that did.
    Activate(String),
    /// A key is published no more.
    Remove(String),
}

/// What is to be done with these keys now, in order.
pub fn due(keys: &[StoredSigningKey], demand: &Demand, now: Timestamp) -> Vec<Step> {
    let in_state = |state| keys.iter().find(|key| key.state == state);
    let (pending, active) = (in_state(KeyState::Pending), in_state(KeyState::Active));
    let mut steps = Vec::new();
    match demand {
        Demand::Schedule { rotation } => {
            match (pending, active) {
                (Some(pending), _) if pending.state_time.plus(PUBLISH) <= now => {
                    steps.push(Step::Activate(pending.id.clone()));
                }
                (None, Some(active)) if active.state_time.plus(*rotation) <= now.plus(PUBLISH) => {
                    steps.push(Step::Publish);
                }
                (None, None) => steps.push(Step::PublishActive),
                _ => {}
            }
            let over = keys
                .iter()
                .filter(|key| key.state == KeyState::Retired && key.state_time.plus(RETIRE) <= now);
            steps.extend(over.map(|key| Step::Remove(key.id.clone())));
        }
        Demand::Rotate if pending.is_none() => steps.push(Step::Publish),
        Demand::Rotate => {}
        Demand::Revoke { key_id } => {
            if active.is_some_and(|active| active.id == *key_id) {
                steps.push(match pending {
                    Some(pending) if pending.state_time.plus(HEARD) <= now => Step::Activate(pending.id.clone()),
                    // It is on its way to the verifiers.
                    Some(_) => return steps,
                    None => Step::Publish,
                });
            } else if keys.iter().any(|key| key.id == *key_id) {
                steps.push(Step::Remove(key_id.clone()));
            }
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sealing::Sealed;

    const START: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);
    const ROTATION: Duration = Duration::from_hours(24);
    const SCHEDULE: Demand = Demand::Schedule { rotation: ROTATION };

    fn key(id: &str, state: KeyState) -> StoredSigningKey {
        StoredSigningKey {
            id: id.to_owned(),
            state,
            x: Vec::new(),
            y: Vec::new(),
            sealed: Sealed {
                master_key_id: String::new(),
                bytes: Vec::new(),
            },
            create_time: START,
            state_time: START,
        }
    }

    fn at(seconds: u64) -> Timestamp {
        START.plus(Duration::from_secs(seconds))
    }

    /// TK-13: a new key is published twice the max-age of the key set before it signs.
    #[test]
    fn a_key_is_published_before_it_signs_and_after() {
        let active = [key("a", KeyState::Active)];
        let day = ROTATION.as_secs();
        assert_eq!(due(&active, &SCHEDULE, at(day - 601)), []);
        assert_eq!(due(&active, &SCHEDULE, at(day - 600)), [Step::Publish]);
        let two = [key("b", KeyState::Pending), key("a", KeyState::Active)];
        assert_eq!(due(&two, &SCHEDULE, at(2 * KEY_SET_MAX_AGE.as_secs() - 1)), []);
        assert_eq!(
            due(&two, &SCHEDULE, at(2 * KEY_SET_MAX_AGE.as_secs())),
            [Step::Activate("b".to_owned())]
        );
        let three = [key("b", KeyState::Active), key("a", KeyState::Retired)];
        assert_eq!(due(&three, &SCHEDULE, at(65 * 60 - 1)), []);
        assert_eq!(due(&three, &SCHEDULE, at(65 * 60)), [Step::Remove("a".to_owned())]);
    }

    #[test]
    fn a_rotation_asked_for_twice_is_one() {
        assert_eq!(
            due(&[key("a", KeyState::Active)], &Demand::Rotate, START),
            [Step::Publish]
        );
        let two = [key("b", KeyState::Pending), key("a", KeyState::Active)];
        assert_eq!(due(&two, &Demand::Rotate, START), []);
    }

    /// TK-15: there is always a key that signs.
    #[test]
    fn a_key_that_signs_is_replaced_before_it_goes() {
        let revoke = |key_id: &str| Demand::Revoke {
            key_id: key_id.to_owned(),
        };
        let gone = |id: &str| Step::Remove(id.to_owned());
        assert_eq!(due(&[key("a", KeyState::Active)], &revoke("a"), START), [Step::Publish]);
        let keys = [
            key("c", KeyState::Pending),
            key("b", KeyState::Active),
            key("a", KeyState::Retired),
        ];
        // No token of a key is good anywhere before the verifiers have the key.
        assert_eq!(due(&keys, &revoke("b"), START), []);
        assert_eq!(due(&keys, &revoke("b"), at(1)), [Step::Activate("c".to_owned())]);
        assert_eq!(due(&keys, &revoke("a"), START), [gone("a")]);
        assert_eq!(due(&keys, &revoke("c"), START), [gone("c")]);
        assert_eq!(due(&keys, &revoke("d"), START), []);
    }
}
