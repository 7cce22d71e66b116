//! Large answers that their clients have not taken yet: within a budget, and not for ever. A client that asks and does not
//! read must not fill the memory.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, Bytes, HttpBody};
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};
use tokio_util::task::AbortOnDropHandle;

use crate::{forward::BrokenOff, problem::Problem};

/// Smaller ones are not counted.
const SMALL_BYTES: usize = 64 * 1024;
/// All that are counted together have at most so many KiB.
const BUDGET_KIB: usize = 256 * 1024;
/// Who has not taken an answer by then gets no more of it.
const PATIENCE: Duration = Duration::from_mins(1);
/// So much is given at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// The budget.
pub(crate) struct Outgoing(Arc<Semaphore>);

impl Default for Outgoing {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(BUDGET_KIB)))
    }
}

impl Outgoing {
    /// The body of an answer, and what follows it; UNAVAILABLE if too many large ones wait.
    pub(crate) fn body(&self, bytes: Bytes, trailers: Option<HeaderMap>) -> Result<Body, Problem> {
        if bytes.len() <= SMALL_BYTES && trailers.is_none() {
            return Ok(Body::from(bytes));
        }
        let place = if bytes.len() <= SMALL_BYTES {
            None
        } else {
            let kib = u32::try_from(bytes.len().div_ceil(1024)).unwrap_or(u32::MAX);
            let place = self.0.clone().try_acquire_many_owned(kib);
            let refused = |_| Problem::new("UNAVAILABLE", "too many answers wait to be read; try again later");
            Some(place.map_err(refused)?)
        };
        let is_counted = place.is_some();
        let rest = Arc::new(Mutex::new(Some(Rest {
            bytes,
            trailers,
            _place: place,
        })));
        let expiry = is_counted.then(|| {
            let rest = rest.clone();
            AbortOnDropHandle::new(tokio::spawn(async move {
                sleep(PATIENCE).await;
                *rest.lock().unwrap_or_else(PoisonError::into_inner) = None;
            }))
        });
        Ok(Body::new(Waiting { rest, _expiry: expiry }))
    }
}

/// An answer, until it has waited for too long.
struct Waiting {
    rest: Arc<Mutex<Option<Rest>>>,
    _expiry: Option<AbortOnDropHandle<()>>,
}

impl Drop for Waiting {
    /// At once: the task is ended some time later.
    fn drop(&mut self) {
        *self.rest.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

struct Rest {
    bytes: Bytes,
    trailers: Option<HeaderMap>,
    _place: Option<OwnedSemaphorePermit>,
}

impl HttpBody for Waiting {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(rest) = &mut *rest else {
            return Poll::Ready(Some(Err(BrokenOff)));
        };
        if rest.bytes.is_empty() {
            return Poll::Ready(rest.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))));
        }
        let piece = rest.bytes.split_to(rest.bytes.len().min(PIECE_BYTES));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        let rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        rest.as_ref()
            .is_some_and(|rest| rest.bytes.is_empty() && rest.trailers.is_none())
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        rest.as_ref()
            .map_or_else(SizeHint::default, |rest| SizeHint::with_exact(rest.bytes.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    const LARGE: usize = 8 * 1024 * 1024;

    fn large(outgoing: &Outgoing) -> Result<Body, Problem> {
        outgoing.body(Bytes::from(vec![7; LARGE]), None)
    }

    #[tokio::test]
    async fn an_answer_comes_whole_with_what_follows() {
        let outgoing = Outgoing::default();
        for length in [0, 1, SMALL_BYTES, SMALL_BYTES + 1, LARGE] {
            let trailers = HeaderMap::from_iter([(http::header::ETAG, "x".parse().expect("a header"))]);
            let body = outgoing
                .body(Bytes::from(vec![7; length]), Some(trailers.clone()))
                .expect("room");
            assert_eq!(body.size_hint().exact(), Some(length as u64));
            let taken = body.collect().await.expect("a body");
            assert_eq!(taken.trailers(), Some(&trailers));
            assert_eq!(taken.to_bytes(), vec![7; length]);
        }
        assert_eq!(outgoing.0.available_permits(), BUDGET_KIB);
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_reads_does_not_fill_the_memory() {
        let outgoing = Outgoing::default();
        let mut unread: Vec<Body> = Vec::new();
        while let Ok(body) = large(&outgoing) {
            unread.push(body);
        }
        assert_eq!(unread.len(), BUDGET_KIB * 1024 / LARGE);
        assert!(outgoing.body(Bytes::from_static(b"small"), None).is_ok());
        sleep(PATIENCE).await;
        // All of them are given up, and so there is room.
        tokio::task::yield_now().await;
        assert!(large(&outgoing).is_ok());
        assert!(unread.remove(0).collect().await.is_err(), "it never looks whole");
    }
}
