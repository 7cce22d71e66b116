//! A gRPC listener over real sockets: deadlines, errors in the contract's form, access, limits and drain.
//!
//! The service under test answers as two methods of the contracts do, and as one that no contract knows; the
//! client writes HTTP/2 requests by hand, because a gRPC library would not send what a careless caller may.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

use std::{
    future::{pending, poll_fn},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use axum::{Router, body::Body, routing::post};
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderName, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use platform::{
    access::AccessTable,
    channel,
    clock::Clock as _,
    metrics::Metrics,
    secret::Secret,
    service_credential::{self, Role, ServiceKeys, ServicePeer},
    serving::{
        self, Check, DRAIN_LIMIT, HttpService, MAX_HEADER_BYTES, MAX_MESSAGE_BYTES, Protocol, Readiness, grpc_service,
        health_service, serve,
    },
    testing::{ManualClock, TestIssuer},
    tls::ClientTls,
    verification::{Authentication, AuthenticationLayer, Caller, KeyRing, SCOPE, Verifier, require_caller},
};
use prost::Message as _;
use proto::task::v1::{GetTaskRequest, Task, task_service_client::TaskServiceClient};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
    time::{Instant, interval},
};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, service::Routes, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_client::HealthClient};
use tonic_types::StatusExt as _;
use tower::service_fn;
use uuid::Uuid;

const ISSUER: &str = "http://localhost:8080";
const TASKS: &str = "holdfast.task.v1.TaskService";
const GET_TASK: &str = "/holdfast.task.v1.TaskService/GetTask";
/// In the contracts, and routed, but not among the services that the access table was made for.
const LOGIN: &str = "/holdfast.auth.v1.AuthService/Login";
/// Routed, and in no contract.
const UNDECLARED: &str = "/holdfast.task.v1.TaskService/Undeclared";
const WATCH: &str = "/grpc.health.v1.Health/Watch";
const CHECK: &str = "/grpc.health.v1.Health/Check";
const SUBJECT: Uuid = Uuid::from_u128(7);

/// What the method under test does, by the id that it is asked for.
#[derive(Clone, Default)]
struct Doors {
    entered: Arc<Notify>,
    go: Arc<Notify>,
}

impl Doors {
    async fn get_task(self, request: tonic::Request<GetTaskRequest>) -> Result<tonic::Response<Task>, Status> {
        match request.get_ref().id.as_str() {
            "never" => {
                self.entered.notify_one();
                pending::<()>().await;
            }
            "wait" => {
                self.entered.notify_one();
                self.go.notified().await;
            }
            "panic" => panic!("the secret cause"),
            "peer" => {
                let role = request.extensions().get::<ServicePeer>().map(ServicePeer::role);
                return Ok(answer(format!("{role:?}")));
            }
            "large" => return Ok(answer("x".repeat(3 * 1024 * 1024))),
            _ => {}
        }
        let caller = Caller::of(&request)?;
        Ok(answer(caller.subject().to_string()))
    }
}

fn answer(title: String) -> tonic::Response<Task> {
    tonic::Response::new(Task {
        title,
        ..Task::default()
    })
}

/// One gRPC method, as tonic's generated code serves it.
async fn unary(doors: Doors, request: Request<Body>) -> Response<tonic::body::Body> {
    let method = service_fn(move |request| doors.clone().get_task(request));
    tonic::server::Grpc::new(tonic_prost::ProstCodec::<Task, GetTaskRequest>::default())
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .unary(method, request)
        .await
}

/// A listener with everything around it.
struct World {
    doors: Doors,
    issuer: TestIssuer,
    clock: Arc<ManualClock>,
    service_keys: ServiceKeys,
    shutdown: CancellationToken,
    address: SocketAddr,
    listener: Option<TcpListener>,
    service: HttpService,
}

impl World {
    async fn new() -> Self {
        Self::with_checks(&[]).await
    }

