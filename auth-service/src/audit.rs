//! The audit log: what happened to accounts, in a chain of keyed hashes, so that no record can be changed, left out or
//! put in by somebody who has the database but not the master key (ASVS 16.3, 16.4.2).

use std::{sync::Arc, time::Duration};

use aws_lc_rs::hmac;
use platform::{
    clock::{Clock, Timestamp},
    database::StoreError,
};
use uuid::Uuid;

use crate::{keys::Keys, sessions::Client, store::AuditStore};

/// How long records are kept at least. The database refuses to delete younger ones, whoever asks.
pub const KEPT: Duration = Duration::from_hours(400 * 24);
/// So many records are read at once.
const PAGE: usize = 500;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the log's own words; README.md lists them")]
pub enum Act {
    Registered,
    SignedIn,
    SignInFailed,
    SignedOut,
    SessionRevoked,
    OtherSessionsRevoked,
    SessionEvicted,
    RefreshReused,
    PasswordChanged,
    PasswordCheckFailed,
    PasswordResetIssued,
    PasswordReset,
    PasswordWithdrawn,
    AccountExported,
    AccountDeleted,
    AccountDisabled,
    AccountEnabled,
    AccountUnlocked,
    AllSessionsEnded,
    SigningKeyRotated,
    SigningKeyRevoked,
}

impl Act {
    /// As stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "REGISTERED",
            Self::SignedIn => "SIGNED_IN",
            Self::SignInFailed => "SIGN_IN_FAILED",
            Self::SignedOut => "SIGNED_OUT",
            Self::SessionRevoked => "SESSION_REVOKED",
            Self::OtherSessionsRevoked => "OTHER_SESSIONS_REVOKED",
            Self::SessionEvicted => "SESSION_EVICTED",
            Self::RefreshReused => "REFRESH_REUSED",
            Self::PasswordChanged => "PASSWORD_CHANGED",
            Self::PasswordCheckFailed => "PASSWORD_CHECK_FAILED",
            Self::PasswordResetIssued => "PASSWORD_RESET_ISSUED",
            Self::PasswordReset => "PASSWORD_RESET",
            Self::PasswordWithdrawn => "PASSWORD_WITHDRAWN",
            Self::AccountExported => "ACCOUNT_EXPORTED",
            Self::AccountDeleted => "ACCOUNT_DELETED",
            Self::AccountDisabled => "ACCOUNT_DISABLED",
            Self::AccountEnabled => "ACCOUNT_ENABLED",
            Self::AccountUnlocked => "ACCOUNT_UNLOCKED",
            Self::AllSessionsEnded => "ALL_SESSIONS_ENDED",
            Self::SigningKeyRotated => "SIGNING_KEY_ROTATED",
            Self::SigningKeyRevoked => "SIGNING_KEY_REVOKED",
        }
    }
}

/// The keys of the chain, by the refresh key from which each is derived: the first links, all verify.
#[derive(Clone)]
pub struct AuditKeys(Arc<[(u8, hmac::Key)]>);

impl AuditKeys {
    /// Keys by id, newest first; `None` if there is none.
    pub fn new(keys: Vec<(u8, hmac::Key)>) -> Option<Self> {
        (!keys.is_empty()).then(|| Self(keys.into()))
    }

    /// A closing after that record.
    pub fn close(&self, last: Link, time: Timestamp) -> Closing {
        let (key_id, key) = &self.0[0];
        Closing {
            key_id: i64::from(*key_id),
            proof: hmac::sign(key, &Closing::text(&last, time)).as_ref().to_vec(),
            last,
            time,
        }
    }

    /// Whether a closing is ours.
    pub fn is_ours(&self, closing: &Closing) -> bool {
        let text = Closing::text(&closing.last, closing.time);
        self.verify(closing.key_id, &text, &closing.proof)
    }

    fn verify(&self, key_id: i64, text: &[u8], proof: &[u8]) -> bool {
        let key = self.0.iter().find(|(id, _)| i64::from(*id) == key_id);
        key.is_some_and(|(_, key)| hmac::verify(key, text, proof).is_ok())
    }

