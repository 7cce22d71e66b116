//! Errors that tonic makes by itself, put into the contract's form.

use std::{
    any::Any,
    convert::Infallible,
    task::{Context, Poll},
};

use axum::body::Body;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use tonic::{Code, Status};
use tower::{Layer, Service};

use crate::wire_error::WireError;

/// Gives every error answer a `google.rpc.ErrorInfo`, and the errors of the transport their proper code:
/// an undecodable message is the caller's fault (tonic says INTERNAL), one too large is RESOURCE_EXHAUSTED
/// (tonic says OUT_OF_RANGE).
#[derive(Clone)]
pub(super) struct ContractErrorsLayer;

impl<S> Layer<S> for ContractErrorsLayer {
    type Service = ContractErrorsService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ContractErrorsService { inner }
    }
}

#[derive(Clone)]
pub(super) struct ContractErrorsService<S> {
    inner: S,
}

impl<S> Service<Request<Body>> for ContractErrorsService<S>
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
        let answer = self.inner.call(request);
        Box::pin(async move {
            let response = answer.await?;
            Ok(match Status::from_header_map(response.headers()) {
                Some(status) if status.code() != Code::Ok && status.details().is_empty() => {
                    Status::from(in_contract_form(&status)).into_http()
                }
                _ => response,
            })
        })
    }
}

/// Our own errors carry details; what comes here was made by tonic before a method ran, or by the health
/// and reflection services.
fn in_contract_form(status: &Status) -> WireError {
    let message = status.message();
    match status.code() {
        Code::OutOfRange => WireError::new(Code::ResourceExhausted, "MESSAGE_TOO_LARGE", message),
        Code::Internal => WireError::new(Code::InvalidArgument, "MESSAGE_MALFORMED", message),
        // An unknown method is answered before it comes here.
        Code::Unimplemented => WireError::new(Code::Unimplemented, "ENCODING_UNSUPPORTED", message),
        Code::NotFound => WireError::new(Code::NotFound, "SERVICE_UNKNOWN", message),
        Code::Cancelled => WireError::new(Code::Cancelled, "CANCELLED", message),
        code => WireError::new(code, "TRANSPORT_ERROR", message),
    }
}

/// The answer of a request whose handling panicked: INTERNAL, and the cause in the log.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature that CatchPanicLayer asks for"
)]
pub fn panic_response(cause: Box<dyn Any + Send + 'static>) -> Response<Body> {
    let cause = cause
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| cause.downcast_ref::<&str>().copied())
        .unwrap_or("unknown");
    tracing::error!(cause, "a request handler panicked");
    Status::from(WireError::internal()).into_http()
}
