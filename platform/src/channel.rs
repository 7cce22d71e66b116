//! Connections to the other services.

use std::{sync::Arc, time::Duration};

use http::{Uri, uri::Scheme};
use tokio::{sync::mpsc::Sender, time::sleep};
use tonic::transport::{Channel, ClientTlsConfig, Endpoint, channel::Change};

use crate::tls::ClientTls;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// A channel to a service at one or more addresses, calls spread over them. Connects when first used, and
/// again whenever the connection is lost; keepalive finds a peer that fell silent. Addresses with `https` are reached
/// by TLS, never without it, and with certificates that were replaced after at most two minutes. Must be called within
/// a Tokio runtime.
pub fn connect(addresses: &[Uri], tls: &ClientTls) -> Channel {
    let secure = addresses.iter().any(|address| address.scheme() == Some(&Scheme::HTTPS));
    match (addresses, tls.latest()) {
        (_, Some(current)) if secure => {
            let (channel, changes) = Channel::balance_channel(addresses.len().max(1));
            for address in addresses {
                let endpoint = endpoint(address, Some(&current));
                // There is room for each of them.
                changes.try_send(Change::Insert(address.clone(), endpoint)).ok();
            }
            tokio::spawn(follow(tls.clone(), current, addresses.to_vec(), changes));
            channel
        }
        ([address], _) => endpoint(address, None).connect_lazy(),
        _ => Channel::balance_list(addresses.iter().map(|address| endpoint(address, None))),
    }
}

/// Without a configuration of its own, TLS goes by the public authorities.
fn endpoint(address: &Uri, tls: Option<&ClientTlsConfig>) -> Endpoint {
    let endpoint = Endpoint::from(address.clone())
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .tcp_nodelay(true);
    if address.scheme() != Some(&Scheme::HTTPS) {
        return endpoint;
    }
    let tls = tls
        .cloned()
        .unwrap_or_else(|| ClientTlsConfig::new().with_webpki_roots())
        .timeout(CONNECT_TIMEOUT);
    endpoint.clone().tls_config(tls).unwrap_or_else(|error| {
        // Both were checked with the settings. An endpoint left without TLS refuses to connect to `https`.
        tracing::error!(%error, "{address} cannot be reached by TLS");
        endpoint
    })
}

/// Puts endpoints with new certificates in the place of the old ones, whose calls run to their end, until the channel
/// is dropped.
async fn follow(
    tls: ClientTls,
    mut current: Arc<ClientTlsConfig>,
    addresses: Vec<Uri>,
    changes: Sender<Change<Uri, Endpoint>>,
) {
    loop {
        tokio::select! {
            () = changes.closed() => return,
            () = sleep(ClientTls::LOOK_EVERY) => {}
        }
        let latest = tls.latest().filter(|latest| !Arc::ptr_eq(latest, &current));
        let Some(latest) = latest else { continue };
        for address in &addresses {
            let endpoint = endpoint(address, Some(&latest));
            // Fails if the channel was dropped, which ends this.
            changes.send(Change::Insert(address.clone(), endpoint)).await.ok();
        }
        current = latest;
    }
}
