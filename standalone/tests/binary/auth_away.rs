//! auth-service is away for a while: who has a token notices nothing, and what ended at the last moment is heard of when
//! it is back.

use std::{
    fmt,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use platform::{
    database::{Database, Engine as _},
    testing::{Workspace, address_of, postgres_database},
};
use proto::{
    auth::v1::{
        DeleteAccountRequest, LogoutRequest, RefreshRequest, RegisterRequest, Tokens,
        auth_service_client::AuthServiceClient,
    },
    task::v1::{CreateTaskRequest, Task, task_service_client::TaskServiceClient},
};
use sqlx::{Postgres, Row as _, raw_sql};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    select,
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::sleep,
};
use tonic::{Request, transport::Channel};

use crate::{process::ServiceProcess, verifiers::Verifiers};

const PASSWORD: &str = "correct horse battery staple";
const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const REPLICAS: usize = 2;
/// They work all the while, at the verifiers in turn.
const WORKERS: usize = 4;
const BETWEEN_CALLS: Duration = Duration::from_millis(20);
/// Sessions that end at the last moment, and as many at the first.
const LEAVERS: usize = 3;
/// Twice as long as the longest pause before the stream is asked for again, and some more.
const HEARD_WITHIN: Duration = Duration::from_secs(5);
const ERASED_WITHIN: Duration = Duration::from_secs(5);

/// What was measured.
pub(crate) struct Figures {
    /// All of them good.
    pub(crate) calls: usize,
    /// From the return of auth-service to the last refusal of a session that ended before it went.
    pub(crate) heard_of_earlier: Duration,
    /// The same of those that ended right after the return.
    pub(crate) heard_of_later: Duration,
    /// From the return until no task of the deleted account was left.
    pub(crate) erased: Duration,
}

impl fmt::Display for Figures {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            to,
            "{} calls, all good; after the return an earlier end of a session was heard of in {:.1?}, a later one in \
             {:.1?}, and the tasks of a deleted account were gone in {:.1?}",
            self.calls, self.heard_of_earlier, self.heard_of_later, self.erased
        )
    }
}

fn channel(address: SocketAddr) -> Channel {
    let uri = format!("http://{address}").parse().unwrap();
    platform::channel::connect(&[uri], &platform::tls::ClientTls::default())
}

