//! What auth-service counts.

use platform::metrics::Metrics;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
};

use crate::{error::AuthError, sessions::EndReason};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// The metrics of auth-service.
#[derive(Clone, Default)]
pub struct AuthMetrics {
    logins: Family<Outcome, Counter>,
    refreshes: Family<Outcome, Counter>,
    sessions_ended: Family<Reason, Counter>,
    hashing_queue: Gauge,
}

impl AuthMetrics {
    /// Metrics of a process that has no others of these names.
    pub fn new(metrics: &Metrics) -> Self {
        let own = Self::default();
        metrics.register(|registry| {
            registry.register("auth_login", "Logins, by what became of them", own.logins.clone());
            registry.register(
                "auth_refresh",
                "Refreshes, by what became of them",
                own.refreshes.clone(),
            );
            registry.register(
                "sessions_revoked",
                "Sessions that ended before their time, by why",
                own.sessions_ended.clone(),
            );
            registry.register(
                "hashing_queue_depth",
                "Passwords that are being hashed or wait for it",
                own.hashing_queue.clone(),
            );
        });
        own
    }

    pub(crate) fn login<T>(&self, opened: &Result<T, AuthError>) {
        let outcome = match opened {
            Ok(_) => "success",
            Err(AuthError::InvalidCredentials) => "invalid_credentials",
            Err(AuthError::RateLimited { .. }) => "rate_limited",
            Err(AuthError::Overloaded) => "overloaded",
            Err(AuthError::Fields(_) | AuthError::PasswordRefused(..)) => "invalid_argument",
            Err(_) => "failed",
        };
        self.logins.get_or_create(&Outcome { outcome }).inc();
    }

    pub(crate) fn refresh(&self, outcome: &'static str) {
        self.refreshes.get_or_create(&Outcome { outcome }).inc();
    }

    pub(crate) fn sessions_ended(&self, reason: EndReason, count: usize) {
        if count == 0 {
            return;
        }
        let reason = Reason {
            reason: reason.as_str(),
        };
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.sessions_ended.get_or_create(&reason).inc_by(count);
    }

    /// How many passwords are in the queue.
    pub(crate) fn hashing_queue(&self) -> Gauge {
        self.hashing_queue.clone()
    }
}
