//! gRPC and gRPC-Web on the gateway's own port: calls are passed on to their service as they are. What services offer
//! to each other is not there.

use std::{
    collections::HashMap,
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::body::{Body, Bytes, HttpBody};
use futures_util::stream::unfold;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version,
    header::{CONTENT_TYPE, TE},
    uri::PathAndQuery,
};
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt as _, Full, Limited, StreamBody};
use platform::{
    access::{Access, AccessTable},
    serving::{MAX_MESSAGE_BYTES, TIMEOUT_FORM, add_reflection, health_service},
    wire_error::WireError,
};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, metadata::MetadataMap, service::Routes, service::RoutesBuilder, transport::Channel};
use tonic_web::GrpcWebLayer;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::{
    body::{Bodies, Content},
    config::Config,
    deadline::{Deadline, MARGIN},
    forward::MAX_ANSWER_BYTES,
    outgoing::Outgoing,
    problem::Problem,
    rpc,
    stream_channels::Place,
    upstreams::{self, Upstreams},
};

const GRPC_TIMEOUT: &str = "grpc-timeout";
/// What of a request goes on, besides what the gateway states itself.
const PASSED_ON: [HeaderName; 4] = [
    CONTENT_TYPE,
    HeaderName::from_static("grpc-encoding"),
    HeaderName::from_static("grpc-accept-encoding"),
    HeaderName::from_static(GRPC_TIMEOUT),
];
/// What of an answer comes back.
const PASSED_BACK: [HeaderName; 5] = [
    CONTENT_TYPE,
    HeaderName::from_static("grpc-encoding"),
    HeaderName::from_static("grpc-status"),
    HeaderName::from_static("grpc-message"),
    HeaderName::from_static("grpc-status-details-bin"),
];

/// gRPC and gRPC-Web; messages are protobuf.
const TYPES: [&str; 6] = [
    "application/grpc",
    "application/grpc+proto",
    "application/grpc-web",
    "application/grpc-web+proto",
    "application/grpc-web-text",
    "application/grpc-web-text+proto",
];
/// What gRPC puts before a message: whether it is compressed, and its length.
const FRAME_BYTES: usize = 5;

/// Which calls are passed on, and where to.
pub(crate) struct Passage {
    methods: HashMap<String, Passed>,
    upstreams: Arc<Upstreams>,
    bodies: Bodies,
    outgoing: Outgoing,
    /// Health and reflection, which the gateway answers itself.
    own: Routes,
    shutdown: CancellationToken,
}

/// A method of a service.
#[derive(Clone, Copy)]
struct Passed {
    upstream: usize,
    /// Whether it takes a stream of messages.
    takes_stream: bool,
    /// Whether it answers with one.
    answers_stream: bool,
    /// Whether that goes on until somebody ends it. What is a file in pieces ends by itself.
    is_endless: bool,
}

impl Passage {
    /// Of all methods that people call. Health is the gateway's own, until the shutdown.
    pub(crate) async fn new(
        config: &Config,
        upstreams: Arc<Upstreams>,
        bodies: Bodies,
        shutdown: CancellationToken,
    ) -> Self {
        let mut methods = HashMap::new();
        let mut services = Vec::new();
        for service in config.contracts.services() {
            let Some(upstream) = upstreams::serving(service.full_name()) else {
                continue;
            };
            let table = AccessTable::for_services(&[service.full_name()]);
            let known = methods.len();
            for method in service.methods() {
                let path = format!("/{}/{}", service.full_name(), method.name());
                if table.get(&path).is_some_and(|rules| rules.access != Access::Service) {
                    let passed = Passed {
                        upstream,
                        takes_stream: method.is_client_streaming(),
                        answers_stream: method.is_server_streaming(),
                        is_endless: method.is_server_streaming() && !rpc::is_raw(&method.output()),
                    };
                    methods.insert(path, passed);
                }
            }
            if methods.len() > known {
                services.push(service.full_name().to_owned());
            }
        }
        let mut own = RoutesBuilder::default();
        health_service(&mut own, &[], config.readiness.clone(), shutdown.clone()).await;
        if config.reflection {
            add_reflection(&mut own, &services.iter().map(String::as_str).collect::<Vec<_>>());
        }
        Self {
            methods,
            upstreams,
            bodies,
            outgoing: Outgoing::default(),
            own: own.routes(),
            shutdown,
        }
    }

    /// The methods of a path that calls are passed on from.
    pub(crate) fn methods_of(&self, path: &str) -> Option<[&'static Method; 1]> {
        self.methods.contains_key(path).then_some([&Method::POST])
    }

