//! What a request carries, read within limits.

use std::{sync::Arc, time::Duration};

use axum::body::{Body, HttpBody as _};
use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, Method,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};
use http_body_util::BodyExt as _;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{timeout, timeout_at},
};

use crate::{
    deadline::{self, Deadline},
    problem::Problem,
};

/// How many bytes of unanswered requests are kept in memory at most, in KiB: many clients that send slowly must
/// not add up.
const BUDGET_KIB: usize = 256 * 1024;

/// Who sends nothing for so long has given up.
const SILENCE: Duration = Duration::from_secs(10);

/// Reads bodies, all of them together within a budget.
#[derive(Clone)]
pub(crate) struct Bodies {
    budget: Arc<Semaphore>,
}

/// A body in memory. Its place in the budget is free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Content {
    bytes: Bytes,
    _place: Option<OwnedSemaphorePermit>,
}

impl Content {
    /// The body.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl Default for Bodies {
    fn default() -> Self {
        Self {
            budget: Arc::new(Semaphore::new(BUDGET_KIB)),
        }
    }
}

impl Bodies {
    /// The whole body, of at most so many bytes. What is left of one that is refused is for the listener to throw away.
    pub(crate) async fn read(&self, body: Body, most: usize, deadline: Deadline) -> Result<Content, Problem> {
        if body.is_end_stream() {
            return Ok(Content {
                bytes: Bytes::new(),
                _place: None,
            });
        }
        if body.size_hint().lower() > most as u64 {
            return Err(too_large(most));
        }
        timeout_at(deadline.body_end(), self.read_all(body, most))
            .await
            .unwrap_or_else(|_| Err(deadline::exceeded()))
    }

    async fn read_all(&self, mut body: Body, most: usize) -> Result<Content, Problem> {
        let mut read = BytesMut::new();
        let mut place: Option<OwnedSemaphorePermit> = None;
        while let Some(frame) = timeout(SILENCE, body.frame()).await.map_err(|_| deadline::exceeded())? {
            let frame = frame.map_err(|_| broken())?;
            let Ok(data) = frame.into_data() else { continue };
            let length = read.len() + data.len();
            if length > most {
                return Err(too_large(most));
            }
            self.occupy(&mut place, length)?;
            read.extend_from_slice(&data);
        }
        Ok(Content {
            bytes: read.freeze(),
            _place: place,
        })
    }

    /// Enlarges a place in the budget to a length in bytes.
    fn occupy(&self, place: &mut Option<OwnedSemaphorePermit>, length: usize) -> Result<(), Problem> {
        let held = place.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        // At most 2 MiB, counted in KiB.
        let wanted = u32::try_from(length.div_ceil(1024).saturating_sub(held)).unwrap_or(u32::MAX);
        if wanted == 0 {
            return Ok(());
        }
        let more = self
            .budget
            .clone()
            .try_acquire_many_owned(wanted)
            .map_err(|_| Problem::new("UNAVAILABLE", "too many requests are being received; try again later"))?;
        match place {
            Some(place) => place.merge(more),
            None => *place = Some(more),
        }
        Ok(())
    }
}

/// The error for a body with more bytes than these.
pub(crate) fn too_large(most: usize) -> Problem {
    Problem::new("MESSAGE_TOO_LARGE", format!("the body has more than {most} bytes"))
}

/// The error for a body that is not all there.
pub(crate) fn broken() -> Problem {
    Problem::new(
        "MESSAGE_MALFORMED",
        "the body ended early, or is not compressed as its header says",
    )
}

/// The one type that the headers give a body, which is not compressed any more; MEDIA_TYPE_UNSUPPORTED otherwise.
pub(crate) fn content_type(headers: &HeaderMap) -> Result<&str, Problem> {
    let unsupported = |detail: &str| Problem::new("MEDIA_TYPE_UNSUPPORTED", detail);
    if headers
        .get(CONTENT_ENCODING)
        .is_some_and(|encoding| encoding != "identity")
    {
        return Err(unsupported("a body may be compressed by gzip, br or zstd, once"));
    }
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    match (types.next().and_then(|value| value.to_str().ok()), types.next()) {
        (Some(media_type), None) if media_type.contains('/') => Ok(media_type),
        _ => Err(unsupported("the body must have one Content-Type")),
    }
}

