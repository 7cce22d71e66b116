//! Signing keys are rotated and revoked under a thousand task calls a second: no call fails (TK-13), but with a token
//! of a revoked key, and those are good again after one refresh (TK-15).

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use platform::testing::Workspace;
use proto::{
    auth::v1::{RefreshRequest, RegisterRequest, Tokens, auth_service_client::AuthServiceClient},
    task::v1::{
        CreateTaskRequest, GetTaskRequest, ListTasksRequest, Task, UpdateTaskRequest,
        task_service_client::TaskServiceClient,
    },
};
use tokio::{
    task::{JoinSet, spawn_blocking},
    time::{sleep, sleep_until},
};
use tonic::{Code, Status, transport::Channel};
use tonic_types::StatusExt as _;

use crate::{
    PASSWORD, bearer, channel, part_of,
    process::{Process, command, run},
    quantile,
};

const CALLS: u32 = 120_000;
const BETWEEN_CALLS: Duration = Duration::from_millis(1);
/// Half of them refresh every second, so that there are tokens of a key as soon as it signs; the others only when they
/// must.
const PEOPLE: usize = 20;
const BETWEEN_REFRESHES: Duration = Duration::from_secs(1);
/// After so many seconds. A new key waits ten minutes before it signs, unless the one that does is revoked; the first
/// revocation finds no key that waits, and the second `Rotate` one that does. Two revocations lie less than ten seconds
/// behind another turn, in which time a verifier asks for no key that it does not know: it must have been told.
const TURNS: [(u64, Turn); 9] = [
    (5, Turn::Revoke),
    (20, Turn::Rotate),
    (35, Turn::Rotate),
    (50, Turn::Revoke),
    (57, Turn::Revoke),
    (65, Turn::Rotate),
    (80, Turn::Revoke),
    (95, Turn::Revoke),
    (110, Turn::Rotate),
];

#[derive(Clone, Copy, Debug)]
enum Turn {
    Rotate,
    /// Of the key that signs.
    Revoke,
}

struct Person {
    auth: AuthServiceClient<Channel>,
    tasks: TaskServiceClient<Channel>,
    held: RwLock<Arc<Held>>,
    /// One refresh at a time, as in a browser.
    refreshing: tokio::sync::Mutex<()>,
    refreshes: AtomicUsize,
    task: Task,
}

/// What a person was given last.
struct Held {
    tokens: Tokens,
    key: String,
}

impl Held {
    fn new(tokens: Tokens) -> Arc<Self> {
        let header = part_of(&tokens.access_token, 0);
        let key = header["kid"].as_str().unwrap().to_owned();
        Arc::new(Self { tokens, key })
    }
}

/// What became of a call.
enum Fate {
    Good,
    /// Refused for its key; good after a refresh.
    Recovered,
    Failed(String),
}

impl Person {
    async fn register(process: &Process, number: usize) -> Self {
        let request = RegisterRequest {
            email: format!("person{number}@example.com"),
            password: PASSWORD.to_owned(),
            display_name: String::new(),
        };
        let (mut auth, mut tasks) = (
            AuthServiceClient::new(channel(process.auth)),
            TaskServiceClient::new(channel(process.task)),
        );
        let tokens = auth.register(request).await.unwrap().into_inner().tokens.unwrap();
        let create = CreateTaskRequest {
            task: Some(Task {
                title: "Mine".to_owned(),
                ..Task::default()
            }),
            ..CreateTaskRequest::default()
        };
        let task = tasks.create_task(bearer(&tokens.access_token, create)).await.unwrap();
        Self {
            auth,
            tasks,
            held: RwLock::new(Held::new(tokens)),
            refreshing: tokio::sync::Mutex::default(),
            refreshes: AtomicUsize::new(0),
            task: task.into_inner(),
        }
    }

    fn held(&self) -> Arc<Held> {
        self.held.read().unwrap().clone()
    }

    /// Another token than that of a key that was refused; whoever comes second takes what the first was given.
    async fn refreshed(&self, refused: Option<&str>) -> Result<Arc<Held>, Status> {
        let _alone = self.refreshing.lock().await;
        let held = self.held();
        if refused.is_some_and(|key| key != held.key) {
            return Ok(held);
        }
        let refresh = RefreshRequest {
            refresh_token: held.tokens.refresh_token.clone(),
        };
        self.refreshes.fetch_add(1, Ordering::Relaxed);
        let tokens = self.auth.clone().refresh(refresh).await?.into_inner().tokens.unwrap();
        let held = Held::new(tokens);
        *self.held.write().unwrap() = held.clone();
        Ok(held)
    }

    async fn call(&self, number: u32, access_token: &str) -> Result<(), Status> {
        let mut tasks = self.tasks.clone();
        match number / 20 % 10 {
            0 => {
                let update = UpdateTaskRequest {
                    task: Some(Task {
                        id: self.task.id.clone(),
                        title: format!("Changed {number}"),
                        ..Task::default()
                    }),
                    ..UpdateTaskRequest::default()
                };
                tasks.update_task(bearer(access_token, update)).await.map(drop)
            }
            1 => {
                let list = ListTasksRequest::default();
                tasks.list_tasks(bearer(access_token, list)).await.map(drop)
            }
            _ => {
                let id = self.task.id.clone();
                tasks
                    .get_task(bearer(access_token, GetTaskRequest { id }))
                    .await
                    .map(drop)
            }
        }
    }

