//! The trash: what has been in it for 30 days is deleted for good.

use std::{sync::Arc, time::Duration};

use platform::clock::Clock;
use tokio::time::sleep;

use crate::store::{Purged, TaskStore};

const INTERVAL: Duration = Duration::from_mins(1);
/// So many owners are looked at in a row.
const ROUNDS: usize = 200;

/// Purges what is due, for as long as it is not dropped. Several processes may do it beside each other.
pub(crate) async fn purge_trash(store: Arc<dyn TaskStore>, clock: Arc<dyn Clock>) {
    loop {
        for _ in 0..ROUNDS {
            match store.purge(clock.now()).await {
                Ok(Purged::Some) => {}
                Ok(Purged::Nothing) => break,
                Err(error) => {
                    tracing::warn!(%error, "the trash cannot be purged");
                    break;
                }
            }
        }
        sleep(INTERVAL).await;
    }
}
