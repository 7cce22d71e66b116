//! Loads the services, measures them beside the bare limits of their parts, and holds them to their budgets. Run by
//! `scripts/bench`, which builds everything first.
//!
//! One core serves and the other one loads. A figure is the CPU time of the serving processes per call, which other work on
//! the machine changes least; a budget is a ratio of two such figures of one run.

#![expect(clippy::print_stdout, reason = "the figures are what this is for")]

mod cluster;
mod cores;
mod figures;
mod limits;
mod load;
mod postgres;
mod reads;
mod report;
mod running;
mod start;
mod web;

use std::{error::Error, net::SocketAddr, process::ExitCode};

use clap::{Parser, Subcommand};

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
    Quick,
    /// Every budget, by measurements of which the median counts
    Full,
    /// The bare limit of a gRPC service: it answers the same to everybody
    #[command(hide = true)]
    Echo { listen: SocketAddr },
    /// The bare limit of a database: the statements of reads, without a service
    #[command(hide = true)]
    Statements(limits::statements::Arguments),
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
    let effort = match what {
        What::Echo { listen } => {
            limits::echo::serve(listen).await?;
            return Ok(true);
        }
        What::Statements(arguments) => {
            limits::statements::run(&arguments).await?;
            return Ok(true);
        }
        What::Quick => load::Effort::QUICK,
        What::Full => load::Effort::FULL,
    };
    let mut report = report::Report::begin();
    start::measure(&mut report)?;
    web::measure(&mut report, effort)?;
    reads::measure(&mut report, effort).await?;
    report.end()
}
