//! The web app, as people use it: each story at 1280 and at 360 pixels. Screenshots go to the directory that `SCREENSHOTS`
//! names, or nowhere that lasts.

use std::{fs, path::Path, process::Command};

use platform::testing::Workspace;

use crate::{
    browse,
    process::{Process, command, run},
    tool,
};

/// The address of the gateway.
fn origin(process: &Process) -> String {
    format!("http://{}", process.gateway)
}

/// A story, told on a `holdfast` of its own.
fn tell(story: &str) {
    let workspace = Workspace::new();
    let process = Process::start(workspace.path());
    let screenshots = workspace.path().join("screenshots");
    browse(story, &[&origin(&process), screenshots.to_str().unwrap()]);
    process.kill();
}

#[test]
fn people_come_and_go() {
    tell("people.mjs");
}

#[test]
fn a_person_keeps_tasks() {
    tell("tasks.mjs");
}

#[test]
fn changes_are_seen_everywhere() {
    tell("live.mjs");
}

#[test]
fn nothing_is_lost_while_it_is_away() {
    tell("away.mjs");
}

#[test]
fn what_is_shown_is_so() {
    tell("exact.mjs");
}

#[test]
fn five_thousand_tasks_are_listed() {
    tell("many.mjs");
}

#[test]
fn a_person_looks_after_the_account() {
    tell("account.mjs");
}

/// BR-07, BR-08: all tabs wake up with an access token that has ended; nobody is signed out until somebody signs out.
#[test]
fn twenty_tabs_stay_signed_in() {
    let workspace = Workspace::new();
    // Renewed when it ends within ten seconds.
    let process = Process::start_as(command(workspace.path()).env("HOLDFAST_ACCESS_TOKEN_TTL", "12s"));
    browse("tabs.mjs", &[&origin(&process), "3"]);
    process.kill();
}

#[test]
fn lighthouse_finds_little_to_mend() {
    let workspace = Workspace::new();
    let process = Process::start(workspace.path());
    let told = browse(
        "lighthouse.mjs",
        &[&origin(&process), "accessibility,best-practices", "95"],
    );
    assert_eq!(told.lines().count(), 2 * 5, "{told}");
    process.kill();
}

/// The types in its comments are right, and are those of the API that is served.
#[test]
fn its_types_are_those_of_the_api() {
    let workspace = Workspace::new();
    let process = Process::start(&workspace.path().join("data"));
    let tools = Path::new(&tool("WEB_TOOLS")).join("node_modules/.bin");
    let types = workspace.path().join("openapi.d.ts");
    let made = run(Command::new(tools.join("openapi-typescript"))
        .arg(format!("{}/openapi.json", origin(&process)))
        .arg("--output")
        .arg(&types));
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    process.kill();
    let app = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gateway/web");
    let app = app.canonicalize().unwrap();
    let project = serde_json::json!({
        "extends": app.join("tsconfig.json"),
        "compilerOptions": { "paths": { "#openapi": [types] } },
        "include": [app.join("app/*.js")],
    });
    let path = workspace.path().join("tsconfig.json");
    fs::write(&path, project.to_string()).unwrap();
    let checked = run(Command::new(tools.join("tsc")).arg("--project").arg(&path));
    assert!(
        checked.status.success(),
        "{}{}",
        String::from_utf8_lossy(&checked.stdout),
        String::from_utf8_lossy(&checked.stderr)
    );
}
