//! The HTTP service: all middleware, in order, in one function; then the way of one request.

use std::{convert::Infallible, panic::AssertUnwindSafe, sync::Arc};

use axum::body::{Body, HttpBody as _};
use futures_util::FutureExt as _;
use http::{
    HeaderName, HeaderValue, Method, Request, Response, StatusCode,
    header::{ALLOW, CONTENT_LENGTH, LINK},
    request::Parts,
};
use platform::serving::{HttpService, MAX_MESSAGE_BYTES, PeerAddress, RequestId, RequestLogLayer, TraceContext};
use prost_reflect::{DynamicMessage, Value};
use tokio_util::sync::CancellationToken;
use tonic::metadata::MetadataMap;
use tower::{Layer as _, service_fn, util::BoxCloneSyncService};

use crate::{
    answer, binding,
    body::{self, Bodies},
    browser_sessions::{self, BrowserSessions, SessionCall},
    client, compression, conditions,
    config::Config,
    cookies::Change,
    cors::{self, Cors},
    deadline::Deadline,
    documents::Document,
    error::StartError,
    events::{self, Form},
    forward,
    grpc::{self, Passage},
    idempotency,
    openapi::OpenApi,
    outgoing::Outgoing,
    paging, preferences,
    probes::Probe,
    problem::Problem,
    raw_body, request_head, resume,
    routes::{Found, Route, RouteTable},
    rpc::Answers,
    scheme, security_headers,
    service_token::ServiceToken,
    upload::Upload,
    upstreams::{self, Upstreams},
};

/// RFC 5789, section 3.1.
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");
const PATCHES: HeaderValue = HeaderValue::from_static("application/merge-patch+json, application/json");

struct Gateway {
    config: Config,
    routes: RouteTable,
    upstreams: Arc<Upstreams>,
    sessions: Arc<BrowserSessions>,
    bodies: Bodies,
    outgoing: Outgoing,
    cors: Cors,
    grpc: Passage,
    openapi: OpenApi,
    service_token: ServiceToken,
    shutdown: CancellationToken,
}

/// What is known of a request besides itself.
struct Context<'a> {
    request_id: &'a str,
    /// What becomes of the cookies, whatever the answer is.
    cookies: &'a mut Change,
    /// Whether the tokens of the answer become cookies.
    keeps_tokens: bool,
}

/// All middleware, outermost first: the request's id and its log line; compression; the headers that every answer
/// has, cookies, and no body for HEAD; errors and panics become problem+json; the routes.
///
/// Streams of messages end with the shutdown; everything else is left to end by itself.
pub(crate) async fn http_service(config: Config, shutdown: CancellationToken) -> Result<HttpService, StartError> {
    let routes = RouteTable::read(&config.contracts, upstreams::serving)?;
    let upstreams = Arc::new(Upstreams::new(&config));
    upstreams.add_checks(&config.readiness);
    let bodies = Bodies::default();
    let (clock, issuer) = (config.clock.clone(), config.issuer.clone());
    let gateway = Arc::new(Gateway {
        sessions: Arc::new(BrowserSessions::new(&routes, upstreams.clone(), clock, issuer)?),
        cors: Cors::new(config.allowed_origins.clone()),
        openapi: OpenApi::default(),
        service_token: ServiceToken::default(),
        grpc: Passage::new(&config, upstreams.clone(), bodies.clone(), shutdown.clone()).await,
        config,
        routes,
        upstreams,
        bodies,
        outgoing: Outgoing::default(),
        shutdown,
    });
    let service = service_fn(move |request: Request<Body>| {
        let gateway = gateway.clone();
        async move { Ok::<_, Infallible>(gateway.serve(request).await) }
    });
    let service = compression::layer(service);
    Ok(BoxCloneSyncService::new(RequestLogLayer.layer(service)))
}

