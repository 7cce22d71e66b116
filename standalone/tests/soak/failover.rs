//! The primary is lost under load and its standby promoted: no acknowledged write goes with it, nobody hears anything
//! but UNAVAILABLE meanwhile, and the same processes write again as soon as there is somebody to write to.

mod cluster;
mod load;
mod proxy;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use platform::testing::Workspace;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::process::{Process, command, run};
use cluster::Cluster;
use load::{Answer, Load, Work};
use proxy::{Proxy, Route};

/// Processes that share the databases.
const PROCESSES: usize = 2;
/// Good answers to each client before the loss, and again after it.
const CALLS: usize = 30;
/// How long nobody is there.
const OUTAGE: Duration = Duration::from_secs(3);
/// From the begin of the promotion to the first acknowledged write.
const RESUMED_WITHIN: Duration = Duration::from_secs(5);
/// And until every single client is served again.
const ALL_SERVED_WITHIN: Duration = Duration::from_secs(20);
/// The one refusal there may be.
const UNAVAILABLE: &str = "UNAVAILABLE with RetryInfo";

/// How the primary goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    /// kill -9: what connects is refused.
    Killed,
    /// A crash of its own, which its clients are told; what connects is hung up.
    Crashed,
    /// Its machine is gone: nothing is answered and nobody hangs up.
    Vanished,
    /// As killed, and the proxy leads to the standby before that is promoted.
    PointedEarly,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_primary_takes_nothing_with_it() {
    lose_the_primary(Loss::Killed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crashed_primary_takes_nothing_with_it() {
    lose_the_primary(Loss::Crashed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vanished_primary_takes_nothing_with_it() {
    lose_the_primary(Loss::Vanished).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_is_reached_before_it_is_promoted_is_unavailable() {
    lose_the_primary(Loss::PointedEarly).await;
}

async fn lose_the_primary(loss: Loss) {
    let workspace = Workspace::new();
    let cluster = Cluster::start();
    let proxy = Proxy::start(Route::To(cluster.primary.socket()));
    let migrated = run(holdfast(workspace.path(), &proxy).arg("migrate"));
    assert!(migrated.status.success(), "{migrated:?}");
    let processes = [(); PROCESSES].map(|()| Process::start_as(&mut holdfast(workspace.path(), &proxy)));
    let mut load = Load::start(&processes).await;
    let unserved = load.all_served(CALLS, ALL_SERVED_WITHIN).await;
    assert!(unserved.is_empty(), "before the loss: {unserved:?}");

    match loss {
        Loss::Killed | Loss::PointedEarly => {
            cluster.primary.kill();
            proxy.point(Route::Refused);
        }
        Loss::Crashed => cluster.primary.stop(),
        Loss::Vanished => {
            proxy.point(Route::Silent);
            cluster.primary.kill();
        }
    }
    // Whatever is written from here on is written by the standby.
    let lost_at = Instant::now();
    load.go_on(OUTAGE).await;
    let standby = Route::To(cluster.standby.socket());
    if let Loss::PointedEarly = loss {
        proxy.point(standby.clone());
        load.go_on(OUTAGE).await;
    }
    let promoted_at = Instant::now();
    cluster.standby.promote();
    if loss != Loss::PointedEarly {
        proxy.point(standby);
    }
    let unserved = load.all_served(CALLS, ALL_SERVED_WITHIN).await;
    let (answers, ledger) = load.end().await;

    // Both must know it.
    let mut missing = BTreeSet::new();
    for process in &processes {
        missing.extend(ledger.lost(process).await);
    }
    let is_write = |answer: &&Answer| answer.work == Work::Write && answer.outcome.is_ok();
    let (before, after): (Vec<_>, Vec<_>) = answers
        .iter()
        .filter(is_write)
        .partition(|answer| answer.began < lost_at);
    println!(
        "{loss:?}: {} writes to {} tasks acknowledged, {} lost",
        before.len() + after.len(),
        ledger.tasks(),
        missing.len()
    );
    let refusals = refusals(&answers);
    for ((work, refusal), (times, slowest)) in &refusals {
        println!("{work:?}: {times} times {refusal}, the slowest after {slowest:?}");
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(refusals.keys().all(|(_, refusal)| refusal == UNAVAILABLE));
    assert!(unserved.is_empty(), "after the promotion: {unserved:?}");
    let last_before = before.iter().map(|write| write.ended).max().unwrap();
    let first_after = after.iter().map(|write| write.ended).min().unwrap();
    let resumed = first_after - promoted_at;
    println!(
        "no write for {:?}, of it {resumed:?} since the promotion began",
        first_after - last_before
    );
    assert!(resumed < RESUMED_WITHIN);
}

/// The command, with the databases at the proxy and the secrets that the processes share.
fn holdfast(data_dir: &Path, proxy: &Proxy) -> Command {
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let mut command = command(data_dir);
    command
        .env("HOLDFAST_AUTH_DATABASE_URL", proxy.url("auth"))
        .env("HOLDFAST_TASK_DATABASE_URL", proxy.url("task"))
        .env("HOLDFAST_MASTER_KEY", format!("soak:{key}"))
        .env("HOLDFAST_SERVICE_KEY", key)
        // What is measured is the database, not who may still call.
        .env("HOLDFAST_ACCESS_TOKEN_TTL", "1h")
        // An outage logs a line for each refusal; what is none shows in the output of this test.
        .env("HOLDFAST_LOG", "error");
    command
}

/// The refusals by kind: how many, and how long the slowest took.
fn refusals(answers: &[Answer]) -> BTreeMap<(Work, String), (usize, Duration)> {
    let mut refusals = BTreeMap::new();
    for answer in answers {
        if let Err(status) = &answer.outcome {
            let (times, slowest) = refusals.entry((answer.work, kind(status))).or_default();
            *times += 1;
            *slowest = Duration::max(*slowest, answer.ended - answer.began);
        }
    }
    refusals
}

fn kind(status: &Status) -> String {
    let details = status.get_error_details();
    let retry = details.retry_info().and_then(|info| info.retry_delay);
    match (status.code(), retry) {
        (Code::Unavailable, Some(_)) => UNAVAILABLE.to_owned(),
        (code, _) => format!("{code:?} ({})", status.message()),
    }
}
