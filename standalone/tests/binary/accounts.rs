//! Accounts and the audit log, as an operator sees and changes them while the process serves.

use std::{path::Path, time::Duration};

use platform::testing::{Workspace, run_script};
use proto::{
    auth::v1::{
        LoginRequest, RefreshRequest, RegisterRequest, ResetPasswordRequest, Tokens,
        auth_service_client::AuthServiceClient,
    },
    task::v1::{ListTasksRequest, task_service_client::TaskServiceClient},
};
use sqlx::Sqlite;
use tokio::time::{Instant, timeout};
use tonic::{Request, Status, transport::Channel};
use tonic_types::StatusExt as _;

use crate::process::{Process, command, run};

const PASSWORD: &str = "correct horse battery staple";

struct World {
    workspace: Workspace,
    process: Process,
    auth: AuthServiceClient<Channel>,
    tasks: TaskServiceClient<Channel>,
}

fn channel(address: std::net::SocketAddr) -> Channel {
    platform::channel::connect(
        &[format!("http://{address}").parse().unwrap()],
        &platform::tls::ClientTls::default(),
    )
}

/// What a command answered; the error of one that failed.
fn told(data_dir: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = run(command(data_dir).args(arguments));
    let (stdout, stderr) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    if output.status.success() {
        Ok(stdout)
    } else {
        Err(stderr)
    }
}

fn reason(answer: Result<(), Status>) -> String {
    let details = answer.err().map(|status| status.get_error_details());
    details
        .and_then(|details| details.error_info().map(|info| info.reason.clone()))
        .unwrap_or_default()
}

impl World {
    fn new() -> Self {
        let workspace = Workspace::new();
        let process = Process::start(workspace.path());
        Self {
            auth: AuthServiceClient::new(channel(process.auth)),
            tasks: TaskServiceClient::new(channel(process.task)),
            workspace,
            process,
        }
    }

    fn told(&self, arguments: &[&str]) -> Result<String, String> {
        told(self.workspace.path(), arguments)
    }

    async fn register(&mut self, name: &str) -> (String, Tokens) {
        let request = RegisterRequest {
            email: format!("{name}@example.com"),
            password: PASSWORD.to_owned(),
            display_name: String::new(),
        };
        let registered = self.auth.register(request).await.unwrap().into_inner();
        (registered.user.unwrap().id, registered.tokens.unwrap())
    }

    async fn login(&mut self, name: &str, password: &str) -> Result<(), Status> {
        let request = LoginRequest {
            email: format!("{name}@example.com"),
            password: password.to_owned(),
        };
        self.auth.login(request).await.map(drop)
    }

    async fn list(&mut self, tokens: &Tokens) -> Result<(), Status> {
        let mut request = Request::new(ListTasksRequest::default());
        let value = format!("Bearer {}", tokens.access_token).parse().unwrap();
        request.metadata_mut().insert("authorization", value);
        self.tasks.list_tasks(request).await.map(drop)
    }

    async fn refresh(&mut self, tokens: &Tokens) -> Result<(), Status> {
        let refresh_token = tokens.refresh_token.clone();
        self.auth.refresh(RefreshRequest { refresh_token }).await.map(drop)
    }

    /// task-service, which checks tokens by itself, refuses within a second; and no refresh gives another token.
    async fn refused_everywhere(&mut self, tokens: &Tokens) {
        let since = Instant::now();
        let refused = async {
            while self.list(tokens).await.is_ok() {
                assert!(since.elapsed() < Duration::from_secs(10));
            }
        };
        timeout(Duration::from_secs(1), refused).await.unwrap();
        assert_eq!(reason(self.list(tokens).await), "SESSION_REVOKED");
        assert_eq!(reason(self.refresh(tokens).await), "SESSION_REVOKED");
    }
}

