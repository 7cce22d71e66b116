//! A running auth-service and its client.

use std::{sync::Arc, time::Duration};

use auth_service::{Config, passwords::HashingParameters, serve, sessions::Lifetimes};
use platform::{
    configuration::{DatabaseUrl, MasterKey, MasterKeys},
    entropy::SystemEntropy,
    metrics::Metrics,
    secret::Secret,
    service_credential::ServiceKeys,
    serving::Readiness,
    testing::{ManualClock, Workspace},
};
use proto::auth::v1::{
    GetSessionRequest, GetSessionResponse, LoginRequest, LoginResponse, RefreshRequest, RegisterRequest,
    RegisterResponse, Tokens, auth_service_client::AuthServiceClient,
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Response, Status, transport::Channel};
use tonic_types::StatusExt as _;

pub(crate) const EMAIL: &str = "ada@example.com";
pub(crate) const PASSWORD: &str = "correct horse battery staple";
pub(crate) const ISSUER: &str = "https://holdfast.example";

pub(crate) struct World {
    pub(crate) auth: AuthServiceClient<Channel>,
    pub(crate) channel: Channel,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) service_keys: ServiceKeys,
    pub(crate) config: Config,
    pub(crate) workspace: Workspace,
    shutdown: CancellationToken,
    served: JoinHandle<()>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A service with some of its configuration changed.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let workspace = Workspace::new();
        let clock = Arc::new(ManualClock::new());
        let service_keys = ServiceKeys::new(vec![Secret::new([7; 32])]).unwrap();
        let mut config = Config {
            database: workspace.sqlite("auth.db"),
            issuer: ISSUER.to_owned(),
            master_keys: master_keys(1),
            service_keys: service_keys.clone(),
            lifetimes: Lifetimes {
                idle: Duration::from_hours(24),
                absolute: Duration::from_hours(72),
                access: Duration::from_mins(5),
            },
            key_rotation: Duration::from_hours(24),
            password_min_length: 12,
            hashing: HashingParameters {
                memory_kib: 64,
                passes: 1,
            },
            throttle_exempt: Vec::new(),
            reflection: true,
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
            readiness: Readiness::default(),
            metrics: Metrics::default(),
        };
        change(&mut config);
        Self::start(workspace, clock, service_keys, config).await
    }

    async fn start(workspace: Workspace, clock: Arc<ManualClock>, service_keys: ServiceKeys, config: Config) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let shutdown = CancellationToken::new();
        let served = tokio::spawn({
            let (config, shutdown) = (config.clone(), shutdown.clone());
            async move { serve(listener, config, shutdown).await.unwrap() }
        });
        let channel = platform::channel::connect(&[address.parse().unwrap()], &platform::tls::ClientTls::default());
        Self {
            auth: AuthServiceClient::new(channel.clone()),
            channel,
            clock,
            service_keys,
            config,
            workspace,
            shutdown,
            served,
        }
    }

    /// The same database, served anew.
    pub(crate) async fn restarted(self) -> Self {
        self.shutdown.cancel();
        self.served.await.unwrap();
        Self::start(self.workspace, self.clock, self.service_keys, self.config).await
    }

    pub(crate) fn database(&self) -> &DatabaseUrl {
        &self.config.database
    }

    pub(crate) async fn register(&self, email: &str) -> RegisterResponse {
        let request = RegisterRequest {
            email: email.to_owned(),
            password: PASSWORD.to_owned(),
            display_name: "Ada".to_owned(),
        };
        self.auth.clone().register(request).await.unwrap().into_inner()
    }

    pub(crate) async fn login(&self, email: &str, password: &str) -> Result<LoginResponse, Status> {
        let request = LoginRequest {
            email: email.to_owned(),
            password: password.to_owned(),
        };
        self.auth.clone().login(request).await.map(Response::into_inner)
    }

    pub(crate) async fn refresh(&self, refresh_token: &str) -> Result<Tokens, Status> {
        let request = RefreshRequest {
            refresh_token: refresh_token.to_owned(),
        };
        self.auth
            .clone()
            .refresh(request)
            .await
            .map(|answer| answer.into_inner().tokens.unwrap())
    }

    pub(crate) async fn session(&self, access_token: &str) -> Result<GetSessionResponse, Status> {
        self.auth
            .clone()
            .get_session(bearer(access_token, GetSessionRequest {}))
            .await
            .map(Response::into_inner)
    }
}

pub(crate) fn master_keys(byte: u8) -> MasterKeys {
    MasterKeys::new(vec![MasterKey {
        id: "test".to_owned(),
        key: Secret::new([byte; 32]),
    }])
    .unwrap()
}

pub(crate) fn bearer<T>(access_token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request
        .metadata_mut()
        .insert("authorization", format!("Bearer {access_token}").parse().unwrap());
    request
}

/// Asserts a refusal and returns the fields that it names.
#[track_caller]
pub(crate) fn assert_refused<T: std::fmt::Debug>(answer: Result<T, Status>, code: Code, reason: &str) -> Vec<String> {
    let status = answer.unwrap_err();
    let details = status.get_error_details();
    let info = details.error_info().unwrap();
    assert_eq!(
        (status.code(), &*info.reason, &*info.domain),
        (code, reason, "holdfast"),
        "{status}"
    );
    details.bad_request().map_or_else(Vec::new, |bad| {
        bad.field_violations
            .iter()
            .map(|violation| violation.field.clone())
            .collect()
    })
}
