//! What auth-service keeps, as contracts, then as SQL.
//!
//! Every method is one atomic operation; what it finds is a value. `Err` means that the database could not
//! do it, and then nothing of it happened.

mod accounts;
mod administration;
mod audit;
mod events;
mod export;
mod keys;
mod resets;
mod sessions;
mod throttle;

use platform::{
    clock::Timestamp,
    database::{Database, Engine, Migration, Schema, StoreError},
};
use tonic::async_trait;
use uuid::Uuid;

use crate::{
    accounts::{Account, AccountState, Email, NewAccount},
    audit::{AuditKeys, AuditRecord, Closing, NewAuditRecord},
    events::StoredEvent,
    export::{ExportedAccount, ExportedSession},
    keys::{
        StoredKeys, StoredRefreshKey, StoredSigningKey,
        life::{Demand, Step},
    },
    refresh_tokens::Presented,
    resets::{NewReset, TokenHash},
    sealing::Sealed,
    sessions::{EndReason, Lifetimes, NewSession, RefreshOutcome, Session},
    throttle::{Attempt, Charge, Settlement, Subject},
};

/// The schema.
pub const SCHEMA: Schema = Schema {
    migrate_command: "auth-service migrate",
    sqlite: &[
        Migration {
            version: 1,
            description: "accounts, sessions, keys",
            sql: include_str!("../../migrations/sqlite/0001_accounts_sessions_keys.sql"),
        },
        Migration {
            version: 2,
            description: "endings, events",
            sql: include_str!("../../migrations/sqlite/0002_endings_events.sql"),
        },
        Migration {
            version: 3,
            description: "throttles, audit, resets",
            sql: include_str!("../../migrations/sqlite/0003_throttles_audit_resets.sql"),
        },
    ],
    postgres: &[
        Migration {
            version: 1,
            description: "accounts, sessions, keys",
            sql: include_str!("../../migrations/postgres/0001_accounts_sessions_keys.sql"),
        },
        Migration {
            version: 2,
            description: "endings, events",
            sql: include_str!("../../migrations/postgres/0002_endings_events.sql"),
        },
        Migration {
            version: 3,
            description: "throttles, audit, resets",
            sql: include_str!("../../migrations/postgres/0003_throttles_audit_resets.sql"),
        },
    ],
    filled_by_migration: &[],
};

/// What became of a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registration {
    /// Account and session exist now.
    Done,
    /// The e-mail address has an account already; nothing was changed.
    EmailTaken,
}

/// An account and the hash of its password.
#[derive(Clone)]
pub struct Credentials {
    /// The account.
    pub account: Account,
    /// A PHC string.
    pub password_hash: String,
    /// Which of the account's passwords it is, from 1.
    pub password_version: i64,
    /// Whether nobody may sign in.
    pub disabled: bool,
}

/// What became of a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// The session exists now.
    Opened {
        /// How many sessions had to make room.
        evicted: usize,
    },
    /// The account has another password meanwhile, was disabled or was deleted.
    AccountChanged,
}

/// What a sign-in leaves behind besides its session.
#[derive(Clone)]
pub struct SignIn {
    /// What becomes of the counters that let it in.
    pub settlement: Settlement,
    /// What the audit log says of it.
    pub record: NewAuditRecord,
}

/// Whether a try may be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// It may; what was charged, if it was.
    Admitted(Vec<Charge>),
    /// Not before then.
    HeldUntil(Timestamp),
}

/// Accounts. What changes one must record it in the audit log in the same transaction; what changes nothing, nothing.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Must create the account and its first session together, or neither. An address that compares equal to
    /// another account's must be refused, however many try at once.
    async fn register(
        &self,
        account: NewAccount,
        session: NewSession,
        sign_in: SignIn,
    ) -> Result<Registration, StoreError>;

    /// Must find the account whose address compares equal.
    async fn credentials(&self, email: &Email) -> Result<Option<Credentials>, StoreError>;

    /// Must find the account by one of its sessions that has not been ended.
    async fn credentials_of(&self, account: Uuid, session: Uuid) -> Result<Option<Credentials>, StoreError>;

    /// Must replace the hash only if it is still the one given.
    async fn replace_password_hash(
        &self,
        account: Uuid,
        old: &str,
        new: &str,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Must give the account the hash of another password, if its password is still that one, and end all its
    /// sessions but one, telling each end; how many, `None` otherwise.
    async fn change_password(
        &self,
        account: Uuid,
        version: i64,
        hash: &str,
        kept: Uuid,
        record: NewAuditRecord,
    ) -> Result<Option<usize>, StoreError>;

    /// Must make the account and its sessions anonymous, free the address, end all sessions, telling each end, and
    /// tell that the account's tasks are to be erased; how many sessions ended, `None` if it was deleted before.
    async fn delete_account(&self, account: Uuid, record: NewAuditRecord) -> Result<Option<usize>, StoreError>;

    /// Must find the account and the session, ended or not, if the session is the account's.
    async fn session(&self, account: Uuid, session: Uuid) -> Result<Option<(Account, Session)>, StoreError>;
}

