//! The README's tour, by curl and grpcurl, as it is printed.

use std::{env, fs, path::Path, process::Command};

use platform::testing::Workspace;

use crate::process::{Process, run};

/// The id in the README, and how it is found in a list.
const ID: &str = "ID=01a1fdcd-fc7a-7b1a-ab02-3a323b439614";
const ID_OF_THE_TASK: &str = r#"ID=$(curl -s http://127.0.0.1:8080/v1/tasks -H "authorization: Bearer $TOKEN" |
  sed 's/.*"id":"\([^"]*\)","title":"Buy milk".*/\1/')"#;

/// The commands of the chapter: blocks of `sh` whole, of `console` what stands behind a `$`.
fn commands() -> String {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap();
    let (_, tour) = readme.split_once("\n## Five minutes\n").unwrap();
    let (tour, _) = tour.split_once("\n## ").unwrap();
    let mut commands = String::new();
    let (mut block, mut goes_on) = ("", false);
    for line in tour.lines() {
        if let Some(language) = line.strip_prefix("```") {
            block = language;
            continue;
        }
        let command = match block {
            "sh" => Some(line),
            "console" if goes_on => Some(line),
            "console" => line.strip_prefix("$ "),
            _ => None,
        };
        if let Some(command) = command {
            commands.push_str(command);
            commands.push('\n');
            goes_on = command.ends_with('\\');
        }
    }
    assert!(commands.contains(ID), "{commands}");
    commands.replace(ID, ID_OF_THE_TASK)
}

#[test]
fn the_tour_works_as_it_is_printed() {
    let workspace = Workspace::new();
    let process = Process::start(workspace.path());
    let grpcurl = env::var("GRPCURL").unwrap_or_else(|_| "grpcurl".to_owned());
    let commands = commands()
        .replace("grpcurl -plaintext", &format!("'{grpcurl}' -plaintext"))
        .replace("127.0.0.1:8080", &process.gateway.to_string())
        .replace("127.0.0.1:50052", &process.task.to_string());
    let shown = run(Command::new("bash").args(["-euo", "pipefail", "-c", &commands]));
    let (stdout, stderr) = (
        String::from_utf8_lossy(&shown.stdout),
        String::from_utf8_lossy(&shown.stderr),
    );
    assert!(shown.status.success(), "{stdout}{stderr}");
    // In their order: what each command answers, and nothing but the last call is an error.
    let mut rest = &*stdout;
    for (command, answer) in [
        ("register", r#""displayName":"Ada""#),
        ("create by curl", r#""due":{"date":"2026-12-24""#),
        ("create by grpcurl", r#""title": "Try Holdfast""#),
        ("describe", "rpc ImportTasks"),
        ("change", r#""priority":"PRIORITY_HIGH""#),
        ("complete", r#""completed":true"#),
        ("list", r#""tasks":[{"#),
        ("toggle", r#""completed":false"#),
        ("error", r#""reason":"FIELD_INVALID""#),
        ("refresh", r#""refreshToken":"hfr_"#),
    ] {
        (_, rest) = rest
            .split_once(answer)
            .unwrap_or_else(|| panic!("{command}: no {answer} in {rest}\n{stderr}"));
    }
    assert_eq!(stdout.matches(r#""reason":"#).count(), 1, "{stdout}");
    process.kill();
}
