//! Starting, stopping, and the mistakes that prevent it.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Stdio},
};

use platform::testing::Workspace;

use crate::{
    process::{Process, command, run},
    rest::Rest,
};

#[test]
fn a_signal_drains_and_ends_it_well() {
    for signal in ["TERM", "INT"] {
        let workspace = Workspace::new();
        let process = Process::start(workspace.path());
        process.signal(signal);
        let (status, log) = process.ended();
        assert_eq!(status.code(), Some(0), "{log}");
    }
}

/// Whoever spreads requests has time to notice: until the delay is over everything is served, new connections too.
#[tokio::test]
async fn after_the_signal_it_is_not_ready_and_serves_on() {
    let workspace = Workspace::new();
    let process = Process::start_as(command(workspace.path()).env("HOLDFAST_DRAIN_DELAY", "5m"));
    process.signal("TERM");
    while Rest::new(process.admin).get("/readyz", None).await.status == 200 {}
    let answer = Rest::new(process.admin).get("/readyz", None).await;
    assert_eq!((answer.status, &*answer.text), (503, "shutting down\n"));
    let of_gateway = Rest::new(process.gateway).get("/readyz", None).await;
    assert_eq!(of_gateway.status, 503);
    let served = Rest::new(process.gateway).get("/.well-known/jwks.json", None).await;
    assert_eq!(served.status, 200, "{served:?}");
    process.kill();

    let mut briefly = command(workspace.path());
    briefly.env("HOLDFAST_DRAIN_DELAY", "1s");
    let briefly = Process::start_as(briefly.stderr(Stdio::piped()));
    briefly.signal("TERM");
    let (status, log) = briefly.ended();
    assert_eq!(status.code(), Some(0), "{log}");
}

#[test]
fn its_files_are_for_their_owner_only() {
    let workspace = Workspace::new();
    let data = workspace.path().join("data");
    let process = Process::start(&data);
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    let files: Vec<_> = fs::read_dir(&data).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() >= 4, "two databases and two keys: {files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    process.kill();
}

#[test]
fn the_second_on_the_same_addresses_is_refused_and_changes_nothing() {
    let (first_workspace, second_workspace) = (Workspace::new(), Workspace::new());
    let first = Process::start(first_workspace.path());
    let data = second_workspace.path().join("data");
    let second = run(command(&data).env("HOLDFAST_GATEWAY_LISTEN", first.gateway.to_string()));
    assert_eq!(second.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&second.stderr).contains("cannot listen on"),
        "{second:?}"
    );
    assert!(!data.exists());
}

#[test]
fn health_is_told_by_the_admin_listener() {
    let workspace = Workspace::new();
    let process = Process::start(workspace.path());
    let healthcheck = |address: &str| {
        run(command(workspace.path())
            .arg("healthcheck")
            .env("HOLDFAST_ADMIN_LISTEN", address))
        .status
        .code()
    };
    let address = process.admin.to_string();
    assert_eq!(healthcheck(&address), Some(0));
    process.kill();
    assert_eq!(healthcheck(&address), Some(1));
}

#[test]
fn all_mistakes_are_told_at_once_without_their_values() {
    let workspace = Workspace::new();
    let refused = run(command(workspace.path())
        .env("HOLDFAST_GATEWAY_LISTEN", "nowhere")
        .env("HOLDFAST_ACCESS_TOKEN_TTL", "soon")
        .env("HOLDFAST_MASTER_KEY", "a:c2VjcmV0LXNlY3JldA=="));
    assert_eq!(refused.status.code(), Some(2));
    let told = String::from_utf8_lossy(&refused.stderr);
    for setting in [
        "HOLDFAST_GATEWAY_LISTEN",
        "HOLDFAST_ACCESS_TOKEN_TTL",
        "HOLDFAST_MASTER_KEY",
    ] {
        assert_eq!(told.matches(setting).count(), 1, "{told}");
    }
    assert!(!told.contains("c2VjcmV0"), "{told}");
}

#[test]
fn a_name_that_is_no_setting_is_a_warning() {
    let workspace = Workspace::new();
    let migrated = run(command(workspace.path())
        .arg("migrate")
        .env("HOLDFAST_GATEWAY_LISTENS", "x"));
    assert_eq!(migrated.status.code(), Some(0), "{migrated:?}");
    assert!(
        String::from_utf8_lossy(&migrated.stderr).contains("HOLDFAST_GATEWAY_LISTENS"),
        "{migrated:?}"
    );
}

#[test]
fn lost_keys_are_named_and_nothing_is_overwritten() {
    let workspace = Workspace::new();
    Process::start(workspace.path()).kill();
    let key = workspace.path().join("master.key");
    let kept = fs::read(&key).unwrap();
    fs::write(&key, "first:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n").unwrap();
    let refused = run(&mut command(workspace.path()));
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("does not open the stored keys"),
        "{refused:?}"
    );
    fs::write(&key, kept).unwrap();
    Process::start(workspace.path()).kill();
}

#[test]
fn a_lost_master_key_is_named_and_not_replaced() {
    let workspace = Workspace::new();
    Process::start(workspace.path()).kill();
    let key = workspace.path().join("master.key");
    let kept = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    let refused = run(&mut command(workspace.path()));
    assert_eq!(refused.status.code(), Some(1));
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(told.contains("master.key is missing"), "{told}");
    assert!(!key.exists());
    fs::write(&key, kept).unwrap();
    Process::start(workspace.path()).kill();
}

/// Whoever comes first makes the keys; the others take them, and every start after that works.
#[test]
fn processes_that_start_at_once_share_the_first_keys() {
    let workspace = Workspace::new();
    let data = workspace.path().join("data");
    let starts: Vec<_> = (0..4)
        .map(|_| {
            let data = data.clone();
            std::thread::spawn(move || Process::start(&data))
        })
        .collect();
    let processes: Vec<_> = starts.into_iter().map(|start| start.join().unwrap()).collect();
    for process in processes {
        process.kill();
    }
    Process::start(&data).kill();
}

#[test]
fn help_documents_every_command_and_the_version_is_told() {
    let binary = || Command::new(env!("CARGO_BIN_EXE_holdfast"));
    let help = run(binary().arg("--help"));
    let help = String::from_utf8_lossy(&help.stdout);
    for word in [
        "serve",
        "migrate",
        "healthcheck",
        "backup",
        "keys",
        "import-database",
        "HOLDFAST_DATA_DIR",
        "HOLDFAST_LOG_FORMAT",
    ] {
        assert!(help.contains(word), "{word} is missing:\n{help}");
    }
    let version = run(binary().arg("--version"));
    assert_eq!(
        String::from_utf8_lossy(&version.stdout).trim(),
        concat!("holdfast ", env!("CARGO_PKG_VERSION"))
    );
}
