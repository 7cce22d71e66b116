//! Metrics, as Prometheus reads them (OpenMetrics 1.0).

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _, text::encode},
    metrics::{family::Family, gauge::ConstGauge, histogram::Histogram},
    registry::Registry,
};

/// What the admin listener answers with.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// In seconds: a token that is known takes about a microsecond, the check of a signature about 50.
const VERIFICATION_SECONDS: [f64; 9] = [
    0.000_001, 0.000_003, 0.000_01, 0.000_03, 0.000_1, 0.000_3, 0.001, 0.01, 1.0,
];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ServiceLabel {
    service: &'static str,
}

/// The metrics of a process.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    verification: Family<ServiceLabel, Histogram, fn() -> Histogram>,
}

impl Default for Metrics {
    fn default() -> Self {
        let verification: Family<_, _, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(VERIFICATION_SECONDS));
        let metrics = Self {
            registry: Arc::default(),
            verification: verification.clone(),
        };
        metrics.register(|registry| {
            registry.register(
                "token_verification_seconds",
                "How long the check of an access token took",
                verification,
            );
        });
        metrics
    }
}

impl Metrics {
    /// Adds metrics. Each name once in a process: what several services have is declared here.
    pub fn register(&self, add: impl FnOnce(&mut Registry)) {
        add(&mut self.registry.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// How long the checks of access tokens take in a service.
    pub fn token_verification(&self, service: &'static str) -> Histogram {
        self.verification.get_or_create(&ServiceLabel { service }).clone()
    }

    /// Adds a duration, in seconds, that is looked at when the metrics are read. The name ends in `_seconds`.
    pub fn register_duration(
        &self,
        name: &'static str,
        help: &'static str,
        duration: impl Fn() -> Duration + Send + Sync + 'static,
    ) {
        self.register(|registry| {
            registry.register_collector(Box::new(Looked {
                name,
                help,
                duration: Box::new(duration),
            }));
        });
    }

    /// All of them, as text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        // A string takes everything that is written.
        encode(&mut text, &registry).ok();
        text
    }
}

struct Looked {
    name: &'static str,
    help: &'static str,
    duration: Box<dyn Fn() -> Duration + Send + Sync>,
}

impl fmt::Debug for Looked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}

impl Collector for Looked {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let gauge = ConstGauge::new((self.duration)().as_secs_f64());
        let encoder = encoder.encode_descriptor(self.name, self.help, None, gauge.metric_type())?;
        gauge.encode(encoder)
    }
}
