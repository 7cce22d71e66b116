//! Task-services over one database, and people who call them.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use platform::{
    channel::connect,
    clock::{Clock as _, Timestamp},
    configuration::DatabaseUrl,
    entropy::{SystemEntropy, uuid_v4},
    metrics::Metrics,
    secret::Secret,
    service_credential::ServiceKeys,
    serving::Readiness,
    testing::{ManualClock, TestEvents, TestIssuer, Workspace, postgres_database},
    tls::ClientTls,
};
use proto::task::v1::task_service_client::TaskServiceClient;
use task_service::StartError;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tonic::{Request, transport::Channel};
use uuid::Uuid;

const ISSUER: &str = "https://holdfast.example";
/// No call that is not cut off on purpose needs longer.
const PATIENCE: Duration = Duration::from_secs(20);
/// A new token is taken after so long; they are good for five minutes.
const TOKEN_KEPT: Duration = Duration::from_mins(4);
/// What stands before every title of a person, and occurs in nothing of another's.
const NAMES: [&str; 4] = ["anna", "ben", "cleo", "dora"];

/// One service on SQLite, or two on PostgreSQL.
pub(crate) struct Services {
    channels: Vec<Channel>,
    pub(super) clock: Arc<ManualClock>,
    issuer: TestIssuer,
    /// Counts what happens, to tell what ended before what began.
    ticks: AtomicU64,
    shutdown: CancellationToken,
    servers: Mutex<Vec<JoinHandle<Result<(), StartError>>>>,
    _workspace: Option<Workspace>,
}

impl Services {
    pub(crate) async fn on_sqlite() -> Arc<Self> {
        let workspace = Workspace::new();
        Self::start(&workspace.sqlite("task.db"), 1, Some(workspace)).await
    }

    pub(crate) async fn on_postgres() -> Arc<Self> {
        Self::start(&postgres_database(&task_service::store::SCHEMA).await, 2, None).await
    }

    async fn start(database: &DatabaseUrl, count: usize, workspace: Option<Workspace>) -> Arc<Self> {
        let clock = Arc::new(ManualClock::new());
        let issuer = TestIssuer::new(ISSUER, "key");
        let shutdown = CancellationToken::new();
        let (mut channels, mut servers) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = format!("http://{}", listener.local_addr().unwrap());
            channels.push(connect(&[address.parse().unwrap()], &ClientTls::default()));
            let config = task_service::Config {
                database: database.clone(),
                issuer: ISSUER.to_owned(),
                keys: Box::new(issuer.clone()),
                events: Box::new(TestEvents::new()),
                service_keys: ServiceKeys::new(vec![Secret::new([7; 32])]).unwrap(),
                reflection: false,
                clock: clock.clone(),
                entropy: Arc::new(SystemEntropy),
                readiness: Readiness::default(),
                metrics: Metrics::default(),
            };
            servers.push(tokio::spawn(task_service::serve(listener, config, shutdown.clone())));
        }
        Arc::new(Self {
            channels,
            clock,
            issuer,
            ticks: AtomicU64::new(0),
            shutdown,
            servers: Mutex::new(servers),
            _workspace: workspace,
        })
    }

    /// Ends them, which they must do well.
    pub(super) async fn end(&self) {
        self.shutdown.cancel();
        let servers = std::mem::take(&mut *self.servers.lock().unwrap());
        for server in servers {
            server.await.unwrap().unwrap();
        }
    }

    /// New people.
    pub(super) fn people(self: &Arc<Self>) -> Vec<Arc<Person>> {
        let person = |name: &&'static str| {
            Arc::new(Person {
                name,
                subject: uuid_v4(&SystemEntropy),
                services: self.clone(),
                token: Mutex::default(),
            })
        };
        NAMES.iter().map(person).collect()
    }
}

/// Somebody with tasks.
pub(super) struct Person {
    pub(super) name: &'static str,
    subject: Uuid,
    services: Arc<Services>,
    /// And from when it is.
    token: Mutex<Option<(Timestamp, String)>>,
}

impl Person {
    pub(super) fn replicas(&self) -> usize {
        self.services.channels.len()
    }

    pub(super) fn tasks_at(&self, replica: usize) -> TaskServiceClient<Channel> {
        TaskServiceClient::new(self.services.channels[replica].clone())
    }

    pub(super) fn now(&self) -> Timestamp {
        self.services.clock.now()
    }

    pub(super) fn advance(&self, duration: Duration) {
        self.services.clock.advance(duration);
    }

    /// The number of a moment; those that come later are greater.
    pub(super) fn tick(&self) -> u64 {
        self.services.ticks.fetch_add(1, Ordering::SeqCst)
    }

    /// A stream, which ends when it likes.
    pub(super) fn stream<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let value = format!("Bearer {}", self.token()).parse().unwrap();
        request.metadata_mut().insert("authorization", value);
        request
    }

    /// One that is good.
    fn token(&self) -> String {
        let now = self.now();
        let mut token = self.token.lock().unwrap();
        if let Some((then, token)) = &*token
            && now.since(*then) < TOKEN_KEPT
        {
            return token.clone();
        }
        let new = self.services.issuer.token(self.subject, self.subject, now);
        *token = Some((now, new.clone()));
        new
    }

    /// A call that is cut off after so long.
    pub(super) fn request<T>(&self, message: T, patience: Option<Duration>) -> Request<T> {
        let mut request = self.stream(message);
        request.set_timeout(patience.unwrap_or(PATIENCE));
        request
    }

    /// Asserts that a text, as one hears it, is nothing of another's.
    #[track_caller]
    pub(super) fn assert_own(&self, heard: &str) {
        let others: HashSet<_> = NAMES.iter().filter(|name| **name != self.name).collect();
        let leaked = others.iter().find(|name| heard.contains(**name));
        assert!(leaked.is_none(), "{} hears of {leaked:?}: {heard}", self.name);
    }
}
