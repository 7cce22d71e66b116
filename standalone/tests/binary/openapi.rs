//! What `/openapi.json` says is what the API does: schemathesis asks it what the document allows, and what it does not.

use std::{env, process::Command};

use platform::testing::Workspace;
use proto::auth::v1::{RegisterRequest, auth_service_client::AuthServiceClient};

use crate::process::{Process, command, run};

/// Of each operation and kind of input.
const EXAMPLES: &str = "10";
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance";

#[tokio::test]
async fn the_api_does_what_its_document_says() {
    let workspace = Workspace::new();
    let mut command = command(&workspace.path().join("data"));
    let process = Process::start_as(command.env("HOLDFAST_THROTTLE_EXEMPT", "127.0.0.0/8"));
    let channel = platform::channel::connect(
        &[format!("http://{}", process.auth).parse().unwrap()],
        &platform::tls::ClientTls::default(),
    );
    let person = RegisterRequest {
        email: "ada@example.com".to_owned(),
        password: "correct horse battery staple".to_owned(),
        display_name: String::new(),
    };
    let registered = AuthServiceClient::new(channel).register(person).await.unwrap();
    let access_token = registered.into_inner().tokens.unwrap().access_token;

    let api = format!("http://{}", process.gateway);
    // scripts/test installs it and says where.
    let mut schemathesis = Command::new(env::var("SCHEMATHESIS").unwrap_or_else(|_| "schemathesis".to_owned()));
    schemathesis.current_dir(workspace.path());
    schemathesis.args(["run", &format!("{api}/openapi.json"), "--url", &api]);
    schemathesis.args(["--header", &format!("authorization: Bearer {access_token}")]);
    schemathesis.args([
        "--checks",
        CHECKS,
        "--max-examples",
        EXAMPLES,
        "--generation-deterministic",
    ]);
    // A watch has no end.
    schemathesis.args([
        "--exclude-path",
        "/v1/tasks:watch",
        "--no-color",
        "--request-timeout",
        "20",
    ]);
    let told = run(&mut schemathesis);
    let (stdout, stderr) = (
        String::from_utf8_lossy(&told.stdout),
        String::from_utf8_lossy(&told.stderr),
    );
    assert!(told.status.success(), "{stdout}{stderr}");
    // "1997 generated, 1997 passed"
    let counts = stdout.lines().find(|line| line.contains(" generated, ")).unwrap();
    let numbers: Vec<u32> = counts.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    assert!(
        numbers.len() == 2 && numbers[0] == numbers[1] && numbers[0] > 500,
        "{counts}"
    );
    process.kill();
}
