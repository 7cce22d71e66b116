//! Listeners: limits, deadlines, drain. One way for all of them.

mod admin;
mod connections;
mod deadline;
mod drain;
mod errors;
mod greeting;
mod health;
mod readiness;
mod request_log;
mod sockets;
mod trace_context;
mod unread;

use std::sync::Arc;

use axum::body::Body;
use http::Request;
use tonic::service::Routes;
use tower::{Layer as _, ServiceExt as _, util::BoxCloneSyncService};

pub use admin::{probe, serve_admin};
pub use connections::{DRAIN_LIMIT, MAX_HEADER_BYTES, OverTls, PeerAddress, Protocol, serve};
pub use deadline::{MalformedTimeout, TIMEOUT_FORM, grpc_timeout};
pub use drain::shutdown_after;
pub use errors::panic_response;
pub use health::{add_reflection, health_service};
pub use readiness::{Check, Readiness};
pub use request_log::{REQUEST_ID, RequestId, RequestLogLayer};
pub use sockets::Sockets;
pub use trace_context::TraceContext;

use crate::{access::AccessTable, verification::AuthenticationLayer};

/// The largest gRPC message that is taken, in bytes: 2 MiB.
pub const MAX_MESSAGE_BYTES: usize = 2 * 1024 * 1024;

/// A service that [`serve`] can run.
pub type HttpService = BoxCloneSyncService<Request<Body>, http::Response<Body>, std::convert::Infallible>;

/// All middleware of a gRPC service, outermost first:
/// the request's id and its log line; panics become INTERNAL; tonic's own errors get the contract's form;
/// the deadline; authentication; the services.
pub fn grpc_service(routes: Routes, access: &AccessTable, authentication: &AuthenticationLayer) -> HttpService {
    let service = authentication.layer(routes.prepare().into_axum_router());
    let service = deadline::DeadlineLayer::new(Arc::new(access.clone())).layer(service);
    let service = errors::ContractErrorsLayer.layer(service);
    let service = tower_http::catch_panic::CatchPanicLayer::custom(panic_response).layer(service);
    let service = RequestLogLayer.layer(service.map_response(|response| response.map(Body::new)));
    BoxCloneSyncService::new(service)
}
