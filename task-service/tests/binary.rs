//! The binary, as it is started and stopped.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Output, Stdio},
};

use platform::testing::Workspace;

/// The binary with nothing of the environment but what it needs.
fn task_service(workspace: &Workspace) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_task-service"));
    command
        .env_clear()
        .env("HOLDFAST_DATA_DIR", workspace.path())
        .env("HOLDFAST_TASK_LISTEN", "127.0.0.1:0")
        .env("HOLDFAST_ADMIN_LISTEN", "127.0.0.1:0")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn with_service_key(mut command: Command) -> Command {
    command.env("HOLDFAST_SERVICE_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn it_tells_where_it_listens_and_ends_well_when_asked_to() {
    let workspace = Workspace::new();
    let mut child = with_service_key(task_service(&workspace)).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut line = || lines.next().expect("another line").expect("text");
    let (grpc, admin) = (line(), line());
    assert!(
        grpc.starts_with("task-service: 127.0.0.1:") && grpc.ends_with(" (gRPC)"),
        "{grpc}"
    );
    assert!(admin.starts_with("task-service admin: http://127.0.0.1:"), "{admin}");
    let terminated = Command::new("kill").arg(child.id().to_string()).status();
    assert!(terminated.expect("it is asked").success());
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn it_migrates_twice_and_says_what_is_missing() {
    let workspace = Workspace::new();
    for _ in 0..2 {
        let migrated = with_service_key(task_service(&workspace)).arg("migrate").output();
        let Output { status, stderr, .. } = migrated.expect("it runs");
        assert!(status.success(), "{}", text(&stderr));
    }
    let refused = task_service(&workspace).output().expect("it runs");
    assert!(!refused.status.success());
    assert!(
        text(&refused.stderr).contains("HOLDFAST_SERVICE_KEY"),
        "{}",
        text(&refused.stderr)
    );
}