    /// What is to be linked with them.
    pub fn record(&self, act: Act, client: &Client, time: Timestamp) -> NewAuditRecord {
        NewAuditRecord {
            act,
            account: None,
            session: None,
            client: client.clone(),
            detail: String::new(),
            time,
            keys: self.clone(),
        }
    }
}

/// What is to be recorded. It becomes a record in the transaction of what it tells.
#[derive(Clone)]
pub struct NewAuditRecord {
    /// What happened.
    pub act: Act,
    /// To whom; an address that has no account is nobody.
    pub account: Option<Uuid>,
    /// The session that did it, or to which it was done.
    pub session: Option<Uuid>,
    /// Where the request came from.
    pub client: Client,
    /// What else matters; never an address, never a secret.
    pub detail: String,
    /// When.
    pub time: Timestamp,
    keys: AuditKeys,
}

impl NewAuditRecord {
    /// The same of an account and a session.
    #[must_use]
    pub fn about(self, account: impl Into<Option<Uuid>>, session: impl Into<Option<Uuid>>) -> Self {
        Self {
            account: account.into(),
            session: session.into(),
            ..self
        }
    }

    /// The same with a remark.
    #[must_use]
    pub fn saying(self, detail: impl Into<String>) -> Self {
        Self {
            detail: detail.into(),
            ..self
        }
    }

    /// Another act of the same request.
    #[must_use]
    pub fn but(&self, act: Act) -> Self {
        Self { act, ..self.clone() }
    }

    /// The record at its place, after the one that has that hash.
    pub fn linked(self, sequence: i64, previous: &[u8]) -> AuditRecord {
        let (key_id, key) = &self.keys.0[0];
        let mut record = AuditRecord {
            sequence,
            time: self.time,
            act: self.act.as_str().to_owned(),
            account: self.account,
            session: self.session,
            ip_address: self.client.ip_address,
            user_agent: self.client.user_agent,
            request_id: self.client.request_id,
            detail: self.detail,
            key_id: i64::from(*key_id),
            hash: Vec::new(),
        };
        record.hash = hmac::sign(key, &record.text_after(previous)).as_ref().to_vec();
        record
    }
}

/// A record as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its place, from 1, without gaps.
    pub sequence: i64,
    /// When it happened.
    pub time: Timestamp,
    /// What happened.
    pub act: String,
    /// To whom.
    pub account: Option<Uuid>,
    /// In or to which session.
    pub session: Option<Uuid>,
    /// Where the request came from; empty for an operator's command.
    pub ip_address: String,
    /// What sent it.
    pub user_agent: String,
    /// Its id, as in the logs.
    pub request_id: String,
    /// What else matters.
    pub detail: String,
    /// Which key the hash is made with.
    pub key_id: i64,
    /// HMAC-SHA-256 of the record and of the hash before it.
    pub hash: Vec<u8>,
}

impl AuditRecord {
    /// Everything that the hash covers. Each part stands behind its length, so that nothing can move from one to the
    /// next.
    fn text_after(&self, previous: &[u8]) -> Vec<u8> {
        let id = |id: Option<Uuid>| id.map(|id| id.as_bytes().to_vec()).unwrap_or_default();
        let parts = [
            previous.to_vec(),
            self.sequence.to_be_bytes().to_vec(),
            self.time.as_micros().to_be_bytes().to_vec(),
            self.act.clone().into_bytes(),
            id(self.account),
            id(self.session),
            self.ip_address.clone().into_bytes(),
            self.user_agent.clone().into_bytes(),
            self.request_id.clone().into_bytes(),
            self.detail.clone().into_bytes(),
        ];
        let mut text = Vec::new();
        for part in parts {
            text.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            text.extend_from_slice(&part);
        }
        text
    }

    fn is_linked(&self, keys: &AuditKeys, previous: &[u8]) -> bool {
        keys.verify(self.key_id, &self.text_after(previous), &self.hash)
    }
}

/// A place in the chain: where it begins, or what was seen of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// The number of the record; 0 before the first.
    pub sequence: i64,
    /// Its hash; empty before the first record.
    pub hash: Vec<u8>,
}

