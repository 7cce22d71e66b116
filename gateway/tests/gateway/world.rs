//! A gateway between a raw HTTP client and two far ends.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::body::Body;
use bytes::{BufMut as _, Bytes, BytesMut};
use gateway::Config;
use http::{HeaderMap, HeaderValue, Request, Response, Uri, header::CONTENT_TYPE};
use http_body_util::{BodyExt as _, Full};
use ipnet::IpNet;
use platform::{
    secret::Secret,
    service_credential::ServiceKeys,
    serving::{self, Protocol, Readiness},
    testing::ManualClock,
    tls::ClientTls,
};
use prost::Message;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinHandle,
};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::Status;
use tonic_health::pb::{HealthCheckResponse, health_check_response::ServingStatus};
use tower::{service_fn, util::BoxCloneSyncService};

/// A call as it arrived at a far end.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) path: String,
    pub(crate) metadata: HeaderMap,
    message: Bytes,
}

impl Call {
    /// The request message.
    pub(crate) fn message<M: Message + Default>(&self) -> M {
        M::decode(self.message.clone()).expect("the message decodes")
    }

    /// All values of one metadata entry.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        let values = self.metadata.get_all(name).iter();
        values.map(|value| value.to_str().expect("ASCII")).collect()
    }
}

/// What a far end does with every call but those to its health service.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Answers with a message.
    Message(Bytes),
    /// Answers with a status.
    Status(Status),
    /// Answers as something that is no gRPC service: an HTTP status and nothing else.
    Http(u16),
    /// Begins to answer and breaks the stream.
    Broken,
    /// Never answers.
    Silence,
}

impl Reply {
    /// A message.
    pub(crate) fn message(message: &impl Message) -> Self {
        Self::Message(message.encode_to_vec().into())
    }
}

/// A gRPC server that takes any method, so that no new one needs a line here.
pub(crate) struct FarEnd {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<FarState>>,
    _running: DropGuard,
}

struct FarState {
    reply: Reply,
    health: ServingStatus,
    calls: Vec<Call>,
}

impl FarEnd {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(FarState {
            reply: Reply::Message(Bytes::new()),
            health: ServingStatus::Serving,
            calls: Vec::new(),
        }));
        let shutdown = CancellationToken::new();
        let service = service_fn({
            let state = state.clone();
            move |request| {
                let state = state.clone();
                async move { Ok::<_, Infallible>(answer(&state, request).await) }
            }
        });
        let service = BoxCloneSyncService::new(service);
        tokio::spawn(serving::serve(listener, service, Protocol::Http2, shutdown.clone()));
        Self {
            address,
            state,
            _running: shutdown.drop_guard(),
        }
    }

    /// From now on it replies so.
    pub(crate) fn replies(&self, reply: Reply) {
        self.state.lock().expect("no panic").reply = reply;
    }

    /// From now on its health service answers so.
    pub(crate) fn has_health(&self, health: ServingStatus) {
        self.state.lock().expect("no panic").health = health;
    }

    /// The calls it got since it was asked last.
    pub(crate) fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.state.lock().expect("no panic").calls)
    }

    /// The one call it got since it was asked last.
    #[track_caller]
    pub(crate) fn call(&self) -> Call {
        let mut calls = self.calls();
        assert_eq!(calls.len(), 1, "{calls:?}");
        calls.remove(0)
    }
}

async fn answer(state: &Mutex<FarState>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.expect("a whole request").to_bytes();
    let reply = {
        let mut state = state.lock().expect("no panic");
        if head.uri.path() == "/grpc.health.v1.Health/Check" {
            let status = state.health.into();
            Reply::message(&HealthCheckResponse { status })
        } else {
            state.calls.push(Call {
                path: head.uri.path().to_owned(),
                metadata: head.headers,
                // After the compression flag and the length.
                message: body.slice(5..),
            });
            state.reply.clone()
        }
    };
    let body = match reply {
        Reply::Message(message) => {
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", HeaderValue::from_static("0"));
            Body::new(Full::new(frame(&message)).with_trailers(async { Some(Ok(trailers)) }))
        }
        Reply::Status(status) => return status.into_http(),
        Reply::Http(status) => {
            let mut response = Response::new(Body::from("<html></html>"));
            *response.status_mut() = status.try_into().expect("a status");
            return response;
        }
        Reply::Broken => Body::from_stream(futures_util::stream::once(async {
            Err::<Bytes, _>(std::io::Error::other("cut"))
        })),
        Reply::Silence => std::future::pending().await,
    };
    let mut response = Response::new(body);
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(CONTENT_TYPE, grpc);
    response
}

/// A message as gRPC frames it: not compressed, its length, itself.
fn frame(message: &Bytes) -> Bytes {
    let mut frame = BytesMut::with_capacity(message.len() + 5);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).expect("a small message"));
    frame.extend_from_slice(message);
    frame.freeze()
}

