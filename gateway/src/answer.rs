//! The success: proto3 JSON or raw bytes, and the headers that the contract's options ask for.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use axum::body::{Body, Bytes};
use http::{
    HeaderName, HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, LOCATION},
};
use prost_reflect::{FieldDescriptor, Value};

use crate::{
    field_path::FieldPath,
    percent,
    problem::Problem,
    raw_body,
    received::{Received, json_of_field},
    routes::Route,
    rpc::{Answers, Rpc, fields_of_location},
};

const JSON_TYPE: HeaderValue = HeaderValue::from_static("application/json");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// Room for what an answer has, with what is the same for all.
const MOST_HEADERS: usize = 16;
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The answer of a route to a message from its service: its head, and what its body is made of.
pub(crate) fn of(route: &Route, answer: &Received) -> Result<(Response<()>, Bytes), Problem> {
    let (content_type, body) = match route.rpc.answers {
        Answers::Json | Answers::Events => (JSON_TYPE, json(&route.rpc, route.response_body.as_ref(), answer)?),
        Answers::Raw | Answers::RawStream => {
            let message = answer.message()?;
            (raw_body::content_type(&message), raw_body::data(&message))
        }
    };
    let etag = etag(&route.rpc, answer);
    let (caching, etag) = match route.rpc.cache_seconds {
        Some(seconds) => {
            let caching = HeaderValue::try_from(format!("public, max-age={seconds}"));
            (caching.unwrap_or(NO_STORE), etag.or_else(|| Some(hash(&body))))
        }
        None => (NO_STORE, etag),
    };
    let mut response = Response::new(());
    *response.status_mut() = route.rpc.success_status;
    let headers = response.headers_mut();
    headers.reserve(MOST_HEADERS);
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(CACHE_CONTROL, caching);
    let location = route
        .rpc
        .location
        .as_deref()
        .and_then(|template| location(template, &route.rpc, answer));
    for (name, text) in [(LOCATION, location), (ETAG, etag)] {
        if let Some(value) = text.and_then(|text| HeaderValue::try_from(text).ok()) {
            headers.insert(name, value);
        }
    }
    Ok((response, body))
}

/// Makes it one to a request that only asked whether it would succeed: nothing was created, and is nowhere.
pub(crate) fn of_nothing_made(response: &mut Response<Body>) {
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().remove(LOCATION);
}

/// The answer of a route to a stream from its service, already written as a body of this type.
pub(crate) fn streamed(route: &Route, content_type: HeaderValue, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = route.rpc.success_status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(CACHE_CONTROL, NO_STORE);
    if route.rpc.answers == Answers::Events {
        // nginx would collect events until a buffer is full.
        headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    }
    response
}

/// A message as JSON on one line, or the field of it that is the response body.
pub(crate) fn json(rpc: &Rpc, part_only: Option<&FieldDescriptor>, answer: &Received) -> Result<Bytes, Problem> {
    let body = match part_only {
        None => answer.json(),
        Some(field) => json_of_field(&*answer.message()?, field),
    };
    body.map_err(|error| {
        let method = rpc.method.full_name();
        tracing::error!(rpc.method = method, %error, "the answer has no JSON form");
        Problem::internal()
    })
}

/// A Location template with the message's fields in it; `None` if one of them is empty.
fn location(template: &str, rpc: &Rpc, answer: &Received) -> Option<String> {
    let mut location = template.to_owned();
    for field in fields_of_location(template) {
        let path = FieldPath::resolve(&rpc.method.output(), field)?;
        let text = match answer.value(&path)? {
            Value::String(text) if !text.is_empty() => text,
            Value::I32(number) => number.to_string(),
            Value::I64(number) => number.to_string(),
            _ => return None,
        };
        location = location.replace(&format!("{{{field}}}"), &percent::encode(&text));
    }
    Some(location)
}

/// A response's `etag` field as the header has it: in quotes (RFC 9110, section 8.8.3).
fn etag(rpc: &Rpc, answer: &Received) -> Option<String> {
    let value = answer.value(rpc.etag.as_ref()?)?;
    let etag = value.as_str().filter(|etag| !etag.is_empty() && !etag.contains('"'))?;
    Some(format!("\"{etag}\""))
}

/// The entity tag of an answer that may be kept and has no `etag` of its own. The hasher has no random key, so all
/// replicas of one build give the same.
pub(crate) fn hash(body: &Bytes) -> String {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish())
}

#[cfg(test)]
mod tests {
    use http::Method;
    use prost_reflect::DynamicMessage;

    use super::*;
    use crate::{
        routes::{Found, RouteTable},
        testing,
    };

    fn route<'table>(table: &'table RouteTable, path: &str) -> &'table Route {
        match table.find(&Method::GET, path) {
            Found::Route(route, _) => route,
            other => panic!("{path}: {other:?}"),
        }
    }

    #[test]
    fn a_single_http_body_is_its_bytes() {
        let table = testing::kitchen();
        let route = route(&table, "/v1/sinks/a:draw");
        for (given, sent) in [
            ("image/png", "image/png"),
            ("", "application/octet-stream"),
            ("a\nb", "application/octet-stream"),
        ] {
            let mut message = DynamicMessage::new(route.rpc.method.output());
            message.set_field_by_name("content_type", Value::String(given.to_owned()));
            message.set_field_by_name("data", Value::Bytes(Bytes::from_static(b"\x00\xff")));
            let (response, body) = of(route, &message.into()).expect("an answer");
            assert_eq!(response.headers()[CONTENT_TYPE], sent);
            assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
            assert_eq!(&*body, b"\x00\xff");
        }
    }
}