/// Sessions. What ends one must record it in the audit log in the same transaction; what ends none, nothing.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Must add the session if its account still has that password, and is neither
    /// disabled nor deleted. Of 100 live sessions the one unused for longest must make room, and its end be told.
    async fn open_session(
        &self,
        session: NewSession,
        password_version: i64,
        sign_in: SignIn,
    ) -> Result<Opening, StoreError>;

    /// Must move the session by the rules of [`RefreshOutcome`], in one step that no other can come between:
    /// of any number of calls with the same token, at most one may move the generation. A reuse must have
    /// ended the session when this returns.
    async fn refresh(
        &self,
        presented: Presented,
        lifetimes: Lifetimes,
        reuse: NewAuditRecord,
    ) -> Result<RefreshOutcome, StoreError>;

    /// Must return the sessions that have neither ended nor expired, the one used last first.
    async fn list_sessions(&self, account: Uuid, now: Timestamp) -> Result<Vec<Session>, StoreError>;

    /// Must end the session if it has not ended, telling the end, and keep the first end otherwise; whether it did.
    async fn end_session(&self, session: Uuid, reason: EndReason, record: NewAuditRecord) -> Result<bool, StoreError>;

    /// Must end the session if it is the account's, and has neither ended nor expired; `false` otherwise.
    async fn end_session_of(
        &self,
        account: Uuid,
        session: Uuid,
        reason: EndReason,
        record: NewAuditRecord,
    ) -> Result<bool, StoreError>;

    /// Must end all sessions of the account but one, telling each end; how many.
    async fn end_other_sessions(
        &self,
        account: Uuid,
        kept: Uuid,
        reason: EndReason,
        record: NewAuditRecord,
    ) -> Result<usize, StoreError>;

    /// Must delete at most so many of the sessions that expired before that time, and say how many.
    async fn forget_sessions(&self, before: Timestamp, limit: usize) -> Result<u64, StoreError>;
}

/// What operators do. Each act must be recorded in the audit log in the same transaction.
#[async_trait]
pub trait AdministrationStore: Send + Sync {
    /// Must return the accounts that are not deleted and whose compared address is greater, in its order; at most so
    /// many.
    async fn accounts_after(&self, email_key: &str, limit: usize) -> Result<Vec<AccountState>, StoreError>;

    /// Must find the account that is not deleted.
    async fn account(&self, account: Uuid) -> Result<Option<AccountState>, StoreError>;

    /// Must let nobody sign in to the account any more, and end all its sessions, telling each end; how many, `None` if
    /// there is no such account.
    async fn disable_account(&self, account: Uuid, record: NewAuditRecord) -> Result<Option<usize>, StoreError>;

    /// Must let the account be signed in to again; `false` if there is no such account.
    async fn enable_account(&self, account: Uuid, record: NewAuditRecord) -> Result<bool, StoreError>;

    /// Must end at most so many of everybody's sessions that had begun when all tokens were withdrawn, and tell the end
    /// of those that may have given out a token since; how many ended.
    async fn end_some_sessions(&self, withdrawn: Timestamp, now: Timestamp, limit: usize) -> Result<usize, StoreError>;

    /// Must tell that every access token given out before this second was withdrawn.
    async fn withdraw_all_tokens(&self, record: NewAuditRecord) -> Result<(), StoreError>;
}

/// Links by which a password is chosen anew.
#[async_trait]
pub trait ResetStore: Send + Sync {
    /// Must keep the link instead of any that the account had. If the password is to be withdrawn, must make it unusable
    /// and end all sessions, telling each end. How many sessions ended; `None` if there is no such account.
    async fn issue_reset(&self, reset: NewReset, record: NewAuditRecord) -> Result<Option<usize>, StoreError>;

    /// Must find the account of a link that has not expired.
    async fn reset_target(&self, token: TokenHash, now: Timestamp) -> Result<Option<Account>, StoreError>;

    /// Must give the account of the link the hash of another password, use the link up, and end all sessions, telling
    /// each end; how many, `None` if the link was used or has expired. Of any number of calls at once one succeeds.
    async fn use_reset(
        &self,
        token: TokenHash,
        hash: &str,
        record: NewAuditRecord,
    ) -> Result<Option<usize>, StoreError>;

    /// Must delete at most so many links that have expired, and say how many.
    async fn forget_resets(&self, now: Timestamp, limit: usize) -> Result<u64, StoreError>;
}

