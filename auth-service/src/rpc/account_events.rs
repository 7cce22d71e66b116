//! `holdfast.auth.v1.AccountEventsService`.

use std::{sync::Arc, time::Duration};

use futures_util::{
    future::BoxFuture,
    stream::{StreamExt as _, try_unfold},
};
use platform::{
    account_events::{EventSource, Messages},
    service_credential::{Role, ServicePeer},
    wire_error::WireError,
};
use proto::auth::v1::{
    AccountDeleted, AccountEvent, AcknowledgeErasureRequest, AcknowledgeErasureResponse, KeyRevoked, KeysChanged,
    SessionEnded, TokensWithdrawn, WatchAccountEventsRequest, WatchAccountEventsResponse, account_event,
    account_events_service_server::AccountEventsService,
};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Response, Status, async_trait};
use uuid::Uuid;

use crate::{
    error::AuthError,
    events::{Event, StoredEvent},
    store::EventStore,
};

/// How often the database is asked for what other replicas wrote.
const POLL: Duration = Duration::from_millis(100);
/// A message is sent at least so often.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// The most events of one message.
const PAGE: usize = 500;

/// The service.
#[derive(Clone)]
pub struct AccountEventsRpc {
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) shutdown: CancellationToken,
}

impl AccountEventsRpc {
    async fn messages(&self, cursor: &str) -> Result<Messages, Status> {
        let id = parse_cursor(cursor)?;
        let heard = self.store.events_after(id.saturating_sub(1), 1).await;
        let heard = heard.map_err(AuthError::from)?;
        // An event that nobody needs any more, or another one of its number since a backup was restored: what is kept is
        // told from its beginning.
        let goes_on = heard.first().is_some_and(|event| event.cursor() == cursor);
        let watch = Watch {
            store: self.store.clone(),
            shutdown: self.shutdown.clone(),
            id: if goes_on { id } else { 0 },
            cursor: if goes_on { cursor.to_owned() } else { String::new() },
            caught_up: false,
            sent: Instant::now(),
        };
        let messages = try_unfold(watch, async |mut watch| {
            let message = watch.next().await?;
            Ok(Some((message, watch)))
        });
        Ok(messages.boxed())
    }
}

/// auth-service hears its own events, by which its verifier refuses what ended, whichever replica ended it.
impl EventSource for AccountEventsRpc {
    fn watch(&self, cursor: String) -> BoxFuture<'_, Result<Messages, Status>> {
        Box::pin(async move { self.messages(&cursor).await })
    }

    /// It keeps no tasks.
    fn acknowledge(&self, _: Uuid) -> BoxFuture<'_, Result<(), Status>> {
        Box::pin(async { Ok(()) })
    }
}

#[async_trait]
impl AccountEventsService for AccountEventsRpc {
    type WatchAccountEventsStream = Messages;

    async fn watch_account_events(
        &self,
        request: Request<WatchAccountEventsRequest>,
    ) -> Result<Response<Self::WatchAccountEventsStream>, Status> {
        require_task_service(&request)?;
        Ok(Response::new(self.messages(&request.get_ref().cursor).await?))
    }

    async fn acknowledge_erasure(
        &self,
        request: Request<AcknowledgeErasureRequest>,
    ) -> Result<Response<AcknowledgeErasureResponse>, Status> {
        require_task_service(&request)?;
        let account = Uuid::try_parse(&request.get_ref().account_id)
            .map_err(|_| AuthError::Fields(vec![("account_id".to_owned(), "must be a UUID".to_owned())]))?;
        self.store.acknowledge_erasure(account).await.map_err(AuthError::from)?;
        Ok(Response::new(AcknowledgeErasureResponse {}))
    }
}

/// One follower.
struct Watch {
    store: Arc<dyn EventStore>,
    shutdown: CancellationToken,
    /// Of the last event that was told, or 0.
    id: i64,
    /// The same, as the follower gives it back.
    cursor: String,
    caught_up: bool,
    sent: Instant,
}

impl Watch {
    /// The next message, when there is one.
    async fn next(&mut self) -> Result<WatchAccountEventsResponse, Status> {
        loop {
            let events = self.store.events_after(self.id, PAGE).await;
            let events = events.map_err(AuthError::from)?;
            let caught_up = events.len() < PAGE;
            if !events.is_empty() || caught_up != self.caught_up || self.sent.elapsed() >= HEARTBEAT {
                self.caught_up = caught_up;
                self.sent = Instant::now();
                if let Some(last) = events.last() {
                    (self.id, self.cursor) = (last.id, last.cursor());
                }
                return Ok(WatchAccountEventsResponse {
                    events: events.into_iter().map(wire_event).collect(),
                    cursor: self.cursor.clone(),
                    caught_up,
                });
            }
            tokio::select! {
                () = sleep(POLL) => {}
                () = self.shutdown.cancelled() => {
                    return Err(WireError::unavailable("the service is shutting down").into());
                }
            }
        }
    }
}

/// Only task-service follows events: whoever else has a service credential has another role.
fn require_task_service<T>(request: &Request<T>) -> Result<(), Status> {
    let peer = request.extensions().get::<ServicePeer>();
    if peer.is_some_and(|peer| peer.role() == Role::TaskService) {
        return Ok(());
    }
    Err(WireError::new(
        Code::PermissionDenied,
        "SERVICE_ROLE_REQUIRED",
        "only task-service may follow account events",
    )
    .into())
}

fn parse_cursor(cursor: &str) -> Result<i64, AuthError> {
    if cursor.is_empty() {
        return Ok(0);
    }
    let parsed = cursor.split_once('-').and_then(|(number, _)| number.parse().ok());
    let parsed = parsed.filter(|number| *number > 0);
    parsed.ok_or_else(|| AuthError::Fields(vec![("cursor".to_owned(), "must be one that was given out".to_owned())]))
}

fn wire_event(stored: StoredEvent) -> AccountEvent {
    let event = match stored.event {
        Event::SessionEnded { session } => account_event::Event::SessionEnded(SessionEnded {
            session_id: session.to_string(),
        }),
        Event::TokensWithdrawn { account } => account_event::Event::TokensWithdrawn(TokensWithdrawn {
            account_id: account.map(|account| account.to_string()).unwrap_or_default(),
        }),
        Event::AccountDeleted { account } => account_event::Event::AccountDeleted(AccountDeleted {
            account_id: account.to_string(),
        }),
        Event::KeysChanged => account_event::Event::KeysChanged(KeysChanged {}),
        Event::KeyRevoked { key_id } => account_event::Event::KeyRevoked(KeyRevoked { key_id }),
    };
    AccountEvent {
        event_time: Some(stored.event_time.into()),
        forget_time: Some(stored.forget_time.into()),
        event: Some(event),
    }
}
