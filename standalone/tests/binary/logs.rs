//! What the log shows at its most talkative, and what it never shows (LG-02, AP-03).

use std::{fs, process::Stdio};

use platform::testing::Workspace;
use proto::{
    auth::v1::{
        ChangePasswordRequest, LoginRequest, LogoutRequest, RefreshRequest, RegisterRequest, ResetPasswordRequest,
        auth_service_client::AuthServiceClient,
    },
    task::v1::{CreateTaskRequest, ListTasksRequest, Task, task_service_client::TaskServiceClient},
};
use tonic::{Request, transport::Channel};

use crate::process::{Process, command, run};

const EMAIL: &str = "ada.lovelace@example.com";
const PASSWORD: &str = "correct horse battery staple";
const OTHER: &str = "another staple for the horse";

fn channel(address: std::net::SocketAddr) -> Channel {
    platform::channel::connect(
        &[format!("http://{address}").parse().unwrap()],
        &platform::tls::ClientTls::default(),
    )
}

fn bearer<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let value = format!("Bearer {token}").parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

/// Everything that people do, and much that is refused; returns every secret that was on the way.
async fn tour(process: &Process, workspace: &Workspace) -> Vec<String> {
    let mut secrets = vec![PASSWORD.to_owned(), OTHER.to_owned(), EMAIL.to_owned()];
    let mut auth = AuthServiceClient::new(channel(process.auth));
    let mut tasks = TaskServiceClient::new(channel(process.task));
    let register = RegisterRequest {
        email: EMAIL.to_owned(),
        password: PASSWORD.to_owned(),
        display_name: "Ada\nERROR forged=true a line that nobody wrote".to_owned(),
    };
    let first = auth
        .register(register.clone())
        .await
        .unwrap()
        .into_inner()
        .tokens
        .unwrap();
    auth.register(register).await.unwrap_err();
    let login = |password: &str| LoginRequest {
        email: EMAIL.to_owned(),
        password: password.to_owned(),
    };
    auth.login(login("wrong staple battery horse")).await.unwrap_err();
    secrets.push("wrong staple battery horse".to_owned());
    let second = auth.login(login(PASSWORD)).await.unwrap().into_inner().tokens.unwrap();
    let refresh = |token: &str| RefreshRequest {
        refresh_token: token.to_owned(),
    };
    let next = auth
        .refresh(refresh(&second.refresh_token))
        .await
        .unwrap()
        .into_inner()
        .tokens
        .unwrap();
    let last = auth
        .refresh(refresh(&next.refresh_token))
        .await
        .unwrap()
        .into_inner()
        .tokens
        .unwrap();
    auth.refresh(refresh(&second.refresh_token)).await.unwrap_err();
    auth.refresh(refresh("hfr_nonsense")).await.unwrap_err();
    let change = ChangePasswordRequest {
        current_password: PASSWORD.to_owned(),
        new_password: OTHER.to_owned(),
    };
    auth.change_password(bearer(&first.access_token, change)).await.unwrap();
    let task = Task {
        title: "a title that is nobody's business".to_owned(),
        ..Task::default()
    };
    let create = CreateTaskRequest {
        task: Some(task),
        ..CreateTaskRequest::default()
    };
    tasks.create_task(bearer(&first.access_token, create)).await.unwrap();
    secrets.push("a title that is nobody's business".to_owned());
    tasks
        .list_tasks(bearer("not.a.token-that-anybody-has", ListTasksRequest::default()))
        .await
        .unwrap_err();
    secrets.push("not.a.token-that-anybody-has".to_owned());

    let http = over_http(process, &first.access_token).await;
    secrets.extend(http);

    let link = run(command(workspace.path()).args(["accounts", "reset-password", EMAIL]));
    let link = String::from_utf8(link.stdout).unwrap();
    let token = link.trim().split_once('#').unwrap().1.to_owned();
    let reset = ResetPasswordRequest {
        token: token.clone(),
        new_password: PASSWORD.to_owned(),
    };
    auth.reset_password(reset).await.unwrap();
    auth.logout(LogoutRequest {
        refresh_token: first.refresh_token.clone(),
    })
    .await
    .unwrap();
    for tokens in [first, second, next, last] {
        secrets.extend([tokens.access_token, tokens.refresh_token]);
    }
    secrets.push(token);
    secrets
}

/// A token in the query, which the gateway refuses; and a user agent that would like to write lines.
async fn over_http(process: &Process, token: &str) -> Vec<String> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    for path in [
        format!("/v1/tasks?access_token={token}"),
        "/v1/tasks?search=something-private".to_owned(),
    ] {
        let mut stream = tokio::net::TcpStream::connect(process.gateway).await.unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nuser-agent: a\tb\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    vec!["something-private".to_owned()]
}

async fn log_of_a_tour(format: &str) -> (String, Vec<String>) {
    let workspace = Workspace::new();
    let path = workspace.path().join("log");
    let log = fs::File::create(&path).unwrap();
    let process = Process::start_as(
        command(workspace.path())
            .env("HOLDFAST_LOG", "debug,holdfast::sql=trace")
            .env("HOLDFAST_LOG_FORMAT", format)
            .stderr(Stdio::from(log)),
    );
    let secrets = tour(&process, &workspace).await;
    process.kill();
    (fs::read_to_string(path).unwrap(), secrets)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_reaches_the_log() {
    for format in ["text", "json"] {
        let (log, secrets) = log_of_a_tour(format).await;
        assert!(log.contains("holdfast.auth.v1.AuthService/Login"), "the log is there");
        for secret in secrets {
            assert!(!log.contains(&secret), "{format}: {secret}");
        }
        for line in log.lines() {
            assert!(!line.starts_with("ERROR forged"), "{line}");
            if format == "json" {
                serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            }
        }
    }
}
