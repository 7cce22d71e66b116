//! What a request carries, read within limits.

use std::{pin::pin, time::Duration};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};
use http_body_util::BodyExt as _;
use platform::serving::MAX_MESSAGE_BYTES;
use tokio::time::{timeout, timeout_at};

use crate::{
    deadline::{self, Deadline},
    problem::Problem,
};

/// The largest body that is read, in bytes. Of one over [`MAX_MESSAGE_BYTES`] all is thrown away: an answer that
/// is sent while the client still writes is often lost to a connection reset.
const MAX_DISCARDED_BYTES: usize = 8 * 1024 * 1024;
const DISCARD_TIME: Duration = Duration::from_secs(5);

/// The whole body.
pub(crate) async fn read(body: Body, deadline: Deadline) -> Result<Bytes, Problem> {
    timeout_at(deadline.body_end(), read_all(body))
        .await
        .unwrap_or_else(|_| Err(deadline::exceeded()))
}

async fn read_all(body: Body) -> Result<Bytes, Problem> {
    let mut body = pin!(body);
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::new("MESSAGE_MALFORMED", "the body ended early"))?;
        let Ok(data) = frame.into_data() else { continue };
        if read.len() + data.len() > MAX_MESSAGE_BYTES {
            let already = read.len() + data.len();
            drop(read);
            // Whether all of it came in time changes nothing for the answer.
            timeout(DISCARD_TIME, discard(body, already)).await.ok();
            return Err(Problem::new(
                "MESSAGE_TOO_LARGE",
                format!("the body has more than {MAX_MESSAGE_BYTES} bytes"),
            ));
        }
        read.extend_from_slice(&data);
    }
    Ok(read.freeze())
}

async fn discard(mut body: std::pin::Pin<&mut Body>, mut already: usize) {
    while already < MAX_DISCARDED_BYTES
        && let Some(Ok(frame)) = body.frame().await
    {
        already += frame.data_ref().map_or(0, Bytes::len);
    }
}

/// Refuses a body that is not JSON in UTF-8, uncompressed, by what its headers say.
pub(crate) fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let unsupported = |detail: &str| Err(Problem::new("MEDIA_TYPE_UNSUPPORTED", detail));
    if headers
        .get(CONTENT_ENCODING)
        .is_some_and(|encoding| encoding != "identity")
    {
        return unsupported("a compressed body is not accepted");
    }
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    match (types.next().and_then(|value| value.to_str().ok()), types.next()) {
        (Some(media_type), None) if is_json(media_type) => Ok(()),
        _ => unsupported("the body must be application/json"),
    }
}

fn is_json(media_type: &str) -> bool {
    let mut parts = media_type.split(';').map(str::trim);
    let is_json = parts
        .next()
        .is_some_and(|part| part.eq_ignore_ascii_case("application/json"));
    is_json
        && parts.filter(|parameter| !parameter.is_empty()).all(|parameter| {
            parameter.split_once('=').is_some_and(|(name, value)| {
                name.eq_ignore_ascii_case("charset") && value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_in_utf_8_is_json() {
        for good in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/json;charset=\"utf-8\";",
        ] {
            assert!(is_json(good), "{good}");
        }
        for bad in [
            "",
            "text/plain",
            "application/json; charset=latin1",
            "application/json; x",
            "application/jsonp",
            "application/x-www-form-urlencoded",
            "text/plain; application/json",
        ] {
            assert!(!is_json(bad), "{bad}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_given_up() {
        let endless = Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
        let deadline = Deadline::of(&HeaderMap::new()).expect("no timeout");
        let problem = read(endless, deadline).await.expect_err("it never ends");
        assert_eq!(problem.reason, "DEADLINE_EXCEEDED");
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_body_that_stalls_is_still_too_large() {
        use futures_util::StreamExt as _;

        let large =
            futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from(vec![b' '; MAX_MESSAGE_BYTES + 1]))]);
        let body = Body::from_stream(large.chain(futures_util::stream::pending()));
        let deadline = Deadline::of(&HeaderMap::new()).expect("no timeout");
        let began = tokio::time::Instant::now();
        assert_eq!(
            read(body, deadline).await.expect_err("too large").reason,
            "MESSAGE_TOO_LARGE"
        );
        assert_eq!(began.elapsed(), DISCARD_TIME);
    }
}
