//! A running service and the people who call it.

use std::{net::SocketAddr, sync::Arc};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::{Buf, BufMut, Bytes};
use platform::{
    clock::Clock as _,
    entropy::{SystemEntropy, uuid_v4},
    metrics::Metrics,
    secret::Secret,
    service_credential::ServiceKeys,
    serving::Readiness,
    testing::{ManualClock, TestEvents, TestIssuer, Workspace},
    verification::{AccessClaims, KeySource},
};
use proto::task::v1::{
    CreateTaskRequest, GetTaskRequest, ListTasksRequest, Task, UpdateTaskRequest,
    task_service_client::TaskServiceClient,
};
use task_service::{
    Config, StartError, serve,
    store::{Purged, TaskDatabase},
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tonic::{
    Code, Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::InterceptedService,
    metadata::{Ascii, MetadataMap, MetadataValue},
    service::Interceptor,
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt as _;
use uuid::Uuid;

pub(crate) const ISSUER: &str = "http://issuer.test";

/// A service of its own.
pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) issuer: TestIssuer,
    pub(crate) address: SocketAddr,
    pub(crate) readiness: Readiness,
    pub(crate) events: TestEvents,
    shutdown: CancellationToken,
    server: Option<JoinHandle<Result<(), StartError>>>,
    workspace: Workspace,
}

impl World {
    pub(crate) async fn start() -> Self {
        let issuer = TestIssuer::new(ISSUER, "key");
        Self::start_with(issuer.clone(), Box::new(issuer)).await
    }

    /// With keys from elsewhere than the issuer.
    pub(crate) async fn start_with(issuer: TestIssuer, keys: Box<dyn KeySource>) -> Self {
        let mut world = Self {
            clock: Arc::new(ManualClock::new()),
            issuer,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            readiness: Readiness::default(),
            events: TestEvents::new(),
            shutdown: CancellationToken::new(),
            server: None,
            workspace: Workspace::new(),
        };
        world.run(keys).await;
        world
    }

    async fn run(&mut self, keys: Box<dyn KeySource>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        self.address = listener.local_addr().expect("it is bound");
        let config = Config {
            database: self.workspace.sqlite("task.db"),
            issuer: ISSUER.to_owned(),
            keys,
            events: Box::new(self.events.clone()),
            service_keys: ServiceKeys::new(vec![Secret::new([7; 32])]).expect("there is one"),
            reflection: true,
            clock: self.clock.clone(),
            entropy: Arc::new(SystemEntropy),
            readiness: self.readiness.clone(),
            metrics: Metrics::default(),
        };
        self.server = Some(tokio::spawn(serve(listener, config, self.shutdown.clone())));
    }

    /// Stops the service as SIGTERM does, and starts it again on the same database.
    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        self.start_again().await;
    }

    /// Starts the stopped service again on the same database.
    pub(crate) async fn start_again(&mut self) {
        self.shutdown = CancellationToken::new();
        self.run(Box::new(self.issuer.clone())).await;
    }

    /// Stops the service as SIGTERM does.
    pub(crate) async fn stop(&mut self) {
        self.shutdown.cancel();
        let server = self.server.take().expect("it runs");
        server.await.expect("it does not panic").expect("it ends well");
    }

    pub(crate) fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.address))
            .expect("an address")
            .connect_lazy()
    }

    /// Somebody new, signed in.
    pub(crate) fn somebody(&self) -> Person {
        self.person(uuid_v4(&SystemEntropy))
    }

    pub(crate) fn person(&self, subject: Uuid) -> Person {
        let token = self.issuer.token(subject, uuid_v4(&SystemEntropy), self.clock.now());
        Person {
            tasks: self.client(&token),
            token,
        }
    }

    /// The same person with a token of now.
    pub(crate) fn person_of(&self, person: &Person) -> Person {
        let payload = person.token.split('.').nth(1).expect("a JWT has three parts");
        let payload = BASE64_URL_SAFE_NO_PAD.decode(payload).expect("it is base64url");
        let claims: AccessClaims = serde_json::from_slice(&payload).expect("it is JSON");
        self.person(claims.sub.parse().expect("a UUID"))
    }

    /// Purges what is due, as the service does every minute.
    pub(crate) async fn purge(&self) {
        let url = self.workspace.sqlite("task.db");
        let database = TaskDatabase::open(&url, &SystemEntropy).await.expect("it opens");
        while database.store.purge(self.clock.now()).await.expect("it answers") == Purged::Some {}
        database.close().await;
    }

    pub(crate) fn client(&self, token: &str) -> Client {
        let bearer = format!("Bearer {token}").parse().expect("a token is ASCII");
        TaskServiceClient::with_interceptor(self.channel(), Bearer(bearer))
    }

    /// The claims of a good token, to be spoilt.
    pub(crate) fn claims(&self) -> AccessClaims {
        let subject = uuid_v4(&SystemEntropy);
        self.issuer.claims(subject, subject, self.clock.now())
    }

    /// Calls a method with any bytes and any metadata.
    pub(crate) async fn call_raw(&self, method: &str, metadata: MetadataMap, body: Bytes) -> Result<Bytes, Status> {
        let mut client = Grpc::new(self.channel());
        client.ready().await.expect("the service listens");
        let request = Request::from_parts(metadata, tonic::Extensions::default(), body);
        let path = format!("/holdfast.task.v1.TaskService/{method}");
        let path = path.parse().expect("a path");
        client
            .unary(request, path, RawCodec)
            .await
            .map(tonic::Response::into_inner)
    }
}

