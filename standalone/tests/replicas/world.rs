//! Replicas, and people whose calls go to each in turn.

use std::{
    future::Future,
    net::{SocketAddr, TcpListener},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use auth_service::{passwords::HashingParameters, sessions::Lifetimes};
use platform::{
    account_events::RemoteEvents,
    channel::connect,
    configuration::{DatabaseUrl, MasterKey, MasterKeys},
    database::{Database, Engine as _},
    entropy::SystemEntropy,
    metrics::Metrics,
    secret::Secret,
    service_credential::ServiceKeys,
    serving::Readiness,
    testing::{ManualClock, postgres_database},
    tls::ClientTls,
    verification::RemoteKeys,
};
use proto::{
    auth::v1::{
        GetSessionRequest, GetSessionResponse, LoginRequest, RefreshRequest, RegisterRequest, RegisterResponse, Tokens,
        auth_service_client::AuthServiceClient,
    },
    task::v1::{
        CreateTaskRequest, GetTaskRequest, ListTasksRequest, ListTasksResponse, Task, UpdateTaskRequest,
        task_service_client::TaskServiceClient,
    },
};
use sqlx::{Postgres, Row as _, raw_sql};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Response, Status, transport::Channel};
use tonic_types::StatusExt as _;

pub(crate) const REPLICAS: usize = 3;
const PASSWORD: &str = "correct horse battery staple";
const ISSUER: &str = "https://holdfast.example";

/// The replicas, all of one age. They end when it is dropped, as a power cut ends them.
pub(crate) struct World {
    auth: Vec<Replica>,
    tasks: Vec<Replica>,
    /// The databases, as an administrator sees them.
    pub(crate) auth_database: Database<Postgres>,
    pub(crate) task_database: Database<Postgres>,
    pub(crate) clock: Arc<ManualClock>,
    turn: AtomicUsize,
}

impl World {
    pub(crate) async fn start() -> Self {
        let auth = postgres_database(&auth_service::store::SCHEMA).await;
        let task = postgres_database(&task_service::store::SCHEMA).await;
        Self::over(&auth, &task, &auth, &task).await
    }

    /// Replicas that reach the databases another way than the administrator.
    pub(crate) async fn over(
        auth: &DatabaseUrl,
        task: &DatabaseUrl,
        near_auth: &DatabaseUrl,
        near_task: &DatabaseUrl,
    ) -> Self {
        let clock = Arc::new(ManualClock::new());
        let auth_replicas: Vec<Replica> = (0..REPLICAS).map(|_| Replica::new()).collect();
        let task_replicas: Vec<Replica> = (0..REPLICAS).map(|_| Replica::new()).collect();
        let issuers: Vec<_> = auth_replicas.iter().map(|replica| uri(replica.address)).collect();
        for replica in &auth_replicas {
            let config = auth_config(near_auth.clone(), clock.clone());
            replica.run(|listener| async { auth_service::serve(listener, config, CancellationToken::new()).await });
        }
        for replica in &task_replicas {
            let (database, issuers, clock) = (near_task.clone(), issuers.clone(), clock.clone());
            replica.run(|listener| async move {
                let config = task_config(database, &issuers, clock);
                task_service::serve(listener, config, CancellationToken::new()).await
            });
        }
        Self {
            auth: auth_replicas,
            tasks: task_replicas,
            auth_database: Postgres::open(auth, &auth_service::store::SCHEMA).await.unwrap(),
            task_database: Postgres::open(task, &task_service::store::SCHEMA).await.unwrap(),
            clock,
            turn: AtomicUsize::new(0),
        }
    }

    fn next(&self) -> usize {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }

    /// The auth-service whose turn it is.
    pub(crate) fn auth(&self) -> AuthServiceClient<Channel> {
        self.auth_at(self.next())
    }

    /// The auth-service of that number; the numbers go round.
    pub(crate) fn auth_at(&self, number: usize) -> AuthServiceClient<Channel> {
        AuthServiceClient::new(self.auth[number % REPLICAS].channel.clone())
    }

    /// The task-service whose turn it is.
    pub(crate) fn tasks(&self) -> TaskServiceClient<Channel> {
        self.tasks_at(self.next())
    }

