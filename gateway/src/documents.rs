//! The documents that the gateway serves itself: what each answers, and when it answers that nothing changed.

use std::{collections::HashMap, sync::LazyLock};

use axum::body::{Body, Bytes};
use http::{
    HeaderValue, Method, Response,
    header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, REFERRER_POLICY},
    request::Parts,
};

use crate::{
    answer, conditions,
    pages::{Kind, MODULES, PAGES, Page},
    problem::Problem,
    sent_text,
};

/// One document, as it is sent.
#[derive(Debug)]
pub(crate) struct Document {
    content_type: &'static str,
    content: Bytes,
    etag: String,
}

/// Nothing but what comes from here, and nobody frames it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; form-action 'none'; \
     base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
);

/// By path.
static DOCUMENTS: LazyLock<HashMap<&'static str, Document>> = LazyLock::new(|| {
    let pages = PAGES.iter().chain(&MODULES);
    pages.map(|page| (page.path, Document::of(page))).collect()
});

impl Document {
    /// The methods that a document has.
    pub(crate) const METHODS: [&'static Method; 1] = [&Method::GET];

    /// The document at a path.
    pub(crate) fn at(path: &str) -> Option<&'static Self> {
        DOCUMENTS.get(path)
    }

    fn of(page: &Page) -> Self {
        let content = match page.kind {
            Kind::Script | Kind::Style => Bytes::from(sent_text::without_comments(page.content)),
            Kind::Html | Kind::Drawing => Bytes::from_static(page.content.as_bytes()),
        };
        Self {
            content_type: page.kind.content_type(),
            etag: answer::hash(&content),
            content,
        }
    }

    /// The answer. It is asked for anew each time, because it changes with the binary; 304 as long as it does not.
    pub(crate) fn answer(&self, head: &Parts) -> Result<Response<Body>, Problem> {
        let mut response = Response::new(Body::from(self.content.clone()));
        for (name, value) in [
            (CONTENT_TYPE, HeaderValue::from_static(self.content_type)),
            (CONTENT_SECURITY_POLICY, POLICY),
            (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        ] {
            response.headers_mut().insert(name, value);
        }
        if let Ok(etag) = HeaderValue::from_str(&self.etag) {
            response.headers_mut().insert(ETAG, etag);
        }
        conditions::of_read(&head.headers, &head.method, response)
    }
}