fn bearer<T>(access_token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let value = format!("Bearer {access_token}").parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

/// Everything but auth-service, which comes and goes.
struct World {
    auth_environment: Vec<(&'static str, String)>,
    workspace: Workspace,
    road: Road,
    tasks: Vec<ServiceProcess>,
    gateway: ServiceProcess,
    database: Database<Postgres>,
}

impl World {
    async fn start() -> (Self, ServiceProcess) {
        let workspace = Workspace::new();
        let url = postgres_database(&task_service::store::SCHEMA).await;
        let road = Road::new().await;
        let mut environment = vec![
            ("HOLDFAST_SERVICE_KEY", KEY.to_owned()),
            ("HOLDFAST_LOG", "error".to_owned()),
        ];
        let mut auth_environment = environment.clone();
        auth_environment.extend([
            ("HOLDFAST_MASTER_KEY", format!("test:{KEY}")),
            ("HOLDFAST_ACCESS_TOKEN_TTL", "1h".to_owned()),
            ("HOLDFAST_THROTTLE_EXEMPT", "127.0.0.0/8".to_owned()),
        ]);
        environment.extend([
            ("HOLDFAST_TASK_DATABASE_URL", address_of(&url)),
            ("HOLDFAST_AUTH_ADDR", format!("http://{}", road.address)),
        ]);
        let auth = auth_service(workspace.path(), &auth_environment);
        road.lead_to(Some(auth.address)).await;
        let tasks: Vec<_> = (0..REPLICAS)
            .map(|_| ServiceProcess::start("task-service", workspace.path(), &environment))
            .collect();
        let addresses = tasks.iter().map(|process| format!("http://{}", process.address));
        let addresses = addresses.collect::<Vec<_>>().join(",");
        environment.push(("HOLDFAST_TASK_ADDR", addresses));
        let gateway = ServiceProcess::start("gateway", workspace.path(), &environment);
        for process in tasks.iter().chain([&gateway]) {
            process.ready();
        }
        let database = Postgres::open(&url, &task_service::store::SCHEMA).await.unwrap();
        let world = Self {
            auth_environment,
            workspace,
            road,
            tasks,
            gateway,
            database,
        };
        (world, auth)
    }

    fn verifiers(&self) -> Verifiers {
        let tasks: Vec<_> = self.tasks.iter().map(|process| process.address).collect();
        Verifiers::new(&tasks, self.gateway.address)
    }

    /// Makes somebody with a session and a task.
    async fn person(&self, auth: &ServiceProcess, name: &str) -> Tokens {
        let request = RegisterRequest {
            email: format!("{name}@example.com"),
            password: PASSWORD.to_owned(),
            display_name: String::new(),
        };
        let registered = AuthServiceClient::new(channel(auth.address)).register(request).await;
        let tokens = registered.unwrap().into_inner().tokens.unwrap();
        let create = CreateTaskRequest {
            task: Some(Task {
                title: name.to_owned(),
                ..Task::default()
            }),
            ..CreateTaskRequest::default()
        };
        let mut tasks = TaskServiceClient::new(channel(self.tasks[0].address));
        let create = bearer(&tokens.access_token, create);
        tasks.create_task(create).await.unwrap();
        self.verifiers().take(&tokens.access_token).await;
        tokens
    }

    async fn people(&self, auth: &ServiceProcess, name: &str, count: usize) -> Vec<Tokens> {
        let mut people = Vec::new();
        for number in 0..count {
            people.push(self.person(auth, &format!("{name}{number}")).await);
        }
        people
    }

    /// How many tasks the one who deletes the account has.
    async fn tasks_to_erase(&self) -> i64 {
        let count = self.database.read(|connection| {
            Box::pin(async {
                let sql = "SELECT count(*) FROM tasks WHERE title = 'deleted'";
                raw_sql(sql).fetch_one(connection.driver()).await?.try_get(0)
            })
        });
        count.await.unwrap()
    }
}

fn auth_service(data_dir: &Path, environment: &[(&str, String)]) -> ServiceProcess {
    let auth = ServiceProcess::start("auth-service", data_dir, environment);
    auth.ready();
    auth
}

/// Kills auth-service for so long.
pub(crate) async fn auth_is_away(away: Duration) -> Figures {
    let (world, auth) = World::start().await;
    let verifiers = world.verifiers();
    let workers = world.people(&auth, "worker", WORKERS).await;
    let leavers = world.people(&auth, "leaver", LEAVERS).await;
    let late_leavers = world.people(&auth, "late", LEAVERS).await;
    let deleted = world.person(&auth, "deleted").await;
    assert_eq!(world.tasks_to_erase().await, 1);
    let over = Arc::new(AtomicBool::new(false));
    let tokens = workers.iter().map(|tokens| tokens.access_token.clone()).collect();
    let work = tokio::spawn(work(tokens, verifiers.clone(), over.clone()));

    // The last that it does is not heard any more.
    world.road.lead_to(None).await;
    end_sessions(&auth, &leavers).await;
    let delete = DeleteAccountRequest {
        password: PASSWORD.to_owned(),
    };
    let mut client = AuthServiceClient::new(channel(auth.address));
    let delete = bearer(&deleted.access_token, delete);
    client.delete_account(delete).await.unwrap();
    drop(auth);
    let (ended, gone_since) = ([&leavers[..], &[deleted]].concat(), Instant::now());
    for tokens in &ended {
        verifiers.take(&tokens.access_token).await;
    }
    sleep(away.saturating_sub(gone_since.elapsed())).await;

    let auth = auth_service(world.workspace.path(), &world.auth_environment);
    world.road.lead_to(Some(auth.address)).await;
    let returned = Instant::now();
    end_sessions(&auth, &late_leavers).await;
    let (heard_of_earlier, heard_of_later, erased) = tokio::join!(
        refused(&verifiers, &ended, returned),
        refused(&verifiers, &late_leavers, returned),
        async {
            while world.tasks_to_erase().await > 0 {
                assert!(returned.elapsed() < 2 * ERASED_WITHIN, "the tasks are still there");
                sleep(Duration::from_millis(10)).await;
            }
            returned.elapsed()
        }
    );
    for tokens in &workers {
        let refresh = RefreshRequest {
            refresh_token: tokens.refresh_token.clone(),
        };
        let mut client = AuthServiceClient::new(channel(auth.address));
        let refreshed = client.refresh(refresh).await.unwrap().into_inner();
        verifiers.take(&refreshed.tokens.unwrap().access_token).await;
    }
    over.store(true, Ordering::Relaxed);
    let calls = work.await.unwrap();
    for tokens in ended.iter().chain(&late_leavers) {
        verifiers.refuse(&tokens.access_token).await;
    }
    assert!(heard_of_earlier < HEARD_WITHIN, "{heard_of_earlier:?}");
    assert!(heard_of_later < HEARD_WITHIN, "{heard_of_later:?}");
    assert!(erased < ERASED_WITHIN, "{erased:?}");
    Figures {
        calls,
        heard_of_earlier,
        heard_of_later,
        erased,
    }
}

async fn end_sessions(auth: &ServiceProcess, people: &[Tokens]) {
    let mut auth = AuthServiceClient::new(channel(auth.address));
    for tokens in people {
        let refresh_token = tokens.refresh_token.clone();
        auth.logout(LogoutRequest { refresh_token }).await.unwrap();
    }
}

/// How long it takes until every one of them is refused by everybody.
async fn refused(verifiers: &Verifiers, people: &[Tokens], since: Instant) -> Duration {
    let mut refusals = JoinSet::new();
    for tokens in people {
        for verifier in 0..verifiers.count() {
            let (verifiers, token) = (verifiers.clone(), tokens.access_token.clone());
            refusals.spawn(async move { verifiers.refused(verifier, &token, since).await });
        }
    }
    refusals.join_all().await.into_iter().max().unwrap()
}

/// Calls that must all be good, until it is over; how many.
async fn work(tokens: Vec<String>, verifiers: Verifiers, over: Arc<AtomicBool>) -> usize {
    let began = Instant::now();
    let mut calls = JoinSet::new();
    let mut made: usize = 0;
    while !over.load(Ordering::Relaxed) {
        let (token, verifier) = (tokens[made % tokens.len()].clone(), made % verifiers.count());
        let verifiers = verifiers.clone();
        calls.spawn(async move {
            let answer = verifiers.call(verifier, &token).await;
            answer.unwrap_or_else(|reason| {
                panic!("verifier {verifier}, after {:?}: {reason}", began.elapsed());
            });
        });
        made += 1;
        while let Some(call) = calls.try_join_next() {
            call.unwrap();
        }
        sleep(BETWEEN_CALLS).await;
    }
    calls.join_all().await;
    made
}

/// The address at which auth-service is found, wherever it is. While it is nowhere, whoever comes is hung up on.
struct Road {
    address: SocketAddr,
    directions: mpsc::Sender<(Option<SocketAddr>, oneshot::Sender<()>)>,
}

impl Road {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (directions, mut directed) = mpsc::channel::<(_, oneshot::Sender<()>)>(1);
        tokio::spawn(async move {
            let (mut target, mut travellers) = (None, JoinSet::new());
            loop {
                select! {
                    direction = directed.recv() => {
                        let Some((next, done)) = direction else { return };
                        target = next;
                        travellers.shutdown().await;
                        done.send(()).unwrap();
                    }
                    Ok((mut traveller, _)) = listener.accept() => {
                        let Some(target) = target else { continue };
                        travellers.spawn(async move {
                            // Who does not get there is hung up on.
                            if let Ok(mut there) = TcpStream::connect(target).await {
                                copy_bidirectional(&mut traveller, &mut there).await.ok();
                            }
                        });
                    }
                }
            }
        });
        Self { address, directions }
    }

    /// Leads there, or nowhere; everybody on the way is lost.
    async fn lead_to(&self, target: Option<SocketAddr>) {
        let (done, is_done) = oneshot::channel();
        self.directions.send((target, done)).await.unwrap();
        is_done.await.unwrap();
    }
}