/// Counts of failed tries.
#[async_trait]
pub trait ThrottleStore: Send + Sync {
    /// Must say whether the try may be made, changing nothing.
    async fn look(&self, attempt: Attempt, now: Timestamp) -> Result<Admission, StoreError>;

    /// Must count a failure for each counter of the try if it may be made, in one step that no other can come between.
    async fn charge(&self, attempt: Attempt, now: Timestamp) -> Result<Admission, StoreError>;

    /// Must do with the counters what the settlement says. A failure that is given back must hold nobody up for longer
    /// than they were without it.
    async fn settle(&self, settlement: Settlement) -> Result<(), StoreError>;

    /// Must forget the failures of an identifier, and of it at any network.
    async fn unlock(&self, identifier: Subject) -> Result<(), StoreError>;

    /// Must delete at most so many counts that hold nobody up any more, and as many networks that were not signed in
    /// from for 30 days; how many.
    async fn forget_throttles(&self, now: Timestamp, limit: usize) -> Result<u64, StoreError>;
}

/// The audit log. Records must form a chain in the order in which they were committed.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// Must add a record at the end.
    async fn append_audit(&self, record: NewAuditRecord) -> Result<(), StoreError>;

    /// Must return the records after a place, in order, of one account or of all; at most so many.
    async fn audit_after(
        &self,
        sequence: i64,
        account: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<AuditRecord>, StoreError>;

    /// Must return the last closing, if there is one: after it what is kept begins.
    async fn last_audit_closing(&self) -> Result<Option<Closing>, StoreError>;

    /// Must return the last place that was given out; 0 if none was.
    async fn last_audit(&self) -> Result<i64, StoreError>;

    /// Must delete the records of the oldest day if that day had ended by then, and keep the hash of the last of them;
    /// whether it did.
    async fn close_audit_day(&self, before: Timestamp, now: Timestamp, keys: AuditKeys) -> Result<bool, StoreError>;
}

/// Everything of one person.
#[async_trait]
pub trait ExportStore: Send + Sync {
    /// Must find the account, by one of its sessions that has not been ended.
    async fn exported_account(&self, account: Uuid, session: Uuid) -> Result<Option<ExportedAccount>, StoreError>;

    /// Must return the account's sessions, ended ones too, whose id is greater, in its order; at most so many.
    async fn exported_sessions(
        &self,
        account: Uuid,
        after: Uuid,
        limit: usize,
    ) -> Result<Vec<ExportedSession>, StoreError>;
}

/// Account events. What tells an event must store it in the transaction of what it tells; the ids must be in the order
/// of the commits, without gaps.
#[async_trait]
pub trait EventStore: Send + Sync {
    /// Must return the events whose id is greater, in order, at most so many.
    async fn events_after(&self, cursor: i64, limit: usize) -> Result<Vec<StoredEvent>, StoreError>;

    /// Must return the id of the last event that was ever stored; 0 if there was none.
    async fn last_event(&self) -> Result<i64, StoreError>;

    /// Must note that an account's tasks were erased. Twice is fine.
    async fn acknowledge_erasure(&self, account: Uuid) -> Result<(), StoreError>;

    /// Must delete at most so many of the events that concern no token any more, and say how many; never a deletion
    /// that was not acknowledged.
    async fn forget_events(&self, now: Timestamp, limit: usize) -> Result<u64, StoreError>;
}

/// Keys.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// Must return the keys of the database. If it has none, must first store those given; of any number of
    /// calls at once, one set is stored and all return it.
    async fn keys_or_install(
        &self,
        signing: StoredSigningKey,
        refresh: StoredRefreshKey,
    ) -> Result<StoredKeys, StoreError>;

    /// Must do with the signing keys what [`due`](crate::keys::life::due) says, in one step, and tell the change;
    /// returns the steps that were taken and the keys after them, newest first. Of any number of calls at once each
    /// must see what the one before did.
    async fn turn_keys(
        &self,
        demand: Demand,
        candidate: StoredSigningKey,
        now: Timestamp,
    ) -> Result<(Vec<Step>, Vec<StoredSigningKey>), StoreError>;

    /// Must replace what seals the key, if it is still sealed under the same master key.
    async fn reseal_signing_key(&self, id: &str, old: &Sealed, new: Sealed) -> Result<(), StoreError>;

    /// The same of a refresh key.
    async fn reseal_refresh_key(&self, id: u8, old: &Sealed, new: Sealed) -> Result<(), StoreError>;

    /// Must return the keys of the database, if it has any.
    async fn keys(&self) -> Result<Option<StoredKeys>, StoreError>;
}

/// The stores, in SQL.
pub struct SqlStore<E: Engine> {
    database: Database<E>,
}

impl<E: Engine> SqlStore<E> {
    /// Stores in an open database.
    pub fn new(database: Database<E>) -> Self {
        Self { database }
    }
}
