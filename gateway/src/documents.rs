//! The documents that the gateway serves itself: what each answers, and when it answers that nothing changed.

use std::{collections::HashMap, sync::LazyLock};

use axum::body::{Body, Bytes};
use http::{
    HeaderValue, Method, Response,
    header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, REFERRER_POLICY, VARY},
    request::Parts,
};

use crate::{
    answer, conditions,
    cookies::Cookies,
    pages::{Kind, MODULES, PAGES, Page},
    problem::Problem,
    sent_text,
};

/// One document, as it is sent.
#[derive(Debug)]
pub(crate) struct Document {
    content_type: &'static str,
    content: Content,
    /// For browsers that have a session, if that makes a difference.
    for_people: Option<Content>,
}

#[derive(Debug)]
struct Content {
    bytes: Bytes,
    etag: String,
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Self {
        Self {
            etag: answer::hash(&bytes),
            bytes,
        }
    }
}

/// What a page holds back until it knows that somebody is signed in. The cookies tell that sooner than its script can.
const HELD_BACK: [&str; 2] = ["<template id=\"of-people\">", "</template>"];

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
        let sent = match page.kind {
            Kind::Html | Kind::Script | Kind::Style => sent_text::without_comments(page.content),
            Kind::Drawing => page.content.to_owned(),
        };
        let is_held_back = page.kind == Kind::Html && HELD_BACK.iter().all(|tag| sent.contains(tag));
        Self {
            content_type: page.kind.content_type(),
            for_people: is_held_back.then(|| {
                let all = HELD_BACK.iter().fold(sent.clone(), |text, tag| text.replace(tag, ""));
                Bytes::from(all).into()
            }),
            content: Bytes::from(sent).into(),
        }
    }

    /// The answer. It is asked for anew each time, because it changes with the binary; 304 as long as it does not.
    pub(crate) fn answer(&self, head: &Parts) -> Result<Response<Body>, Problem> {
        let for_people = self.for_people.as_ref();
        let content = for_people
            .filter(|_| Cookies::of(&head.headers).are_there())
            .unwrap_or(&self.content);
        let mut response = Response::new(Body::from(content.bytes.clone()));
        if for_people.is_some() {
            response.headers_mut().insert(VARY, HeaderValue::from_static("cookie"));
        }
        for (name, value) in [
            (CONTENT_TYPE, HeaderValue::from_static(self.content_type)),
            (CONTENT_SECURITY_POLICY, POLICY),
            (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        ] {
            response.headers_mut().insert(name, value);
        }
        if let Ok(etag) = HeaderValue::from_str(&content.etag) {
            response.headers_mut().insert(ETAG, etag);
        }
        conditions::of_read(&head.headers, &head.method, response)
    }
}