    /// The task-service of that number; the numbers go round.
    pub(crate) fn tasks_at(&self, number: usize) -> TaskServiceClient<Channel> {
        TaskServiceClient::new(self.tasks[number % REPLICAS].channel.clone())
    }

    /// Ends the first replica of each kind where it stands.
    pub(crate) fn kill_the_first(&self) {
        self.auth[0].kill();
        self.tasks[0].kill();
    }

    /// Somebody new, registered wherever it was their turn.
    pub(crate) async fn person(&self, name: &str) -> Person {
        let email = format!("{name}@example.com");
        let answer = register(self.auth(), &email).await.unwrap();
        Person {
            email,
            tokens: answer.tokens.unwrap(),
        }
    }
}

pub(crate) async fn register(mut auth: AuthServiceClient<Channel>, email: &str) -> Result<RegisterResponse, Status> {
    let request = RegisterRequest {
        email: email.to_owned(),
        password: PASSWORD.to_owned(),
        display_name: String::new(),
    };
    auth.register(timed(request)).await.map(Response::into_inner)
}

pub(crate) async fn refresh(mut auth: AuthServiceClient<Channel>, token: &str) -> Result<Tokens, Status> {
    let request = RefreshRequest {
        refresh_token: token.to_owned(),
    };
    let answer = auth.refresh(timed(request)).await?;
    Ok(answer.into_inner().tokens.unwrap())
}

/// Somebody with an account and a session.
#[derive(Clone)]
pub(crate) struct Person {
    email: String,
    pub(crate) tokens: Tokens,
}

impl Person {
    /// A request of this person.
    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        bearer(&self.tokens.access_token, message)
    }

    pub(crate) async fn session(&self, mut auth: AuthServiceClient<Channel>) -> Result<GetSessionResponse, Status> {
        let request = bearer(&self.tokens.access_token, GetSessionRequest {});
        auth.get_session(request).await.map(Response::into_inner)
    }

    pub(crate) async fn login(&self, mut auth: AuthServiceClient<Channel>) -> Result<Tokens, Status> {
        let request = LoginRequest {
            email: self.email.clone(),
            password: PASSWORD.to_owned(),
        };
        let answer = auth.login(timed(request)).await?;
        Ok(answer.into_inner().tokens.unwrap())
    }

    pub(crate) async fn create(&self, mut tasks: TaskServiceClient<Channel>, title: &str) -> Result<Task, Status> {
        let task = Task {
            title: title.to_owned(),
            ..Task::default()
        };
        let request = CreateTaskRequest {
            request_id: String::new(),
            task: Some(task),
            validate_only: false,
        };
        let request = bearer(&self.tokens.access_token, request);
        tasks.create_task(request).await.map(Response::into_inner)
    }

    pub(crate) async fn get(&self, mut tasks: TaskServiceClient<Channel>, id: &str) -> Result<Task, Status> {
        let request = bearer(&self.tokens.access_token, GetTaskRequest { id: id.to_owned() });
        tasks.get_task(request).await.map(Response::into_inner)
    }

    pub(crate) async fn list(
        &self,
        mut tasks: TaskServiceClient<Channel>,
        page_size: i32,
        page_token: &str,
    ) -> Result<ListTasksResponse, Status> {
        let request = ListTasksRequest {
            page_size,
            page_token: page_token.to_owned(),
            ..ListTasksRequest::default()
        };
        let request = bearer(&self.tokens.access_token, request);
        tasks.list_tasks(request).await.map(Response::into_inner)
    }

    /// A new title for the task that has this etag.
    pub(crate) async fn retitle(
        &self,
        mut tasks: TaskServiceClient<Channel>,
        task: &Task,
        title: &str,
    ) -> Result<Task, Status> {
        let task = Task {
            title: title.to_owned(),
            id: task.id.clone(),
            etag: task.etag.clone(),
            ..Task::default()
        };
        let request = UpdateTaskRequest {
            request_id: String::new(),
            task: Some(task),
            update_mask: Some(prost_types::FieldMask {
                paths: vec!["title".to_owned()],
            }),
            validate_only: false,
        };
        let request = bearer(&self.tokens.access_token, request);
        tasks.update_task(request).await.map(Response::into_inner)
    }
}

