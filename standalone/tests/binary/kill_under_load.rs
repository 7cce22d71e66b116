//! Writers, a kill -9 in their middle, and the proof that every acknowledged write is there after the restart.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use platform::testing::Workspace;
use proto::{
    auth::v1::{RefreshRequest, RegisterRequest, auth_service_client::AuthServiceClient},
    task::v1::{CreateTaskRequest, GetTaskRequest, Task, task_service_client::TaskServiceClient},
};
use tokio::{sync::Notify, task::JoinSet};
use tonic::{Request, transport::Channel};

use crate::process::Process;

const WRITERS: usize = 8;
const ACKNOWLEDGED_BEFORE_THE_KILL: usize = 100;

fn channel(address: std::net::SocketAddr) -> Channel {
    platform::channel::connect(
        &[format!("http://{address}").parse().unwrap()],
        &platform::tls::ClientTls::default(),
    )
}

fn bearer<T>(access_token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request
        .metadata_mut()
        .insert("authorization", format!("Bearer {access_token}").parse().unwrap());
    request.set_timeout(Duration::from_secs(20));
    request
}

/// Runs some rounds and returns how many tasks were acknowledged in all.
pub(crate) async fn rounds(rounds: usize) -> usize {
    let workspace = Workspace::new();
    let acknowledged = Arc::new(Mutex::new(Vec::<String>::new()));
    let mut process = Process::start(workspace.path());
    let register = RegisterRequest {
        email: "ada@example.com".to_owned(),
        password: "correct horse battery staple".to_owned(),
        display_name: String::new(),
    };
    let tokens = AuthServiceClient::new(channel(process.auth))
        .register(register)
        .await
        .unwrap()
        .into_inner()
        .tokens;
    let tokens = tokens.unwrap();
    let mut refresh_token = tokens.refresh_token;
    let access_token: Arc<str> = tokens.access_token.into();

    for round in 1..=rounds {
        let enough = Arc::new(Notify::new());
        let mut writers = JoinSet::new();
        for _ in 0..WRITERS {
            let (acknowledged, enough, token) = (acknowledged.clone(), enough.clone(), access_token.clone());
            let mut tasks = TaskServiceClient::new(channel(process.task));
            writers.spawn(async move {
                loop {
                    let task = Task {
                        title: "Durable".to_owned(),
                        ..Task::default()
                    };
                    let request = CreateTaskRequest {
                        task: Some(task),
                        ..CreateTaskRequest::default()
                    };
                    // The kill ends the loop.
                    let Ok(created) = tasks.create_task(bearer(&token, request)).await else {
                        break;
                    };
                    let mut acknowledged = acknowledged.lock().unwrap();
                    acknowledged.push(created.into_inner().id);
                    if acknowledged.len() >= round * ACKNOWLEDGED_BEFORE_THE_KILL {
                        enough.notify_one();
                    }
                }
            });
        }
        enough.notified().await;
        // SE-16 in short: what this refresh moved must be there too, or the next one is taken for a theft.
        let refresh = RefreshRequest { refresh_token };
        let refreshed = AuthServiceClient::new(channel(process.auth))
            .refresh(refresh)
            .await
            .unwrap()
            .into_inner();
        refresh_token = refreshed.tokens.unwrap().refresh_token;
        process.kill();
        writers.join_all().await;

        process = Process::start(workspace.path());
        let mut tasks = TaskServiceClient::new(channel(process.task));
        let ids = acknowledged.lock().unwrap().clone();
        assert!(ids.len() >= round * ACKNOWLEDGED_BEFORE_THE_KILL);
        for id in ids {
            tasks
                .get_task(bearer(&access_token, GetTaskRequest { id }))
                .await
                .unwrap();
        }
    }
    process.kill();
    acknowledged.lock().unwrap().len()
}
