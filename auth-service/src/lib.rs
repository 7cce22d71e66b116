//! Accounts, passwords, sessions and signing keys.
//!
//! A request walks: [`rpc`] (decode) → [`accounts`], [`sessions`], [`resets`] or [`export`] (the rules) → [`throttle`]
//! (whether a password may be tried), [`passwords`] (hashing on its own threads), [`store`] (one atomic operation, with
//! its record in the [`audit`] log and its [`events`]) and [`keys`] (signing) → [`rpc`] (encode). Refresh tokens are
//! described in [`refresh_tokens`], keys at rest in [`sealing`], errors in [`error`]. What operators do stands in
//! [`administration`] and, as commands, in `operator_command`; what the service does by
//! itself in [`upkeep`].

mod account_commands;
pub mod accounts;
pub mod administration;
pub mod audit;
mod audit_commands;
mod config;
pub mod error;
pub mod events;
pub mod export;
mod key_commands;
pub mod keys;
pub mod metrics;
mod operator_command;
pub mod passwords;
pub mod refresh_tokens;
pub mod resets;
pub mod rpc;
pub mod sealing;
pub mod sessions;
pub mod store;
pub mod throttle;
pub mod upkeep;

use std::{path::PathBuf, sync::Arc};

use futures_util::future::BoxFuture;
use platform::{
    access::AccessTable,
    account_events::EventFollower,
    configuration::{DatabaseUrl, Mistake, Settings},
    database::{DataError, Database, Engine, ServiceDatabase, StoreError},
    serving::{
        MAX_MESSAGE_BYTES, Protocol, Sockets, add_reflection, grpc_service, health_service, serve as serve_connections,
    },
    verification::{Authentication, AuthenticationLayer, KeyRing, Revocations, Verifier},
};
use proto::auth::v1::{
    account_events_service_server::AccountEventsServiceServer, auth_service_server::AuthServiceServer,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::{
    accounts::Accounts,
    administration::AdministrationError,
    audit::Audit,
    export::Exports,
    keys::{Keys, KeysError, OwnKeys},
    metrics::AuthMetrics,
    passwords::Passwords,
    resets::Resets,
    rpc::{AccountEventsRpc, AuthRpc},
    sessions::Sessions,
    store::SqlStore,
    throttle::Throttle,
    upkeep::{keep_keys, sweep},
};

pub use config::Config;
pub use operator_command::OperatorCommand;

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
    /// An operator's command has nothing to work on.
    #[error("there is no database at {0}; HOLDFAST_DATA_DIR or HOLDFAST_AUTH_DATABASE_URL say where it is")]
    NoDatabase(PathBuf),
    /// An operator's command cannot be done.
    #[error(transparent)]
    Administration(#[from] AdministrationError),
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
    let events = AccountEventsRpc {
        store: store.clone(),
        shutdown: shutdown.clone(),
    };
    let revocations = Arc::<Revocations>::default();
    let follower = EventFollower::new(events.clone(), keys.clone(), revocations.clone(), config.clock.clone()).0;
    let upkeep = JoinSet::from_iter([
        Box::pin({
            let shutdown = shutdown.clone();
            async move {
                // In this order: the end of the stream by the shutdown is no news.
                tokio::select! {
                    biased;
                    () = shutdown.cancelled() => {}
                    () = follower.follow() => {}
                }
            }
        }) as BoxFuture<'static, ()>,
        Box::pin(keep_keys(rpc.keys.clone(), keys.clone())),
        Box::pin(sweep(store.clone(), rpc.sessions.audit.clone(), config.clock.clone())),
    ]);
    let access = AccessTable::for_services(SERVICES);
    let authentication = AuthenticationLayer::new(Authentication {
        access: access.clone(),
        verifier: Verifier::new(config.issuer.clone(), keys, config.clock.clone())
            .refusing(revocations)
            .measured(config.metrics.token_verification("auth-service")),
        service_keys: config.service_keys.clone(),
        clock: config.clock.clone(),
    });
    let mut routes = Routes::builder();
    routes.add_service(
        AuthServiceServer::new(rpc)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES),
    );
    routes.add_service(AccountEventsServiceServer::new(events));
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
    let keys = Arc::new(Keys::open(config.keys(store.clone())).await?);
    let metrics = AuthMetrics::new(&config.metrics);
    let passwords = Passwords::start(
        config.password_min_length,
        config.hashing,
        &config.entropy,
        metrics.hashing_queue(),
    );
    let passwords = Arc::new(passwords.map_err(StartError::Threads)?);
    let audit = Audit::new(store.clone(), &keys, config.clock.clone());
    let throttle = Arc::new(Throttle::new(
        store.clone(),
        keys.throttle_key(),
        config.throttle_exempt.clone(),
        config.clock.clone(),
    ));
    let sessions = Arc::new(Sessions {
        accounts: store.clone(),
        store: store.clone(),
        passwords: passwords.clone(),
        keys: keys.clone(),
        throttle: throttle.clone(),
        audit: audit.clone(),
        metrics: metrics.clone(),
        lifetimes: config.lifetimes,
        clock: config.clock.clone(),
        entropy: config.entropy.clone(),
    });
    let accounts = Accounts {
        store: store.clone(),
        passwords: passwords.clone(),
        sessions: sessions.clone(),
        throttle: throttle.clone(),
        audit: audit.clone(),
        metrics: metrics.clone(),
        clock: config.clock.clone(),
        entropy: config.entropy.clone(),
    };
    let resets = Resets {
        store: store.clone(),
        passwords,
        audit: audit.clone(),
        metrics,
        clock: config.clock.clone(),
    };
    Ok(AuthRpc {
        accounts,
        sessions,
        resets,
        exports: Exports { store, throttle, audit },
        keys,
    })
}
