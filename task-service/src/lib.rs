//! The task service: each person's own tasks.
//!
//! A call walks from `rpc` (decode, call, encode) through the rules to the [`store`]:
//!
//! - [`tasks`] — what can be done; `validation`, [`due`], `masks` — what may be said; [`change`] — what
//!   comes of a change; `requests` — what has its effect once; [`task`] — the noun.
//! - [`pages`] — lists; [`query`] — what they are asked for; [`condition`] — which tasks, from fields, from a `filter` and
//!   within `bounds`; [`order`] — in which order, and from where on; `folding` — what counts as the same text; `tokens` —
//!   where it goes on; `list_etag` — whether it has changed.
//! - `batches` — several at once; `statistics` — how many there are.
//! - `sync` — what changed since; `watch` — what changes from now on; [`news`] — whose tasks changed, `announcer` — as the
//!   other processes hear of it.
//! - `exports`, `imports` — all of them as a file, and out of one; [`transfer`] — how such files are written.
//! - `erasure` — what becomes of them when an account is deleted; `purge` — when they were in the trash for long.
//! - [`owner`] — whose tasks: the proof that the store demands.
//! - [`error`] — what can go wrong, and its form on the wire.
//! - [`Config`] — what the service needs; [`serve`] and [`migrate`] — what it does.

mod announcer;
mod batches;
mod bounds;
pub mod change;
pub mod condition;
mod config;
pub mod due;
mod erasure;
pub mod error;
mod exports;
mod filter;
mod folding;
#[cfg(fuzzing)]
pub mod fuzzing;
mod imports;
mod latest;
mod list_etag;
mod masks;
pub mod news;
pub mod order;
pub mod owner;
pub mod pages;
mod purge;
pub mod query;
mod requests;
mod rpc;
mod statistics;
pub mod store;
mod sync;
pub mod task;
pub mod tasks;
mod tokens;
pub mod transfer;
mod validation;
mod watch;

use std::sync::Arc;

use platform::{
    access::AccessTable,
    account_events::EventFollower,
    configuration::{DatabaseUrl, Mistake, Settings},
    database::{DataError, ServiceDatabase, StoreError},
    entropy::SystemEntropy,
    serving::{self, MAX_MESSAGE_BYTES, Protocol, Sockets},
    verification::{Authentication, AuthenticationLayer, KeyRing, Revocations, Standing, Verifier, require_caller},
};
use proto::task::v1::task_service_server::TaskServiceServer;
use tokio_util::sync::CancellationToken;
use tonic::service::{RoutesBuilder, interceptor::InterceptedService};

use crate::{
    erasure::erase_deleted, purge::purge_trash, rpc::TaskRpc, store::TaskDatabase, tasks::Tasks, watch::Watching,
};

pub use config::Config;

/// The gRPC services that are served, by full name.
pub const SERVICES: &[&str] = &["holdfast.task.v1.TaskService"];

/// Stock gRPC clients refuse more.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is missing.
    #[error(transparent)]
    Setting(#[from] Mistake),
    /// The database cannot be opened.
    #[error(transparent)]
    Database(#[from] StoreError),
    /// A whole database cannot be copied.
    #[error(transparent)]
    Data(#[from] DataError),
}

/// The database of this service, as the settings have it.
pub fn database(settings: &Settings) -> ServiceDatabase {
    ServiceDatabase {
        name: "task",
        schema: &store::SCHEMA,
        url: settings.task_database_url.clone(),
    }
}

/// Brings the schema of a database up to date and makes its token key, then closes it.
pub async fn migrate(url: &DatabaseUrl) -> Result<(), StartError> {
    Ok(store::migrate(url, &SystemEntropy).await?)
}

/// Serves until the shutdown, then drains and closes the database. Needs no other service to start, nor to
/// answer callers whose key it knows.
pub async fn serve(sockets: impl Into<Sockets>, config: Config, shutdown: CancellationToken) -> Result<(), StartError> {
    let sockets = sockets.into();
    let database = Arc::new(TaskDatabase::open(&config.database, &*config.entropy).await?);
    config.readiness.add("task database", {
        let database = database.clone();
        Arc::new(move || {
            let ping = database.ping();
            Box::pin(async { ping.await.map_err(|error| error.to_string()) })
        })
    });

    let keys = Arc::new(KeyRing::new(config.keys));
    tokio::spawn({
        let (keys, shutdown) = (keys.clone(), shutdown.clone());
        async move { shutdown.run_until_cancelled(keys.follow()).await }
    });
    let revocations = Arc::<Revocations>::default();
    let follower = EventFollower::new(config.events, keys.clone(), revocations.clone(), config.clock.clone());
    let (follower, deleted) = (Arc::new(follower.0), follower.1);
    config.readiness.add("account events", {
        let follower = follower.clone();
        Arc::new(move || {
            let current = follower.check();
            Box::pin(async { current })
        })
    });
    config.metrics.register_duration(
        "revocation_stream_lag_seconds",
        "For how long sessions may have been ended without this process knowing it; under 6 at rest",
        {
            let follower = follower.clone();
            move || follower.lag()
        },
    );
    tokio::spawn({
        let (follower, shutdown) = (follower.clone(), shutdown.clone());
        async move { shutdown.run_until_cancelled(follower.follow()).await }
    });
    let erasing = erase_deleted(database.store.clone(), follower, deleted, config.clock.clone());
    tokio::spawn({
        let shutdown = shutdown.clone();
        async move { shutdown.run_until_cancelled(erasing).await }
    });

    tokio::spawn({
        let purging = purge_trash(database.store.clone(), config.clock.clone());
        let shutdown = shutdown.clone();
        async move { shutdown.run_until_cancelled(purging).await }
    });

    tokio::spawn({
        let announcing = announcer::announce(database.news.clone(), database.announcements.clone());
        let listening = announcer::listen(database.news.clone(), database.announcements.clone());
        let shutdown = shutdown.clone();
        async move {
            shutdown
                .run_until_cancelled(async { tokio::join!(announcing, listening) })
                .await
        }
    });

    let standing = Standing::new(keys.clone(), revocations.clone(), config.clock.clone());
    let access = AccessTable::for_services(SERVICES);
    let authentication = AuthenticationLayer::new(Authentication {
        access: access.clone(),
        verifier: Verifier::new(config.issuer, keys, config.clock.clone())
            .refusing(revocations)
            .measured(config.metrics.token_verification("task-service")),
        service_keys: config.service_keys,
        clock: config.clock.clone(),
    });

    let tasks = Tasks::new(
        database.store.clone(),
        &database.token_key,
        config.clock,
        config.entropy,
    );
    let watching = Watching::new(Arc::new(tasks), database.news.clone(), standing, shutdown.clone());
    let service = TaskServiceServer::new(TaskRpc::new(watching))
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_ANSWER_BYTES);
    let mut routes = RoutesBuilder::default();
    routes.add_service(InterceptedService::new(service, require_caller));
    serving::health_service(&mut routes, SERVICES, config.readiness, shutdown.clone()).await;
    if config.reflection {
        serving::add_reflection(&mut routes, SERVICES);
    }
    let service = serving::grpc_service(routes.routes(), &access, &authentication);
    serving::serve(sockets, service, Protocol::Http2, shutdown).await;
    database.close().await;
    Ok(())
}
