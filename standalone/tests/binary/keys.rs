//! The signing keys, turned by an operator while the process serves.

use std::time::Duration;

use platform::testing::Workspace;
use proto::{
    auth::v1::{GetJwksRequest, RefreshRequest, RegisterRequest, Tokens, auth_service_client::AuthServiceClient},
    task::v1::{ListTasksRequest, task_service_client::TaskServiceClient},
};
use tokio::time::{Instant, sleep};
use tonic::{Code, Request, Status, transport::Channel};
use tonic_types::StatusExt as _;

use crate::process::{Process, command, run};

fn channel(address: std::net::SocketAddr) -> Channel {
    platform::channel::connect(
        &[format!("http://{address}").parse().unwrap()],
        &platform::tls::ClientTls::default(),
    )
}

/// What the command says of the keys: id and state of each.
fn keys(workspace: &Workspace, arguments: &[&str]) -> Vec<(String, String)> {
    let told = run(command(workspace.path()).arg("keys").args(arguments));
    assert!(told.status.success(), "{told:?}");
    let told = String::from_utf8(told.stdout).unwrap();
    let told = told.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    told.map(|words| (words[0].to_owned(), words[1].to_owned())).collect()
}

async fn list(process: &Process, tokens: &Tokens) -> Result<(), Status> {
    let mut request = Request::new(ListTasksRequest::default());
    let value = format!("Bearer {}", tokens.access_token).parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    TaskServiceClient::new(channel(process.task))
        .list_tasks(request)
        .await
        .map(drop)
}

async fn published(process: &Process) -> Vec<String> {
    let jwks = AuthServiceClient::new(channel(process.auth))
        .get_jwks(GetJwksRequest {})
        .await;
    jwks.unwrap().into_inner().keys.into_iter().map(|key| key.kid).collect()
}

/// TK-15: within five seconds no token of the key is good, nobody needs to sign in again, and there is no moment in which
/// nothing signs.
#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_key_is_revoked_while_it_is_in_use() {
    let workspace = Workspace::new();
    let process = Process::start(workspace.path());
    let register = RegisterRequest {
        email: "ada@example.com".to_owned(),
        password: "correct horse battery staple".to_owned(),
        display_name: String::new(),
    };
    let mut auth = AuthServiceClient::new(channel(process.auth));
    let tokens = auth.register(register).await.unwrap().into_inner().tokens.unwrap();
    list(&process, &tokens).await.unwrap();
    let first = keys(&workspace, &["list"]);
    assert_eq!((first.len(), &*first[0].1), (1, "ACTIVE"));

    let revoked = keys(&workspace, &["revoke", &first[0].0]);
    assert_eq!((revoked.len(), &*revoked[0].1), (1, "ACTIVE"));
    assert_ne!(revoked[0].0, first[0].0);
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        match list(&process, &tokens).await {
            Err(status) => {
                assert_eq!(status.code(), Code::Unauthenticated, "{status}");
                assert_eq!(status.get_error_details().error_info().unwrap().reason, "TOKEN_INVALID");
                break;
            }
            Ok(()) => assert!(Instant::now() < deadline, "the token of the revoked key is still good"),
        }
        sleep(Duration::from_millis(20)).await;
    }
    while published(&process).await != [revoked[0].0.clone()] {
        assert!(Instant::now() < deadline, "the revoked key is still published");
        sleep(Duration::from_millis(20)).await;
    }
    let refresh = RefreshRequest {
        refresh_token: tokens.refresh_token,
    };
    let tokens = auth.refresh(refresh).await.unwrap().into_inner().tokens.unwrap();
    // Of a key that did not exist when the verifier asked last.
    while let Err(status) = list(&process, &tokens).await {
        assert!(Instant::now() < deadline, "the new key is not accepted: {status}");
        sleep(Duration::from_millis(20)).await;
    }
    let again = run(command(workspace.path()).args(["keys", "revoke", &first[0].0]));
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("no signing key of that id"));
    process.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_is_published_before_it_signs() {
    let workspace = Workspace::new();
    let process = Process::start(workspace.path());
    let rotated = keys(&workspace, &["rotate"]);
    let states: Vec<&str> = rotated.iter().map(|key| &*key.1).collect();
    assert_eq!(states, ["PENDING", "ACTIVE"]);
    assert_eq!(keys(&workspace, &["rotate"]), rotated, "once is enough");
    let deadline = Instant::now() + Duration::from_secs(5);
    while published(&process).await.len() != 2 {
        assert!(Instant::now() < deadline, "the new key is not published");
        sleep(Duration::from_millis(20)).await;
    }
    process.kill();
}
