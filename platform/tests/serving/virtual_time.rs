//! Time that passes when nothing else happens.

use std::time::Duration;

use tokio::time::{Instant, interval};

/// Runs with the clock stopped: it makes a small step whenever nothing else can happen, so that the sockets
/// keep up. Also tells how much time seemed to pass.
pub(crate) async fn in_virtual_time<F: Future>(future: F) -> (F::Output, Duration) {
    tokio::time::pause();
    let began = Instant::now();
    let mut steps = interval(Duration::from_millis(100));
    let mut future = std::pin::pin!(future);
    let output = loop {
        tokio::select! {
            output = &mut future => break output,
            _ = steps.tick() => {}
        }
    };
    let took = began.elapsed();
    tokio::time::resume();
    (output, took)
}