impl Gateway {
    async fn serve(&self, request: Request<Body>) -> Response<Body> {
        let is_head = request.method() == Method::HEAD;
        let is_patch = request.method() == Method::PATCH;
        let asked = cors::Asked::of(&request);
        let request_id = request_id(&request);
        let (head, body) = request.into_parts();
        let is_https = scheme::is_https(&head, &self.config.trusted_proxies);
        let mut cookies = Change::None;
        let context = Context {
            request_id: &request_id,
            cookies: &mut cookies,
            keeps_tokens: false,
        };
        let answered = catch_panic(self.answer(Request::from_parts(head, body), context)).await;
        let mut response = answered.unwrap_or_else(|problem| problem.into_response(&request_id));
        if is_patch && response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE {
            response.headers_mut().insert(ACCEPT_PATCH, PATCHES);
        }
        cookies.write(response.headers_mut());
        self.cors.write(&asked, &mut response);
        security_headers::write(response.headers_mut(), is_https);
        if is_head {
            without_body(&mut response);
        }
        response
    }

    /// What is large is in boxes, or each layer around this would move it.
    async fn answer(&self, request: Request<Body>, context: Context<'_>) -> Result<Response<Body>, Problem> {
        request_head::check(&request)?;
        let uri = request.uri();
        let (method, path) = (request.method().clone(), uri.path().to_owned());
        if let Some(probe) = Probe::at(&path) {
            return match method {
                Method::GET | Method::HEAD => probe.answer(&self.config.readiness).await,
                other => other_method(&other, &Probe::METHODS),
            };
        }
        if let Some(document) = Document::at(&path) {
            return match method {
                Method::GET | Method::HEAD => document.answer(&request.into_parts().0),
                other => other_method(&other, &Document::METHODS),
            };
        }
        if path == OpenApi::PATH {
            return match method {
                Method::GET | Method::HEAD => Ok(self.openapi.answer(&self.config.contracts, &self.routes)),
                other => other_method(&other, &Document::METHODS),
            };
        }
        if let Some(methods) = self.grpc.methods_of(&path)
            && method != Method::POST
        {
            return other_method(&method, &methods);
        }
        if grpc::is_grpc(request.headers()) {
            let (head, body) = request.into_parts();
            let metadata = self.metadata(&head, context.request_id);
            return Box::pin(self.grpc.call(Request::from_parts(head, body), metadata)).await;
        }
        if self.grpc.methods_of(&path).is_some() {
            let wanted = "this path takes gRPC and gRPC-Web";
            return Err(Problem::new("MEDIA_TYPE_UNSUPPORTED", wanted));
        }
        if let Some(methods) = SessionCall::at(&path) {
            let wanted = if method == Method::HEAD { &Method::GET } else { &method };
            return match methods.iter().find(|(method, _)| *method == wanted) {
                Some((_, call)) => Box::pin(self.session(*call, request, context)).await,
                None => other_method(&method, &methods.iter().map(|(method, _)| *method).collect::<Vec<_>>()),
            };
        }
        match self.routes.find(&method, &path) {
            Found::Route(route, segments) => match route.rpc.max_upload {
                None => Box::pin(self.call(route, &segments, request, context)).await,
                Some(max_bytes) => Box::pin(self.upload(route, max_bytes, request, context)).await,
            },
            Found::OtherMethods(allowed) => other_method(&method, &allowed),
            Found::Nothing => Err(Problem::new("ROUTE_NOT_FOUND", "there is nothing at this path")),
        }
    }

    /// What a browser does with its session.
    async fn session(
        &self,
        call: SessionCall,
        request: Request<Body>,
        mut context: Context<'_>,
    ) -> Result<Response<Body>, Problem> {
        let route = match call {
            SessionCall::Show(path) => (&Method::GET, path),
            SessionCall::Begin(path) => (&Method::POST, path),
            SessionCall::End => {
                let (head, _) = request.into_parts();
                self.sessions.refuse_cross_site(&head)?;
                let metadata = self.metadata(&head, context.request_id);
                *context.cookies = self.sessions.end(&head.headers, metadata).await?;
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::NO_CONTENT;
                return Ok(response);
            }
        };
        let Found::Route(route, segments) = self.routes.find(route.0, route.1) else {
            return Err(Problem::internal());
        };
        if matches!(call, SessionCall::Begin(_)) {
            let (head, body) = request.into_parts();
            self.sessions.refuse_cross_site(&head)?;
            scheme::require_secure_origin(&head, &self.config.trusted_proxies)?;
            context.keeps_tokens = true;
            let (before, metadata) = (head.headers.clone(), self.metadata(&head, context.request_id));
            let request = Request::from_parts(head, body);
            let response = self.call(route, &segments, request, context).await?;
            // The session that the browser had is nobody's any more (ASVS 7.2.4).
            self.sessions.end_later(before, metadata);
            return Ok(response);
        }
        self.call(route, &segments, request, context).await
    }

