//! The tour with the real grpcurl, by server reflection alone.

use std::{env, net::SocketAddr, process::Command};

use platform::testing::Workspace;
use serde_json::{Value, json};

use crate::process::{Process, run};

fn grpcurl(
    address: SocketAddr,
    token: Option<&str>,
    message: Option<&Value>,
    words: &[&str],
) -> Result<String, String> {
    // scripts/test installs it and says where.
    let mut command = Command::new(env::var("GRPCURL").unwrap_or_else(|_| "grpcurl".to_owned()));
    command.arg("-plaintext");
    if let Some(token) = token {
        command.args(["-H", &format!("authorization: Bearer {token}")]);
    }
    if let Some(message) = message {
        command.args(["-d", &message.to_string()]);
    }
    let output = run(command.arg(address.to_string()).args(words));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if output.status.success() {
        Ok(text(output.stdout))
    } else {
        Err(text(output.stderr))
    }
}

fn call(address: SocketAddr, token: Option<&str>, message: &Value, method: &str) -> Value {
    let answer = grpcurl(address, token, Some(message), &[method]).unwrap();
    serde_json::from_str(&answer).unwrap()
}

#[test]
fn grpcurl_lists_describes_registers_creates_and_lists() {
    let workspace = Workspace::new();
    let process = Process::start(workspace.path());
    let (auth, task) = (process.auth, process.task);

    let services = grpcurl(auth, None, None, &["list"]).unwrap();
    assert!(services.contains("holdfast.auth.v1.AuthService") && services.contains("grpc.health.v1.Health"));
    let services = grpcurl(task, None, None, &["list"]).unwrap();
    assert!(services.contains("holdfast.task.v1.TaskService"), "{services}");
    assert!(
        !services.contains("AuthService"),
        "each tells only what it serves: {services}"
    );
    let method = grpcurl(
        task,
        None,
        None,
        &["describe", "holdfast.task.v1.TaskService.CreateTask"],
    )
    .unwrap();
    assert!(method.contains("CreateTaskRequest"), "{method}");
    let message = grpcurl(auth, None, None, &["describe", "holdfast.auth.v1.RegisterRequest"]).unwrap();
    assert!(
        message.contains("at least 12 characters"),
        "the fields are documented: {message}"
    );

    let person = json!({"email": "ada@example.com", "password": "correct horse battery staple"});
    call(auth, None, &person, "holdfast.auth.v1.AuthService/Register");
    let login = call(auth, None, &person, "holdfast.auth.v1.AuthService/Login");
    let token = login["tokens"]["accessToken"].as_str();

    let new = json!({"task": {"title": "Try Holdfast"}});
    let created = call(task, token, &new, "holdfast.task.v1.TaskService/CreateTask");
    let list = call(task, token, &json!({}), "holdfast.task.v1.TaskService/ListTasks");
    assert_eq!(list["tasks"], json!([created]));

    let refused = grpcurl(task, None, Some(&new), &["holdfast.task.v1.TaskService/CreateTask"]).unwrap_err();
    assert!(
        refused.contains("Unauthenticated") && refused.contains("TOKEN_MISSING"),
        "{refused}"
    );
    for address in [auth, task] {
        let health = call(address, None, &json!({}), "grpc.health.v1.Health/Check");
        assert_eq!(health["status"], "SERVING");
    }
    process.kill();
}

/// One published port serves everyone.
#[test]
fn the_gateway_serves_grpcurl_too() {
    let workspace = Workspace::new();
    let process = Process::start(workspace.path());
    let gateway = process.gateway;
    let services = grpcurl(gateway, None, None, &["list"]).unwrap();
    let services: Vec<_> = services.lines().filter(|name| name.starts_with("holdfast")).collect();
    assert_eq!(
        services,
        ["holdfast.auth.v1.AuthService", "holdfast.task.v1.TaskService"]
    );
    let person = json!({"email": "ada@example.com", "password": "correct horse battery staple"});
    let registered = call(gateway, None, &person, "holdfast.auth.v1.AuthService/Register");
    let token = registered["tokens"]["accessToken"].as_str();
    let new = json!({"task": {"title": "Try Holdfast"}});
    let created = call(gateway, token, &new, "holdfast.task.v1.TaskService/CreateTask");
    let list = call(gateway, token, &json!({}), "holdfast.task.v1.TaskService/ListTasks");
    assert_eq!(list["tasks"], json!([created]));
    let exported = call(
        gateway,
        token,
        &json!({"format": "csv"}),
        "holdfast.task.v1.TaskService/ExportTasks",
    );
    assert!(exported["contentType"].as_str().unwrap().starts_with("text/csv"));
    let refused = grpcurl(gateway, None, Some(&new), &["holdfast.task.v1.TaskService/CreateTask"]).unwrap_err();
    assert!(refused.contains("TOKEN_MISSING"), "{refused}");
    let health = call(gateway, None, &json!({}), "grpc.health.v1.Health/Check");
    assert_eq!(health["status"], "SERVING");
    process.kill();
}

/// What is printed at the start works as it is printed.
#[test]
fn the_printed_example_works() {
    let workspace = Workspace::new();
    let process = Process::start(workspace.path());
    let (_, example) = process.announcement.split_once("Try it:").unwrap();
    let example = example.replace("Ctrl-C stops it.", "");
    let grpcurl = env::var("GRPCURL").unwrap_or_else(|_| "grpcurl".to_owned());
    let example = example.replace("grpcurl -plaintext", &format!("'{grpcurl}' -plaintext"));
    let shown = run(Command::new("bash").args(["-euo", "pipefail", "-c", &example]));
    let (stdout, stderr) = (
        String::from_utf8_lossy(&shown.stdout),
        String::from_utf8_lossy(&shown.stderr),
    );
    assert!(shown.status.success(), "{stdout}{stderr}");
    // Created by grpcurl, listed by curl.
    assert_eq!(stdout.matches("Try Holdfast").count(), 2, "{stdout}{stderr}");
    process.kill();
}
