//! Answers that are compressed on their way, by gzip, Brotli or Zstandard.

use std::convert::Infallible;

use axum::body::{Body, HttpBody};
use http::{
    HeaderValue, Request, Response, StatusCode,
    header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, ETAG, VARY},
};
use tower::{Service, ServiceBuilder};
use tower_http::{
    CompressionLevel,
    compression::{CompressionLayer, Predicate},
};

use crate::decompression;

/// Less is sent sooner as it is.
const MIN_BYTES: u64 = 1024;

/// Takes compressed requests, and compresses answers for those who accept it.
pub(crate) fn layer<S>(
    service: S,
) -> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
{
    ServiceBuilder::new()
        .map_response(finish)
        .map_request(without_refusals)
        // The level that costs least: an answer of 50 tasks shrinks to a tenth even so.
        .layer(
            CompressionLayer::new()
                .quality(CompressionLevel::Fastest)
                .compress_when(Worthwhile),
        )
        .map_request(decompression::expand)
        .service(service)
}

/// Which answers are compressed: those of which all is there, and that are text. Streams would wait for a buffer to fill.
#[derive(Clone, Copy)]
struct Worthwhile;

impl Predicate for Worthwhile {
    fn should_compress<B: HttpBody>(&self, response: &Response<B>) -> bool {
        let media_type = response.headers().get(CONTENT_TYPE);
        let media_type = media_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let is_text = media_type.starts_with("text/")
            || ["application/json", "application/problem+json", "image/svg+xml"]
                .iter()
                .any(|text| media_type.starts_with(text));
        is_text
            && response
                .body()
                .size_hint()
                .exact()
                .is_some_and(|bytes| bytes >= MIN_BYTES)
    }
}

/// Who refuses answers as they are gets them all the same (RFC 9110, section 12.5.3), rather than an error that says nothing of
/// what was done.
fn without_refusals(mut request: Request<Body>) -> Request<Body> {
    let headers = request.headers_mut();
    let is_refusal = |coding: &&str| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().strip_prefix("q=").or(weight.trim().strip_prefix("Q="));
        let is_none = weight.and_then(|weight| weight.trim().parse::<f32>().ok()) == Some(0.0);
        is_none && ["identity", "*"].contains(&&*name.trim().to_ascii_lowercase())
    };
    let values = headers.get_all(ACCEPT_ENCODING).iter();
    let codings: Vec<&str> = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    if codings.iter().any(is_refusal) {
        let others: Vec<&str> = codings.into_iter().filter(|coding| !is_refusal(coding)).collect();
        // It is made of header values.
        let others = HeaderValue::try_from(others.join(",")).unwrap_or_else(|_| HeaderValue::from_static(""));
        headers.insert(ACCEPT_ENCODING, others);
    }
    request
}

/// A compressed answer has other bytes, so its entity tag is a weak one (RFC 9110, section 8.8.1).
fn finish<B>(mut response: Response<B>) -> Response<Body>
where
    B: HttpBody<Data = bytes::Bytes, Error: Into<tower::BoxError>> + Send + 'static,
{
    let is_not_modified = response.status() == StatusCode::NOT_MODIFIED;
    let headers = response.headers_mut();
    if is_not_modified {
        // As the answer that it stands for has (section 15.4.5).
        headers.append(VARY, HeaderValue::from_static("accept-encoding"));
    }
    if headers.contains_key(CONTENT_ENCODING)
        && let Some(tag) = headers.get(ETAG).and_then(weakened)
    {
        headers.insert(ETAG, tag);
    }
    response.map(Body::new)
}

fn weakened(tag: &HeaderValue) -> Option<HeaderValue> {
    let tag = tag.to_str().ok().filter(|tag| !tag.starts_with("W/"))?;
    HeaderValue::try_from(format!("W/{tag}")).ok()
}
