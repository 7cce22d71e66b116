//! What a client still sends when its answer is known. Over HTTP/1 a connection whose request was not read to its end is
//! closed, and the answer is often lost to a reset while the client writes: so the rest is read first, and thrown away.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use axum::body::{Body, Bytes, HttpBody};
use http::{Request, Version, header::EXPECT};
use http_body::{Frame, SizeHint};

use crate::{body, forward::BrokenOff};

/// What nobody has read of a request.
pub(crate) struct Unread(Option<Arc<Mutex<Rest>>>);

/// A body, until it is thrown away.
#[derive(Default)]
struct Rest {
    body: Option<Body>,
    read: usize,
    /// The client sends it only when it is asked to (RFC 9110, section 10.1.1): when it is read.
    awaited: bool,
}

/// The body as it is given to those who may read it.
struct Shared(Arc<Mutex<Rest>>);

impl Unread {
    /// Keeps hold of a request's body.
    pub(crate) fn of(request: Request<Body>) -> (Request<Body>, Self) {
        if request.version() >= Version::HTTP_2 || request.body().is_end_stream() {
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

    /// Reads it, within limits. Whoever reads the request after that finds that it broke off.
    pub(crate) async fn discard(self) {
        let Some(rest) = self.0 else { return };
        let rest = std::mem::take(&mut *rest.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(mut body) = rest.body
            && !rest.awaited
            && !body.is_end_stream()
        {
            body::discard(&mut body, rest.read).await;
        }
    }
}

impl HttpBody for Shared {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        let mut rest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rest.awaited = false;
        let Some(body) = &mut rest.body else {
            return Poll::Ready(Some(Err(BrokenOff.into())));
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
