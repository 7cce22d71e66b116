//! Load: so many callers at once, each after the other's answer.

use std::{
    error::Error,
    time::{Duration, Instant},
};

use futures_util::future::try_join_all;
use hdrhistogram::Histogram;

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
}

impl Effort {
    pub(crate) const QUICK: Self = Self {
        warm_up: Duration::from_millis(500),
        length: Duration::from_secs(2),
        rounds: 3,
    };
    pub(crate) const FULL: Self = Self {
        warm_up: Duration::from_secs(2),
        length: Duration::from_secs(10),
        rounds: 5,
    };
}

/// What came of it.
pub(crate) struct Outcome {
    /// How many calls were answered in a second.
    pub(crate) rate: f64,
    /// The CPU time of the process, in microseconds a call.
    pub(crate) cpu: f64,
    /// From the call to its answer, in microseconds.
    pub(crate) latencies: Histogram<u64>,
}

/// Has each caller call again and again, and measures a process meanwhile. A call that fails ends it.
pub(crate) async fn closed<C, F>(
    effort: Effort,
    server: &Running,
    callers: &[C],
    call: impl Fn(C) -> F,
) -> Result<Outcome, Box<dyn Error>>
where
    C: Clone,
    F: Future<Output = Result<(), Box<dyn Error>>>,
{
    repeat(effort.warm_up, callers, &call).await?;
    let (before, began) = (server.cpu()?, Instant::now());
    let latencies = repeat(effort.length, callers, &call).await?;
    let (cpu, took) = (server.cpu()?.saturating_sub(before), began.elapsed());
    #[expect(clippy::cast_precision_loss, reason = "there are not that many calls")]
    let calls = latencies.len() as f64;
    Ok(Outcome {
        rate: calls / took.as_secs_f64(),
        cpu: cpu.as_secs_f64() * 1e6 / calls,
        latencies,
    })
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
