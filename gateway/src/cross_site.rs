//! Requests that another site made a browser send (BR-04; OWASP CSRF Prevention, "Fetch Metadata").

use http::{HeaderMap, HeaderName, Uri, header::ORIGIN};

use crate::problem::Problem;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses a request that a page of another origin may have made. What says nothing of where it comes from is no
/// browser's. `host` is what the request was sent to; `issuer` the address under which everybody knows us.
pub(crate) fn refuse(headers: &HeaderMap, host: Option<&str>, issuer: &str) -> Result<(), Problem> {
    let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let is_ours = match (text(&SEC_FETCH_SITE), text(&ORIGIN)) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => is_host(origin, host) || Some(origin) == origin_of(issuer).as_deref(),
        (None, None) => true,
    };
    if is_ours {
        return Ok(());
    }
    Err(Problem::new(
        "CROSS_SITE_REQUEST",
        "a page of another site may not use this session; send a Bearer token instead",
    ))
}

/// Whether an origin has this host and port.
fn is_host(origin: &str, host: Option<&str>) -> bool {
    let Some(((_, authority), host)) = origin.split_once("://").zip(host) else {
        return false;
    };
    authority.eq_ignore_ascii_case(host)
}

/// The origin of an address, as a browser writes it (RFC 6454, section 6.2).
fn origin_of(address: &str) -> Option<String> {
    let address: Uri = address.parse().ok()?;
    let (scheme, host) = (address.scheme_str()?, address.host()?.to_ascii_lowercase());
    let usual = if scheme == "https" { 443 } else { 80 };
    Some(match address.port_u16().filter(|port| *port != usual) {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(site: Option<&str>, origin: Option<&str>, host: &str) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in [(SEC_FETCH_SITE, site), (ORIGIN, origin)] {
            if let Some(value) = value {
                headers.insert(name, value.parse().expect("a header"));
            }
        }
        refuse(&headers, Some(host), "https://Tasks.example.com/").is_ok()
    }

    #[test]
    fn br_04_only_our_own_pages_pass() {
        for (site, origin, expected) in [
            (Some("same-origin"), None, true),
            (Some("same-origin"), Some("https://evil.example"), true),
            (Some("same-site"), Some("http://gateway.test:8080"), false),
            (Some("cross-site"), None, false),
            (Some("none"), None, false),
            (Some(""), None, false),
            (None, Some("http://gateway.test:8080"), true),
            (None, Some("https://GATEWAY.test:8080"), true),
            (None, Some("http://gateway.test"), false),
            (None, Some("http://gateway.test:8081"), false),
            (None, Some("http://evil.gateway.test:8080"), false),
            (None, Some("https://tasks.example.com"), true),
            (None, Some("http://tasks.example.com"), false),
            (None, Some("null"), false),
            (None, Some(""), false),
            (None, None, true),
        ] {
            assert_eq!(
                passes(site, origin, "gateway.test:8080"),
                expected,
                "{site:?} {origin:?}"
            );
        }
    }
}
