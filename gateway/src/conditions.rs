//! Conditional requests (RFC 9110, section 13): `If-Match` becomes the etag of the request message,
//! `If-None-Match` turns an answer that the client has already into 304.
//!
//! Proxies change entity tags on their way (`W/"x"`, `"x-gzip"`), so what they add is taken off before comparing.

use axum::body::Body;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode,
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
    if !headers.contains_key(IF_MATCH) || method.is_safe() {
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

/// What becomes of the answer to a read: 304 without a body if the client has that version already, 412 if it wants
/// another one.
pub(crate) fn of_read(
    headers: &HeaderMap,
    method: &Method,
    mut response: Response<Body>,
) -> Result<Response<Body>, Problem> {
    let current = response.headers().get(ETAG).and_then(|etag| bare(etag.to_str().ok()?));
    let Some(current) = current.filter(|_| method.is_safe() && response.status() == StatusCode::OK) else {
        return Ok(response);
    };
    let is_current = |tag: &String| tag == "*" || *tag == current;
    let wanted = entity_tags(headers, &IF_MATCH)?;
    if !wanted.is_empty() && !wanted.iter().any(is_current) {
        let changed = Problem::new("ETAG_MISMATCH", "there is another version now");
        return Err(Condition::IfMatch.explain(changed));
    }
    // A malformed condition here does no harm: everything is sent.
    let known = entity_tags(headers, &IF_NONE_MATCH).unwrap_or_default();
    if known.iter().any(is_current) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
        let answered = response.headers_mut();
        answered.remove(CONTENT_TYPE);
        answered.remove(CONTENT_LENGTH);
        // As it was given with the answer that was compressed.
        let weak = format!("W/\"{current}\"");
        if is_given(headers, &weak)
            && let Ok(weak) = HeaderValue::try_from(weak)
        {
            answered.insert(ETAG, weak);
        }
    }
    Ok(response)
}

/// Whether a request names this entity tag, to the letter.
fn is_given(headers: &HeaderMap, wanted: &str) -> bool {
    let values = headers.get_all(IF_NONE_MATCH).iter();
    let mut tags = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    tags.any(|tag| tag.trim() == wanted)
}

/// The entity tags of a header, bare; `*` as it is.
fn entity_tags(headers: &HeaderMap, name: &HeaderName) -> Result<Vec<String>, Problem> {
    let mut tags = Vec::new();
    for value in headers.get_all(name) {
        let unreadable = || Problem::field(name.as_str(), "must be an entity tag such as \"1\"");
        let text = value.to_str().map_err(|_| unreadable())?;
        for tag in text.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
            tags.push(bare(tag).ok_or_else(unreadable)?);
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
