//! Where a request comes from.

use platform::{
    service_credential::{CLIENT_ADDRESS_METADATA, CLIENT_USER_AGENT_METADATA, Role, ServicePeer},
    serving::{PeerAddress, RequestId},
};
use tonic::{Request, metadata::MetadataMap};

use crate::sessions::Client;

const MAX_USER_AGENT_BYTES: usize = 512;

/// The client of a request: what the gateway states, if a verified gateway calls, else the other end of the
/// connection.
pub(super) fn client_of<T>(request: &Request<T>) -> Client {
    let metadata = request.metadata();
    let peer = request.extensions().get::<ServicePeer>();
    let request_id = request.extensions().get::<RequestId>();
    let request_id = request_id.map(|id| id.0.to_string()).unwrap_or_default();
    if peer.is_some_and(|peer| peer.role() == Role::Gateway) {
        return Client {
            user_agent: printable(metadata, CLIENT_USER_AGENT_METADATA),
            ip_address: text(metadata, CLIENT_ADDRESS_METADATA)
                .parse()
                .map(|address: std::net::IpAddr| address.to_string())
                .unwrap_or_default(),
            request_id,
        };
    }
    let address = request.extensions().get::<PeerAddress>();
    Client {
        user_agent: printable(metadata, "user-agent"),
        ip_address: address
            .map(|PeerAddress(address)| address.ip().to_canonical().to_string())
            .unwrap_or_default(),
        request_id,
    }
}

fn text<'m>(metadata: &'m MetadataMap, name: &str) -> &'m str {
    metadata
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// Metadata is ASCII, so cutting bytes cuts characters.
fn printable(metadata: &MetadataMap, name: &str) -> String {
    text(metadata, name)
        .chars()
        .filter(|character| !character.is_control())
        .take(MAX_USER_AGENT_BYTES)
        .collect()
}
