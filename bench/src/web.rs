//! How soon the web app is there: on this machine, and, as Lighthouse imagines it, on a phone.

use std::{error::Error, process::Command};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    cluster::{binary, without_settings},
    load::Effort,
    report::Report,
    running::Running,
};

/// Of 100. Below this a page is slow for people.
const LEAST_SCORE: f64 = 95.0;
const MOST_MILLISECONDS: f64 = 300.0;
const VISITS: usize = 5;

/// Judges each view of a `holdfast` of its own.
pub(crate) fn measure(report: &mut Report, effort: Effort) -> Result<(), Box<dyn Error>> {
    let directory = TempDir::new()?;
    let mut command = without_settings(Command::new(binary("holdfast")?));
    for listen in ["AUTH", "TASK", "GATEWAY", "ADMIN"] {
        command.env(format!("HOLDFAST_{listen}_LISTEN"), "127.0.0.1:0");
    }
    command.env("HOLDFAST_DATA_DIR", directory.path());
    let mut running = Running::start(&mut command)?;
    let mut gateway = None;
    loop {
        let line = running.line()?;
        gateway = line
            .split_whitespace()
            .find(|word| line.contains("REST") && word.starts_with("http://"))
            .map(str::to_owned)
            .or(gateway);
        if line.contains("Ctrl-C stops it") {
            break;
        }
    }
    let gateway = gateway.ok_or("it does not say where it is")?;
    let visits = VISITS.to_string();
    let seen = story(&["first_view.mjs", &gateway, "unused", &visits])?;
    let milliseconds = seen.lines().map(str::parse).collect::<Result<Vec<f64>, _>>()?;
    report.budget("web", "first view can be used", "ms", &milliseconds, MOST_MILLISECONDS);
    let mut rounds = Vec::new();
    for _ in 0..effort.judgements {
        rounds.push(scores(&gateway)?);
    }
    for (place, (address, _)) in rounds[0].iter().enumerate() {
        let scores: Vec<f64> = rounds.iter().map(|round| round[place].1).collect();
        report.floor(
            "web",
            &format!("Lighthouse, performance of {address}"),
            "of 100",
            &scores,
            LEAST_SCORE,
        );
    }
    Ok(())
}

/// Each view, and how it was judged.
fn scores(gateway: &str) -> Result<Vec<(String, f64)>, Box<dyn Error>> {
    let told = story(&["lighthouse.mjs", gateway, "performance"])?;
    let scores = told.lines().map(|line| {
        let judged: Value = serde_json::from_str(line)?;
        let (address, score) = (judged["address"].as_str(), judged["score"].as_f64());
        Ok((address.ok_or("no address")?.to_owned(), score.ok_or("no score")?))
    });
    scores.collect()
}

/// Runs a story of the browser's tests, and returns what it prints.
fn story(arguments: &[&str]) -> Result<String, Box<dyn Error>> {
    let told = Command::new("node")
        .current_dir("standalone/tests/browser")
        .args(arguments)
        .output()?;
    if !told.status.success() {
        return Err(format!("{arguments:?}: {}", String::from_utf8_lossy(&told.stderr)).into());
    }
    Ok(String::from_utf8(told.stdout)?)
}
