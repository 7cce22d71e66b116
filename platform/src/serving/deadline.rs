//! Deadlines: the caller's `grpc-timeout`, or ours.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};
use tonic::{Code, Status};
use tower::{Layer, Service};

use crate::{access::AccessTable, wire_error::WireError};

/// What a `grpc-timeout` must be.
pub const TIMEOUT_FORM: &str = "must be 1 to 8 digits and a unit (H, M, S, m, u, n)";
/// What a unary call without a deadline gets.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(30);
/// What one gets that streams its request.
const UPLOAD_DEADLINE: Duration = Duration::from_mins(6);

/// Ends calls at their deadline with DEADLINE_EXCEEDED, streams in the middle too. A malformed
/// `grpc-timeout` is refused. A unary call without one gets 30 seconds, an
/// upload six minutes; a stream of answers may last.
#[derive(Clone)]
pub(super) struct DeadlineLayer(Arc<AccessTable>);

impl DeadlineLayer {
    pub(super) fn new(methods: Arc<AccessTable>) -> Self {
        Self(methods)
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = DeadlineService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        DeadlineService {
            methods: self.0.clone(),
            inner,
        }
    }
}

#[derive(Clone)]
pub(super) struct DeadlineService<S> {
    methods: Arc<AccessTable>,
    inner: S,
}

impl<S> Service<Request<Body>> for DeadlineService<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Ok(asked) = grpc_timeout(request.headers()) else {
            let refused = WireError::field("grpc-timeout", TIMEOUT_FORM);
            return Box::pin(async { Ok(Status::from(refused).into_http()) });
        };
        let method = self.methods.get(request.uri().path());
        let streaming = method.is_some_and(|method| method.streaming);
        let ours = match method {
            Some(method) if method.uploading => UPLOAD_DEADLINE,
            _ => DEFAULT_DEADLINE,
        };
        let limit = asked.or((!streaming).then_some(ours));
        let answer = self.inner.call(request);
        let Some(limit) = limit else {
            return Box::pin(answer);
        };
        let deadline = Instant::now() + limit;
        Box::pin(async move {
            match timeout_at(deadline, answer).await {
                Ok(Ok(response)) if streaming => Ok(response.map(|body| Body::new(DeadlineBody::new(body, deadline)))),
                Ok(answered) => answered,
                Err(_) => Ok(exceeded().into_http()),
            }
        })
    }
}

fn exceeded() -> Status {
    WireError::new(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", "the deadline passed").into()
}

/// A `grpc-timeout` that is none.
#[derive(Debug)]
pub struct MalformedTimeout;

/// The `grpc-timeout` header ("Requests" in the gRPC over HTTP/2 specification), if there is one.
pub fn grpc_timeout(headers: &HeaderMap) -> Result<Option<Duration>, MalformedTimeout> {
    let Some(value) = headers.get("grpc-timeout") else {
        return Ok(None);
    };
    let text = value.to_str().map_err(|_| MalformedTimeout)?;
    let (digits, unit) = text
        .split_at_checked(text.len().saturating_sub(1))
        .ok_or(MalformedTimeout)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(MalformedTimeout);
    }
    let number: u64 = digits.parse().map_err(|_| MalformedTimeout)?;
    Ok(Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return Err(MalformedTimeout),
    }))
}

pin_project! {
    /// A streamed answer that ends with DEADLINE_EXCEEDED trailers when its time is up.
    struct DeadlineBody {
        #[pin]
        body: Body,
        #[pin]
        deadline: Sleep,
        ended: bool,
    }
}

impl DeadlineBody {
    fn new(body: Body, deadline: Instant) -> Self {
        Self {
            body,
            deadline: sleep_until(deadline),
            ended: false,
        }
    }
}

impl http_body::Body for DeadlineBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.project();
        if *this.ended {
            return Poll::Ready(None);
        }
        if let Poll::Ready(frame) = this.body.poll_frame(context) {
            return Poll::Ready(frame);
        }
        std::task::ready!(this.deadline.poll(context));
        *this.ended = true;
        let mut trailers = HeaderMap::new();
        // The status is ours: its message is ASCII and its details are small, so it always fits a header.
        exceeded().add_header(&mut trailers).ok();
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &str) -> Result<Option<Duration>, MalformedTimeout> {
        let mut headers = HeaderMap::new();
        headers.insert("grpc-timeout", value.parse().map_err(|_| MalformedTimeout)?);
        grpc_timeout(&headers)
    }

    #[test]
    fn a_timeout_is_digits_and_a_unit() {
        assert_eq!(parse("5S").ok(), Some(Some(Duration::from_secs(5))));
        assert_eq!(parse("99999999n").ok(), Some(Some(Duration::from_nanos(99_999_999))));
        for malformed in ["", "5", "S", "123456789S", "-1S", "1.5S", "5s", "5 S", "5é"] {
            assert!(parse(malformed).is_err(), "{malformed}");
        }
    }
}