/// A running gateway and what stands behind it.
pub(crate) struct World {
    pub(crate) auth: FarEnd,
    pub(crate) task: FarEnd,
    pub(crate) gateway: SocketAddr,
    pub(crate) readiness: Readiness,
    pub(crate) service_keys: ServiceKeys,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) served: JoinHandle<()>,
    _running: DropGuard,
}

impl World {
    /// A gateway that trusts no proxy.
    pub(crate) async fn start() -> Self {
        Self::with_proxies(&[]).await
    }

    /// A gateway that trusts these proxies.
    pub(crate) async fn with_proxies(trusted_proxies: &[IpNet]) -> Self {
        let proxies = trusted_proxies.to_vec();
        Self::configured(|config| config.trusted_proxies = proxies).await
    }

    /// A gateway whose configuration was changed.
    pub(crate) async fn configured(change: impl FnOnce(&mut Config)) -> Self {
        let (auth, task) = (FarEnd::start().await, FarEnd::start().await);
        let service_keys = ServiceKeys::new(vec![Secret::new([7; 32])]).expect("one key");
        let clock = Arc::new(ManualClock::new());
        let readiness = Readiness::default();
        let mut config = Config {
            tls: ClientTls::default(),
            auth_addr: vec![uri(auth.address)],
            task_addr: vec![uri(task.address)],
            trusted_proxies: Vec::new(),
            service_keys: service_keys.clone(),
            clock: clock.clone(),
            readiness: readiness.clone(),
        };
        change(&mut config);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let gateway = listener.local_addr().expect("an address");
        let shutdown = CancellationToken::new();
        let serving = gateway::serve(listener, config, shutdown.clone());
        let served = tokio::spawn(async { serving.await.expect("the contracts can be served") });
        Self {
            auth,
            task,
            gateway,
            readiness,
            service_keys,
            clock,
            _running: shutdown.clone().drop_guard(),
            shutdown,
            served,
        }
    }

    /// A request without a body.
    pub(crate) async fn send(&self, line: &str) -> Answer {
        self.send_with(line, &[], "").await
    }

    /// A request with a JSON body.
    pub(crate) async fn send_json(&self, line: &str, body: &str) -> Answer {
        self.send_with(line, &["content-type: application/json"], body).await
    }

    /// A request with these header lines and this body.
    pub(crate) async fn send_with(&self, line: &str, headers: &[&str], body: impl AsRef<[u8]>) -> Answer {
        let body = body.as_ref();
        let mut head = format!("{line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
        if !body.is_empty() {
            head.push_str("content-length: ");
            head.push_str(&body.len().to_string());
            head.push_str("\r\n");
        }
        for header in headers {
            head.push_str(header);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        let mut stream = TcpStream::connect(self.gateway).await.expect("the gateway listens");
        stream.write_all(head.as_bytes()).await.expect("it takes the head");
        // The gateway may answer before it has taken all; then the answer counts.
        stream.write_all(body).await.ok();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("it answers");
        Answer::parse(&answer)
    }
}

/// Where a far end is, as the configuration has it.
fn uri(address: SocketAddr) -> Uri {
    format!("http://{address}").parse().expect("a URI")
}

/// An address that is taken, so that no other test can get it, and at which nobody listens while this is held.
pub(crate) struct Nowhere(TcpSocket);

impl Nowhere {
    pub(crate) fn new() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
        Self(socket)
    }

    pub(crate) fn uri(&self) -> Uri {
        uri(self.0.local_addr().expect("an address"))
    }
}

/// What the gateway answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn parse(text: &[u8]) -> Self {
        let end = text
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .expect("a head");
        let head = std::str::from_utf8(&text[..end]).expect("an ASCII head");
        let mut lines = head.split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1))
            .expect("a status line");
        Self {
            status: status.parse().expect("a number"),
            headers: lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                .collect(),
            body: text[end + 4..].to_vec(),
        }
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(given, _)| given == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} twice: {self:?}");
        value
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks that this is a problem in the contract's form, with this status and reason.
    #[track_caller]
    pub(crate) fn assert_problem(&self, status: u16, reason: &str) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(self.header("cache-control"), Some("no-store"));
        assert_eq!(self.header("x-content-type-options"), Some("nosniff"));
        let problem = self.json();
        assert_eq!(problem["reason"], reason, "{problem}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], format!("urn:holdfast:error:{reason}"));
        assert_eq!(problem["requestId"].as_str(), self.header("x-request-id"));
        for text in ["title", "detail", "requestId"] {
            assert!(problem[text].as_str().is_some_and(|text| !text.is_empty()), "{problem}");
        }
        problem
    }

    /// Checks that this is FIELD_INVALID and names exactly this field.
    #[track_caller]
    pub(crate) fn assert_names(&self, field: &str) {
        let problem = self.assert_problem(400, "FIELD_INVALID");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
        assert_eq!(problem["errors"].as_array().map(Vec::len), Some(1), "{problem}");
        assert!(problem["errors"][0]["description"].is_string(), "{problem}");
    }
}
