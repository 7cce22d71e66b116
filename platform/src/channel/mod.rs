//! Connections to the other services.

use std::time::Duration;

use http::{Uri, uri::Scheme};
use tokio::sync::{mpsc::Sender, watch};
use tonic::transport::{Channel, ClientTlsConfig, Endpoint, channel::Change};

use crate::{gathering::GatheringExecutor, tls::ClientTls};

mod replicas;

use replicas::{Place, Replicas};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(5);
/// What may be under way to a call that does not read. All calls of a connection together have room for theirs: some that do
/// not read hold up no others.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
/// As many calls as listeners take on a connection.
const MOST_STREAMS: u32 = 256;
/// So many changes wait for a channel that nobody uses.
const MOST_CHANGES: usize = 64;

/// Where a service is.
///
/// Names are looked up every five seconds. Of several replicas those get calls whose health service answers SERVING; all
/// of them if none does. Addresses with `https` are reached by TLS, never without it, and with certificates that were
/// replaced after at most two minutes. A replica that is left out goes on with the calls that it has.
#[derive(Clone)]
pub struct Destination(Kind);

#[derive(Clone)]
enum Kind {
    /// One address, about which nothing can change.
    Fixed(Box<Endpoint>),
    /// What is found, as long as anybody wants to know; and who doubts it.
    Found(watch::Receiver<Replicas>, watch::Sender<()>),
}

impl Destination {
    /// A service at one or more addresses. Must be called within a Tokio runtime.
    pub fn new(addresses: &[Uri], tls: &ClientTls) -> Self {
        match addresses {
            [address] if replicas::is_literal(address) && tls.latest().is_none() => {
                Self(Kind::Fixed(Box::new(endpoint(&Place::of(address), None))))
            }
            _ => Self::resolved(addresses, tls, replicas::system_resolver()),
        }
    }

    fn resolved(addresses: &[Uri], tls: &ClientTls, resolver: replicas::Resolver) -> Self {
        let (doubt, doubts) = watch::channel(());
        let replicas = replicas::keep(addresses.to_vec(), tls.clone(), resolver, doubts);
        Self(Kind::Found(replicas, doubt))
    }

    /// A replica could not be reached: all are asked at once, so that whoever is not there gets no more calls.
    pub fn doubt(&self) {
        if let Kind::Found(_, doubt) = &self.0 {
            doubt.send_replace(());
        }
    }

    /// Another channel there, with connections of its own, and calls spread over the replicas. It connects when first
    /// used, and again whenever a connection is lost; keepalive finds a peer that fell silent.
    pub fn channel(&self) -> Channel {
        match &self.0 {
            Kind::Fixed(endpoint) => endpoint.connect_lazy(),
            Kind::Found(replicas, _) => {
                let (channel, changes) = Channel::balance_channel_with_executor(MOST_CHANGES, GatheringExecutor);
                tokio::spawn(follow(replicas.clone(), changes));
                channel
            }
        }
    }
}

/// A channel to a service at one or more addresses, as [`Destination`] says.
pub fn connect(addresses: &[Uri], tls: &ClientTls) -> Channel {
    Destination::new(addresses, tls).channel()
}

/// Without a configuration of its own, TLS goes by the public authorities.
fn endpoint(place: &Place, tls: Option<&ClientTlsConfig>) -> Endpoint {
    let address = place.address();
    let endpoint = Endpoint::from(place.uri())
        .origin(address.clone())
        .executor(GatheringExecutor)
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .tcp_nodelay(true)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(STREAM_WINDOW_BYTES * MOST_STREAMS);
    if address.scheme() != Some(&Scheme::HTTPS) {
        return endpoint;
    }
    let tls = tls
        .cloned()
        .unwrap_or_else(|| ClientTlsConfig::new().with_webpki_roots())
        .domain_name(replicas::bare_host(address))
        .timeout(CONNECT_TIMEOUT);
    endpoint.clone().tls_config(tls).unwrap_or_else(|error| {
        // Both were checked with the settings. An endpoint left without TLS refuses to connect to `https`.
        tracing::error!(%error, "{address} cannot be reached by TLS");
        endpoint
    })
}

/// Tells a channel of the replicas, until it is dropped.
async fn follow(mut replicas: watch::Receiver<Replicas>, changes: Sender<Change<Place, Endpoint>>) {
    let mut told = Replicas::default();
    loop {
        let latest = replicas.borrow_and_update().clone();
        for change in latest.changes_since(&told) {
            if changes.send(change).await.is_err() {
                return;
            }
        }
        told = latest;
        tokio::select! {
            () = changes.closed() => return,
            // It is kept for as long as there is a receiver.
            _ = replicas.changed() => {}
        }
    }
}

#[cfg(test)]
mod tests;