    /// Passes a call on. Errors of the gateway's own are gRPC statuses too.
    pub(crate) async fn call(&self, request: Request<Body>, metadata: MetadataMap) -> Result<Response<Body>, Problem> {
        if request.version() < Version::HTTP_2 && !is_grpc_web(request.headers()) {
            let wanted = "gRPC needs HTTP/2; over HTTP/1.1 there is gRPC-Web";
            return Err(Problem::new("MEDIA_TYPE_UNSUPPORTED", wanted));
        }
        let service = service_fn(|request: Request<tonic::body::Body>| {
            let metadata = metadata.clone();
            async { Ok::<_, Infallible>(self.pass(request, metadata).await.unwrap_or_else(Status::into_http)) }
        });
        match GrpcWebLayer::new().layer(service).oneshot(request).await {
            Ok(response) => Ok(response.map(Body::new)),
            Err(never) => match never {},
        }
    }

    async fn pass(
        &self,
        request: Request<tonic::body::Body>,
        metadata: MetadataMap,
    ) -> Result<Response<tonic::body::Body>, Status> {
        let path = request.uri().path();
        if path.starts_with("/grpc.") {
            return match self.own.clone().oneshot(request).await {
                Ok(response) => Ok(response.map(|body| until(self.shutdown.clone(), body))),
                Err(never) => match never {},
            };
        }
        let unknown = || WireError::new(Code::Unimplemented, "METHOD_UNKNOWN", "there is no such method");
        let passed = *self.methods.get(path).ok_or_else(unknown)?;
        let deadline = Deadline::of(request.headers()).map_err(|_| WireError::field(GRPC_TIMEOUT, TIMEOUT_FORM))?;
        let lasts = passed.takes_stream || passed.answers_stream;
        // Before it takes a place on connections that all share: who sends nothing holds up nobody else.
        let (request, _content) = if passed.takes_stream {
            (request, None)
        } else {
            let (request, content) = self.whole(request, deadline).await?;
            (request, Some(content))
        };
        let (channel, place) = if lasts {
            let place = self.upstreams.streams(passed.upstream);
            let (place, _) = place.map_err(|problem| WireError::unavailable(problem.detail))?;
            (place.channel.clone(), Some(place))
        } else {
            (self.upstreams.get(passed.upstream).0, None)
        };
        let request = onwards(request, metadata, (!lasts).then_some(deadline));
        let answered = send(channel, request);
        let answered = match (lasts, deadline.stream_end()) {
            (true, None) => answered.await,
            (true, Some(end)) => timeout_at(end + MARGIN, answered)
                .await
                .unwrap_or_else(|_| Err(exceeded())),
            (false, _) => timeout_at(deadline.end() + MARGIN, answered)
                .await
                .unwrap_or_else(|_| Err(exceeded())),
        };
        let answer = answered?;
        if passed.is_endless && !answer.is_end_stream() {
            let shutdown = self.shutdown.clone();
            return Ok(back(answer.map(|body| until(shutdown, body)), place));
        }
        if passed.answers_stream || answer.is_end_stream() {
            return Ok(back(answer, place));
        }
        // As soon as it is there, for the same reason: who does not read it holds up nobody else.
        let (head, body) = answer.into_parts();
        let end = if lasts { None } else { Some(deadline.end() + MARGIN) };
        let body = self.taken(body, end).await?;
        Ok(back(Response::from_parts(head, body), place))
    }

    /// The request with its message, which has come; it holds its place among the bodies.
    async fn whole(
        &self,
        request: Request<tonic::body::Body>,
        deadline: Deadline,
    ) -> Result<(Request<tonic::body::Body>, Content), Status> {
        let (head, body) = request.into_parts();
        let most = MAX_MESSAGE_BYTES + FRAME_BYTES;
        let read = self.bodies.read(Body::new(body), most, deadline).await;
        let content = read.map_err(|problem| refused(&problem))?;
        let body = tonic::body::Body::new(Full::new(content.bytes().clone()));
        Ok((Request::from_parts(head, body), content))
    }

    /// An answer of one message, and its trailers, until this moment.
    async fn taken(&self, body: tonic::body::Body, end: Option<Instant>) -> Result<tonic::body::Body, Status> {
        let taking = Limited::new(body, MAX_ANSWER_BYTES).collect();
        let taken = match end {
            Some(end) => timeout_at(end, taking).await.map_err(|_| exceeded())?,
            None => taking.await,
        };
        let taken = taken.map_err(|error| {
            tracing::warn!(%error, "an answer of gRPC broke off");
            WireError::unavailable("the service does not answer just now")
        })?;
        let trailers = taken.trailers().cloned();
        let body = self.outgoing.body(taken.to_bytes(), trailers);
        body.map(tonic::body::Body::new).map_err(|problem| refused(&problem))
    }
}

