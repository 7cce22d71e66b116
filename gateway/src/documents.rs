//! The documents that the gateway serves itself, as they were when it was built.

use axum::body::Body;
use http::{
    HeaderValue, Method, Response,
    header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY},
};

/// One document.
#[derive(Debug)]
pub(crate) struct Document {
    path: &'static str,
    content_type: &'static str,
    content: &'static str,
}

/// Nothing but what comes from here, and nobody frames it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; \
     frame-ancestors 'none'",
);

const DOCUMENTS: [Document; 6] = [
    Document {
        path: "/docs",
        content_type: "text/html; charset=utf-8",
        content: include_str!("../web/docs.html"),
    },
    Document {
        path: "/docs.js",
        content_type: "text/javascript; charset=utf-8",
        content: include_str!("../web/docs.js"),
    },
    Document {
        path: "/docs.css",
        content_type: "text/css; charset=utf-8",
        content: include_str!("../web/docs.css"),
    },
    Document {
        path: "/reset-password",
        content_type: "text/html; charset=utf-8",
        content: include_str!("../web/reset-password.html"),
    },
    Document {
        path: "/reset-password.js",
        content_type: "text/javascript; charset=utf-8",
        content: include_str!("../web/reset-password.js"),
    },
    Document {
        path: "/reset-password.css",
        content_type: "text/css; charset=utf-8",
        content: include_str!("../web/reset-password.css"),
    },
];

impl Document {
    /// The methods that a document has.
    pub(crate) const METHODS: [&'static Method; 1] = [&Method::GET];

    /// The document at a path.
    pub(crate) fn at(path: &str) -> Option<&'static Self> {
        DOCUMENTS.iter().find(|document| document.path == path)
    }

    /// The document. It is asked for anew each time, because it changes with the binary.
    pub(crate) fn answer(&self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.content));
        for (name, value) in [
            (CONTENT_TYPE, HeaderValue::from_static(self.content_type)),
            (CONTENT_SECURITY_POLICY, POLICY),
            (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        ] {
            response.headers_mut().insert(name, value);
        }
        response
    }
}
