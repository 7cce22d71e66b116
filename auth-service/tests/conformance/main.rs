//! What every store must hold, written once and run on each engine.

#![expect(clippy::unwrap_used, reason = "a test ends where something unexpected happens")]

mod accounts;
mod administration;
mod audit;
mod events;
mod export;
mod keys;
mod resets;
mod sessions;
mod throttle;

use std::{sync::Arc, time::Duration};

use auth_service::{
    accounts::{Account, Email, NewAccount},
    audit::{Act, AuditKeys, NewAuditRecord},
    events::Event,
    sessions::{Client, Lifetimes, NewSession},
    store::{
        AccountStore, AdministrationStore, AuditStore, EventStore, ExportStore, KeyStore, Registration, ResetStore,
        SCHEMA, SessionStore, SignIn, SqlStore, ThrottleStore,
    },
    throttle::Settlement,
};
use aws_lc_rs::hmac;
use platform::{
    clock::Timestamp,
    configuration::DatabaseUrl,
    database::Engine,
    entropy::{SystemEntropy, uuid_v4},
    testing::{Workspace, postgres_database, through_pooler},
};
use uuid::Uuid;

const LIFETIMES: Lifetimes = Lifetimes {
    idle: Duration::from_hours(1),
    absolute: Duration::from_hours(4),
    access: Duration::from_mins(5),
};
const START: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

/// Lists the cases of a module for each engine. An engine that cannot pass a case is left out here by name,
/// with the reason.
macro_rules! on_every_engine {
    ($($case:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $case() {
                super::$case($crate::World::sqlite().await).await;
            })+
        }

        mod postgres {
            $(#[tokio::test]
            async fn $case() {
                super::$case($crate::World::postgres().await).await;
            })+
        }

        mod postgres_pooled {
            $(#[tokio::test]
            async fn $case() {
                super::$case($crate::World::pooled_postgres().await).await;
            })+
        }
    };
}
pub(crate) use on_every_engine;

/// A store in a database of its own.
struct World {
    accounts: Arc<dyn AccountStore>,
    sessions: Arc<dyn SessionStore>,
    keys: Arc<dyn KeyStore>,
    events: Arc<dyn EventStore>,
    administration: Arc<dyn AdministrationStore>,
    audit: Arc<dyn AuditStore>,
    exports: Arc<dyn ExportStore>,
    resets: Arc<dyn ResetStore>,
    throttle: Arc<dyn ThrottleStore>,
    url: DatabaseUrl,
    workspace: Workspace,
}

impl World {
    async fn sqlite() -> Self {
        let workspace = Workspace::new();
        Self::open(workspace.sqlite("auth.db"), workspace).await
    }

    async fn postgres() -> Self {
        Self::open(postgres_database(&SCHEMA).await, Workspace::new()).await
    }

    /// `HOLDFAST_DATABASE_POOLER=transaction`.
    async fn pooled_postgres() -> Self {
        let url = through_pooler(&postgres_database(&SCHEMA).await);
        Self::open(url, Workspace::new()).await
    }

    async fn open(url: DatabaseUrl, workspace: Workspace) -> Self {
        match url {
            DatabaseUrl::Sqlite(_) => Self::over::<sqlx::Sqlite>(url, workspace).await,
            DatabaseUrl::Postgres(_) => Self::over::<sqlx::Postgres>(url, workspace).await,
        }
    }

    async fn over<E: Engine>(url: DatabaseUrl, workspace: Workspace) -> Self {
        let store = Arc::new(SqlStore::new(E::open(&url, &SCHEMA).await.unwrap()));
        Self {
            accounts: store.clone(),
            sessions: store.clone(),
            keys: store.clone(),
            events: store.clone(),
            administration: store.clone(),
            audit: store.clone(),
            exports: store.clone(),
            resets: store.clone(),
            throttle: store,
            url,
            workspace,
        }
    }

    /// The same database, opened again.
    async fn reopened(self) -> Self {
        let Self { url, workspace, .. } = self;
        Self::open(url, workspace).await
    }

    /// A registered person and their first session.
    async fn person(&self, email: &str) -> (Account, NewSession) {
        let account = account(email);
        let session = session(account.id);
        let new = NewAccount {
            account: account.clone(),
            password_hash: "hash".to_owned(),
        };
        assert_eq!(
            self.accounts
                .register(new, session.clone(), sign_in(START))
                .await
                .unwrap(),
            Registration::Done
        );
        (account, session)
    }
}

/// The sessions whose end was told, in order; nothing else was.
async fn ended_sessions(world: &World) -> Vec<Uuid> {
    let events = world.events.events_after(0, 1000).await.unwrap();
    let ended = events.into_iter().map(|stored| match stored.event {
        Event::SessionEnded { session } => session,
        other => panic!("{other:?}"),
    });
    ended.collect()
}

fn account(email: &str) -> Account {
    Account {
        id: uuid_v4(&SystemEntropy),
        email: Email::parse(email).unwrap_or_else(|problem| panic!("{problem}")),
        display_name: "Ada".to_owned(),
        create_time: START,
    }
}

fn session(account: Uuid) -> NewSession {
    NewSession {
        id: uuid_v4(&SystemEntropy),
        account,
        client: client(),
        create_time: START,
        idle_expire_time: START.plus(LIFETIMES.idle),
        expire_time: START.plus(LIFETIMES.absolute),
        token_expire_time: LIFETIMES.last_token_expires(START),
    }
}

fn client() -> Client {
    Client {
        user_agent: "test".to_owned(),
        ip_address: "192.0.2.1".to_owned(),
        request_id: "request".to_owned(),
    }
}

fn audit_keys() -> AuditKeys {
    AuditKeys::new(vec![(0, hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]))]).unwrap()
}

/// What the audit log is to say of an act at that time; which act it is does not matter.
fn record(time: Timestamp) -> NewAuditRecord {
    audit_keys().record(Act::SignedOut, &client(), time)
}

fn sign_in(time: Timestamp) -> SignIn {
    SignIn {
        settlement: Settlement::default(),
        record: audit_keys().record(Act::SignedIn, &client(), time),
    }
}