    /// One call, and what a client does about a refusal: one refresh, and the same call once more.
    async fn try_call(&self, number: u32, revoked: &Mutex<HashSet<String>>) -> Fate {
        let held = self.held();
        let Err(refused) = self.call(number, &held.tokens.access_token).await else {
            return Fate::Good;
        };
        let known = revoked.lock().unwrap().contains(&held.key);
        if !known || refused.code() != Code::Unauthenticated || reason(&refused) != "TOKEN_INVALID" {
            return Fate::Failed(format!("key {} (revoked: {known}): {refused}", held.key));
        }
        let again = async {
            let held = self.refreshed(Some(&held.key)).await?;
            self.call(number, &held.tokens.access_token).await
        };
        match again.await {
            Ok(()) => Fate::Recovered,
            Err(status) => Fate::Failed(format!("again, after a refresh: {status}")),
        }
    }
}

fn reason(status: &Status) -> String {
    let details = status.get_error_details();
    details.error_info().map(|info| info.reason.clone()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_turned_under_load_and_no_call_fails() {
    let workspace = Workspace::new();
    let holdfast = || {
        let mut command = command(workspace.path());
        command.env("HOLDFAST_LOG", "error");
        command
    };
    let process = Process::start_as(holdfast().env("HOLDFAST_THROTTLE_EXEMPT", "127.0.0.0/8"));
    let mut people = Vec::new();
    for number in 0..PEOPLE {
        people.push(Arc::new(Person::register(&process, number).await));
    }
    let revoked = Arc::new(Mutex::new(HashSet::new()));
    let began = Instant::now();
    let ends = began + BETWEEN_CALLS * CALLS;

    let mut active = JoinSet::new();
    for (number, person) in people.iter().take(PEOPLE / 2).cloned().enumerate() {
        active.spawn(async move {
            // Not all at the same moment.
            sleep(BETWEEN_REFRESHES * u32::try_from(number).unwrap() / 10).await;
            while Instant::now() < ends {
                person.refreshed(None).await.unwrap();
                sleep(BETWEEN_REFRESHES).await;
            }
        });
    }
    let turning = tokio::spawn({
        let (revoked, path) = (revoked.clone(), workspace.path().to_owned());
        async move {
            for (second, turn) in TURNS {
                sleep_until((began + Duration::from_secs(second)).into()).await;
                let (revoked, path) = (revoked.clone(), path.clone());
                spawn_blocking(move || turn_keys(&path, second, turn, &revoked))
                    .await
                    .unwrap();
            }
        }
    });

    let (mut calls, mut most) = (JoinSet::new(), 0);
    let (mut latencies, mut recovered, mut failed) = (Vec::new(), 0, Vec::new());
    let mut account = |answer: Result<(Duration, Fate, Duration), _>| match answer.unwrap() {
        (took, Fate::Good, _) => latencies.push(took),
        (_, Fate::Recovered, _) => recovered += 1,
        (_, Fate::Failed(why), at) => failed.push(format!("at {at:.2?}: {why}")),
    };
    for number in 0..CALLS {
        let due = began + BETWEEN_CALLS * number;
        sleep_until(due.into()).await;
        let (person, revoked) = (people[number as usize % PEOPLE].clone(), revoked.clone());
        calls.spawn(async move {
            let fate = person.try_call(number, &revoked).await;
            (due.elapsed(), fate, due - began)
        });
        most = most.max(calls.len());
        while let Some(answer) = calls.try_join_next() {
            account(answer);
        }
    }
    let took = began.elapsed();
    while let Some(answer) = calls.join_next().await {
        account(answer);
    }
    turning.await.unwrap();
    active.join_all().await;

    println!("{CALLS} calls in {took:.1?}, at most {most} at once");
    println!(
        "good: {}, p50 {:.1?}, p99 {:.1?}; of a revoked key and recovered: {recovered}; failed: {}",
        latencies.len(),
        quantile(&mut latencies, 0.5),
        quantile(&mut latencies, 0.99),
        failed.len()
    );
    let refreshes = |person: &Arc<Person>| person.refreshes.load(Ordering::Relaxed);
    let steady: Vec<usize> = people.iter().skip(PEOPLE / 2).map(refreshes).collect();
    let revocations = revoked.lock().unwrap().len();
    println!("{revocations} revocations; refreshes of each who refreshed only then: {steady:?}");
    for failure in failed.iter().take(20) {
        println!("failed {failure}");
    }
    assert!(failed.is_empty(), "{} calls failed", failed.len());
    assert!(recovered >= revocations * PEOPLE / 2, "nobody was refused");
    assert_eq!(steady, [revocations; PEOPLE / 2]);
    // It was as many a second as it should be.
    assert!(took < BETWEEN_CALLS * CALLS + Duration::from_secs(2), "{took:?}");
    process.kill();
}

/// The command of the operator, and what it prints.
fn turn_keys(data_dir: &std::path::Path, second: u64, turn: Turn, revoked: &Mutex<HashSet<String>>) {
    let keys = |arguments: &[&str]| {
        let mut keys = command(data_dir);
        let told = run(keys.env("HOLDFAST_LOG", "error").arg("keys").args(arguments));
        assert!(told.status.success(), "{told:?}");
        let told = String::from_utf8(told.stdout).unwrap();
        let told = told.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        told.map(|words| (words[0].to_owned(), words[1].to_owned()))
            .collect::<Vec<_>>()
    };
    let began = Instant::now();
    let left = match turn {
        Turn::Rotate => keys(&["rotate"]),
        Turn::Revoke => {
            let listed = keys(&["list"]);
            let (id, _) = listed.iter().find(|(_, state)| state == "ACTIVE").unwrap();
            revoked.lock().unwrap().insert(id.clone());
            let left = keys(&["revoke", id]);
            assert!(left.iter().all(|(left, _)| left != id));
            left
        }
    };
    println!("after {second} s: {turn:?} took {:.1?}: {left:?}", began.elapsed());
    assert_eq!(left.iter().filter(|(_, state)| state == "ACTIVE").count(), 1);
}