/// The type of JSON, and of JSON that changes what it names (RFC 7396, section 4).
pub(crate) const JSON: &str = "application/json";
pub(crate) const MERGE_PATCH: &str = "application/merge-patch+json";

/// Refuses a body that is not JSON in UTF-8, uncompressed, by what its headers say.
pub(crate) fn require_json(headers: &HeaderMap, method: &Method) -> Result<(), Problem> {
    let is_patch = *method == Method::PATCH;
    let wanted = if is_patch { &[JSON, MERGE_PATCH][..] } else { &[JSON] };
    if is_json(content_type(headers)?, wanted) {
        return Ok(());
    }
    let detail = format!("the body must be {}", wanted.join(" or "));
    Err(Problem::new("MEDIA_TYPE_UNSUPPORTED", detail))
}

fn is_json(media_type: &str, wanted: &[&str]) -> bool {
    let mut parts = media_type.split(';').map(str::trim);
    let is_json = parts
        .next()
        .is_some_and(|part| wanted.iter().any(|wanted| part.eq_ignore_ascii_case(wanted)));
    is_json
        && parts.filter(|parameter| !parameter.is_empty()).all(|parameter| {
            parameter.split_once('=').is_some_and(|(name, value)| {
                name.eq_ignore_ascii_case("charset") && value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            })
        })
}

#[cfg(test)]
mod tests {
    use platform::serving::MAX_MESSAGE_BYTES;

    use super::*;

    #[test]
    fn only_json_in_utf_8_is_json() {
        for good in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/json;charset=\"utf-8\";",
        ] {
            assert!(is_json(good, &[JSON]), "{good}");
        }
        for bad in [
            "",
            "text/plain",
            "application/json; charset=latin1",
            "application/json; x",
            "application/jsonp",
            MERGE_PATCH,
            "application/x-www-form-urlencoded",
            "text/plain; application/json",
        ] {
            assert!(!is_json(bad, &[JSON]), "{bad}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_given_up() {
        let endless = Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
        let deadline = Deadline::of(&HeaderMap::new()).expect("no timeout");
        let problem = Bodies::default()
            .read(endless, MAX_MESSAGE_BYTES, deadline)
            .await
            .expect_err("it never ends");
        assert_eq!(problem.reason, "DEADLINE_EXCEEDED");
    }

    /// Slow senders of large bodies add up to the budget and no further.
    #[tokio::test(start_paused = true)]
    async fn bodies_that_are_still_coming_are_bounded_together() {
        use futures_util::StreamExt as _;

        let bodies = Arc::new(Bodies::default());
        let deadline = Deadline::of(&HeaderMap::new()).expect("no timeout");
        let slow = || {
            let most = Ok::<_, std::io::Error>(Bytes::from(vec![b' '; MAX_MESSAGE_BYTES]));
            Body::from_stream(futures_util::stream::iter([most]).chain(futures_util::stream::pending()))
        };
        let fitting = BUDGET_KIB * 1024 / MAX_MESSAGE_BYTES;
        let waiting: Vec<_> = (0..fitting)
            .map(|_| {
                let bodies = bodies.clone();
                tokio::spawn(async move { bodies.read(slow(), MAX_MESSAGE_BYTES, deadline).await })
            })
            .collect();
        while bodies.budget.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let refused = bodies
            .read(slow(), MAX_MESSAGE_BYTES, deadline)
            .await
            .expect_err("there is no room");
        assert_eq!(refused.reason, "UNAVAILABLE");
        for read in waiting {
            let given_up = read.await.expect("no panic").expect_err("they never end");
            assert_eq!(given_up.reason, "DEADLINE_EXCEEDED");
        }
        let fresh = Deadline::of(&HeaderMap::new()).expect("no timeout");
        let small = bodies
            .read(Body::from("{}"), MAX_MESSAGE_BYTES, fresh)
            .await
            .expect("there is room again");
        assert_eq!(&**small.bytes(), b"{}");
    }
}
