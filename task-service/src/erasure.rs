//! Leaving: the tasks of a deleted account are erased, and auth-service is told when none is left.

use std::{sync::Arc, time::Duration};

use platform::{
    account_events::{DeletedAccount, EventFollower},
    clock::Clock,
};
use tokio::{sync::mpsc, time::sleep};

use crate::{
    owner::OwnerId,
    store::{Erased, TaskStore},
};

const FIRST_RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_secs(10);

/// Erases what deleted accounts had, one after the other, each until it is done: for as long as it is not dropped. An
/// erasure that a crash cut off is handed on again by the follower of the next process, and goes on where it was.
pub(crate) async fn erase_deleted(
    store: Arc<dyn TaskStore>,
    follower: Arc<EventFollower>,
    mut deleted: mpsc::UnboundedReceiver<DeletedAccount>,
    clock: Arc<dyn Clock>,
) {
    while let Some(account) = deleted.recv().await {
        let mut retry = FIRST_RETRY;
        while let Err(error) = erase(&*store, &follower, account, &*clock).await {
            tracing::warn!(account.id = %account.id(), error, "a deleted account is not erased yet");
            sleep(retry).await;
            retry = LONGEST_RETRY.min(retry * 2);
        }
        tracing::info!(account.id = %account.id(), "a deleted account was erased");
    }
}

async fn erase(
    store: &dyn TaskStore,
    follower: &EventFollower,
    account: DeletedAccount,
    clock: &dyn Clock,
) -> Result<(), String> {
    let owner = OwnerId::of_deleted(account);
    while store
        .erase(owner, clock.now())
        .await
        .map_err(|error| error.to_string())?
        == Erased::InPart
    {}
    let acknowledged = follower.acknowledge(account).await;
    acknowledged.map_err(|status| status.message().to_owned())
}