/// SE-05, SE-08: what an operator ends is refused everywhere within a second, and nobody else notices.
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_disables_accounts_and_ends_sessions() {
    let mut world = World::new();
    let (ada, ada_tokens) = world.register("ada").await;
    let (ben, ben_tokens) = world.register("ben").await;
    let listed = world.told(&["accounts", "list"]).unwrap();
    let lines: Vec<_> = listed.lines().collect();
    assert!(lines[0].starts_with(&ada) && lines[0].contains("enabled") && lines[0].ends_with("ada@example.com"));
    assert!(lines[1].starts_with(&ben) && lines.len() == 2);

    let done = world.told(&["accounts", "disable", "ADA@example.com"]).unwrap();
    assert!(done.contains(&ada) && done.contains("sessions ended: 1"), "{done}");
    world.refused_everywhere(&ada_tokens).await;
    assert_eq!(reason(world.login("ada", PASSWORD).await), "INVALID_CREDENTIALS");
    world.list(&ben_tokens).await.unwrap();
    assert!(world.told(&["accounts", "list"]).unwrap().contains("disabled"));
    world.told(&["accounts", "enable", &ada]).unwrap();
    world.login("ada", PASSWORD).await.unwrap();

    world.told(&["accounts", "end-sessions", "ben@example.com"]).unwrap();
    world.refused_everywhere(&ben_tokens).await;
    let (_, carl_tokens) = world.register("carl").await;
    world.told(&["accounts", "end-sessions", "--everybody"]).unwrap();
    world.refused_everywhere(&carl_tokens).await;
    world.login("carl", PASSWORD).await.unwrap();

    for (arguments, mistake) in [
        (
            &["accounts", "disable", "nobody@example.com"][..],
            "there is no such account",
        ),
        (&["accounts", "enable", "nonsense"], "there is no such account"),
        (
            &["accounts", "reset-password", "00000000-0000-0000-0000-000000000000"],
            "there is no such account",
        ),
        (&["accounts", "end-sessions"], "required"),
        (
            &["accounts", "end-sessions", "ada@example.com", "--everybody"],
            "cannot be used",
        ),
    ] {
        let refused = world.told(arguments).unwrap_err();
        assert!(refused.contains(mistake), "{arguments:?}: {refused}");
    }
}

/// PW-13: the link is printed and nothing else; its token chooses another password, once.
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_unlocks_and_gives_links() {
    let mut world = World::new();
    let (_, tokens) = world.register("ada").await;
    for _ in 0..5 {
        world.login("ada", "wrong horse battery staple").await.unwrap_err();
    }
    assert_eq!(reason(world.login("ada", PASSWORD).await), "RATE_LIMITED");
    world.told(&["accounts", "unlock", "ada@example.com"]).unwrap();
    world.login("ada", PASSWORD).await.unwrap();

    let link = world.told(&["accounts", "reset-password", "ada@example.com"]).unwrap();
    let token = link
        .trim_end()
        .strip_prefix("http://localhost:8080/reset-password#")
        .unwrap();
    let reset = ResetPasswordRequest {
        token: token.to_owned(),
        new_password: "another staple for the horse".to_owned(),
    };
    world.auth.reset_password(reset.clone()).await.unwrap();
    assert_eq!(
        reason(world.auth.reset_password(reset).await.map(drop)),
        "RESET_TOKEN_INVALID"
    );
    world.refused_everywhere(&tokens).await;
    world.login("ada", "another staple for the horse").await.unwrap();

    let withdrawn = world.told(&["accounts", "reset-password", "--compromised", "ada@example.com"]);
    assert!(withdrawn.unwrap().contains("#hfp_"));
    assert_eq!(
        reason(world.login("ada", "another staple for the horse").await),
        "INVALID_CREDENTIALS"
    );
}

