//! What the head of every request must be, before anything else is looked at.

use http::{
    HeaderMap, Request, Version,
    header::{HOST, TRANSFER_ENCODING},
};
use platform::serving::MAX_HEADER_BYTES;

use crate::problem::Problem;

/// The longest path and query, in bytes.
const MAX_URI_BYTES: usize = 8 * 1024;
/// What a header counts besides its name and its value (RFC 9113, section 6.5.2).
const BYTES_PER_HEADER: usize = 32;

/// `URI_TOO_LONG`, `HEADERS_TOO_LARGE`; or `FIELD_INVALID` for HTTP/1.1 without one Host (RFC 9112, section 3.2), or with
/// a transfer coding that is not known (section 6.1).
pub(crate) fn check<B>(request: &Request<B>) -> Result<(), Problem> {
    let path = request.uri().path_and_query();
    if path.is_some_and(|path| path.as_str().len() > MAX_URI_BYTES) {
        let wrong = format!("path and query have more than {MAX_URI_BYTES} bytes");
        return Err(Problem::new("URI_TOO_LONG", wrong));
    }
    if header_bytes(request.headers()) > MAX_HEADER_BYTES as usize {
        let wrong = format!(
            "the header section has more than {MAX_HEADER_BYTES} bytes, with {BYTES_PER_HEADER} more for each header"
        );
        return Err(Problem::new("HEADERS_TOO_LARGE", wrong));
    }
    let codings = request.headers().get_all(TRANSFER_ENCODING).iter();
    if codings
        .into_iter()
        .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
    {
        return Err(Problem::field("transfer-encoding", "must be chunked, and nothing else"));
    }
    let hosts = request.headers().get_all(HOST).iter().count();
    if request.version() == Version::HTTP_11 && hosts != 1 {
        return Err(Problem::field("host", "must be there once"));
    }
    Ok(())
}

fn header_bytes(headers: &HeaderMap) -> usize {
    let bytes = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + BYTES_PER_HEADER);
    bytes.sum()
}
