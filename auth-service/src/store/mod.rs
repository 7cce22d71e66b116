//! What auth-service keeps, as contracts, then as SQL.
//!
//! Every method is one atomic operation; what it finds is a value. `Err` means that the database could not
//! do it, and then nothing of it happened.

mod accounts;
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
    keys::{StoredKeys, StoredRefreshKey, StoredSigningKey},
    refresh_tokens::Presented,
    sessions::{EndReason, Lifetimes, NewSession, RefreshOutcome, Session},
};

/// The schema.
pub const SCHEMA: Schema = Schema {
    migrate_command: "auth-service migrate",
    sqlite: &[Migration {
        version: 1,
        description: "accounts, sessions, keys",
        sql: include_str!("../../migrations/sqlite/0001_accounts_sessions_keys.sql"),
    }],
    postgres: &[Migration {
        version: 1,
        description: "accounts, sessions, keys",
        sql: include_str!("../../migrations/postgres/0001_accounts_sessions_keys.sql"),
    }],
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
}

/// Accounts.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Must create the account and its first session together, or neither. An address that compares equal to
    /// another account's must be refused, however many try at once.
    async fn register(&self, account: NewAccount, session: NewSession) -> Result<Registration, StoreError>;

    /// Must find the account whose address compares equal.
    async fn credentials(&self, email: &Email) -> Result<Option<Credentials>, StoreError>;

    /// Must replace the hash only if it is still the one given.
    async fn replace_password_hash(
        &self,
        account: Uuid,
        old: &str,
        new: &str,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Must find the account and the session, ended or not, if the session is the account's.
    async fn session(&self, account: Uuid, session: Uuid) -> Result<Option<(Account, Session)>, StoreError>;
}

/// Sessions.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Must add the session.
    async fn open_session(&self, session: NewSession) -> Result<(), StoreError>;

    /// Must move the session by the rules of [`RefreshOutcome`], in one step that no other can come between:
    /// of any number of calls with the same token, at most one may move the generation. A reuse must have
    /// ended the session when this returns.
    async fn refresh(
        &self,
        presented: Presented,
        lifetimes: Lifetimes,
        now: Timestamp,
    ) -> Result<RefreshOutcome, StoreError>;

    /// Must end the session if it has not ended, and keep the first end otherwise.
    async fn end_session(&self, session: Uuid, reason: EndReason, now: Timestamp) -> Result<(), StoreError>;
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