    /// One call: the request's message, the service's answer.
    async fn call(
        &self,
        route: &Route,
        segments: &[&str],
        request: Request<Body>,
        context: Context<'_>,
    ) -> Result<Response<Body>, Problem> {
        let (head, body) = request.into_parts();
        let deadline = Deadline::of(&head.headers)?;
        let is_announced = head.headers.get(CONTENT_LENGTH).is_some_and(|length| length != "0");
        if is_announced {
            body::require_json(&head.headers, &head.method)?;
        }
        let read = self.bodies.read(body, MAX_MESSAGE_BYTES, deadline).await?;
        if !read.bytes().is_empty() {
            body::require_json(&head.headers, &head.method)?;
        }
        let mut message = binding::bind(route, segments, head.uri.query(), read.bytes())?;
        resume::apply(&head.headers, &route.rpc, &mut message)?;
        idempotency::apply(&head.headers, &route.rpc, &mut message)?;
        let condition = conditions::apply_if_match(&head.headers, &head.method, &route.rpc, &mut message)?;
        conditions::apply_if_none_match(&head.headers, &head.method, &route.rpc, &mut message);
        let metadata = self.metadata(&head, context.request_id);
        let (upstreams, rpc) = (&self.upstreams, &route.rpc);
        let cookies = &mut *context.cookies;
        let only_validates = rpc.only_validates(&message);
        let response = match rpc.answers {
            Answers::Json | Answers::Raw => {
                let call = |metadata| forward::unary(upstreams, rpc, &message, metadata, deadline);
                let answered = self.sessions.call(&head, rpc, metadata, cookies, call).await;
                answered.and_then(|mut answer| {
                    if context.keeps_tokens {
                        let mut message = answer.into_message()?;
                        *cookies = Change::Set(browser_sessions::take_tokens(&mut message)?);
                        answer = message.into();
                    }
                    let (response, body) = answer::of(route, &answer)?;
                    let body = self.outgoing.body(body, None)?;
                    let mut response = response.map(|()| body);
                    if only_validates {
                        answer::of_nothing_made(&mut response);
                    }
                    if let Some(link) = paging::next(rpc, &head.uri, &answer) {
                        response.headers_mut().insert(LINK, link);
                    }
                    Ok(response)
                })
            }
            Answers::RawStream => {
                let call = |metadata| forward::streaming(upstreams, rpc, &message, metadata, deadline);
                let begun = Box::pin(self.sessions.call(&head, rpc, metadata, cookies, call)).await;
                begun
                    .and_then(raw_body::streamed)
                    .map(|(content_type, body)| answer::streamed(route, content_type, body))
            }
            Answers::Events => {
                let form = Form::of(&head.headers)?;
                let call = |metadata| forward::streaming(upstreams, rpc, &message, metadata, deadline);
                let begun = Box::pin(self.sessions.call(&head, rpc, metadata, cookies, call)).await;
                begun
                    .map(|begun| events::body(self.stream(form, context.request_id), begun))
                    .map(|body| answer::streamed(route, form.content_type(), body))
            }
        };
        let response = response.map_err(|problem| condition.explain(problem))?;
        let response = conditions::of_read(&head.headers, &head.method, response)?;
        Ok(preferences::apply(&head.headers, &head.method, response))
    }