/// LG-03: whoever changes the log is found, though they have the whole database.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_audit_log_is_found() {
    let mut world = World::new();
    let (ada, _) = world.register("ada").await;
    world.register("ben").await;
    for _ in 0..3 {
        world.login("ada", PASSWORD).await.unwrap();
    }
    world.told(&["accounts", "disable", "ben@example.com"]).unwrap();
    world.told(&["keys", "rotate"]).unwrap();
    let listed = world.told(&["audit", "list"]).unwrap();
    let records: Vec<serde_json::Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let acts: Vec<_> = records.iter().map(|record| record["act"].as_str().unwrap()).collect();
    assert_eq!(
        acts,
        [
            "REGISTERED",
            "REGISTERED",
            "SIGNED_IN",
            "SIGNED_IN",
            "SIGNED_IN",
            "ACCOUNT_DISABLED",
            "SIGNING_KEY_ROTATED"
        ]
    );
    assert_eq!(records[5]["userAgent"], "command line");
    let hers = world.told(&["audit", "list", "--account", &ada]).unwrap();
    assert_eq!(hers.lines().count(), 4);
    assert_eq!(
        world.told(&["audit", "list", "--after", "5"]).unwrap().lines().count(),
        2
    );

    let verified = world.told(&["audit", "verify"]).unwrap();
    let mut lines = verified.lines();
    assert_eq!(lines.next(), Some("records 1 to 7 are as they were written"));
    let last = lines.next().unwrap().to_owned();
    assert_eq!(world.told(&["audit", "verify", "--seen", &last]).unwrap(), verified);
    let malformed = world.told(&["audit", "verify", "--seen", "7"]).unwrap_err();
    assert!(malformed.contains("--seen"), "{malformed}");

    let World { workspace, process, .. } = world;
    process.kill();
    let unguarded = "DROP TRIGGER audit_records_unchanged; DROP TRIGGER audit_records_kept;";
    for (change, first_wrong) in [
        ("UPDATE audit_records SET act = 'SIGNED_OUT' WHERE sequence = 3", 3),
        ("UPDATE audit_records SET account_id = NULL WHERE sequence = 5", 5),
        ("DELETE FROM audit_records WHERE sequence = 4", 4),
        (
            "UPDATE audit_records SET sequence = 99 WHERE sequence = 2; UPDATE audit_records SET sequence = 2 WHERE sequence = 3;
             UPDATE audit_records SET sequence = 3 WHERE sequence = 99",
            2,
        ),
        ("DELETE FROM audit_records WHERE sequence = 7", 7),
        // As if they had been closed.
        (
            "DROP TRIGGER audit_closings_delete;
             INSERT INTO audit_closings SELECT 2, hash, 0, 0, hash FROM audit_records WHERE sequence = 2;
             DELETE FROM audit_records WHERE sequence <= 2",
            2,
        ),
        (
            "INSERT INTO audit_records SELECT -1, record_time, act, account_id, NULL, '', '', '', '', 0, hash
             FROM audit_records WHERE sequence = 1",
            -1,
        ),
    ] {
        let copy = Workspace::new();
        copy_data(workspace.path(), copy.path());
        run_script::<Sqlite>(&copy.sqlite("auth.db"), format!("{unguarded} {change}")).await;
        let broken = told(copy.path(), &["audit", "verify"]).unwrap_err();
        assert!(
            broken.contains(&format!("record {first_wrong} is not the one that was written")),
            "{change}: {broken}"
        );
    }
    // The end cut off, and the count turned back: only who noted the last record finds it.
    let copy = Workspace::new();
    copy_data(workspace.path(), copy.path());
    let cut =
        "DELETE FROM audit_records WHERE sequence = 7; UPDATE counters SET value = 6 WHERE name = 'audit_records'";
    run_script::<Sqlite>(&copy.sqlite("auth.db"), format!("{unguarded} {cut}")).await;
    told(copy.path(), &["audit", "verify"]).unwrap();
    told(copy.path(), &["audit", "verify", "--seen", &last]).unwrap_err();
}

fn copy_data(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

/// What is not there says nothing good of itself.
#[test]
fn no_command_makes_a_database() {
    let workspace = Workspace::new();
    let elsewhere = workspace.path().join("elsewhere");
    for arguments in [&["audit", "verify"][..], &["accounts", "list"], &["keys", "list"]] {
        let refused = told(&elsewhere, arguments).unwrap_err();
        assert!(refused.contains("there is no database at"), "{refused}");
    }
    assert!(!elsewhere.exists());
}
