//! Answers that are no JSON: `google.api.HttpBody`, in one message or as a stream of them. Their `extensions` are
//! for other gateways and are not read.

use axum::body::{Body, Bytes};
use futures_util::{StreamExt as _, stream};
use http::HeaderValue;
use prost_reflect::{DynamicMessage, Value};

use crate::{
    forward::{Begun, BrokenOff},
    problem::Problem,
};

/// The type of a body that does not say (RFC 9110, section 8.3).
const UNKNOWN_TYPE: HeaderValue = HeaderValue::from_static("application/octet-stream");

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

/// A body that passes messages on as they come, of the type that the first one says. A message is asked for when the
/// client has taken the one before.
pub(crate) fn streamed(begun: Begun) -> Result<(HeaderValue, Body), Problem> {
    let Begun { first, rest, origin } = begun;
    let content_type = match &first {
        Some(first) => content_type(&*first.message()?),
        None => UNKNOWN_TYPE,
    };
    let messages = stream::iter(first.map(Ok)).chain(rest);
    let bytes = messages.map(move |received| match received {
        Ok(received) => received.message().map(|message| data(&message)).map_err(|_| BrokenOff),
        Err(status) => Err(origin.cut(&status)),
    });
    Ok((content_type, Body::from_stream(bytes)))
}