    async fn with_checks(checks: &[(&'static str, Check)]) -> Self {
        let doors = Doors::default();
        let issuer = TestIssuer::new(ISSUER, "key-1");
        let clock = Arc::new(ManualClock::new());
        let service_keys = ServiceKeys::new(vec![Secret::new([1; 32])]).unwrap();
        let shutdown = CancellationToken::new();
        let readiness = Readiness::default();
        for (name, check) in checks {
            readiness.add(name, check.clone());
        }

        let mut builder = Routes::builder();
        health_service(&mut builder, &[TASKS], readiness, shutdown.clone()).await;
        serving::add_reflection(&mut builder, &[TASKS]);
        let mut router = builder.routes().into_axum_router();
        for path in [GET_TASK, LOGIN, UNDECLARED] {
            let doors = doors.clone();
            router = router.route(path, post(move |request| unary(doors.clone(), request)));
        }
        let access = AccessTable::for_services(&[TASKS]);
        let authentication = AuthenticationLayer::new(Authentication {
            access: access.clone(),
            verifier: Verifier::new(ISSUER, Arc::new(KeyRing::new(issuer.clone())), clock.clone()),
            service_keys: service_keys.clone(),
            clock: clock.clone(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self {
            doors,
            issuer,
            clock,
            service_keys,
            shutdown,
            address: listener.local_addr().unwrap(),
            listener: Some(listener),
            service: grpc_service(Routes::from(router), &access, &authentication),
        }
    }

    /// Serves in a task of its own.
    fn start(mut self) -> (Self, JoinHandle<()>) {
        let serving = tokio::spawn(self.serve());
        (self, serving)
    }

    fn serve(&mut self) -> impl Future<Output = ()> + Send + 'static {
        let listener = self.listener.take().expect("it is served once");
        serve(listener, self.service.clone(), Protocol::Http2, self.shutdown.clone())
    }

    fn token(&self) -> String {
        self.token_with_scope(SCOPE)
    }

    fn token_with_scope(&self, scope: &str) -> String {
        let mut claims = json!(self.issuer.claims(SUBJECT, Uuid::from_u128(8), self.clock.now()));
        claims["scope"] = json!(scope);
        self.issuer.sign(&claims)
    }

    /// A call of GetTask with a good token.
    fn get_task(&self, id: &str) -> Call {
        Call::of(GET_TASK)
            .bearer(&self.token())
            .message(&GetTaskRequest { id: id.to_owned() })
    }

    /// As the services and the gateway connect.
    fn channel(&self) -> Channel {
        channel::connect(
            &[format!("http://{}", self.address).parse().unwrap()],
            &ClientTls::default(),
        )
    }

    async fn connect(&self) -> Client {
        connect(self.address).await
    }
}

/// A gRPC call, written by hand.
struct Call {
    path: &'static str,
    headers: Vec<(HeaderName, String)>,
    body: Bytes,
}

impl Call {
    fn of(path: &'static str) -> Self {
        Self {
            path,
            headers: Vec::new(),
            body: Bytes::new(),
        }
        .message(&GetTaskRequest::default())
    }

    fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((HeaderName::from_static(name), value.into()));
        self
    }

    fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    fn message(self, message: &impl prost::Message) -> Self {
        let bytes = message.encode_to_vec();
        let length = u32::try_from(bytes.len()).unwrap();
        self.frame(length, &bytes)
    }

    /// A frame that says a length and holds some bytes.
    fn frame(mut self, length: u32, bytes: &[u8]) -> Self {
        self.body = [&[0], &length.to_be_bytes()[..], bytes].concat().into();
        self
    }

    fn into_request(self) -> Request<Full<Bytes>> {
        let mut request = Request::post(format!("http://test{}", self.path))
            .version(Version::HTTP_2)
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        request.body(Full::new(self.body)).unwrap()
    }
}

/// One HTTP/2 connection.
#[derive(Clone)]
struct Client(SendRequest<Full<Bytes>>);

async fn connect(address: SocketAddr) -> Client {
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .max_header_list_size(1 << 20)
        .handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    Client(sender)
}

impl Client {
    /// The whole answer; an error if the connection broke.
    async fn call(&self, call: Call) -> Result<Answer, hyper::Error> {
        let response = self.0.clone().send_request(call.into_request()).await?;
        let (head, body) = response.into_parts();
        let body = body.collect().await?;
        let trailers = body.trailers().cloned().unwrap_or_default();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            trailers,
            body: body.to_bytes(),
        })
    }

    async fn answer(&self, call: Call) -> Answer {
        self.call(call).await.unwrap()
    }
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    trailers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn grpc_status(&self) -> Status {
        Status::from_header_map(&self.trailers)
            .or_else(|| Status::from_header_map(&self.headers))
            .expect("every answer has a grpc-status")
    }

    /// Code and reason, after a look at the form that every error has.
    fn error(&self) -> (Code, String) {
        let status = self.grpc_status();
        assert_eq!(self.status, StatusCode::OK, "gRPC errors are HTTP successes");
        let information = status.get_error_details().error_info().cloned();
        let information = information.unwrap_or_else(|| panic!("{status:?} has no ErrorInfo"));
        assert_eq!(information.domain, "holdfast");
        (status.code(), information.reason)
    }

    #[track_caller]
    fn is(&self, code: Code, reason: &str) {
        assert_eq!(self.error(), (code, reason.to_owned()));
    }

    #[track_caller]
    fn succeeded(&self) -> Task {
        assert_eq!(self.grpc_status().code(), Code::Ok, "{:?}", self.grpc_status());
        Task::decode(&self.body[5..]).unwrap()
    }
}

#[tokio::test]
async fn a_call_with_a_token_reaches_its_method_with_the_caller() {
    let (world, _serving) = World::new().await.start();
    let mut client = TaskServiceClient::new(world.channel());
    let mut request = tonic::Request::new(GetTaskRequest::default());
    let bearer = format!("Bearer {}", world.token());
    request.metadata_mut().insert("authorization", bearer.parse().unwrap());
    let task = client.get_task(request).await.unwrap().into_inner();
    assert_eq!(task.title, SUBJECT.to_string());
}

#[tokio::test]
async fn a_deadline_that_passes_is_told_as_one() {
    let (world, _serving) = World::new().await.start();
    let client = world.connect().await;
    for timeout in ["30m", "30000u", "1n", "0S"] {
        let answer = client
            .answer(world.get_task("never").header("grpc-timeout", timeout))
            .await;
        answer.is(Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
    }
    // The longest that can be written does not overflow anything.
    for timeout in ["99999999H", "5S"] {
        client
            .answer(world.get_task("").header("grpc-timeout", timeout))
            .await
            .succeeded();
    }
}

#[tokio::test]
async fn a_unary_call_without_a_deadline_gets_thirty_seconds() {
    let (world, _serving) = World::new().await.start();
    let client = world.connect().await;
    let call = tokio::spawn({
        let call = world.get_task("never");
        async move { client.answer(call).await }
    });
    world.doors.entered.notified().await;
    let (answer, took) = in_virtual_time(call).await;
    answer.unwrap().is(Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
    assert!((29..=31).contains(&took.as_secs()), "{took:?}");
}

#[tokio::test]
async fn a_deadline_ends_a_stream_in_its_middle() {
    let (world, _serving) = World::new().await.start();
    let client = world.connect().await;
    let watch = Call::of(WATCH)
        .message(&HealthCheckRequest::default())
        .header("grpc-timeout", "100m");
    let answer = client.answer(watch).await;
    assert!(!answer.body.is_empty(), "the stream had begun");
    assert!(answer.headers.get("grpc-status").is_none(), "and had no status then");
    answer.is(Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
}

/// The answer to a call without a token is known before its message has come. What comes then is no error, of which a
/// connection bears only some: it is everybody's, if it is the gateway's.
#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_refused_do_not_end_their_connection() {
    let (world, _serving) = World::new().await.start();
    let client = world.connect().await;
    for _ in 0..100 {
        let calls = (0..20).map(|_| client.answer(Call::of(GET_TASK)));
        for answer in futures_util::future::join_all(calls).await {
            answer.is(Code::Unauthenticated, "TOKEN_MISSING");
        }
    }
}

#[tokio::test]
async fn a_malformed_deadline_is_refused() {
    let (world, _serving) = World::new().await.start();
    let client = world.connect().await;
    for timeout in ["", "5", "S", "-1S", "1.5S", "5s", "123456789S", "5 S", "5S5", "soon"] {
        let answer = client.answer(world.get_task("").header("grpc-timeout", timeout)).await;
        answer.is(Code::InvalidArgument, "FIELD_INVALID");
        let details = answer.grpc_status().get_error_details();
        assert_eq!(details.bad_request().unwrap().field_violations[0].field, "grpc-timeout");
    }
}

#[tokio::test]
async fn an_unknown_method_is_unimplemented() {
    let (world, _serving) = World::new().await.start();
    let client = world.connect().await;
    for path in [
        "/holdfast.task.v1.TaskService/NoSuchMethod",
        "/holdfast.task.v1.TaskService/getTask",
        "/holdfast.task.v1.TaskService/GetTask/",
        "/holdfast.task.v2.TaskService/GetTask",
        "/no.such.Service/Method",
        "/",
    ] {
        let answer = client.answer(Call::of(path).bearer(&world.token())).await;
        answer.is(Code::Unimplemented, "METHOD_UNKNOWN");
    }
}

/// AP-05: forgetting to declare who may call a method closes it.
#[tokio::test]
async fn ap_05_a_method_without_an_access_entry_cannot_be_reached() {
    let (world, _serving) = World::new().await.start();
    let client = world.connect().await;
    for path in [UNDECLARED, LOGIN] {
        let answer = client.answer(Call::of(path).bearer(&world.token())).await;
        answer.is(Code::Unimplemented, "METHOD_UNKNOWN");
    }
}

#[tokio::test]
async fn a_garbled_message_is_the_callers_fault() {
    let (world, _serving) = World::new().await.start();
    let client = world.connect().await;
    let call = || Call::of(GET_TASK).bearer(&world.token());
    for call in [
        // A field that says it is longer than the message, a bad wire type, and text that is no UTF-8.
        call().frame(2, &[0x0a, 0x7f]),
        call().frame(1, &[0x0f]),
        call().frame(3, &[0x0a, 0x01, 0xff]),
    ] {
        client.answer(call).await.is(Code::InvalidArgument, "MESSAGE_MALFORMED");
    }
    client.answer(world.get_task("")).await.succeeded();
}

#[tokio::test]
async fn a_message_over_two_mebibytes_is_refused() {
    let (world, _serving) = World::new().await.start();
    let client = world.connect().await;
    let limit = u32::try_from(MAX_MESSAGE_BYTES).unwrap();
    assert_eq!(limit, 2 << 20);
    // Refused by what it says, before the rest arrives.
    let call = Call::of(GET_TASK).bearer(&world.token()).frame(limit + 1, &[0; 1000]);
    client
        .answer(call)
        .await
        .is(Code::ResourceExhausted, "MESSAGE_TOO_LARGE");

    // A message of exactly the limit: a tag and a length of three bytes, then the rest.
    client
        .answer(world.get_task(&"x".repeat(MAX_MESSAGE_BYTES - 4)))
        .await
        .succeeded();
    let answer = client.answer(world.get_task(&"x".repeat(MAX_MESSAGE_BYTES - 3))).await;
    answer.is(Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
}

/// AP-09: a panic is INTERNAL without a word of its cause, and the next call works.
#[tokio::test]
async fn ap_09_a_panic_tells_nothing_and_breaks_nothing() {
    let (world, _serving) = World::new().await.start();
    let client = world.connect().await;
    for _ in 0..3 {
        let answer = client.answer(world.get_task("panic")).await;
        answer.is(Code::Internal, "INTERNAL");
        assert_eq!(answer.grpc_status().message(), "an internal error occurred");
        let told = format!("{:?} {:?} {:?}", answer.headers, answer.trailers, answer.body);
        assert!(!told.contains("secret cause"), "{told}");
        assert!(answer.headers.contains_key("x-request-id"));
        client.answer(world.get_task("")).await.succeeded();
    }
}

#[tokio::test]
async fn a_request_has_an_id_its_callers_or_a_new_one() {
    let (world, _serving) = World::new().await.start();
    let client = world.connect().await;
    let id_of = async |call: Call| {
        let answer = client.answer(call).await;
        answer.headers["x-request-id"].to_str().unwrap().to_owned()
    };
    for given in ["abc", "!\"#~", &"x".repeat(64)] {
        assert_eq!(id_of(world.get_task("").header("x-request-id", given)).await, given);
    }
    let mut made = vec![id_of(world.get_task("")).await];
    for refused in ["", " ", "two words", &"x".repeat(65), "a\tb"] {
        made.push(id_of(world.get_task("").header("x-request-id", refused)).await);
    }
    // Refusals have one too.
    made.push(id_of(Call::of(GET_TASK)).await);
    made.push(id_of(world.get_task("").header("grpc-timeout", "soon")).await);
    assert!(made.iter().all(|id| Uuid::try_parse(id).is_ok()), "{made:?}");
    made.sort();
    made.dedup();
    assert_eq!(made.len(), 8, "each its own: {made:?}");
}

/// AP-02: an unusable credential, and one too many, are UNAUTHENTICATED; the scheme is read in any case.
#[tokio::test]
async fn ap_02_the_credential_is_one_bearer_token() {
    let (world, _serving) = World::new().await.start();
    let client = world.connect().await;
    let token = world.token();
    let with = |value: String| Call::of(GET_TASK).header("authorization", value);

    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR", "Bearer "] {
        client.answer(with(format!("{scheme} {token}"))).await.succeeded();
    }
    client
        .answer(Call::of(GET_TASK))
        .await
        .is(Code::Unauthenticated, "TOKEN_MISSING");
    for unusable in [
        "Bearer".to_owned(),
        "Bearer rubbish".to_owned(),
        format!("Basic {token}"),
        format!("DPoP {token}"),
        format!("Bearer{token}"),
        format!("Bearer\t{token}"),
        format!("Bearer {token} {token}"),
        format!("Bearer {token}, Bearer {token}"),
        format!("Bearer \"{token}\""),
        token.clone(),
        String::new(),
    ] {
        client
            .answer(with(unusable))
            .await
            .is(Code::Unauthenticated, "TOKEN_INVALID");
    }
    let two = Call::of(GET_TASK).bearer(&token).bearer(&token);
    client.answer(two).await.is(Code::Unauthenticated, "TOKEN_INVALID");

    world.clock.advance(Duration::from_mins(5));
    client
        .answer(with(format!("Bearer {token}")))
        .await
        .is(Code::Unauthenticated, "TOKEN_EXPIRED");
}

#[tokio::test]
async fn a_missing_scope_is_permission_denied() {
    let (world, _serving) = World::new().await.start();
    let client = world.connect().await;
    for scope in ["", "account", "tasks:write", "tasks", "tasks:reads", "TASKS:READ"] {
        let call = Call::of(GET_TASK).bearer(&world.token_with_scope(scope));
        client.answer(call).await.is(Code::PermissionDenied, "SCOPE_MISSING");
    }
    let call = Call::of(GET_TASK).bearer(&world.token_with_scope("tasks:read"));
    client.answer(call).await.succeeded();
}

/// AP-04: without keys nothing is known of a token, so it is not called a bad one.
#[tokio::test]
async fn ap_04_an_outage_of_the_keys_is_unavailable() {
    struct Down;
    impl platform::verification::KeySource for Down {
        fn fetch(&self) -> futures_util::future::BoxFuture<'_, Result<Vec<proto::auth::v1::JsonWebKey>, String>> {
            Box::pin(async { Err("connection refused".to_owned()) })
        }
    }
    let mut world = World::new().await;
    let access = AccessTable::for_services(&[TASKS]);
    let authentication = AuthenticationLayer::new(Authentication {
        access: access.clone(),
        verifier: Verifier::new(ISSUER, Arc::new(KeyRing::new(Down)), world.clock.clone()),
        service_keys: world.service_keys.clone(),
        clock: world.clock.clone(),
    });
    world.service = grpc_service(Routes::from(Router::new()), &access, &authentication);
    let (world, _serving) = world.start();
    let answer = world.connect().await.answer(world.get_task("")).await;
    answer.is(Code::Unavailable, "UNAVAILABLE");
    let retry = answer
        .grpc_status()
        .get_error_details()
        .retry_info()
        .unwrap()
        .retry_delay;
    assert_eq!(retry, Some(Duration::from_secs(1)));
}

/// AP-08: a service credential makes a peer; a bad one is as good as none.
#[tokio::test]
async fn ap_08_a_service_credential_makes_a_peer() {
    let (world, _serving) = World::new().await.start();
    let client = world.connect().await;
    let peer_with = async |token: String| {
        let call = world.get_task("peer").header(service_credential::METADATA, token);
        client.answer(call).await.succeeded().title
    };
    let good = world.service_keys.sign(Role::Gateway, &*world.clock);
    assert_eq!(peer_with(good).await, "Some(Gateway)");
    assert_eq!(peer_with("rubbish".to_owned()).await, "None");
    assert_eq!(peer_with(world.token()).await, "None");
    let foreign = ServiceKeys::new(vec![Secret::new([2; 32])]).unwrap();
    assert_eq!(peer_with(foreign.sign(Role::Gateway, &*world.clock)).await, "None");
}

/// Left out of the way, the layer does not leave a door open: the interceptor refuses, and so does the proof.
#[test]
fn ap_09_without_the_authentication_layer_nothing_gets_through() {
    let refused = require_caller(tonic::Request::new(())).unwrap_err();
    assert_eq!(refused.code(), Code::Internal);
    assert_eq!(refused.get_error_details().error_info().unwrap().reason, "INTERNAL");
    assert!(Caller::of(&tonic::Request::new(())).is_err());
}

#[tokio::test]
async fn health_is_open_and_follows_readiness_until_the_shutdown() {
    let ready: Check = Arc::new(|| Box::pin(async { Ok(()) }));
    let (world, _serving) = World::with_checks(&[("always", ready)]).await.start();
    let mut health = HealthClient::new(world.channel());
    for service in ["", TASKS] {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let mut watch = health.watch(request).await.unwrap().into_inner();
        // NOT_SERVING first, perhaps: the checks run while we connect.
        while watch.message().await.unwrap().unwrap().status != 1 {}
    }
    let mut watch = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap(), Some(HealthCheckResponse { status: 1 }));
    world.shutdown.cancel();
    assert_eq!(watch.message().await.unwrap(), Some(HealthCheckResponse { status: 2 }));
}

#[tokio::test]
async fn health_is_not_serving_without_a_check_and_of_nobody_else() {
    let (world, _serving) = World::new().await.start();
    let client = world.connect().await;
    let ask = |service: &str| {
        Call::of(CHECK).message(&HealthCheckRequest {
            service: service.to_owned(),
        })
    };
    for service in ["", TASKS] {
        let answer = client.answer(ask(service)).await;
        let health = HealthCheckResponse::decode(&answer.body[5..]).unwrap();
        assert_eq!(health.status, 2, "NOT_SERVING");
    }
    client
        .answer(ask("holdfast.auth.v1.AuthService"))
        .await
        .is(Code::NotFound, "SERVICE_UNKNOWN");
}

/// In both versions: grpcurl before 1.9 speaks v1alpha only.
#[tokio::test]
async fn reflection_tells_the_services_and_their_files() {
    macro_rules! ask {
        ($version:ident, $request:ident, $response:ident, $channel:expr, $question:expr) => {{
            use tonic_reflection::pb::$version::{
                ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
                server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
            };
            let request = ServerReflectionRequest {
                host: String::new(),
                message_request: Some(MessageRequest::$request($question)),
            };
            let answers = ServerReflectionClient::new($channel)
                .server_reflection_info(futures_util::stream::iter([request]))
                .await;
            match answers
                .unwrap()
                .into_inner()
                .message()
                .await
                .unwrap()
                .unwrap()
                .message_response
            {
                Some(MessageResponse::$response(answer)) => answer,
                other => panic!("{other:?}"),
            }
        }};
    }
    let (world, _serving) = World::new().await.start();
    let v1 = ask!(v1, ListServices, ListServicesResponse, world.channel(), String::new());
    let v1alpha = ask!(
        v1alpha,
        ListServices,
        ListServicesResponse,
        world.channel(),
        String::new()
    );
    let mut listed = [
        v1.service.into_iter().map(|service| service.name).collect::<Vec<_>>(),
        v1alpha.service.into_iter().map(|service| service.name).collect(),
    ];
    for names in &mut listed {
        names.sort();
        assert_eq!(*names, ["grpc.health.v1.Health", TASKS]);
    }
    let symbol = format!("{TASKS}.GetTask");
    let v1 = ask!(
        v1,
        FileContainingSymbol,
        FileDescriptorResponse,
        world.channel(),
        symbol.clone()
    );
    let v1alpha = ask!(
        v1alpha,
        FileContainingSymbol,
        FileDescriptorResponse,
        world.channel(),
        symbol
    );
    assert!(!v1.file_descriptor_proto.is_empty() && !v1alpha.file_descriptor_proto.is_empty());
}

#[tokio::test]
async fn a_shutdown_drains() {
    let mut world = World::new().await;
    let mut serving = Box::pin(world.serve());
    let client = tokio::select! {
        () = &mut serving => panic!("nobody asked it to end"),
        client = world.connect() => client,
    };
    let mut call = Box::pin(client.call(world.get_task("wait")));
    tokio::select! {
        () = &mut serving => panic!("nobody asked it to end"),
        _ = &mut call => panic!("it waits"),
        () = world.doors.entered.notified() => {}
    }

    world.shutdown.cancel();
    assert!(poll_once(&mut serving).await.is_none(), "a call is in flight");
    let refused = TcpStream::connect(world.address).await;
    assert_eq!(refused.unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);

    world.doors.go.notify_one();
    let (answer, ()) = tokio::join!(call, serving);
    answer.expect("the call in flight was answered").succeeded();
    assert!(
        client.call(world.get_task("")).await.is_err(),
        "the connection is closed"
    );
}

#[tokio::test]
async fn a_shutdown_drops_what_does_not_end() {
    let (world, serving) = World::new().await.start();
    let client = world.connect().await;
    // Longer than the drain, so that it is not the deadline that ends it.
    let call = world.get_task("never").header("grpc-timeout", "1H");
    let call = tokio::spawn(async move { client.call(call).await.map(drop) });
    world.doors.entered.notified().await;

    world.shutdown.cancel();
    let (ended, took) = in_virtual_time(serving).await;
    ended.unwrap();
    assert_eq!(took.as_secs(), DRAIN_LIMIT.as_secs());
    let (answer, took) = in_virtual_time(call).await;
    assert!(answer.unwrap().is_err(), "its connection was closed");
    assert!(took.as_secs() < 2, "at once: {took:?}");
}

/// What the listener tells a client of its limits: SETTINGS (RFC 9113, section 6.5.2).
#[tokio::test]
async fn streams_and_header_sections_are_bounded() {
    let (world, _serving) = World::new().await.start();
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream.write_all(HTTP2_PREFACE).await.unwrap();
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(head[3], 4, "the first frame is SETTINGS");
    let length = usize::from(head[1]) * 256 + usize::from(head[2]);
    let mut settings = vec![0; length];
    stream.read_exact(&mut settings).await.unwrap();
    let setting = |id: u16| {
        let entry = settings.chunks(6).find(|entry| entry[..2] == id.to_be_bytes())?;
        Some(u32::from_be_bytes(entry[2..].try_into().unwrap()))
    };
    assert_eq!(setting(3), Some(256), "MAX_CONCURRENT_STREAMS");
    assert_eq!(setting(6), Some(MAX_HEADER_BYTES), "MAX_HEADER_LIST_SIZE");
}

const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

#[tokio::test]
async fn an_oversized_header_section_is_refused() {
    let (world, _serving) = World::new().await.start();
    let client = world.connect().await;
    let large = "x".repeat(usize::try_from(MAX_HEADER_BYTES).unwrap());
    let refused = client.call(world.get_task("").header("x-large", large)).await;
    assert!(refused.is_ok_and(|answer| answer.status == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
    client.answer(world.get_task("")).await.succeeded();
}

#[tokio::test]
async fn http_1_is_refused_where_grpc_is_served() {
    let (world, _serving) = World::new().await.start();
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    // The end, or a reset: the connection is closed either way.
    stream.read_to_end(&mut answer).await.ok();
    assert!(!answer.starts_with(b"HTTP/1.1 "), "{answer:?}");
}

/// A client that opens a connection and says nothing, or not enough, does not keep its place.
#[tokio::test]
async fn a_silent_client_is_dropped() {
    for protocol in [Protocol::Http2, Protocol::Any] {
        for said in [
            &b""[..],
            b"P",
            b"PRI * HTTP/2.0\r\n",
            b"GET / HTTP/1.1\r\nhost: a.test\r\n",
        ] {
            let world = World::new().await;
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let shutdown = CancellationToken::new();
            let serving = tokio::spawn(serve(listener, world.service.clone(), protocol, shutdown.clone()));
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(said).await.unwrap();

            let mut answer = Vec::new();
            let closed = tokio::time::timeout(Duration::from_secs(15), stream.read_to_end(&mut answer));
            let (closed, _) = in_virtual_time(closed).await;
            assert!(closed.is_ok(), "{protocol:?}, after {said:?}");
            shutdown.cancel();
            serving.await.unwrap();
        }
    }
}

#[tokio::test]
async fn the_admin_listener_tells_life_and_readiness() {
    let broken = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let readiness = Readiness::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (metrics, shutdown) = (Metrics::default(), CancellationToken::new());
    let serving = tokio::spawn(serving::serve_admin(
        listener,
        readiness.clone(),
        metrics.clone(),
        shutdown.clone(),
    ));

    assert!(get(address, "/livez").await.starts_with("HTTP/1.1 200 "));
    assert!(
        get(address, "/readyz").await.starts_with("HTTP/1.1 503 "),
        "no check yet"
    );
    assert!(!serving::probe(address).await.unwrap());
    readiness.add("good", Arc::new(|| Box::pin(async { Ok(()) })));
    readiness.add("disk", {
        let broken = broken.clone();
        Arc::new(move || {
            let broken = broken.load(std::sync::atomic::Ordering::SeqCst);
            Box::pin(async move { if broken { Err("full".to_owned()) } else { Ok(()) } })
        })
    });
    assert!(serving::probe(address).await.unwrap());
    broken.store(true, std::sync::atomic::Ordering::SeqCst);
    let answer = get(address, "/readyz").await;
    assert!(
        answer.starts_with("HTTP/1.1 503 ") && answer.ends_with("\r\n\r\ndisk: full\n"),
        "{answer}"
    );
    assert!(!serving::probe(address).await.unwrap());
    assert!(
        get(address, "/livez").await.starts_with("HTTP/1.1 200 "),
        "alive all the same"
    );
    metrics.token_verification("task-service").observe(0.002);
    metrics.register_duration("silence_seconds", "How long", || Duration::from_millis(1500));
    let answer = get(address, "/metrics").await;
    for line in [
        "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n",
        "\ntoken_verification_seconds_count{service=\"task-service\"} 1\n",
        "\nsilence_seconds 1.5\n",
        "\n# EOF\n",
    ] {
        assert!(answer.contains(line), "{line}\n{answer}");
    }

    shutdown.cancel();
    serving.await.unwrap();
    assert!(serving::probe(address).await.is_err());
}

async fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Runs with the clock stopped: it makes a small step whenever nothing else can happen, so that the sockets
/// keep up. Also tells how much time seemed to pass.
async fn in_virtual_time<F: Future>(future: F) -> (F::Output, Duration) {
    tokio::time::pause();
    let began = Instant::now();
    let mut steps = interval(Duration::from_millis(100));
    let mut future = std::pin::pin!(future);
    let output = loop {
        tokio::select! {
            output = &mut future => break output,
            _ = steps.tick() => {}
        }
    };
    let took = began.elapsed();
    tokio::time::resume();
    (output, took)
}

/// Polls once, with the waker of the test.
async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    poll_fn(|context| match future.poll_unpin(context) {
        std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}
