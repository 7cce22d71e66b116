//! What watchers cost, and how soon they hear: ten thousand idle ones, a thousand of one owner.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use platform::testing::Workspace;
use proto::task::v1::{
    CreateTaskRequest, Task, WatchTasksRequest, WatchTasksResponse, task_service_client::TaskServiceClient,
};
use tokio::task::JoinSet;
use tonic::Streaming;

use crate::{bearer, channel, process::Process, quantile, register, register_as, resident_kib};

/// One person may have a thousand.
const PEOPLE: usize = 10;
const IDLE: usize = 10_000;
/// Fewer than a connection takes at once.
const ON_A_CONNECTION: usize = 200;
/// P10.
const IDLE_LIMIT_KIB: u64 = 20;
const OF_ONE_OWNER: usize = 1_000;
const HEARD_WITHIN: Duration = Duration::from_millis(200);

/// Watches, over as many connections as they need; each has had its first message.
async fn watch(process: &Process, access_token: &str, count: usize) -> Vec<Streaming<WatchTasksResponse>> {
    let mut streams = Vec::new();
    while streams.len() < count {
        let tasks = TaskServiceClient::new(channel(process.task));
        let opened = (0..ON_A_CONNECTION.min(count - streams.len())).map(async |_| {
            let mut request = bearer(access_token, WatchTasksRequest::default());
            request.set_timeout(Duration::from_mins(4));
            let mut stream = tasks.clone().watch_tasks(request).await.unwrap().into_inner();
            assert!(stream.message().await.unwrap().is_some());
            stream
        });
        streams.extend(join_all(opened).await);
    }
    streams
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_idle_watchers_are_small_and_a_thousand_hear_soon() {
    let workspace = Workspace::new();
    let process = Process::start(workspace.path());
    let access_token = register(&process).await.tokens.unwrap().access_token;
    // What the first ones cost besides is not theirs.
    let warm = watch(&process, &access_token, ON_A_CONNECTION).await;
    let before = resident_kib(&process);
    let mut idle = Vec::new();
    for number in 0..PEOPLE {
        let access_token = register_as(&process, &format!("person{number}@example.com")).await;
        idle.extend(watch(&process, &access_token, IDLE / PEOPLE).await);
    }
    let after = resident_kib(&process);
    let each = (after - before) * 1024 / u64::try_from(IDLE).unwrap();
    println!(
        "{} watchers: {} MiB resident, {} MiB before: {each} bytes each",
        IDLE + warm.len(),
        after / 1024,
        before / 1024
    );
    // Others' changes do not wake them.
    drop(warm);

    let watchers = watch(&process, &access_token, OF_ONE_OWNER).await;
    let mut hearing = JoinSet::new();
    for mut watcher in watchers {
        hearing.spawn(async move {
            let mut heard = Vec::new();
            while heard.len() < 20 {
                if watcher.message().await.unwrap().unwrap().event.is_some() {
                    heard.push(Instant::now());
                }
            }
            heard
        });
    }
    let mut tasks = TaskServiceClient::new(channel(process.task));
    let mut acknowledged = Vec::new();
    for number in 0..20 {
        let request = CreateTaskRequest {
            task: Some(Task {
                title: format!("Task {number}"),
                ..Task::default()
            }),
            ..CreateTaskRequest::default()
        };
        tasks.create_task(bearer(&access_token, request)).await.unwrap();
        acknowledged.push(Instant::now());
        // A change by itself: the next comes when all have heard of it.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let heard = hearing.join_all().await;
    let mut last: Vec<Duration> = (0..20)
        .map(|number| {
            let last = heard.iter().map(|heard| heard[number]).max().unwrap();
            last.saturating_duration_since(acknowledged[number])
        })
        .collect();
    let (median, worst) = (quantile(&mut last, 0.5), quantile(&mut last, 1.0));
    println!("the last of {OF_ONE_OWNER} watchers heard of a change after {median:.1?}, {worst:.1?} at worst");
    drop(idle);
    process.kill();
    assert!(each <= IDLE_LIMIT_KIB * 1024, "a watcher takes {each} bytes");
    assert!(median < HEARD_WITHIN, "the last watcher heard after {median:?}");
}
