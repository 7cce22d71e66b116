//! The id of a request, and its line in the log.

use std::{
    cell::OnceCell,
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use axum::body::Body;
use futures_util::future::BoxFuture;
use http::{HeaderName, HeaderValue, Request, Response};
use tokio::time::Instant;
use tower::{Layer, Service};
use tracing::Instrument as _;
use uuid::Uuid;

use super::trace_context::TraceContext;
use crate::entropy::{SystemEntropy, uuid_v4};

/// The header that carries the request's id, in and out.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_REQUEST_ID_BYTES: usize = 64;

/// The id of a request, among its extensions: the caller's, or a new one.
#[derive(Clone, Debug)]
pub struct RequestId(pub Arc<str>);

/// Gives each request an id and a trace, puts both into the logs of everything done for it, the id into the answer, and
/// writes one line when it is answered. The line names the method or path, never its query.
#[derive(Clone, Copy, Debug)]
pub struct RequestLogLayer;

impl<S> Layer<S> for RequestLogLayer {
    type Service = RequestLogService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RequestLogService { inner }
    }
}

/// The service that [`RequestLogLayer`] makes.
#[derive(Clone, Debug)]
pub struct RequestLogService<S> {
    inner: S,
}

impl<S> Service<Request<Body>> for RequestLogService<S>
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

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let new = OnceCell::new();
        // One for both, which are random and no secret.
        let new = || *new.get_or_init(|| uuid_v4(&SystemEntropy));
        let id = request_id(request.headers().get(REQUEST_ID), new);
        request.extensions_mut().insert(RequestId(id.clone()));
        let trace = TraceContext::of(request.headers(), || new().into_bytes());
        let method = request.method().clone();
        let path: Arc<str> = request.uri().path().into();
        let span = tracing::info_span!("request", request.id = &*id, trace.id = %trace.trace_id());
        request.extensions_mut().insert(trace);
        let began = Instant::now();
        let answer = self.inner.call(request);
        Box::pin(
            async move {
                let mut response = answer.await?;
                // It was checked to be printable ASCII.
                if let Ok(value) = HeaderValue::from_str(&id) {
                    response.headers_mut().insert(REQUEST_ID, value);
                }
                let duration = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
                let grpc_status = response
                    .headers()
                    .get("grpc-status")
                    .and_then(|status| status.to_str().ok());
                tracing::debug!(
                    http.method = %method,
                    http.path = &*path,
                    http.status = response.status().as_u16(),
                    grpc.status = grpc_status,
                    duration_us = duration,
                    "answered"
                );
                Ok(response)
            }
            .instrument(span),
        )
    }
}

/// The caller's id if it is 1 to 64 printable ASCII characters, else a new UUID.
fn request_id(given: Option<&HeaderValue>, new: impl FnOnce() -> Uuid) -> Arc<str> {
    given
        .and_then(|value| value.to_str().ok())
        .filter(|id| (1..=MAX_REQUEST_ID_BYTES).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()))
        .map_or_else(|| new().to_string().into(), Into::into)
}
