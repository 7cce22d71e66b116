//! What auth-service needs to know.

use std::{sync::Arc, time::Duration};

use ipnet::IpNet;
use platform::{
    clock::{Clock, SystemClock},
    configuration::{DatabaseUrl, MasterKeys, Mistake, Settings},
    entropy::{Entropy, SystemEntropy},
    metrics::Metrics,
    service_credential::ServiceKeys,
    serving::Readiness,
};

use crate::{keys::KeyConfig, passwords::HashingParameters, sessions::Lifetimes, store::KeyStore};

/// A signing key signs for so long.
const KEY_ROTATION: Duration = Duration::from_hours(30 * 24);

/// The configuration of one auth-service.
#[derive(Clone)]
pub struct Config {
    /// Where the accounts are.
    pub database: DatabaseUrl,
    /// The issuer named in access tokens.
    pub issuer: String,
    /// The keys that seal the signing keys.
    pub master_keys: MasterKeys,
    /// The keys by which services know each other.
    pub service_keys: ServiceKeys,
    /// How long sessions and their access tokens last.
    pub lifetimes: Lifetimes,
    /// How long a signing key signs.
    pub key_rotation: Duration,
    /// The fewest characters of a password.
    pub password_min_length: usize,
    /// The cost of a password hash.
    pub hashing: HashingParameters,
    /// Networks that are never throttled.
    pub throttle_exempt: Vec<IpNet>,
    /// Whether server reflection is on.
    pub reflection: bool,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Where this service says whether it can work.
    pub readiness: Readiness,
    /// Where it counts.
    pub metrics: Metrics,
}

impl Config {
    /// What the keys of a store are opened with.
    pub(crate) fn keys(&self, store: Arc<dyn KeyStore>) -> KeyConfig {
        KeyConfig {
            store,
            master: self.master_keys.clone(),
            issuer: self.issuer.clone(),
            access_lifetime: self.lifetimes.access,
            rotation: self.key_rotation,
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
        }
    }

    /// The configuration that the settings ask for; the secret that is missing otherwise.
    pub fn from_settings(settings: &Settings, readiness: Readiness, metrics: Metrics) -> Result<Self, Mistake> {
        Ok(Self {
            database: settings.auth_database_url.clone(),
            issuer: settings.issuer.clone(),
            master_keys: settings.require_master_keys()?,
            service_keys: settings.require_service_keys()?,
            lifetimes: Lifetimes {
                idle: settings.refresh_idle_ttl,
                absolute: settings.session_max_age,
                access: settings.access_token_ttl,
            },
            key_rotation: KEY_ROTATION,
            password_min_length: settings.password_min_length,
            hashing: HashingParameters::DEFAULT,
            throttle_exempt: settings.throttle_exempt.clone(),
            reflection: settings.reflection,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            readiness,
            metrics,
        })
    }
}
