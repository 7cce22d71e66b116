//! The pages, in a real browser: Chromium, driven by Playwright. `scripts/test` installs both and sets `PLAYWRIGHT_CORE`
//! to the module; without them these tests fail.

#![expect(clippy::unwrap_used, reason = "a test ends where something unexpected happens")]

#[expect(dead_code, reason = "the tests of the binary use the rest")]
#[path = "../binary/process.rs"]
mod process;

use std::{path::Path, process::Command};

use platform::testing::Workspace;
use process::{Process, command, run};
use proto::auth::v1::{LoginRequest, RegisterRequest, auth_service_client::AuthServiceClient};

const EMAIL: &str = "ada@example.com";
const OTHER: &str = "another staple for the horse";

/// Runs a story, which ends with an error where the page is not as it should be.
fn browse(story: &str, arguments: &[&str]) {
    let playwright = std::env::var("PLAYWRIGHT_CORE").unwrap_or_else(|_| panic!("scripts/test sets PLAYWRIGHT_CORE"));
    let told = run(Command::new("node")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser").join(story))
        .args(arguments)
        .env("PLAYWRIGHT_CORE", playwright));
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
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
    tokio::task::block_in_place(|| browse("reset_password.mjs", &[link.trim(), OTHER]));
    let login = LoginRequest {
        email: EMAIL.to_owned(),
        password: OTHER.to_owned(),
    };
    auth.login(login).await.unwrap();
}
