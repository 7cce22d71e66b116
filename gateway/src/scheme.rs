//! How the client reaches the gateway: by https or not, and at which host.

use std::net::{IpAddr, Ipv4Addr};

use http::{HeaderName, header::HOST, request::Parts};
use ipnet::IpNet;
use platform::serving::{OverTls, PeerAddress};

use crate::problem::Problem;

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Whether the client speaks https: to us, or to a proxy that is believed.
pub(crate) fn is_https(head: &Parts, trusted: &[IpNet]) -> bool {
    if head.extensions.get::<OverTls>().is_some() {
        return true;
    }
    let peer = head
        .extensions
        .get::<PeerAddress>()
        .map(|peer| peer.0.ip().to_canonical());
    let is_trusted = peer.is_some_and(|peer| trusted.iter().any(|network| network.contains(&peer)));
    // The last entry is that of the proxy nearest to us.
    let forwarded = head.headers.get_all(X_FORWARDED_PROTO).iter().next_back();
    let forwarded = forwarded.and_then(|value| value.to_str().ok()?.rsplit(',').next());
    is_trusted && forwarded.is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("https"))
}

/// The host and port that the request was sent to.
pub(crate) fn host(head: &Parts) -> Option<&str> {
    match head.uri.authority() {
        Some(authority) => Some(authority.as_str()),
        None => head.headers.get(HOST)?.to_str().ok(),
    }
}

/// Refuses to begin a browser session where browsers drop its cookies in silence: on plain http, but for this machine
/// itself.
pub(crate) fn require_secure_origin(head: &Parts, trusted: &[IpNet]) -> Result<(), Problem> {
    if is_https(head, trusted) || host(head).is_some_and(is_loopback) {
        return Ok(());
    }
    Err(Problem::new(
        "SECURE_ORIGIN_REQUIRED",
        "browsers keep the cookies of a session only with https, or on localhost: reach the gateway by https, and put its \
         proxy, if there is one, into HOLDFAST_TRUSTED_PROXIES and let it send X-Forwarded-Proto",
    ))
}

/// What browsers take for this machine itself (Secure Contexts, section 3.1).
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let name = name.to_ascii_lowercase();
    match name.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.octets()[0] == Ipv4Addr::LOCALHOST.octets()[0],
        Ok(IpAddr::V6(address)) => address.is_loopback(),
        Err(_) => name == "localhost" || name.ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn head(peer: &str, host: &str, forwarded: &[&str], tls: bool) -> Parts {
        let mut request = Request::builder().uri("/session").header(HOST, host);
        for value in forwarded {
            request = request.header(X_FORWARDED_PROTO, *value);
        }
        let (mut head, ()) = request.body(()).expect("a request").into_parts();
        head.extensions.insert(PeerAddress(peer.parse().expect("an address")));
        if tls {
            head.extensions.insert(OverTls);
        }
        head
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let trusted = ["10.0.0.0/8".parse().expect("a network")];
        for (peer, forwarded, tls, expected) in [
            ("192.0.2.1:1", &[][..], true, true),
            ("192.0.2.1:1", &[], false, false),
            ("192.0.2.1:1", &["https"], false, false),
            ("10.0.0.1:1", &["https"], false, true),
            ("[::ffff:10.0.0.1]:1", &["HTTPS"], false, true),
            ("10.0.0.1:1", &["https, http"], false, false),
            ("10.0.0.1:1", &["https", "http"], false, false),
            ("10.0.0.1:1", &["http, https"], false, true),
            ("10.0.0.1:1", &["http"], true, true),
        ] {
            let head = head(peer, "tasks.example.com", forwarded, tls);
            assert_eq!(is_https(&head, &trusted), expected, "{peer} {forwarded:?} {tls}");
        }
    }

    #[test]
    fn a_session_begins_by_https_or_on_this_machine() {
        for host in [
            "localhost:8080",
            "LOCALHOST",
            "app.localhost:8080",
            "127.0.0.1:8080",
            "127.1.2.3",
            "[::1]:8080",
        ] {
            assert!(
                require_secure_origin(&head("192.0.2.1:1", host, &[], false), &[]).is_ok(),
                "{host}"
            );
        }
        for host in [
            "tasks.example.com",
            "localhost.example.com:80",
            "192.168.0.7:8080",
            "[fd00::1]",
            "",
        ] {
            let refused = require_secure_origin(&head("127.0.0.1:1", host, &[], false), &[]);
            assert_eq!(refused.expect_err(host).reason, "SECURE_ORIGIN_REQUIRED");
            assert!(
                require_secure_origin(&head("192.0.2.1:1", host, &[], true), &[]).is_ok(),
                "{host}"
            );
        }
    }
}
