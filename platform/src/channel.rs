//! Connections to the other services.

use std::time::Duration;

use http::Uri;
use tonic::transport::{Channel, Endpoint};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// A channel to a service at one or more addresses, calls spread over them. Connects when first used, and
/// again whenever the connection is lost; keepalive finds a peer that fell silent.
pub fn connect(addresses: &[Uri]) -> Channel {
    let endpoint = |address: &Uri| {
        Endpoint::from(address.clone())
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .keep_alive_while_idle(true)
            .tcp_nodelay(true)
    };
    match addresses {
        [address] => endpoint(address).connect_lazy(),
        _ => Channel::balance_list(addresses.iter().map(endpoint)),
    }
}
