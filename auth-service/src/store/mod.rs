//! What auth-service keeps, as contracts, then as SQL.
//!
//! Every method is one atomic operation; what it finds is a value. `Err` means that the database could not
//! do it, and then nothing of it happened.

mod accounts;
mod events;
mod keys;
mod sessions;

use platform::{
    clock::Timestamp,
    database::{Database, Engine, Migration, Schema, StoreError},
};
use tonic::async_trait;
use uuid::Uuid;

use crate::{
    accounts::{Account, Email, NewAccount},
    events::StoredEvent,
    keys::{
        StoredKeys, StoredRefreshKey, StoredSigningKey,
        life::{Demand, Step},
    },
    refresh_tokens::Presented,
    sealing::Sealed,
    sessions::{EndReason, Lifetimes, NewSession, RefreshOutcome, Session},
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
    Opened,
    /// The account has another password meanwhile, was disabled or was deleted.
    AccountChanged,
}

/// Accounts.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Must create the account and its first session together, or neither. An address that compares equal to
    /// another account's must be refused, however many try at once.
    async fn register(&self, account: NewAccount, session: NewSession) -> Result<Registration, StoreError>;

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
    /// sessions but one, telling each end; `false` otherwise.
    async fn change_password(
        &self,
        account: Uuid,
        version: i64,
        hash: &str,
        kept: Uuid,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Must make the account and its sessions anonymous, free the address, end all sessions, telling each end, and
    /// tell that the account's tasks are to be erased; `false` if it was deleted before.
    async fn delete_account(&self, account: Uuid, now: Timestamp) -> Result<bool, StoreError>;

    /// Must find the account and the session, ended or not, if the session is the account's.
    async fn session(&self, account: Uuid, session: Uuid) -> Result<Option<(Account, Session)>, StoreError>;
}

/// Sessions.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Must add the session if its account still has that password, and is neither
    /// disabled nor deleted. Of 100 live sessions the one unused for longest must make room, and its end be told.
    async fn open_session(&self, session: NewSession, password_version: i64) -> Result<Opening, StoreError>;

    /// Must move the session by the rules of [`RefreshOutcome`], in one step that no other can come between:
    /// of any number of calls with the same token, at most one may move the generation. A reuse must have
    /// ended the session when this returns.
    async fn refresh(
        &self,
        presented: Presented,
        lifetimes: Lifetimes,
        now: Timestamp,
    ) -> Result<RefreshOutcome, StoreError>;

    /// Must return the sessions that have neither ended nor expired, the one used last first.
    async fn list_sessions(&self, account: Uuid, now: Timestamp) -> Result<Vec<Session>, StoreError>;

    /// Must end the session if it has not ended, telling the end, and keep the first end otherwise.
    async fn end_session(&self, session: Uuid, reason: EndReason, now: Timestamp) -> Result<(), StoreError>;

    /// Must end the session if it is the account's, and has neither ended nor expired; `false` otherwise.
    async fn end_session_of(
        &self,
        account: Uuid,
        session: Uuid,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Must end all sessions of the account but one, telling each end.
    async fn end_other_sessions(
        &self,
        account: Uuid,
        kept: Uuid,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Must delete at most so many of the sessions that expired before that time, and say how many.
    async fn forget_sessions(&self, before: Timestamp, limit: usize) -> Result<u64, StoreError>;
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
