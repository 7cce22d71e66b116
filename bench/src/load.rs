//! Load: so many callers at once, each after the other's answer.

use std::{
    error::Error,
    time::{Duration, Instant},
};

use futures_util::{
    future::try_join_all,
    stream::{FuturesUnordered, StreamExt as _},
};
use hdrhistogram::Histogram;
use tokio::time::sleep_until;

use crate::running::Running;

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    /// Before anything counts.
    pub(crate) warm_up: Duration,
    /// Of one measurement.
    pub(crate) length: Duration,
    /// How many of each, of which the median counts.
    pub(crate) rounds: usize,
    /// How often Lighthouse judges.
    pub(crate) judgements: usize,
    /// How many tokens are seen for the first time.
    pub(crate) new_tokens: u32,
    /// How many people call where very many do, and how long.
    pub(crate) people: usize,
    pub(crate) people_call_for: Duration,
    /// How many tasks there are where there are very many.
    pub(crate) tasks_of_all: u64,
    /// How many tasks of one person there are where there are very many.
    pub(crate) tasks_of_one: &'static [u64],
}

impl Effort {
    pub(crate) const QUICK: Self = Self {
        warm_up: Duration::from_millis(200),
        length: Duration::from_millis(800),
        rounds: 3,
        judgements: 1,
        new_tokens: 500,
        people: 100,
        people_call_for: Duration::from_secs(3),
        tasks_of_all: 100_000,
        tasks_of_one: &[100_000],
    };
    pub(crate) const PEERS: Self = Self {
        length: Duration::from_secs(5),
        ..Self::QUICK
    };
    pub(crate) const FULL: Self = Self {
        warm_up: Duration::from_secs(1),
        length: Duration::from_secs(5),
        rounds: 5,
        judgements: 3,
        new_tokens: 5_000,
        people: 1_000,
        people_call_for: Duration::from_mins(1),
        tasks_of_all: 10_000_000,
        tasks_of_one: &[100_000, 1_000_000],
    };
}

/// What came of it.
pub(crate) struct Outcome {
    /// How many calls were answered in a second.
    pub(crate) rate: f64,
    /// The CPU time of the processes, in microseconds a call.
    pub(crate) cpu: f64,
    /// From the call to its answer, in microseconds.
    pub(crate) latencies: Histogram<u64>,
}

/// Has each caller call again and again, and measures processes meanwhile. A call that fails ends it.
pub(crate) async fn closed<C, F>(
    effort: Effort,
    servers: &[&Running],
    callers: &[C],
    call: impl Fn(C) -> F,
) -> Result<Outcome, Box<dyn Error>>
where
    C: Clone,
    F: Future<Output = Result<(), Box<dyn Error>>>,
{
    repeat(effort.warm_up, callers, &call).await?;
    let (before, began) = (cpu(servers)?, Instant::now());
    let latencies = repeat(effort.length, callers, &call).await?;
    let (cpu, took) = (cpu(servers)?.saturating_sub(before), began.elapsed());
    #[expect(clippy::cast_precision_loss, reason = "there are not that many calls")]
    let calls = latencies.len() as f64;
    Ok(Outcome {
        rate: calls / took.as_secs_f64(),
        cpu: cpu.as_secs_f64() * 1e6 / calls,
        latencies,
    })
}

fn cpu(servers: &[&Running]) -> std::io::Result<Duration> {
    servers.iter().map(|server| server.cpu()).sum()
}

/// Calls at a steady rate, whether earlier calls were answered or not, each by the next caller. A latency counts from the
/// moment at which the call was to be made, so that a server that stalls is not spared the calls that it held up. Also
/// told is how many failed.
pub(crate) async fn open<C, F>(
    length: Duration,
    calls_per_second: f64,
    callers: &[C],
    call: impl Fn(C) -> F,
) -> Result<(Histogram<u64>, u64), Box<dyn Error>>
where
    C: Clone,
    F: Future<Output = Result<(), Box<dyn Error>>>,
{
    let began = Instant::now();
    let (mut running, mut latencies, mut failed) = (FuturesUnordered::new(), Histogram::new(3)?, 0);
    let mut callers = callers.iter().cycle();
    let mut next = began;
    let pause = Duration::from_secs_f64(1.0 / calls_per_second);
    loop {
        let more = next < began + length;
        let ended = tokio::select! {
            Some(ended) = running.next() => ended,
            () = sleep_until(next.into()), if more => {
                if let Some(caller) = callers.next() {
                    let (answer, due) = (call(caller.clone()), next);
                    running.push(async move { (answer.await.is_ok(), due.elapsed()) });
                }
                next += pause;
                continue;
            }
            else => break,
        };
        match ended {
            (true, latency) => latencies.record(u64::try_from(latency.as_micros())?)?,
            (false, _) => failed += 1,
        }
    }
    Ok((latencies, failed))
}

async fn repeat<C, F>(length: Duration, callers: &[C], call: &impl Fn(C) -> F) -> Result<Histogram<u64>, Box<dyn Error>>
where
    C: Clone,
    F: Future<Output = Result<(), Box<dyn Error>>>,
{
    let end = Instant::now() + length;
    let callers = callers.iter().map(|caller| async {
        let mut latencies = Histogram::new(3)?;
        while Instant::now() < end {
            let began = Instant::now();
            call(caller.clone()).await?;
            latencies.record(u64::try_from(began.elapsed().as_micros())?)?;
        }
        Ok::<_, Box<dyn Error>>(latencies)
    });
    let mut all = Histogram::new(3)?;
    for latencies in try_join_all(callers).await? {
        all.add(latencies)?;
    }
    Ok(all)
}
