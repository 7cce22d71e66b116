//! Answers that are compressed on their way, by gzip, Brotli or Zstandard.

use std::convert::Infallible;

use axum::body::{Body, HttpBody};
use http::{
    HeaderValue, Request, Response,
    header::{CONTENT_ENCODING, CONTENT_TYPE, ETAG},
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

/// A compressed answer has other bytes, so its entity tag is a weak one (RFC 9110, section 8.8.1).
fn finish<B>(mut response: Response<B>) -> Response<Body>
where
    B: HttpBody<Data = bytes::Bytes, Error: Into<tower::BoxError>> + Send + 'static,
{
    let headers = response.headers_mut();
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
