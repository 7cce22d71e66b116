//! Two hundred logins at once: the surplus is refused at once, memory stays bounded, the others go on.

use std::time::{Duration, Instant};

use platform::testing::Workspace;
use proto::{
    auth::v1::{LoginRequest, RefreshRequest, auth_service_client::AuthServiceClient},
    task::v1::{CreateTaskRequest, Task, task_service_client::TaskServiceClient},
};
use tokio::task::JoinSet;
use tonic::{Code, Request};
use tonic_types::StatusExt as _;

use crate::{
    EMAIL, PASSWORD, channel,
    process::{Process, command},
    quantile, register, resident_kib,
};

const LOGINS: usize = 200;
const REFUSED_WITHIN: Duration = Duration::from_millis(50);
const MEMORY_LIMIT_KIB: u64 = 200 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_logins_is_refused_fast_and_spares_the_others() {
    let workspace = Workspace::new();
    // Else the throttle would refuse them before they come to the queue.
    let process = Process::start_as(
        command(workspace.path())
            .env("HOLDFAST_THROTTLE_EXEMPT", "127.0.0.0/8")
            .env("HOLDFAST_LOG", "error"),
    );
    let tokens = register(&process).await.tokens.unwrap();
    let auth = AuthServiceClient::new(channel(process.auth));
    // A connection of its own, as another client would have.
    let mut others = AuthServiceClient::new(channel(process.auth));
    let mut tasks = TaskServiceClient::new(channel(process.task));
    let mut refresh_token = tokens.refresh_token;
    let mut calls = async |took: &mut Vec<Duration>| {
        let began = Instant::now();
        let refresh = RefreshRequest {
            refresh_token: refresh_token.clone(),
        };
        refresh_token = others
            .refresh(refresh)
            .await
            .unwrap()
            .into_inner()
            .tokens
            .unwrap()
            .refresh_token;
        took.push(began.elapsed());
        let task = Task {
            title: "Meanwhile".to_owned(),
            ..Task::default()
        };
        let mut create = Request::new(CreateTaskRequest {
            task: Some(task),
            ..CreateTaskRequest::default()
        });
        let authorization = format!("Bearer {}", tokens.access_token);
        create
            .metadata_mut()
            .insert("authorization", authorization.parse().unwrap());
        let began = Instant::now();
        tasks.create_task(create).await.unwrap();
        took.push(began.elapsed());
    };
    let (mut quiet, mut flooded) = (Vec::new(), Vec::new());
    for _ in 0..50 {
        calls(&mut quiet).await;
    }

    let mut logins = JoinSet::new();
    for _ in 0..LOGINS {
        let mut auth = auth.clone();
        logins.spawn(async move {
            let login = LoginRequest {
                email: EMAIL.to_owned(),
                password: PASSWORD.to_owned(),
            };
            let began = Instant::now();
            (auth.login(login).await, began.elapsed())
        });
    }
    let (mut succeeded, mut refused, mut peak) = (Vec::new(), Vec::new(), 0);
    while !logins.is_empty() {
        calls(&mut flooded).await;
        peak = peak.max(resident_kib(&process));
        while let Some(login) = logins.try_join_next() {
            match login.unwrap() {
                (Ok(_), took) => succeeded.push(took),
                (Err(status), took) => {
                    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
                    let details = status.get_error_details();
                    assert_eq!(details.error_info().unwrap().reason, "OVERLOADED");
                    refused.push(took);
                }
            }
        }
    }
    let slowest = quantile(&mut refused, 1.0);
    println!(
        "{LOGINS} logins at once: {} served, {} refused",
        succeeded.len(),
        refused.len()
    );
    println!("refused: median {:?}, slowest {slowest:?}", quantile(&mut refused, 0.5));
    println!(
        "served: slowest {:?}; resident at most {} MiB",
        quantile(&mut succeeded, 1.0),
        peak / 1024
    );
    for (name, took) in [("quiet", &mut quiet), ("meanwhile", &mut flooded)] {
        let (median, high) = (quantile(took, 0.5), quantile(took, 0.99));
        println!(
            "refresh and create, {name}: median {median:?}, p99 {high:?}, {} calls",
            took.len()
        );
    }
    assert!(slowest < REFUSED_WITHIN && peak < MEMORY_LIMIT_KIB);
    process.kill();
}
