//! Loads the services, measures them beside the bare limits of their parts, and holds them to their budgets. Run by
//! `scripts/bench`, which builds everything first.
//!
//! One core serves and the other one loads. A figure is the CPU time of the serving processes per call, which other work on
//! the machine changes least; a budget is a ratio of two such figures of one run.

#![expect(clippy::print_stdout, reason = "the figures are what this is for")]

mod accounts;
mod cluster;
mod cores;
mod crowd;
mod figures;
mod gateway;
mod limits;
mod load;
mod peers;
mod plots;
mod postgres;
mod reads;
mod replicas;
mod report;
mod rest;
mod running;
mod seed;
mod size;
mod start;
mod verification;
mod watchers;
mod web;
mod writes;

use std::{error::Error, net::SocketAddr, process::ExitCode};

use clap::{Parser, Subcommand, ValueEnum};

/// What can be run.
#[derive(Parser)]
#[command(name = "bench", about = "Measures Holdfast, and holds it to its budgets")]
struct CommandLine {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Every budget, by short measurements
    Quick { parts: Vec<Part> },
    /// Every budget, by measurements of which the median counts
    Full { parts: Vec<Part> },
    /// FastAPI and Better Auth, where they are installed
    Peers,
    /// Draws what the last full run and the last one with peers found, into docs/performance
    Plot,
    /// The bare limit of a gRPC service: it answers the same to everybody
    #[command(hide = true)]
    Echo { listen: SocketAddr },
    /// The bare limit of a database: the statements of reads, without a service
    #[command(hide = true)]
    Statements(limits::statements::Arguments),
    /// The bare limit of a database: the statements of writes, without a service
    #[command(hide = true)]
    Writes(limits::writes::Arguments),
    /// The bare limit of a sign-in
    #[command(hide = true)]
    Hashing { milliseconds: u64 },
}

/// What is measured by itself. All, if none is named.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// P9
    Start,
    /// The web app
    Web,
    /// P1
    Verification,
    /// P2, P3
    Reads,
    /// P4
    Writes,
    /// P6, P7
    Accounts,
    /// P5
    Gateway,
    /// P10
    Watchers,
    /// P12
    Replicas,
    /// P8, P13
    Size,
    /// Very many people
    People,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(CommandLine::parse().what).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every budget is met.
async fn run(what: What) -> Result<bool, Box<dyn Error>> {
    let (run, effort, parts) = match what {
        What::Echo { listen } => {
            limits::service::serve(listen).await?;
            return Ok(true);
        }
        What::Statements(arguments) => {
            limits::statements::run(&arguments).await?;
            return Ok(true);
        }
        What::Writes(arguments) => {
            limits::writes::run(&arguments).await?;
            return Ok(true);
        }
        What::Hashing { milliseconds } => {
            limits::hashing::run(milliseconds)?;
            return Ok(true);
        }
        What::Quick { parts } => ("quick", load::Effort::QUICK, parts),
        What::Full { parts } => ("full", load::Effort::FULL, parts),
        What::Plot => {
            plots::draw()?;
            return Ok(true);
        }
        What::Peers => {
            let mut report = report::Report::begin("peers");
            cores::stay_on(cores::LOADING)?;
            let server = postgres::Postgres::start()?;
            peers::measure(&mut report, load::Effort::PEERS, &server).await?;
            return report.end();
        }
    };
    let is_wanted = |part| parts.is_empty() || parts.contains(&part);
    let mut report = report::Report::begin(run);
    if is_wanted(Part::Start) {
        start::measure(&mut report)?;
    }
    if is_wanted(Part::Web) {
        web::measure(&mut report, effort)?;
    }
    cores::stay_on(cores::LOADING)?;
    let server = postgres::Postgres::start()?;
    if is_wanted(Part::Verification) {
        verification::measure(&mut report, effort).await?;
    }
    if is_wanted(Part::Reads) {
        reads::measure(&mut report, effort, &server).await?;
    }
    if is_wanted(Part::Writes) {
        writes::measure(&mut report, effort, &server).await?;
    }
    if is_wanted(Part::Accounts) {
        accounts::measure(&mut report, effort, &server).await?;
    }
    if is_wanted(Part::Gateway) {
        gateway::measure(&mut report, effort).await?;
    }
    if is_wanted(Part::Watchers) {
        watchers::measure(&mut report, effort).await?;
    }
    if is_wanted(Part::Replicas) {
        replicas::measure(&mut report, effort, &server).await?;
    }
    if is_wanted(Part::People) {
        crowd::measure(&mut report, effort, &server).await?;
    }
    if is_wanted(Part::Size) {
        size::measure(&mut report, effort, &server).await?;
    }
    report.end()
}
