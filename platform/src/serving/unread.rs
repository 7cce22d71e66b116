//! What a client still sends when its answer is known: it is read first, within limits, and thrown away.
//!
//! Over HTTP/1 a connection whose request was not read to its end is closed, and the answer is often lost to a reset
//! while the client writes. Over HTTP/2 what comes for a request that was answered is an error of its stream; so many
//! of them end the connection, on which the gateway makes the calls of everybody.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    BoxError,
    body::{Body, Bytes, HttpBody},
};
use http::{
    Request, Response, StatusCode,
    header::{CONTENT_TYPE, EXPECT},
};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::time::timeout;
use tonic::Code;

/// The most bytes of a request that are read, those before its answer was known included.
const MAX_DISCARDED_BYTES: usize = 8 * 1024 * 1024;
/// The longest time for what is left of a request.
const DISCARD_TIME: Duration = Duration::from_secs(5);

/// Reads on, of a body of which so many bytes were read already, up to [`MAX_DISCARDED_BYTES`] or [`DISCARD_TIME`].
/// Whether all of it came in time changes nothing for the answer.
async fn discard(body: &mut Body, mut already: usize) {
    let read = async {
        while already < MAX_DISCARDED_BYTES
            && let Some(Ok(frame)) = body.frame().await
        {
            already += frame.data_ref().map_or(0, Bytes::len);
        }
    };
    timeout(DISCARD_TIME, read).await.ok();
}

/// What nobody has read of a request.
pub(super) struct Unread(Option<Arc<Mutex<Rest>>>);

/// A body, until it is thrown away.
#[derive(Default)]
struct Rest {
    body: Option<Body>,
    read: usize,
    /// The client sends it only when it is asked to, which reading does (RFC 9110, section 10.1.1).
    awaited: bool,
}

/// The body as it is given to those who may read it.
struct Shared(Arc<Mutex<Rest>>);

impl Unread {
    /// Keeps hold of a request's body.
    pub(super) fn of(request: Request<Body>) -> (Request<Body>, Self) {
        if request.body().is_end_stream() {
            return (request, Self(None));
        }
        let awaited = request.headers().contains_key(EXPECT);
        let (head, body) = request.into_parts();
        let rest = Arc::new(Mutex::new(Rest {
            body: Some(body),
            read: 0,
            awaited,
        }));
        let request = Request::from_parts(head, Body::new(Shared(rest.clone())));
        (request, Self(Some(rest)))
    }

    /// Lets go of it if it may still be read for this answer.
    pub(super) fn after<B>(self, answer: &Response<B>) -> Self {
        Self(self.0.filter(|_| may_wait(answer)))
    }

    /// Reads it. Whoever reads the request after that finds that it broke off.
    pub(super) async fn discard(self) {
        let Some(rest) = self.0 else { return };
        let rest = std::mem::take(&mut *rest.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(mut body) = rest.body
            && !rest.awaited
            && !body.is_end_stream()
        {
            discard(&mut body, rest.read).await;
        }
    }
}

/// A call whose answer has begun may go on to read its request; one whose status is in the head is over. Where a deadline
/// has passed there is no time to read on.
fn may_wait<B>(answer: &Response<B>) -> bool {
    let media_type = answer.headers().get(CONTENT_TYPE);
    let is_grpc = media_type.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"));
    if !is_grpc {
        return answer.status() != StatusCode::GATEWAY_TIMEOUT;
    }
    let status = answer.headers().get("grpc-status");
    status.is_some_and(|status| Code::from_bytes(status.as_bytes()) != Code::DeadlineExceeded)
}

impl HttpBody for Shared {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut rest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rest.awaited = false;
        let Some(body) = &mut rest.body else {
            let cut = io::Error::from(io::ErrorKind::UnexpectedEof);
            return Poll::Ready(Some(Err(cut.into())));
        };
        let polled = Pin::new(body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            rest.read += frame.data_ref().map_or(0, Bytes::len);
        }
        polled.map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        let rest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rest.body.as_ref().is_some_and(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rest.body.as_ref().map(HttpBody::size_hint).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream::pending;
    use http::HeaderValue;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_has_passed_is_told_at_once() {
        let answered = |status: StatusCode, grpc: Option<i32>| {
            let mut answer = Response::new(());
            *answer.status_mut() = status;
            if let Some(code) = grpc {
                answer
                    .headers_mut()
                    .insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
                answer.headers_mut().insert("grpc-status", code.into());
            }
            answer
        };
        for (answer, waits) in [
            (answered(StatusCode::OK, None), true),
            (answered(StatusCode::GATEWAY_TIMEOUT, None), false),
            (answered(StatusCode::OK, Some(16)), true),
            (answered(StatusCode::OK, Some(4)), false),
        ] {
            let endless = Body::from_stream(pending::<Result<Bytes, io::Error>>());
            let (_request, unread) = Unread::of(Request::new(endless));
            let began = Instant::now();
            unread.after(&answer).discard().await;
            let expected = if waits { DISCARD_TIME } else { Duration::ZERO };
            assert_eq!(began.elapsed(), expected, "{answer:?}");
        }
    }
}
