//! The time between the signal and the shutdown: whoever spreads requests over several replicas needs it to notice.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::Readiness;

/// The shutdown that follows a signal: at once nothing is ready any more, and after the delay it begins. Until then
/// everything is served as before.
pub fn shutdown_after<const N: usize>(
    signal: CancellationToken,
    readiness: [Readiness; N],
    delay: Duration,
) -> CancellationToken {
    let shutdown = CancellationToken::new();
    let begun = shutdown.clone();
    tokio::spawn(begun.clone().run_until_cancelled_owned(async move {
        signal.cancelled().await;
        readiness.iter().for_each(Readiness::leave);
        sleep(delay).await;
        begun.cancel();
    }));
    shutdown
}