/// The end of what was deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    /// The last record that was deleted.
    pub last: Link,
    /// When.
    pub time: Timestamp,
    /// Which key the proof is made with.
    pub key_id: i64,
    /// HMAC-SHA-256 of the rest: nobody else begins the chain later than it began.
    pub proof: Vec<u8>,
}

impl Closing {
    fn text(last: &Link, time: Timestamp) -> Vec<u8> {
        let parts = [
            b"closing".as_slice(),
            &last.sequence.to_be_bytes(),
            &time.as_micros().to_be_bytes(),
            &last.hash,
        ];
        parts.concat()
    }
}

/// What a look at the whole chain found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    /// Every record from the first that is kept is as it was written.
    Whole {
        /// The first record that is kept.
        first: i64,
        /// The last one. Whoever keeps it elsewhere notices if records are cut off at the end.
        last: Link,
    },
    /// The record that was seen is one of those that were deleted after 400 days; nothing can be said of it.
    SeenIsGone,
    /// The record of that place was changed, or is missing.
    Broken {
        /// The place.
        sequence: i64,
    },
}

/// Writes and reads the log.
#[derive(Clone)]
pub struct Audit {
    store: Arc<dyn AuditStore>,
    keys: AuditKeys,
    clock: Arc<dyn Clock>,
}

impl Audit {
    /// The log in a store.
    pub fn new(store: Arc<dyn AuditStore>, keys: &Keys, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            keys: keys.audit_keys(),
            clock,
        }
    }

    /// What a request does, now.
    pub fn record(&self, act: Act, client: &Client) -> NewAuditRecord {
        self.keys.record(act, client, self.clock.now())
    }

    /// Records what changes nothing else.
    pub async fn append(&self, record: NewAuditRecord) -> Result<(), StoreError> {
        self.store.append_audit(record).await
    }

    /// Looks at every record. `seen` is the last one of an earlier look: if it is not there any more, or another one is
    /// in its place, the chain is broken there.
    pub async fn verify(&self, seen: Option<&Link>) -> Result<Verified, StoreError> {
        // Numbers that were given out before the look must all be found by it.
        let promised = self.store.last_audit().await?;
        let broken = |sequence| Ok(Verified::Broken { sequence });
        let closing = self.store.last_audit_closing().await?;
        if let Some(closing) = &closing
            && !self.keys.is_ours(closing)
        {
            return broken(closing.last.sequence);
        }
        let start = closing.map(|closing| closing.last).unwrap_or_default();
        if let [before, ..] = &self.store.audit_after(i64::MIN, None, 1).await?[..]
            && before.sequence <= start.sequence
        {
            return broken(before.sequence);
        }
        let mut last = start.clone();
        loop {
            let records = self.store.audit_after(last.sequence, None, PAGE).await?;
            if records.is_empty() {
                break;
            }
            for record in records {
                let other = seen.is_some_and(|seen| seen.sequence == record.sequence && seen.hash != record.hash);
                if other || record.sequence != last.sequence + 1 || !record.is_linked(&self.keys, &last.hash) {
                    return broken(last.sequence + 1);
                }
                last = Link {
                    sequence: record.sequence,
                    hash: record.hash,
                };
            }
        }
        let promised = promised.max(seen.map_or(0, |seen| seen.sequence));
        if last.sequence < promised {
            return broken(last.sequence + 1);
        }
        match seen {
            Some(seen) if seen.sequence < start.sequence => return Ok(Verified::SeenIsGone),
            Some(seen) if seen.sequence == start.sequence && *seen != start => return broken(seen.sequence),
            _ => {}
        }
        Ok(Verified::Whole {
            first: start.sequence + 1,
            last,
        })
    }

    /// Deletes the records of the oldest day, if it ended 400 days ago.
    pub async fn close_day(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let closed = self.store.close_audit_day(now.minus(KEPT), now, self.keys.clone());
        closed.await.map(drop)
    }

    /// The records after a place, in order, of one account or of all; at most 500.
    pub async fn after(&self, sequence: i64, account: Option<Uuid>) -> Result<Vec<AuditRecord>, StoreError> {
        self.store.audit_after(sequence, account, PAGE).await
    }
}
