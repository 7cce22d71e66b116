//! Who the client is, as far as the network tells: an address and a user agent.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderValue, header::USER_AGENT};
use ipnet::IpNet;

const MAX_USER_AGENT_BYTES: usize = 512;

/// The client's address: the peer's, or, when the peer is a trusted proxy, the rightmost entry of
/// `X-Forwarded-For` that no trusted proxy is. What stands left of that anyone could have written.
pub(crate) fn address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut address = peer.to_canonical();
    let lines: Vec<&HeaderValue> = headers.get_all("x-forwarded-for").iter().collect();
    let mut entries = lines
        .iter()
        .rev()
        .flat_map(|line| line.to_str().unwrap_or_default().rsplit(','))
        .map(|entry| parse(entry.trim()));
    while is_trusted(&address) {
        // An entry that is no address ends the chain: what stands left of it cannot be believed either.
        let Some(Some(entry)) = entries.next() else { break };
        address = entry;
    }
    address
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1` or `[2001:db8::1]:4711`, as proxies write them.
fn parse(entry: &str) -> Option<IpAddr> {
    let bare = entry
        .strip_prefix('[')
        .and_then(|entry| entry.strip_suffix(']'))
        .unwrap_or(entry);
    bare.parse()
        .ok()
        .or_else(|| entry.parse().ok().map(|address: SocketAddr| address.ip()))
        .map(|address: IpAddr| address.to_canonical())
}

/// The user agent in printable ASCII, at most 512 bytes; other bytes become `?`.
pub(crate) fn user_agent(headers: &HeaderMap) -> Option<HeaderValue> {
    let given = headers.get(USER_AGENT)?.as_bytes();
    let clean: Vec<u8> = given
        .iter()
        .take(MAX_USER_AGENT_BYTES)
        .map(|&byte| if matches!(byte, b' '..=b'~') { byte } else { b'?' })
        .collect();
    HeaderValue::from_bytes(&clean).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().expect("a header"));
        }
        let trusted = [
            "10.0.0.0/8".parse().expect("a network"),
            "fd00::/8".parse().expect("a network"),
        ];
        address(peer.parse().expect("an address"), &headers, &trusted).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(client("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(client("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(client("::ffff:10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn the_rightmost_untrusted_entry_counts() {
        assert_eq!(
            client("10.0.0.1", &["203.0.113.66, 198.51.100.7, 10.0.0.2"]),
            "198.51.100.7"
        );
        assert_eq!(
            client("10.0.0.1", &["203.0.113.66", "198.51.100.7,10.0.0.2"]),
            "198.51.100.7"
        );
        assert_eq!(client("10.0.0.1", &["10.0.0.3, 10.0.0.2"]), "10.0.0.3");
        assert_eq!(client("10.0.0.1", &["198.51.100.7, nonsense, 10.0.0.2"]), "10.0.0.2");
        assert_eq!(client("fd00::1", &["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(client("fd00::1", &["[2001:db8::1]"]), "2001:db8::1");
        assert_eq!(client("fd00::1", &["192.0.2.1:80"]), "192.0.2.1");
    }

    #[test]
    fn a_user_agent_is_bounded_and_printable() {
        let mut headers = HeaderMap::new();
        assert_eq!(user_agent(&headers), None);
        headers.insert(
            USER_AGENT,
            HeaderValue::from_bytes(b"caf\xc3\xa9\tbrowser").expect("a header"),
        );
        assert_eq!(user_agent(&headers).expect("a user agent"), "caf???browser");
        headers.insert(USER_AGENT, "x".repeat(600).parse().expect("a header"));
        assert_eq!(user_agent(&headers).expect("a user agent").len(), 512);
    }
}
