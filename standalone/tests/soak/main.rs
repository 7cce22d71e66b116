//! What takes long, or measures time: run one at a time, on the release binary, by `scripts/soak`.

#![expect(clippy::unwrap_used, reason = "a test ends where something unexpected happens")]
#![expect(clippy::print_stdout, reason = "the figures are what these runs are for")]

#[path = "../binary/auth_away.rs"]
mod auth_away;
#[path = "../binary/kill_under_load.rs"]
mod kill_under_load;
#[path = "../binary/killed_refresh.rs"]
mod killed_refresh;
#[expect(dead_code, reason = "the tests of the binary use the rest")]
#[path = "../binary/process.rs"]
mod process;
#[path = "../replicas/random_calls/mod.rs"]
mod random_calls;
#[expect(dead_code, reason = "the tests of the binary use the rest")]
#[path = "../binary/rest.rs"]
mod rest;
#[path = "../binary/verifiers.rs"]
mod verifiers;

mod away;
mod durability;
mod failover;
mod flood;
mod idle;
mod large_owner;
mod million;
mod property;
mod refresh_kills;
mod revocation;
mod rotation;
mod timing;
mod watchers;

use std::{process::Stdio, time::Duration};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use platform::{
    configuration::DatabaseUrl,
    testing::{Workspace, address_of, empty_postgres_database},
};
use process::{Process, command, run};
use proto::auth::v1::{LoginRequest, RegisterRequest, RegisterResponse, auth_service_client::AuthServiceClient};
use serde_json::Value;
use tonic::{Request, transport::Channel};

const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "correct horse battery staple";

fn channel(address: std::net::SocketAddr) -> Channel {
    platform::channel::connect(
        &[format!("http://{address}").parse().unwrap()],
        &platform::tls::ClientTls::default(),
    )
}

fn bearer<T>(access_token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let value = format!("Bearer {access_token}").parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    // Longer than anything that is answered in order.
    request.set_timeout(Duration::from_secs(20));
    request
}

/// The header of an access token (0), or its claims (1).
fn part_of(access_token: &str, part: usize) -> Value {
    let part = access_token.split('.').nth(part).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

async fn register(process: &Process) -> RegisterResponse {
    registered(process, EMAIL).await
}

/// The access token of somebody new.
async fn register_as(process: &Process, email: &str) -> String {
    registered(process, email).await.tokens.unwrap().access_token
}

async fn registered(process: &Process, email: &str) -> RegisterResponse {
    let request = RegisterRequest {
        email: email.to_owned(),
        password: PASSWORD.to_owned(),
        display_name: String::new(),
    };
    AuthServiceClient::new(channel(process.auth))
        .register(request)
        .await
        .unwrap()
        .into_inner()
}

async fn login(process: &Process, email: &str, password: &str) -> String {
    let request = LoginRequest {
        email: email.to_owned(),
        password: password.to_owned(),
    };
    let answer = AuthServiceClient::new(channel(process.auth)).login(request).await;
    answer.unwrap().into_inner().tokens.unwrap().access_token
}

/// A `holdfast` on two new databases on `PostgreSQL`, and the one of the tasks.
async fn start_on_postgres(workspace: &Workspace) -> (Process, DatabaseUrl) {
    let (auth, task) = (empty_postgres_database().await, empty_postgres_database().await);
    let on_postgres = || {
        let mut command = command(workspace.path());
        command.env("HOLDFAST_AUTH_DATABASE_URL", address_of(&auth));
        command.env("HOLDFAST_TASK_DATABASE_URL", address_of(&task));
        command
    };
    let migrated = run(on_postgres().arg("migrate"));
    assert!(migrated.status.success(), "{migrated:?}");
    (Process::start_as(on_postgres().stderr(Stdio::piped())), task)
}

/// The resident memory of a process, in KiB.
fn resident_kib(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The value below which that share of the measurements lies.
fn quantile(measurements: &mut [Duration], share: f64) -> Duration {
    measurements.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "an index into a few hundred measurements"
    )]
    let index = ((measurements.len() - 1) as f64 * share).round() as usize;
    measurements[index]
}
