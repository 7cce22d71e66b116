//! Conditional requests (RFC 9110, section 13): `If-Match` becomes the etag of the request message,
//! `If-None-Match` turns an answer that the client has already into 304.
//!
//! Proxies change entity tags on their way (`W/"x"`, `"x-gzip"`), so what they add is taken off before comparing.

use axum::body::Body;
use http::{
    HeaderMap, HeaderName, Method, Response, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH},
};
use prost_reflect::{DynamicMessage, Value};

use crate::{problem::Problem, rpc::Rpc};

/// Whether a request must find a certain version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// It came with an `If-Match`: a mismatch is 412.
    IfMatch,
    /// It did not.
    None,
}

/// Puts the entity tag of `If-Match` into the request message. `*` asks only that there is something, which is
/// always asked. A condition that a method cannot keep is refused: ignoring it would overwrite what the client
/// wants kept.
pub(crate) fn apply_if_match(
    headers: &HeaderMap,
    method: &Method,
    rpc: &Rpc,
    message: &mut DynamicMessage,
) -> Result<Condition, Problem> {
    let tags = entity_tags(headers, &IF_MATCH)?;
    if !method.is_safe() && headers.contains_key(IF_NONE_MATCH) {
        return Err(Problem::field(
            "If-None-Match",
            "is not a condition that this method can keep",
        ));
    }
    if tags.is_empty() || method.is_safe() {
        return Ok(Condition::None);
    }
    let Some(field) = &rpc.etag_field else {
        return Err(Problem::field(
            "If-Match",
            "is not a condition that this method can keep",
        ));
    };
    let tag = match &tags[..] {
        [tag] if tag == "*" => return Ok(Condition::None),
        [tag] => tag,
        _ => return Err(Problem::field("If-Match", "must be one entity tag")),
    };
    let in_body = field.get(message);
    let in_body = in_body.as_ref().and_then(Value::as_str).filter(|etag| !etag.is_empty());
    if in_body.is_some_and(|etag| etag != tag) {
        return Err(Problem::field(&field.name(), "differs from If-Match"));
    }
    field.set(message, Value::String(tag.clone()));
    Ok(Condition::IfMatch)
}

/// Puts the entity tag of `If-None-Match` into the message of a request that only reads, for a service that can tell
/// whether it still holds without finding what is asked for. With several tags, or none that can be read, everything
/// is sent.
pub(crate) fn apply_if_none_match(headers: &HeaderMap, method: &Method, rpc: &Rpc, message: &mut DynamicMessage) {
    let Some(field) = rpc.known_etag_field.as_ref().filter(|_| method.is_safe()) else {
        return;
    };
    if let [tag] = &entity_tags(headers, &IF_NONE_MATCH).unwrap_or_default()[..]
        && tag != "*"
    {
        field.set(message, Value::String(tag.clone()));
    }
}

impl Condition {
    /// A version that is not the one asked for is a failed precondition if a header asked for it.
    pub(crate) fn explain(self, mut problem: Problem) -> Problem {
        if self == Self::IfMatch && problem.reason == "ETAG_MISMATCH" {
            problem.status = StatusCode::PRECONDITION_FAILED;
        }
        problem
    }
}

/// The answer, or 304 without a body if the client has that version already.
pub(crate) fn not_modified(headers: &HeaderMap, method: &Method, mut response: Response<Body>) -> Response<Body> {
    let current = response.headers().get(ETAG).and_then(|etag| bare(etag.to_str().ok()?));
    let Some(current) = current.filter(|_| method.is_safe() && response.status() == StatusCode::OK) else {
        return response;
    };
    // A malformed condition of a read does no harm: everything is sent.
    let known = entity_tags(headers, &IF_NONE_MATCH).unwrap_or_default();
    if known.iter().any(|tag| tag == "*" || *tag == current) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
        response.headers_mut().remove(CONTENT_TYPE);
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    response
}

/// The entity tags of a header, bare; `*` as it is.
fn entity_tags(headers: &HeaderMap, name: &HeaderName) -> Result<Vec<String>, Problem> {
    let mut tags = Vec::new();
    for value in headers.get_all(name) {
        let text = value.to_str().unwrap_or_default();
        for tag in text.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
            tags.push(bare(tag).ok_or_else(|| Problem::field(name.as_str(), "must be an entity tag such as \"1\""))?);
        }
    }
    Ok(tags)
}

/// An entity tag without its quotes and without what proxies add. A tag that was sent without quotes is taken as
/// it is.
fn bare(tag: &str) -> Option<String> {
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    let tag = match tag.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?,
        None => tag,
    };
    let tag = tag.strip_suffix("-gzip").unwrap_or(tag);
    (!tag.is_empty() && !tag.contains('"')).then(|| tag.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_proxies_add_is_taken_off() {
        for tag in ["\"7\"", "7", "W/\"7\"", "\"7-gzip\"", "W/\"7-gzip\""] {
            assert_eq!(bare(tag).as_deref(), Some("7"), "{tag}");
        }
        for malformed in ["", "\"\"", "\"7", "7\"", "\"a\"b\""] {
            assert_eq!(bare(malformed), None, "{malformed}");
        }
    }
}
