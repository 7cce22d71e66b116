//! What a client would rather have (RFC 7240): `Prefer: return=minimal` leaves out what it knows already.

use axum::body::Body;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// The answer, or, if that is preferred, only its headers: of a success that changed something. 200 is 204 then; what was
/// created is still told by 201 and Location.
pub(crate) fn apply(headers: &HeaderMap, method: &Method, mut response: Response<Body>) -> Response<Body> {
    if method.is_safe() || !response.status().is_success() || !prefers_minimal(headers) {
        return response;
    }
    *response.body_mut() = Body::empty();
    if response.status() == StatusCode::OK {
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
    let headers = response.headers_mut();
    headers.remove(CONTENT_TYPE);
    headers.remove(CONTENT_LENGTH);
    headers.insert(PREFERENCE_APPLIED, HeaderValue::from_static("return=minimal"));
    response
}

/// The first mention of a preference counts (section 2).
fn prefers_minimal(headers: &HeaderMap) -> bool {
    let values = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
    let mut preferences = values.flat_map(|value| value.split(','));
    let wanted = preferences.find_map(|preference| {
        let (name, value) = preference.split(';').next()?.split_once('=')?;
        let value = value.trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("return").then(|| value.to_owned())
    });
    wanted.is_some_and(|value| value.eq_ignore_ascii_case("minimal"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_minimal_is_minimal() {
        for (lines, minimal) in [
            (&["return=minimal"][..], true),
            (&["respond-async, Return=\"minimal\"; foo"], true),
            (&["wait=5", "return = minimal"], true),
            (&["return=representation, return=minimal"], false),
            (&["return=representation"], false),
            (&["return", "minimal"], false),
            (&["return=minimalist"], false),
            (&[], false),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(PREFER, line.parse().expect("a header"));
            }
            assert_eq!(prefers_minimal(&headers), minimal, "{lines:?}");
        }
    }
}