/// A client that carries an access token.
pub(crate) type Client = TaskServiceClient<InterceptedService<Channel, Bearer>>;

/// Adds the access token to each call.
#[derive(Clone)]
pub(crate) struct Bearer(MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// Somebody with a token and a client.
pub(crate) struct Person {
    pub(crate) tasks: Client,
    pub(crate) token: String,
}

impl Person {
    pub(crate) async fn create(&mut self, task: Task) -> Task {
        self.try_create(task).await.expect("it is created")
    }

    pub(crate) async fn try_create(&mut self, task: Task) -> Result<Task, Status> {
        let request = CreateTaskRequest {
            request_id: String::new(),
            task: Some(task),
            validate_only: false,
        };
        Ok(self.tasks.create_task(request).await?.into_inner())
    }

    pub(crate) async fn get(&mut self, id: &str) -> Task {
        let request = GetTaskRequest { id: id.to_owned() };
        self.tasks.get_task(request).await.expect("it is there").into_inner()
    }

    pub(crate) async fn list(&mut self) -> Vec<Task> {
        let request = ListTasksRequest::default();
        let page = self.tasks.list_tasks(request).await.expect("a page").into_inner();
        assert_eq!(page.next_page_token, "");
        page.tasks
    }

    /// Updates by a mask; `None` is no mask.
    pub(crate) async fn update(&mut self, task: Task, mask: Option<&[&str]>) -> Result<Task, Status> {
        let request = UpdateTaskRequest {
            request_id: String::new(),
            task: Some(task),
            update_mask: mask.map(field_mask),
            validate_only: false,
        };
        Ok(self.tasks.update_task(request).await?.into_inner())
    }
}

/// A mask of those paths.
pub(crate) fn field_mask(paths: &[&str]) -> prost_types::FieldMask {
    prost_types::FieldMask {
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
    }
}

/// A task that has only a title.
pub(crate) fn titled(title: &str) -> Task {
    Task {
        title: title.to_owned(),
        ..Task::default()
    }
}

/// The code and reason of an error, and the fields it names.
pub(crate) fn told(status: &Status) -> (Code, String, Vec<String>) {
    let details = status.get_error_details();
    let info = details.error_info().expect("every error has an ErrorInfo");
    assert_eq!(info.domain, "holdfast");
    let fields = details.bad_request().map_or_else(Vec::new, |bad| {
        let violations = bad.field_violations.iter();
        violations.map(|violation| violation.field.clone()).collect()
    });
    (status.code(), info.reason.clone(), fields)
}

/// Asserts what an error tells.
pub(crate) fn assert_told<T: std::fmt::Debug>(answer: Result<T, Status>, code: Code, reason: &str, fields: &[&str]) {
    let (told_code, told_reason, told_fields) = told(&answer.expect_err("an error is due"));
    assert_eq!((told_code, told_reason.as_str()), (code, reason));
    assert_eq!(told_fields, fields);
}

/// Sends and receives the bytes of messages as they are.
struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
