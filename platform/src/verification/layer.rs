//! Authentication around the services: the one place where a request's credentials are read.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    task::{Context, Poll},
};

use axum::body::Body;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Request, Response, header::AUTHORIZATION};
use tonic::{Code, Status};
use tower::{Layer, Service};

use super::{Refusal, Verifier};
use crate::{
    access::{Access, AccessTable},
    clock::Clock,
    service_credential::{self, ServiceKeys, ServicePeer},
    wire_error::WireError,
};

const WARNING_INTERVAL_SECONDS: i64 = 60;

/// What the layer needs to know.
pub struct Authentication {
    /// Who may call which method.
    pub access: AccessTable,
    /// Checks access tokens.
    pub verifier: Verifier,
    /// Checks service tokens.
    pub service_keys: ServiceKeys,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Lets a request through with the proofs that its method needs, a [`super::Caller`] or a
/// [`ServicePeer`], among its extensions; answers every other request itself. An unknown method, and one
/// that declares no access, is answered UNIMPLEMENTED.
#[derive(Clone)]
pub struct AuthenticationLayer(Arc<Shared>);

struct Shared {
    authentication: Authentication,
    /// The second in which it was last said that a service token was not accepted.
    warned_at: AtomicI64,
}

impl AuthenticationLayer {
    /// The layer for one service.
    pub fn new(authentication: Authentication) -> Self {
        Self(Arc::new(Shared {
            authentication,
            warned_at: AtomicI64::new(0),
        }))
    }
}

impl<S> Layer<S> for AuthenticationLayer {
    type Service = AuthenticationService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AuthenticationService {
            shared: self.0.clone(),
            inner,
        }
    }
}

/// The service that [`AuthenticationLayer`] makes.
#[derive(Clone)]
pub struct AuthenticationService<S> {
    shared: Arc<Shared>,
    inner: S,
}

impl<S> Service<Request<Body>> for AuthenticationService<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        // The service that was polled ready answers; the fresh clone waits for the next call.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let shared = self.shared.clone();
        Box::pin(async move {
            match shared.admit(&mut request).await {
                Ok(()) => inner.call(request).await,
                Err(refused) => Ok(Status::from(refused).into_http()),
            }
        })
    }
}

impl Shared {
    async fn admit(&self, request: &mut Request<Body>) -> Result<(), WireError> {
        let Some(rules) = self.authentication.access.get(request.uri().path()) else {
            return Err(WireError::new(
                Code::Unimplemented,
                "METHOD_UNKNOWN",
                "there is no such method",
            ));
        };
        let peer = self.service_peer(request.headers());
        match &rules.access {
            Access::Public => {}
            Access::Service if peer.is_some() => {}
            Access::Service => {
                return Err(WireError::new(
                    Code::Unauthenticated,
                    "SERVICE_CREDENTIAL_REQUIRED",
                    "this method is for Holdfast's own services",
                ));
            }
            Access::User { scope } => {
                let token = bearer_token(request.headers())?;
                let caller = self.authentication.verifier.verify(token).await?;
                if !caller.has_scope(scope) {
                    return Err(WireError::new(
                        Code::PermissionDenied,
                        "SCOPE_MISSING",
                        format!("the access token lacks the scope {scope}"),
                    ));
                }
                request.extensions_mut().insert(caller);
            }
        }
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        Ok(())
    }

    /// A service token that proves nothing is as good as none: what it claims is ignored.
    fn service_peer(&self, headers: &HeaderMap) -> Option<ServicePeer> {
        let authentication = &self.authentication;
        let token = headers.get(service_credential::METADATA)?;
        let peer = token
            .to_str()
            .ok()
            .and_then(|token| authentication.service_keys.verify(token, &*authentication.clock));
        if peer.is_none() && self.may_warn() {
            tracing::warn!("a service token was not accepted; do all services have the same HOLDFAST_SERVICE_KEY?");
        }
        peer
    }

    /// Once a minute, so that strangers fill no log.
    fn may_warn(&self) -> bool {
        let now = self.authentication.clock.now().as_seconds();
        let last = self.warned_at.load(Ordering::Relaxed);
        now.saturating_sub(last) >= WARNING_INTERVAL_SECONDS
            && self
                .warned_at
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

/// The token of `authorization: Bearer` (RFC 6750, section 2.1; the scheme in any case). Two credentials are
/// one too many.
fn bearer_token(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or(Refusal::Missing)?;
    if values.next().is_some() {
        return Err(Refusal::Invalid);
    }
    let (scheme, token) = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .ok_or(Refusal::Invalid)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Refusal::Invalid);
    }
    Ok(token.trim_start_matches(' '))
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        WireError::from(refusal).into()
    }
}
