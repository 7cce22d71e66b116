//! What the gateway is told.

use std::sync::Arc;

use http::Uri;
use ipnet::IpNet;
use platform::{
    access,
    clock::{Clock, SystemClock},
    configuration::{Mistake, Settings},
    entropy::{Entropy, SystemEntropy},
    service_credential::ServiceKeys,
    serving::Readiness,
    tls::ClientTls,
};
use prost_reflect::DescriptorPool;

/// Everything the gateway needs to know.
#[derive(Clone)]
pub struct Config {
    /// What is served: the contracts' descriptors, extensions included.
    pub contracts: DescriptorPool,
    /// Whether grpcurl and others may ask for them.
    pub reflection: bool,
    /// Where auth-service is.
    pub auth_addr: Vec<Uri>,
    /// Where task-service is.
    pub task_addr: Vec<Uri>,
    /// How they are reached by `https`.
    pub tls: ClientTls,
    /// The address under which everybody knows the gateway; its own pages may come from there.
    pub issuer: String,
    /// The origins whose pages may call the API with a Bearer token.
    pub allowed_origins: Vec<String>,
    /// The proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Sign what the gateway states of its clients.
    pub service_keys: ServiceKeys,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Keeps clients from coming back all at once.
    pub entropy: Arc<dyn Entropy>,
    /// Gets the gateway's checks, and is what its `/readyz` says. It must not be the readiness of a service that
    /// these checks ask: each would wait for the other to be ready first.
    pub readiness: Readiness,
}

impl Config {
    /// The configuration that the settings ask for; the secret that is missing otherwise.
    pub fn from_settings(settings: &Settings, readiness: Readiness) -> Result<Self, Mistake> {
        Ok(Self {
            contracts: access::descriptor_pool(),
            reflection: settings.reflection,
            auth_addr: settings.auth_addr.clone(),
            task_addr: settings.task_addr.clone(),
            tls: settings.tls.client.clone(),
            issuer: settings.issuer.clone(),
            allowed_origins: settings.allowed_origins.clone(),
            trusted_proxies: settings.trusted_proxies.clone(),
            service_keys: settings.require_service_keys()?,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            readiness,
        })
    }
}
