//! What a service does by itself: keys by the calendar, and what nobody needs any more.

use std::{sync::Arc, time::Duration};

use platform::{clock::Clock, database::StoreError, verification::KeyRing};
use tokio::time::sleep;

use crate::{
    audit::Audit,
    keys::Keys,
    store::{EventStore, ResetStore, SessionStore, ThrottleStore},
};

/// A key that was revoked signs nothing after that in any replica.
const KEYS_INTERVAL: Duration = Duration::from_millis(500);
const SWEEP_INTERVAL: Duration = Duration::from_mins(1);
/// So many rows are deleted in one transaction, and so many times in a row.
const SWEEP_ROWS: usize = 500;
const SWEEP_ROUNDS: usize = 40;
/// An expired session is kept so long: its token is told that it expired, not that it is unknown.
const KEPT_AFTER_EXPIRY: Duration = Duration::from_hours(24);

/// Keeps the keys, for as long as it is not dropped.
pub async fn keep_keys(keys: Arc<Keys>, ring: Arc<KeyRing>) {
    loop {
        match keys.keep().await {
            Ok(true) => ring.clone().refetch().await,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "the signing keys cannot be kept; those at hand stay"),
        }
        sleep(KEYS_INTERVAL).await;
    }
}

/// Deletes what nobody needs any more, for as long as it is not dropped.
pub async fn sweep(store: Arc<impl Swept>, audit: Audit, clock: Arc<dyn Clock>) {
    loop {
        let swept = async {
            sweep_once(&*store, &*clock).await?;
            audit.close_day().await
        };
        if let Err(error) = swept.await {
            tracing::warn!(%error, "dead rows cannot be deleted");
        }
        sleep(SWEEP_INTERVAL).await;
    }
}

/// What is swept.
pub trait Swept: SessionStore + EventStore + ThrottleStore + ResetStore {}
impl<S: SessionStore + EventStore + ThrottleStore + ResetStore> Swept for S {}

/// One round, of a bounded number of rows; the next round goes on.
pub async fn sweep_once(store: &impl Swept, clock: &dyn Clock) -> Result<(), StoreError> {
    let now = clock.now();
    for _ in 0..SWEEP_ROUNDS {
        let deleted = store.forget_sessions(now.minus(KEPT_AFTER_EXPIRY), SWEEP_ROWS).await?
            + store.forget_events(now, SWEEP_ROWS).await?
            + store.forget_throttles(now, SWEEP_ROWS).await?
            + store.forget_resets(now, SWEEP_ROWS).await?;
        if deleted == 0 {
            break;
        }
    }
    Ok(())
}
