//! Pages of other origins (Fetch, section 3.2): those that are allowed may call the API with a Bearer token. Never with
//! cookies: no answer says Access-Control-Allow-Credentials.

use http::{
    HeaderMap, HeaderValue, Method, Request, Response,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ALLOW, ORIGIN, VARY,
    },
};

/// What a page may send.
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, grpc-timeout, idempotency-key, if-match, if-none-match, last-event-id, prefer, \
     traceparent, tracestate, x-grpc-web, x-request-id, x-user-agent",
);
/// What a page may read besides what it always may.
const RESPONSE_HEADERS: HeaderValue = HeaderValue::from_static(
    "etag, grpc-message, grpc-status, grpc-status-details-bin, link, location, preference-applied, retry-after, \
     www-authenticate, x-request-id",
);
/// Seconds for which a browser need not ask again; Chromium forgets after two hours.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// Which origins are allowed.
pub(crate) struct Cors {
    origins: Vec<String>,
}

/// What a request says of the page that sent it.
pub(crate) struct Asked {
    origin: Option<HeaderValue>,
    is_preflight: bool,
    /// Browser sessions are for our own pages only.
    is_for_cookies: bool,
}

impl Asked {
    /// Of a request.
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        let headers = request.headers();
        let path = request.uri().path();
        Self {
            origin: headers.get(ORIGIN).cloned(),
            is_preflight: request.method() == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD),
            is_for_cookies: path == "/session" || path.starts_with("/session/"),
        }
    }
}

impl Cors {
    /// These origins, compared exactly.
    pub(crate) fn new(origins: Vec<String>) -> Self {
        Self { origins }
    }

    /// Writes into an answer what a browser must know to give it to the page.
    pub(crate) fn write<B>(&self, asked: &Asked, response: &mut Response<B>) {
        if self.origins.is_empty() || asked.is_for_cookies {
            return;
        }
        let headers = response.headers_mut();
        headers.append(VARY, HeaderValue::from_static("origin"));
        let Some(origin) = asked.origin.clone().filter(|origin| self.is_allowed(origin)) else {
            return;
        };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        match headers.get(ALLOW).cloned() {
            Some(methods) if asked.is_preflight => write_preflight(headers, methods),
            _ => {
                headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS);
            }
        }
    }

    fn is_allowed(&self, origin: &HeaderValue) -> bool {
        self.origins
            .iter()
            .any(|allowed| allowed.as_bytes() == origin.as_bytes())
    }
}

fn write_preflight(headers: &mut HeaderMap, methods: HeaderValue) {
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
    headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(origins: &[&str], method: &str, path: &str, origin: Option<&str>) -> HeaderMap {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(origin) = origin {
            request = request.header(ORIGIN, origin);
        }
        if method == "OPTIONS" {
            request = request.header(ACCESS_CONTROL_REQUEST_METHOD, "PATCH");
        }
        let asked = Asked::of(&request.body(()).expect("a request"));
        let mut response = Response::builder();
        if method == "OPTIONS" {
            response = response.header(ALLOW, "GET, PATCH");
        }
        let mut response = response.body(()).expect("a response");
        Cors::new(origins.iter().map(|origin| (*origin).to_owned()).collect()).write(&asked, &mut response);
        std::mem::take(response.headers_mut())
    }

    #[test]
    fn br_05_only_listed_origins_are_allowed() {
        let allowed = ["https://app.example.com", "http://localhost:5173"];
        for origin in allowed {
            let headers = answered(&allowed, "GET", "/v1/tasks", Some(origin));
            assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], origin);
            assert_eq!(headers[VARY], "origin");
            assert!(headers.contains_key(ACCESS_CONTROL_EXPOSE_HEADERS));
            assert!(!headers.contains_key("access-control-allow-credentials"));
        }
        for origin in [
            "https://evil.example",
            "https://app.example.com.evil.example",
            "https://app.example.com:443",
            "http://app.example.com",
            "HTTPS://app.example.com",
            "null",
            "*",
            "",
        ] {
            let headers = answered(&allowed, "GET", "/v1/tasks", Some(origin));
            assert!(!headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN), "{origin}");
            assert_eq!(headers[VARY], "origin", "a cache keeps it apart from those that are");
        }
        assert!(!answered(&allowed, "GET", "/v1/tasks", None).contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
        assert_eq!(answered(&[], "GET", "/v1/tasks", Some(allowed[0])), HeaderMap::new());
    }

    #[test]
    fn a_preflight_is_told_what_the_path_takes() {
        let headers = answered(
            &["http://localhost:5173"],
            "OPTIONS",
            "/v1/tasks/1",
            Some("http://localhost:5173"),
        );
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_METHODS], "GET, PATCH");
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_HEADERS], REQUEST_HEADERS);
        assert_eq!(headers[ACCESS_CONTROL_MAX_AGE], MAX_AGE);
    }

    #[test]
    fn browser_sessions_are_for_our_own_pages() {
        for path in ["/session", "/session/register"] {
            for method in ["POST", "OPTIONS"] {
                let headers = answered(&["http://localhost:5173"], method, path, Some("http://localhost:5173"));
                assert!(!headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN), "{method} {path}");
            }
        }
    }
}