/// A problem with a body as a status.
fn refused(problem: &Problem) -> Status {
    let detail = &*problem.detail;
    match &*problem.reason {
        "DEADLINE_EXCEEDED" => exceeded(),
        "MESSAGE_TOO_LARGE" => WireError::new(Code::ResourceExhausted, "MESSAGE_TOO_LARGE", detail).into(),
        "UNAVAILABLE" => WireError::unavailable(detail).into(),
        _ => WireError::new(
            Code::InvalidArgument,
            "MESSAGE_MALFORMED",
            "the message broke off, or is not framed",
        )
        .into(),
    }
}

/// Whether a request is one of gRPC or gRPC-Web.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let media_type = media_type(headers);
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    TYPES.iter().any(|known| known.eq_ignore_ascii_case(media_type))
}

fn is_grpc_web(headers: &HeaderMap) -> bool {
    media_type(headers).starts_with("application/grpc-web")
}

fn media_type(headers: &HeaderMap) -> &str {
    let media_type = headers.get(CONTENT_TYPE);
    media_type.and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn exceeded() -> Status {
    WireError::new(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", "the deadline passed").into()
}

/// The request for the service. A call without a deadline gets this one.
fn onwards(
    request: Request<tonic::body::Body>,
    metadata: MetadataMap,
    deadline: Option<Deadline>,
) -> Request<tonic::body::Body> {
    let (head, body) = request.into_parts();
    let mut headers = metadata.into_headers();
    for name in PASSED_ON {
        if let Some(value) = head.headers.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    headers.insert(TE, HeaderValue::from_static("trailers"));
    if let Some(deadline) = deadline
        && let Ok(value) = HeaderValue::try_from(format!("{}m", deadline.remaining().as_millis()))
    {
        headers.insert(GRPC_TIMEOUT, value);
    }
    let mut onwards = Request::new(tonic::body::Body::new(Held { body, _place: None }));
    *onwards.method_mut() = Method::POST;
    // The channel adds where to.
    *onwards.uri_mut() =
        Uri::from(PathAndQuery::try_from(head.uri.path()).unwrap_or_else(|_| PathAndQuery::from_static("/")));
    *onwards.version_mut() = Version::HTTP_2;
    *onwards.headers_mut() = headers;
    onwards
}

async fn send(channel: Channel, request: Request<tonic::body::Body>) -> Result<Response<tonic::body::Body>, Status> {
    let unavailable = || Status::from(WireError::unavailable("the service does not answer just now"));
    let response = channel.oneshot(request).await.map_err(|error| {
        let status = Status::from_error(error.into());
        if matches!(status.code(), Code::Cancelled | Code::DeadlineExceeded) {
            // The channel keeps the deadline as well.
            return exceeded();
        }
        tracing::warn!(%status, "a gRPC call could not be passed on");
        unavailable()
    })?;
    // A gRPC service answers 200, errors too; anything else comes from something between.
    match response.status() {
        StatusCode::OK => Ok(response),
        status => {
            tracing::warn!(%status, "what answered a gRPC call is no gRPC service");
            Err(unavailable())
        }
    }
}

/// The answer for the client; its place among the lasting calls is free when it has ended.
fn back(response: Response<tonic::body::Body>, place: Option<Place>) -> Response<tonic::body::Body> {
    let (head, body) = response.into_parts();
    let mut response = Response::new(tonic::body::Body::new(Held { body, _place: place }));
    for name in PASSED_BACK {
        if let Some(value) = head.headers.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

/// A stream of messages that ends as UNAVAILABLE with the shutdown: the client finds another replica.
fn until(shutdown: CancellationToken, body: tonic::body::Body) -> tonic::body::Body {
    let frames = unfold(Some((body, shutdown)), |going_on| async {
        let (mut body, shutdown) = going_on?;
        tokio::select! {
            biased;
            () = shutdown.cancelled() => Some((Ok(Frame::trailers(shutting_down())), None)),
            frame = body.frame() => Some((frame?, Some((body, shutdown)))),
        }
    });
    tonic::body::Body::new(StreamBody::new(frames))
}

fn shutting_down() -> HeaderMap {
    let mut trailers = HeaderMap::new();
    let status = Status::from(WireError::unavailable("the gateway is shutting down"));
    if let Err(error) = status.add_header(&mut trailers) {
        tracing::error!(%error, "a status cannot be written");
    }
    trailers
}

/// A body on its way, which keeps its place, if it has one, until it is dropped.
struct Held {
    body: tonic::body::Body,
    _place: Option<Place>,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = Status;

    /// Without the empty frame that ends most requests: passed on, it is not the last one, and a service ends a connection
    /// on which it got a hundred of those.
    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        loop {
            let polled = ready!(Pin::new(&mut self.body).poll_frame(context));
            let is_empty = |frame: &Frame<Bytes>| frame.data_ref().is_some_and(Bytes::is_empty);
            if !polled.as_ref().is_some_and(|frame| frame.as_ref().is_ok_and(is_empty)) {
                return Poll::Ready(polled);
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    /// Not that of the body itself: gRPC-Web has trailers in it, or is written in base64.
    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
