//! What auth-service needs to know.

use std::{sync::Arc, time::Duration};

use platform::{
    clock::{Clock, SystemClock},
    configuration::{DatabaseUrl, MasterKeys, Mistake, Settings},
    entropy::{Entropy, SystemEntropy},
    service_credential::ServiceKeys,
    serving::Readiness,
};

use crate::{passwords::HashingParameters, sessions::Lifetimes};

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
    /// Whether server reflection is on.
    pub reflection: bool,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Where this service says whether it can work.
    pub readiness: Readiness,
}

impl Config {
    /// The configuration that the settings ask for; the secret that is missing otherwise.
    pub fn from_settings(settings: &Settings, readiness: Readiness) -> Result<Self, Mistake> {
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
            reflection: settings.reflection,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            readiness,
        })
    }
}
