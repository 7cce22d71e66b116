//! The listener under test.

use std::{future::pending, net::SocketAddr, sync::Arc};

use axum::{body::Body, routing::post};
use http::{Request, Response};
use platform::{
    access::AccessTable,
    channel,
    clock::Clock as _,
    secret::Secret,
    service_credential::{ServiceKeys, ServicePeer},
    serving::{self, Check, HttpService, MAX_MESSAGE_BYTES, Protocol, Readiness, grpc_service, health_service, serve},
    testing::{ManualClock, TestIssuer},
    tls::ClientTls,
    verification::{Authentication, AuthenticationLayer, Caller, KeyRing, SCOPE, Verifier},
};
use proto::task::v1::{GetTaskRequest, Task};
use serde_json::json;
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tonic::{Status, service::Routes, transport::Channel};
use tower::service_fn;
use uuid::Uuid;

use crate::client::{Call, Client, connect};

pub(crate) const ISSUER: &str = "http://localhost:8080";
pub(crate) const TASKS: &str = "holdfast.task.v1.TaskService";
pub(crate) const GET_TASK: &str = "/holdfast.task.v1.TaskService/GetTask";
/// In the contracts, and routed, but not among the services that the access table was made for.
pub(crate) const LOGIN: &str = "/holdfast.auth.v1.AuthService/Login";
/// Routed, and in no contract.
pub(crate) const UNDECLARED: &str = "/holdfast.task.v1.TaskService/Undeclared";
pub(crate) const WATCH: &str = "/grpc.health.v1.Health/Watch";
pub(crate) const CHECK: &str = "/grpc.health.v1.Health/Check";
pub(crate) const SUBJECT: Uuid = Uuid::from_u128(7);

/// What the method under test does, by the id that it is asked for.
#[derive(Clone, Default)]
pub(crate) struct Doors {
    pub(crate) entered: Arc<Notify>,
    pub(crate) go: Arc<Notify>,
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
pub(crate) struct World {
    pub(crate) doors: Doors,
    pub(crate) issuer: TestIssuer,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) service_keys: ServiceKeys,
    pub(crate) shutdown: CancellationToken,
    pub(crate) address: SocketAddr,
    listener: Option<TcpListener>,
    pub(crate) service: HttpService,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_checks(&[]).await
    }

    pub(crate) async fn with_checks(checks: &[(&'static str, Check)]) -> Self {
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
    pub(crate) fn start(mut self) -> (Self, JoinHandle<()>) {
        let serving = tokio::spawn(self.serve());
        (self, serving)
    }

    pub(crate) fn serve(&mut self) -> impl Future<Output = ()> + Send + 'static {
        let listener = self.listener.take().expect("it is served once");
        serve(listener, self.service.clone(), Protocol::Http2, self.shutdown.clone())
    }

    pub(crate) fn token(&self) -> String {
        self.token_with_scope(SCOPE)
    }

    pub(crate) fn token_with_scope(&self, scope: &str) -> String {
        let mut claims = json!(self.issuer.claims(SUBJECT, Uuid::from_u128(8), self.clock.now()));
        claims["scope"] = json!(scope);
        self.issuer.sign(&claims)
    }

    /// A call of GetTask with a good token.
    pub(crate) fn get_task(&self, id: &str) -> Call {
        Call::of(GET_TASK)
            .bearer(&self.token())
            .message(&GetTaskRequest { id: id.to_owned() })
    }

    /// As the services and the gateway connect.
    pub(crate) fn channel(&self) -> Channel {
        channel::connect(
            &[format!("http://{}", self.address).parse().unwrap()],
            &ClientTls::default(),
        )
    }

    pub(crate) async fn connect(&self) -> Client {
        connect(self.address).await
    }
}
