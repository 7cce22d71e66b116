//! Account events: what the services that trust access tokens must hear.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use platform::clock::Timestamp;
use uuid::Uuid;

/// How far the clocks of two machines may be apart: for so long after its end a token may still seem good.
const SKEW: Duration = Duration::from_mins(1);
/// The longest that an access token can be good for, whatever the settings were when it was given out.
const LONGEST_TOKEN: Duration = Duration::from_hours(1);

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A session was ended.
    SessionEnded {
        /// The session.
        session: Uuid,
    },
    /// Every access token that was given out so far was withdrawn.
    TokensWithdrawn {
        /// Of this account; `None`: of everyone.
        account: Option<Uuid>,
    },
    /// An account was deleted; its tasks are to be erased.
    AccountDeleted {
        /// The account.
        account: Uuid,
    },
    /// There are other signing keys than before.
    KeysChanged,
    /// A signing key was revoked.
    KeyRevoked {
        /// `kid` of the tokens that it signed.
        key_id: String,
    },
}

/// An event to be stored.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// What happened.
    pub event: Event,
    /// From then on it concerns no token that is still good.
    pub forget_time: Timestamp,
}

impl NewEvent {
    /// The end of a session none of whose access tokens is good after a time.
    pub fn session_ended(session: Uuid, token_expire_time: Timestamp) -> Self {
        Self {
            event: Event::SessionEnded { session },
            forget_time: token_expire_time.plus(SKEW),
        }
    }

    /// What concerns any token given out until now.
    pub fn of_all_tokens(event: Event, now: Timestamp) -> Self {
        Self {
            event,
            forget_time: now.plus(LONGEST_TOKEN).plus(SKEW),
        }
    }
}

/// An event as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its place among all events, in the order in which they were committed; from 1, without gaps.
    pub id: i64,
    /// What happened.
    pub event: Event,
    /// When.
    pub event_time: Timestamp,
    /// From then on it concerns no token that is still good.
    pub forget_time: Timestamp,
}

impl StoredEvent {
    /// Where a follower is that has heard everything up to this event: its number and what it was. A database that was
    /// restored gives the number to another event.
    pub fn cursor(&self) -> String {
        let what = format!("{self:?}");
        let digest = digest(&SHA256, what.as_bytes());
        format!("{}-{}", self.id, BASE64_URL_SAFE_NO_PAD.encode(&digest.as_ref()[..12]))
    }
}
