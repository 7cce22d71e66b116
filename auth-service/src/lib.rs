//! Accounts, passwords, sessions and signing keys.
//!
//! A request walks: [`rpc`] (decode) → [`accounts`] or [`sessions`] (the rules) → [`passwords`] (hashing on its
//! own threads), [`store`] (one atomic operation) and [`keys`] (signing) → [`rpc`] (encode). Refresh tokens are
//! described in [`refresh_tokens`], keys at rest in [`sealing`], errors in [`error`].

pub mod accounts;
mod config;
pub mod error;
pub mod events;
mod key_commands;
pub mod keys;
pub mod passwords;
pub mod refresh_tokens;
pub mod rpc;
pub mod sealing;
pub mod sessions;
pub mod store;
pub mod upkeep;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use platform::{
    access::AccessTable,
    configuration::{DatabaseUrl, Mistake, Settings},
    database::{DataError, Database, Engine, ServiceDatabase, StoreError},
    serving::{
        MAX_MESSAGE_BYTES, Protocol, Sockets, add_reflection, grpc_service, health_service, serve as serve_connections,
    },
    verification::{Authentication, AuthenticationLayer, KeyRing, Verifier},
};
use proto::auth::v1::{
    account_events_service_server::AccountEventsServiceServer, auth_service_server::AuthServiceServer,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::{
    accounts::Accounts,
    keys::{KeyConfig, Keys, KeysError, OwnKeys},
    passwords::Passwords,
    rpc::{AccountEventsRpc, AuthRpc},
    sessions::Sessions,
    store::SqlStore,
    upkeep::{keep_keys, sweep},
};

pub use config::Config;
pub use key_commands::KeysCommand;

/// The services of this process, by full name.
pub const SERVICES: &[&str] = &["holdfast.auth.v1.AuthService", "holdfast.auth.v1.AccountEventsService"];

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is missing.
    #[error(transparent)]
    Setting(#[from] Mistake),
    /// The database cannot be opened or brought up to date.
    #[error("the accounts database cannot be opened: {0}")]
    Database(#[from] StoreError),
    /// A whole database cannot be copied.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The keys cannot be opened or made.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The hashing threads cannot be started.
    #[error("the hashing threads cannot be started: {0}")]
    Threads(std::io::Error),
}

/// Serves on the sockets until the shutdown, then drains and closes the database.
pub async fn serve(sockets: impl Into<Sockets>, config: Config, shutdown: CancellationToken) -> Result<(), StartError> {
    let sockets = sockets.into();
    match config.database {
        DatabaseUrl::Sqlite(_) => serve_on::<sqlx::Sqlite>(sockets, config, shutdown).await,
        DatabaseUrl::Postgres(_) => serve_on::<sqlx::Postgres>(sockets, config, shutdown).await,
    }
}

/// The database of this service, as the settings have it.
pub fn database(settings: &Settings) -> ServiceDatabase {
    ServiceDatabase {
        name: "auth",
        schema: &store::SCHEMA,
        url: settings.auth_database_url.clone(),
    }
}

/// Brings the schema of a database up to date.
pub async fn migrate(url: &DatabaseUrl) -> Result<(), StartError> {
    match url {
        DatabaseUrl::Sqlite(_) => sqlx::Sqlite::migrate(url, &store::SCHEMA).await?,
        DatabaseUrl::Postgres(_) => sqlx::Postgres::migrate(url, &store::SCHEMA).await?,
    }
    Ok(())
}

async fn serve_on<E: Engine>(sockets: Sockets, config: Config, shutdown: CancellationToken) -> Result<(), StartError> {
    let database = E::open(&config.database, &store::SCHEMA).await?;
    let rpc = assemble(&database, &config).await?;
    config.readiness.add("accounts database", {
        let database = database.clone();
        Arc::new(move || {
            let database = database.clone();
            Box::pin(async move { database.ping().await.map_err(|error| error.to_string()) })
        })
    });

    let store = Arc::new(SqlStore::new(database.clone()));
    let keys = Arc::new(KeyRing::new(OwnKeys(rpc.keys.clone())));
    let upkeep = JoinSet::from_iter([
        Box::pin(keep_keys(rpc.keys.clone(), keys.clone())) as BoxFuture<'static, ()>,
        Box::pin(sweep(store.clone(), store.clone(), config.clock.clone())),
    ]);
    let access = AccessTable::for_services(SERVICES);
    let authentication = AuthenticationLayer::new(Authentication {
        access: access.clone(),
        verifier: Verifier::new(config.issuer.clone(), keys, config.clock.clone()),
        service_keys: config.service_keys.clone(),
        clock: config.clock.clone(),
    });
    let mut routes = Routes::builder();
    routes.add_service(
        AuthServiceServer::new(rpc)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES),
    );
    routes.add_service(AccountEventsServiceServer::new(AccountEventsRpc {
        store,
        shutdown: shutdown.clone(),
    }));
    health_service(&mut routes, SERVICES, config.readiness, shutdown.clone()).await;
    if config.reflection {
        add_reflection(&mut routes, SERVICES);
    }
    let service = grpc_service(routes.routes(), &access, &authentication);
    serve_connections(sockets, service, Protocol::Http2, shutdown).await;
    drop(upkeep);
    database.close().await;
    Ok(())
}

/// The service over its store: keys open, hashing threads running.
pub async fn assemble<E: Engine>(database: &Database<E>, config: &Config) -> Result<AuthRpc, StartError> {
    let store = Arc::new(SqlStore::new(database.clone()));
    let keys = Keys::open(KeyConfig {
        store: store.clone(),
        master: config.master_keys.clone(),
        issuer: config.issuer.clone(),
        access_lifetime: config.lifetimes.access,
        rotation: config.key_rotation,
        clock: config.clock.clone(),
        entropy: config.entropy.clone(),
    });
    let keys = Arc::new(keys.await?);
    let passwords = Passwords::start(config.password_min_length, config.hashing, &config.entropy);
    let passwords = Arc::new(passwords.map_err(StartError::Threads)?);
    let sessions = Arc::new(Sessions {
        accounts: store.clone(),
        store: store.clone(),
        passwords: passwords.clone(),
        keys: keys.clone(),
        lifetimes: config.lifetimes,
        clock: config.clock.clone(),
        entropy: config.entropy.clone(),
    });
    let accounts = Accounts {
        store,
        passwords,
        sessions: sessions.clone(),
        clock: config.clock.clone(),
        entropy: config.entropy.clone(),
    };
    Ok(AuthRpc {
        accounts,
        sessions,
        keys,
    })
}
