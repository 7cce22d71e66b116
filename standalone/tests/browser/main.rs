//! The pages, in a real browser: Chromium, driven by Playwright. `scripts/test` installs both and sets `PLAYWRIGHT_CORE`
//! to the module, and `WEB_TOOLS` to where axe-core and TypeScript are; without them these tests fail.

#![expect(clippy::unwrap_used, reason = "a test ends where something unexpected happens")]

#[expect(dead_code, reason = "the tests of the binary use the rest")]
#[path = "../binary/process.rs"]
mod process;
mod web_app;

use std::{
    fs::{self, File},
    path::Path,
    process::Command,
};

use platform::testing::Workspace;
use process::{Process, command, run};
use proto::auth::v1::{LoginRequest, RegisterRequest, auth_service_client::AuthServiceClient};

const EMAIL: &str = "ada@example.com";
const OTHER: &str = "another staple for the horse";

/// Where a tool is.
fn tool(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("scripts/test sets {name}"))
}

/// Runs a story, which ends with an error where the page is not as it should be; returns what it prints.
fn browse(story: &str, arguments: &[&str]) -> String {
    let told = run(Command::new("node")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser").join(story))
        .args(arguments)
        .env("PLAYWRIGHT_CORE", tool("PLAYWRIGHT_CORE"))
        .env("WEB_TOOLS", tool("WEB_TOOLS")));
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    String::from_utf8(told.stdout).unwrap()
}

/// PW-13, BR-09: the link that an operator prints, opened by the person.
#[tokio::test(flavor = "multi_thread")]
async fn a_reset_link_is_followed() {
    let workspace = Workspace::new();
    let process = Process::start(workspace.path());
    let channel = platform::channel::connect(
        &[format!("http://{}", process.auth).parse().unwrap()],
        &platform::tls::ClientTls::default(),
    );
    let mut auth = AuthServiceClient::new(channel);
    let register = RegisterRequest {
        email: EMAIL.to_owned(),
        password: "correct horse battery staple".to_owned(),
        display_name: String::new(),
    };
    auth.register(register).await.unwrap();
    let link = run(command(workspace.path())
        .env("HOLDFAST_ISSUER", format!("http://{}", process.gateway))
        .args(["accounts", "reset-password", EMAIL]));
    let link = String::from_utf8(link.stdout).unwrap();
    let shown = tokio::task::block_in_place(|| browse("reset_password.mjs", &[link.trim(), OTHER]));
    assert_eq!(shown, "");
    let login = LoginRequest {
        email: EMAIL.to_owned(),
        password: OTHER.to_owned(),
    };
    auth.login(login).await.unwrap();
}

#[test]
fn the_documentation_shows_the_whole_api() {
    let workspace = Workspace::new();
    let process = Process::start(workspace.path());
    let shown = browse("docs.mjs", &[&format!("http://{}", process.gateway)]);
    assert_eq!(shown, "");
    process.kill();
}

/// BR-01, BR-02, BR-07, BR-08, LG-02.
#[test]
fn a_person_lives_in_a_browser() {
    let workspace = Workspace::new();
    let log = workspace.path().join("log");
    let mut command = command(&workspace.path().join("data"));
    command.env("HOLDFAST_LOG", "debug").stderr(File::create(&log).unwrap());
    // Renewed when it ends within ten seconds.
    let process = Process::start_as(command.env("HOLDFAST_ACCESS_TOKEN_TTL", "12s"));
    let tokens = browse("session.mjs", &[&format!("http://{}", process.gateway), "3"]);
    process.kill();
    let tokens: Vec<String> = serde_json::from_str(&tokens).unwrap();
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("/session/register"), "the log is that of this run");
    for secret in tokens
        .iter()
        .map(String::as_str)
        .chain(["grace@example.com", "correct horse"])
    {
        assert!(!log.contains(secret), "the log has {secret}");
    }
}
