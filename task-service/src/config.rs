//! What the service needs to know.

use std::sync::Arc;

use platform::{
    account_events::{EventSource, RemoteEvents},
    channel,
    clock::{Clock, SystemClock},
    configuration::{DatabaseUrl, Mistake, Settings},
    entropy::{Entropy, SystemEntropy},
    metrics::Metrics,
    service_credential::ServiceKeys,
    serving::Readiness,
    verification::{KeySource, RemoteKeys},
};

/// What the service needs to know, and what it takes from outside.
pub struct Config {
    /// Where the tasks are kept.
    pub database: DatabaseUrl,
    /// Whose access tokens are accepted.
    pub issuer: String,
    /// Where the keys come from that verify them.
    pub keys: Box<dyn KeySource>,
    /// Where it is heard what was ended.
    pub events: Box<dyn EventSource>,
    /// The keys by which the services know each other.
    pub service_keys: ServiceKeys,
    /// Whether server reflection is served.
    pub reflection: bool,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub entropy: Arc<dyn Entropy>,
    /// Gets the service's checks.
    pub readiness: Readiness,
    /// Where it counts.
    pub metrics: Metrics,
}

impl Config {
    /// The configuration that the settings ask for; the secret that is missing otherwise. Must be called within a
    /// Tokio runtime.
    pub fn from_settings(settings: &Settings, readiness: Readiness, metrics: Metrics) -> Result<Self, Mistake> {
        let auth = channel::connect(&settings.auth_addr, &settings.tls.client);
        let clock = Arc::new(SystemClock);
        let service_keys = settings.require_service_keys()?;
        Ok(Self {
            database: settings.task_database_url.clone(),
            issuer: settings.issuer.clone(),
            keys: Box::new(RemoteKeys::new(auth.clone())),
            events: Box::new(RemoteEvents::new(auth, service_keys.clone(), clock.clone())),
            service_keys,
            reflection: settings.reflection,
            clock,
            entropy: Arc::new(SystemEntropy),
            readiness,
            metrics,
        })
    }
}
