//! A running Holdfast, and people who use it.

use std::{path::Path, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use platform::{
    configuration::{Arguments, Settings},
    testing::Workspace,
};
use proto::{
    auth::v1::{LoginRequest, RegisterRequest, Tokens, User, auth_service_client::AuthServiceClient},
    task::v1::{CreateTaskRequest, Task, task_service_client::TaskServiceClient},
};
use serde_json::{Value, json};
use standalone::{Addresses, Holdfast, Listeners};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request as GrpcRequest, Status, transport::Channel};
use tonic_types::StatusExt as _;

pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// A Holdfast of its own for one test. Ends, and must end well, when the test calls [`World::end`].
pub(crate) struct World {
    pub(crate) addresses: Addresses,
    pub(crate) settings: Settings,
    pub(crate) auth: AuthServiceClient<Channel>,
    pub(crate) tasks: TaskServiceClient<Channel>,
    http: Client<HttpConnector, Full<Bytes>>,
    workspace: Workspace,
    holdfast: Holdfast,
    shutdown: CancellationToken,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::in_workspace(Workspace::new(), "").await
    }

    /// One that never holds up this machine.
    pub(crate) async fn unthrottled() -> Self {
        Self::in_workspace(Workspace::new(), "127.0.0.0/8").await
    }

    async fn in_workspace(workspace: Workspace, throttle_exempt: &str) -> Self {
        let settings = settings(&workspace.path().join("data"), throttle_exempt);
        let listeners = Listeners::bind(&settings).await.unwrap();
        let shutdown = CancellationToken::new();
        let holdfast = Holdfast::start(listeners, &settings, shutdown.clone()).unwrap();
        assert!(holdfast.ready().await);
        let addresses = holdfast.addresses();
        Self {
            auth: AuthServiceClient::new(channel(addresses.auth)),
            tasks: TaskServiceClient::new(channel(addresses.task)),
            http: Client::builder(TokioExecutor::new()).build_http(),
            addresses,
            settings,
            workspace,
            holdfast,
            shutdown,
        }
    }

    /// Shuts down and waits for the end.
    pub(crate) async fn end(self) -> Workspace {
        // Idle connections of the clients would be drained; closing them is what a client does.
        drop((self.auth, self.tasks, self.http));
        self.shutdown.cancel();
        self.holdfast.ended().await.unwrap();
        self.workspace
    }

    /// The same data, served anew.
    pub(crate) async fn restarted(self) -> Self {
        let workspace = self.end().await;
        Self::in_workspace(workspace, "").await
    }

    /// Registers a person.
    pub(crate) async fn person(&self, name: &str) -> Person {
        let email = format!("{name}@example.com");
        let request = RegisterRequest {
            email: email.clone(),
            password: PASSWORD.to_owned(),
            display_name: name.to_owned(),
        };
        let answer = self.auth.clone().register(request).await.unwrap().into_inner();
        Person {
            email,
            user: answer.user.unwrap(),
            tokens: answer.tokens.unwrap(),
        }
    }

    pub(crate) async fn login(&self, email: &str, password: &str) -> Result<Tokens, Status> {
        let request = LoginRequest {
            email: email.to_owned(),
            password: password.to_owned(),
        };
        self.auth
            .clone()
            .login(request)
            .await
            .map(|answer| answer.into_inner().tokens.unwrap())
    }

    /// Sends a REST request with a JSON body, or none, and the headers given.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        let mut headers = headers.to_vec();
        if body.is_some() {
            headers.push(("content-type", "application/json"));
        }
        self.send_raw(
            method,
            path,
            &headers,
            body.map_or_else(Vec::new, |body| body.to_string().into_bytes()),
        )
        .await
    }

    /// Sends any bytes.
    pub(crate) async fn send_raw(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.addresses.gateway));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self
            .http
            .request(request.body(Full::from(body)).unwrap())
            .await
            .unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer {
            status: parts.status,
            headers: parts.headers,
            json,
            bytes,
        }
    }
}

/// The settings of a Holdfast on ports of its own.
pub(crate) fn settings(data_dir: &Path, throttle_exempt: &str) -> Settings {
    let any_port = || "127.0.0.1:0".to_owned();
    let arguments = Arguments {
        data_dir: data_dir.display().to_string(),
        auth_listen: any_port(),
        task_listen: any_port(),
        gateway_listen: any_port(),
        admin_listen: Some(any_port()),
        throttle_exempt: throttle_exempt.to_owned(),
        ..Arguments::defaults()
    };
    Settings::check(&arguments).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

pub(crate) fn channel(address: std::net::SocketAddr) -> Channel {
    platform::channel::connect(
        &[format!("http://{address}").parse().unwrap()],
        &platform::tls::ClientTls::default(),
    )
}

/// What the gateway answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Value,
    pub(crate) bytes: Bytes,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Asserts a problem+json refusal and returns the fields that it names.
    #[track_caller]
    pub(crate) fn assert_problem(&self, status: u16, reason: &str) -> Vec<String> {
        assert_eq!(
            (self.status.as_u16(), &self.json["reason"]),
            (status, &json!(reason)),
            "{self:?}"
        );
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.json["status"], status);
        assert_eq!(self.json["requestId"], *self.header("x-request-id"));
        let errors = self.json["errors"].as_array().map_or(&[][..], Vec::as_slice);
        errors
            .iter()
            .map(|error| error["field"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// Somebody with an account and a session.
pub(crate) struct Person {
    pub(crate) email: String,
    pub(crate) user: User,
    pub(crate) tokens: Tokens,
}

impl Person {
    /// A gRPC request of this person.
    pub(crate) fn request<T>(&self, message: T) -> GrpcRequest<T> {
        bearer(&self.tokens.access_token, message)
    }

    /// The Authorization header of this person.
    pub(crate) fn authorization(&self) -> String {
        format!("Bearer {}", self.tokens.access_token)
    }

    /// A REST request of this person.
    pub(crate) async fn send(&self, world: &World, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let authorization = self.authorization();
        world
            .send(method, path, &[(header::AUTHORIZATION.as_str(), &authorization)], body)
            .await
    }

    pub(crate) async fn create(&self, world: &World, title: &str) -> Task {
        let task = Task {
            title: title.to_owned(),
            ..Task::default()
        };
        let request = CreateTaskRequest {
            task: Some(task),
            ..CreateTaskRequest::default()
        };
        world
            .tasks
            .clone()
            .create_task(self.request(request))
            .await
            .unwrap()
            .into_inner()
    }
}

pub(crate) fn bearer<T>(access_token: &str, message: T) -> GrpcRequest<T> {
    let mut request = GrpcRequest::new(message);
    request
        .metadata_mut()
        .insert("authorization", format!("Bearer {access_token}").parse().unwrap());
    request.set_timeout(Duration::from_secs(20));
    request
}

/// Asserts a gRPC refusal and returns the fields that it names.
#[track_caller]
pub(crate) fn assert_refused<T: std::fmt::Debug>(answer: Result<T, Status>, code: Code, reason: &str) -> Vec<String> {
    let status = answer.unwrap_err();
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("{status:?}"));
    assert_eq!(
        (status.code(), &*info.reason, &*info.domain),
        (code, reason, "holdfast"),
        "{status}"
    );
    let violations = details.bad_request().map_or(&[][..], |bad| &bad.field_violations);
    violations.iter().map(|violation| violation.field.clone()).collect()
}
