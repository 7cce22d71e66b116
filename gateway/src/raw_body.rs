//! Answers that are no JSON: `google.api.HttpBody`, in one message or as a stream of them. Their `extensions` are
//! for other gateways and are not read.

use axum::body::{Body, Bytes};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use http::HeaderValue;
use prost_reflect::{DynamicMessage, Value};

use crate::forward::BrokenOff;

/// The type of a body that does not say (RFC 9110, section 8.3).
pub(crate) const UNKNOWN_TYPE: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// The Content-Type that a message asks for.
pub(crate) fn content_type(message: &DynamicMessage) -> HeaderValue {
    message
        .get_field_by_name("content_type")
        .and_then(|value| HeaderValue::from_str(value.as_str()?).ok())
        .filter(|value| !value.is_empty())
        .unwrap_or(UNKNOWN_TYPE)
}

/// The bytes of a message.
pub(crate) fn data(message: &DynamicMessage) -> Bytes {
    match message.get_field_by_name("data").as_deref() {
        Some(Value::Bytes(data)) => data.clone(),
        _ => Bytes::new(),
    }
}

/// A body that passes messages on as they come. A message is asked for when the client has taken the one before.
pub(crate) fn streamed(
    first: DynamicMessage,
    rest: impl Stream<Item = Result<DynamicMessage, BrokenOff>> + Send + 'static,
) -> Body {
    let messages = stream::iter([Ok(first)]).chain(rest);
    Body::from_stream(messages.map_ok(|message| data(&message)))
}