    /// One upload.
    async fn upload(
        &self,
        route: &Route,
        max_bytes: usize,
        request: Request<Body>,
        context: Context<'_>,
    ) -> Result<Response<Body>, Problem> {
        let (head, body) = request.into_parts();
        let upload = Upload::new(body, max_bytes);
        let (headers, rpc) = (&head.headers, &*route.rpc);
        let deadline = Deadline::of(headers)?.for_upload(max_bytes);
        let content_type = body::content_type(headers)?;
        binding::refuse_query(head.uri.query().unwrap_or_default())?;
        // No header is for a field of it, so what these find is refused.
        let mut first = DynamicMessage::new(rpc.method.input());
        idempotency::apply(headers, rpc, &mut first)?;
        conditions::apply_if_match(headers, &head.method, rpc, &mut first)?;
        first.set_field_by_name("content_type", Value::String(content_type.to_owned()));
        let metadata = self.metadata(&head, context.request_id);
        let credential = self.sessions.credential(&head, rpc, &metadata, context.cookies).await?;
        let metadata = credential.add_to(metadata);
        let call = |messages| forward::uploading(&self.upstreams, rpc, messages, metadata, deadline);
        let answered = upload.pass_on(first, call).await;
        // What was sent is gone, so it cannot be sent again with another token.
        let answer = answered.inspect_err(|problem| credential.settle(problem, context.cookies))?;
        let (response, body) = answer::of(route, &answer)?;
        Ok(response.map(|()| Body::from(body)))
    }

    /// What a service is told of the client.
    fn metadata(&self, head: &Parts, request_id: &str) -> MetadataMap {
        let peer = head.extensions.get::<PeerAddress>();
        let address = peer.map(|peer| client::address(peer.0.ip(), &head.headers, &self.config.trusted_proxies));
        let service_token = self
            .service_token
            .current(&self.config.service_keys, &*self.config.clock);
        let trace = head.extensions.get::<TraceContext>();
        forward::metadata(&head.headers, request_id, trace, address, service_token)
    }

    /// How a stream of messages is written for a request.
    fn stream(&self, form: Form, request_id: &str) -> events::Context {
        events::Context {
            form,
            request_id: request_id.into(),
            shutdown: self.shutdown.clone(),
            entropy: self.config.entropy.clone(),
        }
    }
}

/// OPTIONS is answered 204 with the methods that there are; any other method that is not there, 405 with the same.
fn other_method(method: &Method, allowed: &[&Method]) -> Result<Response<Body>, Problem> {
    let mut names: Vec<&str> = Vec::new();
    for method in allowed {
        names.push(method.as_str());
        if **method == Method::GET {
            names.push("HEAD");
        }
    }
    names.push("OPTIONS");
    names.sort_unstable();
    names.dedup();
    let allow = names.join(", ");
    if method != Method::OPTIONS {
        return Err(Problem::method_not_allowed(allow));
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    if let Ok(allow) = HeaderValue::try_from(allow) {
        response.headers_mut().insert(ALLOW, allow);
    }
    if allowed.contains(&&Method::PATCH) {
        response.headers_mut().insert(ACCEPT_PATCH, PATCHES);
    }
    Ok(response)
}

/// A panic is our own fault: INTERNAL, the cause in the log, the connection unharmed.
async fn catch_panic<T>(answer: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    AssertUnwindSafe(answer).catch_unwind().await.unwrap_or_else(|cause| {
        let cause = cause
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| cause.downcast_ref::<&str>().copied())
            .unwrap_or("unknown");
        tracing::error!(cause, "a request handler panicked");
        Err(Problem::internal())
    })
}

/// The answer to HEAD: what GET would have, without its body.
fn without_body(response: &mut Response<Body>) {
    let length = response.body().size_hint().exact();
    *response.body_mut() = Body::empty();
    if let Some(length) = length {
        response.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
}

/// The id that the log layer gave the request.
fn request_id(request: &Request<Body>) -> Arc<str> {
    request
        .extensions()
        .get::<RequestId>()
        .map_or_else(|| "".into(), |id| id.0.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_internal_error() {
        let problem = catch_panic(async { panic!("the secret cause") })
            .await
            .map(|()| "no panic")
            .expect_err("it panicked");
        assert_eq!(problem.reason, "INTERNAL");
        assert!(!problem.detail.contains("secret"));
    }
}
