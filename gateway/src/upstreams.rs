//! The services behind the gateway: who serves which package, the channel there, and whether it is serving.

use std::{sync::Arc, time::Duration};

use platform::{
    channel::Destination,
    serving::{Check, Readiness},
};
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::{
    config::Config,
    problem::Problem,
    retries::Retries,
    stream_channels::{Place, StreamChannels},
};

const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// Which service serves which package; the place of an entry is the number of its upstream.
const UPSTREAMS: [(&str, &str); 2] = [
    ("auth-service", "holdfast.auth.v1"),
    ("task-service", "holdfast.task.v1"),
];

/// The number of the upstream that serves a service, by the service's full name.
pub(crate) fn serving(service: &str) -> Option<usize> {
    let (package, _) = service.rsplit_once('.')?;
    UPSTREAMS.iter().position(|(_, served)| *served == package)
}

/// Channels to each upstream.
pub(crate) struct Upstreams {
    channels: [Channel; UPSTREAMS.len()],
    streams: [StreamChannels; UPSTREAMS.len()],
    retries: [Retries; UPSTREAMS.len()],
}

impl Upstreams {
    /// Channels to the configured addresses; they connect when first used.
    pub(crate) fn new(config: &Config) -> Self {
        let destinations =
            [&config.auth_addr, &config.task_addr].map(|addresses| Destination::new(addresses, &config.tls));
        Self {
            channels: destinations.each_ref().map(Destination::channel),
            retries: destinations
                .each_ref()
                .map(|destination| Retries::new(destination.clone(), config.entropy.clone())),
            streams: destinations.map(StreamChannels::new),
        }
    }

    /// The channel to an upstream, and its name for the log.
    pub(crate) fn get(&self, upstream: usize) -> (Channel, &'static str) {
        (self.channels[upstream].clone(), UPSTREAMS[upstream].0)
    }

    /// What calls to an upstream may cost beyond themselves.
    pub(crate) fn retries(&self, upstream: usize) -> &Retries {
        &self.retries[upstream]
    }

    /// Room for a call to an upstream that lasts, and the upstream's name for the log.
    pub(crate) fn streams(&self, upstream: usize) -> Result<(Place, &'static str), Problem> {
        Ok((self.streams[upstream].place()?, UPSTREAMS[upstream].0))
    }

    /// Adds a check for each upstream: its health service answers SERVING.
    pub(crate) fn add_checks(&self, readiness: &Readiness) {
        for (channel, (name, _)) in self.channels.iter().zip(UPSTREAMS) {
            let channel = channel.clone();
            let check: Check = Arc::new(move || Box::pin(check(channel.clone())));
            readiness.add(name, check);
        }
    }
}

async fn check(channel: Channel) -> Result<(), String> {
    let request = HealthCheckRequest { service: String::new() };
    let mut client = HealthClient::new(channel);
    let answer = timeout(CHECK_TIMEOUT, client.check(request))
        .await
        .map_err(|_| "no answer".to_owned())?
        .map_err(|status| status.message().to_owned())?;
    match answer.into_inner().status() {
        ServingStatus::Serving => Ok(()),
        other => Err(other.as_str_name().to_owned()),
    }
}
