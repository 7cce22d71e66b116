//! Requests whose bodies are compressed, by gzip, Brotli or Zstandard.
//!
//! A request's limits are about what comes out, so a small body that expands without end is refused where it exceeds them.

use std::io;

use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZstdDecoder};
use axum::body::Body;
use futures_util::TryStreamExt as _;
use http::{
    HeaderMap, Request,
    header::{CONTENT_ENCODING, CONTENT_LENGTH},
};
use tokio::io::AsyncRead;
use tokio_util::io::{ReaderStream, StreamReader};

/// A coding that is understood, of those that are registered (RFC 9110, section 8.4.1).
enum Coding {
    Gzip,
    Brotli,
    Zstandard,
}

/// The request as it was before it was compressed. One of a coding that is not known, or of several, stays as it is, for
/// those who need its body to refuse.
pub(crate) fn expand(request: Request<Body>) -> Request<Body> {
    let Some(coding) = coding(request.headers()) else {
        return request;
    };
    let (mut head, body) = request.into_parts();
    head.headers.remove(CONTENT_ENCODING);
    head.headers.remove(CONTENT_LENGTH);
    let compressed = StreamReader::new(body.into_data_stream().map_err(io::Error::other));
    // A body may be of several members, one after the other (RFC 1952, section 2.2; RFC 8878, section 3.1).
    let body = match coding {
        Coding::Gzip => {
            let mut decoder = GzipDecoder::new(compressed);
            decoder.multiple_members(true);
            streamed(decoder)
        }
        Coding::Brotli => streamed(BrotliDecoder::new(compressed)),
        Coding::Zstandard => {
            let mut decoder = ZstdDecoder::new(compressed);
            decoder.multiple_members(true);
            streamed(decoder)
        }
    };
    Request::from_parts(head, body)
}

fn coding(headers: &HeaderMap) -> Option<Coding> {
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    let (coding, None) = (codings.next()?.to_str().ok()?, codings.next()) else {
        return None;
    };
    match coding.to_ascii_lowercase().as_str() {
        "gzip" | "x-gzip" => Some(Coding::Gzip),
        "br" => Some(Coding::Brotli),
        "zstd" => Some(Coding::Zstandard),
        _ => None,
    }
}

fn streamed(decoder: impl AsyncRead + Send + 'static) -> Body {
    Body::from_stream(ReaderStream::new(decoder))
}
