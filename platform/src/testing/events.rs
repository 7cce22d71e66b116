//! Account events that a test tells.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{
    future::BoxFuture,
    stream::{StreamExt as _, unfold},
};
use proto::auth::v1::{AccountEvent, WatchAccountEventsResponse};
use tokio::sync::watch;
use tonic::Status;
use uuid::Uuid;

use crate::account_events::{EventSource, Messages};

/// A source of events, told one by one. Clones share it.
#[derive(Clone)]
pub struct TestEvents {
    told: watch::Sender<Vec<AccountEvent>>,
    acknowledged: Arc<Mutex<Vec<Uuid>>>,
}

impl TestEvents {
    /// One of which nothing was told yet.
    #[expect(clippy::new_without_default, reason = "a source is chosen, not defaulted")]
    pub fn new() -> Self {
        Self {
            told: watch::Sender::default(),
            acknowledged: Arc::default(),
        }
    }

    /// Tells an event to everybody who follows or will follow.
    pub fn tell(&self, event: AccountEvent) {
        self.told.send_modify(|told| told.push(event));
    }

    /// The deletions that were acknowledged, in order.
    pub fn acknowledged(&self) -> Vec<Uuid> {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl EventSource for TestEvents {
    fn watch(&self, cursor: String) -> BoxFuture<'_, Result<Messages, Status>> {
        let from = cursor.parse().unwrap_or(0);
        let mut told = self.told.subscribe();
        told.mark_changed();
        Box::pin(async move {
            let messages = unfold((told, from), async |(mut told, from)| {
                told.changed().await.ok()?;
                let events = told.borrow_and_update().get(from..).unwrap_or_default().to_vec();
                let next = from + events.len();
                let message = WatchAccountEventsResponse {
                    events,
                    cursor: next.to_string(),
                    caught_up: true,
                };
                Some((Ok(message), (told, next)))
            });
            Ok(messages.boxed())
        })
    }

    fn acknowledge(&self, account: Uuid) -> BoxFuture<'_, Result<(), Status>> {
        self.acknowledged
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(account);
        Box::pin(async { Ok(()) })
    }
}