pub(crate) fn bearer<T>(access_token: &str, message: T) -> Request<T> {
    let mut request = timed(message);
    let value = format!("Bearer {access_token}").parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

/// With a deadline that no call should need.
pub(crate) fn timed<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(Duration::from_secs(20));
    request
}

/// Asserts a refusal.
#[track_caller]
pub(crate) fn assert_refused<T: std::fmt::Debug>(answer: Result<T, Status>, code: Code, reason: &str) {
    let status = answer.unwrap_err();
    let details = status.get_error_details();
    let told = details.error_info().map(|info| info.reason.as_str());
    assert_eq!((status.code(), told), (code, Some(reason)), "{status:?}");
}

/// The one column of whole numbers that a query finds.
pub(crate) async fn numbers(database: &Database<Postgres>, sql: &'static str) -> Vec<i64> {
    let rows = database.read(move |connection| {
        Box::pin(async move {
            let rows = raw_sql(sql).fetch_all(connection.driver()).await?;
            rows.iter().map(|row| row.try_get(0)).collect()
        })
    });
    rows.await.unwrap()
}

/// A process in all but name: its threads, and what runs on them, are its own.
struct Replica {
    address: SocketAddr,
    channel: Channel,
    listener: Mutex<Option<TcpListener>>,
    runtime: Mutex<Option<Runtime>>,
}

impl Replica {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Self {
            address,
            channel: connect(&[uri(address)], &ClientTls::default()),
            listener: Mutex::new(Some(listener)),
            runtime: Mutex::new(Some(runtime.unwrap())),
        }
    }

    /// Serves until it is killed. A service that ends by itself breaks its connections, which the test sees.
    fn run<F, E>(&self, serve: impl FnOnce(tokio::net::TcpListener) -> F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: std::fmt::Display,
    {
        let listener = self.listener.lock().unwrap().take().unwrap();
        let runtime = self.runtime.lock().unwrap();
        let runtime = runtime.as_ref().unwrap();
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener).unwrap()
        };
        let serving = serve(listener);
        runtime.spawn(async {
            if let Err(error) = serving.await {
                panic!("a replica did not start: {error}");
            }
        });
    }

    /// Drops whatever it does, in the middle of it.
    fn kill(&self) {
        if let Some(runtime) = self.runtime.lock().unwrap().take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.kill();
    }
}

fn uri(address: SocketAddr) -> http::Uri {
    format!("http://{address}").parse().unwrap()
}

fn auth_config(database: DatabaseUrl, clock: Arc<ManualClock>) -> auth_service::Config {
    auth_service::Config {
        database,
        issuer: ISSUER.to_owned(),
        master_keys: MasterKeys::new(vec![MasterKey {
            id: "test".to_owned(),
            key: Secret::new([1; 32]),
        }])
        .unwrap(),
        service_keys: service_keys(),
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
        // The test itself, as a crowd.
        throttle_exempt: vec!["127.0.0.0/8".parse().unwrap()],
        reflection: false,
        clock,
        entropy: Arc::new(SystemEntropy),
        readiness: Readiness::default(),
        metrics: Metrics::default(),
    }
}

fn task_config(database: DatabaseUrl, issuers: &[http::Uri], clock: Arc<ManualClock>) -> task_service::Config {
    task_service::Config {
        database,
        issuer: ISSUER.to_owned(),
        keys: Box::new(RemoteKeys::new(connect(issuers, &ClientTls::default()))),
        events: Box::new(RemoteEvents::new(
            connect(issuers, &ClientTls::default()),
            service_keys(),
            clock.clone(),
        )),
        service_keys: service_keys(),
        reflection: false,
        clock,
        entropy: Arc::new(SystemEntropy),
        readiness: Readiness::default(),
        metrics: Metrics::default(),
    }
}

pub(crate) fn service_keys() -> ServiceKeys {
    ServiceKeys::new(vec![Secret::new([7; 32])]).unwrap()
}
