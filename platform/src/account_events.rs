//! Account events, followed: what auth-service ended reaches this process, in order and without a gap.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{
    StreamExt as _,
    future::BoxFuture,
    stream::{BoxStream, TryStreamExt as _},
};
use proto::auth::v1::{
    AccountEvent, AcknowledgeErasureRequest, WatchAccountEventsRequest, WatchAccountEventsResponse,
    account_event::Event, account_events_service_client::AccountEventsServiceClient,
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};
use tonic::{Request, Status, metadata::AsciiMetadataValue, transport::Channel};
use uuid::Uuid;

use crate::{
    clock::{Clock, Timestamp},
    service_credential::{METADATA, Role, ServiceKeys},
    verification::{KeyRing, Revocations},
};

/// A heartbeat comes every five seconds; after so long without a message the stream is taken for dead.
const SILENCE: Duration = Duration::from_secs(12);
const FIRST_RETRY: Duration = Duration::from_millis(50);
const LONGEST_RETRY: Duration = Duration::from_millis(500);
/// How often what concerns no token any more is forgotten.
const FORGETTING: Duration = Duration::from_secs(30);
/// For how long an acknowledgement is waited for.
const ACKNOWLEDGE_TIMEOUT: Duration = Duration::from_secs(5);

/// The messages of one stream.
pub type Messages = BoxStream<'static, Result<WatchAccountEventsResponse, Status>>;

/// Where the events come from.
pub trait EventSource: Send + Sync + 'static {
    /// The events after a cursor; an empty one: from the beginning.
    fn watch(&self, cursor: String) -> BoxFuture<'_, Result<Messages, Status>>;

    /// Says that what is kept for a deleted account was erased.
    fn acknowledge(&self, account: Uuid) -> BoxFuture<'_, Result<(), Status>>;
}

impl EventSource for Box<dyn EventSource> {
    fn watch(&self, cursor: String) -> BoxFuture<'_, Result<Messages, Status>> {
        (**self).watch(cursor)
    }

    fn acknowledge(&self, account: Uuid) -> BoxFuture<'_, Result<(), Status>> {
        (**self).acknowledge(account)
    }
}

/// The events of auth-service, over gRPC.
pub struct RemoteEvents {
    client: AccountEventsServiceClient<Channel>,
    service_keys: ServiceKeys,
    clock: Arc<dyn Clock>,
}

impl RemoteEvents {
    /// Follows over this channel, as task-service.
    pub fn new(channel: Channel, service_keys: ServiceKeys, clock: Arc<dyn Clock>) -> Self {
        Self {
            client: AccountEventsServiceClient::new(channel),
            service_keys,
            clock,
        }
    }

    fn request<T>(&self, message: T) -> Result<Request<T>, Status> {
        let token = self.service_keys.sign(Role::TaskService, &*self.clock);
        let token = AsciiMetadataValue::try_from(token).map_err(|_| Status::internal("a token is no text"))?;
        let mut request = Request::new(message);
        request.metadata_mut().insert(METADATA, token);
        Ok(request)
    }
}

impl EventSource for RemoteEvents {
    fn watch(&self, cursor: String) -> BoxFuture<'_, Result<Messages, Status>> {
        Box::pin(async {
            let request = self.request(WatchAccountEventsRequest { cursor })?;
            let messages = self.client.clone().watch_account_events(request).await?;
            Ok(messages.into_inner().boxed())
        })
    }

    fn acknowledge(&self, account: Uuid) -> BoxFuture<'_, Result<(), Status>> {
        Box::pin(async move {
            let mut request = self.request(AcknowledgeErasureRequest {
                account_id: account.to_string(),
            })?;
            request.set_timeout(ACKNOWLEDGE_TIMEOUT);
            self.client.clone().acknowledge_erasure(request).await.map(drop)
        })
    }
}

/// Proof that auth-service deleted an account. Only the follower of its events makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeletedAccount(Uuid);

impl DeletedAccount {
    /// `sub` of its access tokens.
    pub fn id(self) -> Uuid {
        self.0
    }
}

/// Follows the events for as long as the process lives.
pub struct EventFollower {
    source: Box<dyn EventSource>,
    keys: Arc<KeyRing>,
    revocations: Arc<Revocations>,
    clock: Arc<dyn Clock>,
    deleted: mpsc::UnboundedSender<DeletedAccount>,
    progress: Mutex<Progress>,
    made_at: Instant,
}

#[derive(Default)]
struct Progress {
    /// Of the last message.
    cursor: String,
    /// When the last message came, if by then everything had been told.
    current_at: Option<Instant>,
}

impl EventFollower {
    /// A follower that keeps a verifier's keys and revocations up to date, and hands on deleted accounts: each at
    /// least once, until its erasure is acknowledged.
    pub fn new(
        source: impl EventSource,
        keys: Arc<KeyRing>,
        revocations: Arc<Revocations>,
        clock: Arc<dyn Clock>,
    ) -> (Self, mpsc::UnboundedReceiver<DeletedAccount>) {
        let (deleted, erasures) = mpsc::unbounded_channel();
        let follower = Self {
            source: Box::new(source),
            keys,
            revocations,
            clock,
            deleted,
            progress: Mutex::default(),
            made_at: Instant::now(),
        };
        (follower, erasures)
    }

    /// Whether everything that was ended a moment ago is known here; why not otherwise.
    pub fn check(&self) -> Result<(), String> {
        let progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        match progress.current_at {
            None => Err("the account events were not heard yet".to_owned()),
            Some(at) if at.elapsed() > SILENCE => Err(format!("no account events for {} s", at.elapsed().as_secs())),
            Some(_) => Ok(()),
        }
    }

    /// For how long nothing has been heard that tells that everything is known; at rest a heartbeat comes every five
    /// seconds.
    pub fn lag(&self) -> Duration {
        self.progress().current_at.unwrap_or(self.made_at).elapsed()
    }

    /// Says that what is kept for a deleted account was erased.
    pub async fn acknowledge(&self, account: DeletedAccount) -> Result<(), Status> {
        self.source.acknowledge(account.0).await
    }

    /// Follows until dropped.
    pub async fn follow(&self) {
        let mut retry = FIRST_RETRY;
        let mut told = false;
        loop {
            let began = Instant::now();
            let ended = match self.follow_once().await {
                Ok(()) => "the stream ended".to_owned(),
                Err(status) => status.message().to_owned(),
            };
            if began.elapsed() > SILENCE {
                (retry, told) = (FIRST_RETRY, false);
            }
            // While a service is away, one line says so.
            if told {
                tracing::debug!(ended, "the account events still cannot be followed");
            } else {
                tracing::warn!(ended, "the account events cannot be followed; what is known stays");
                told = true;
            }
            sleep(retry).await;
            retry = LONGEST_RETRY.min(retry * 2);
        }
    }

    async fn follow_once(&self) -> Result<(), Status> {
        let cursor = self.progress().cursor.clone();
        let silent = |_| Status::unavailable("nothing was heard for too long");
        let mut messages = timeout(SILENCE, self.source.watch(cursor)).await.map_err(silent)??;
        // Who told nothing for a while may have other keys by now.
        drop(tokio::spawn(self.keys.clone().refetch()));
        let mut forgotten = Instant::now();
        while let Some(message) = timeout(SILENCE, messages.try_next()).await.map_err(silent)?? {
            for event in message.events {
                self.apply(event);
            }
            let mut progress = self.progress();
            progress.cursor = message.cursor;
            if message.caught_up {
                progress.current_at = Some(Instant::now());
            }
            drop(progress);
            if forgotten.elapsed() > FORGETTING {
                self.revocations.forget(self.clock.now());
                forgotten = Instant::now();
            }
        }
        Ok(())
    }

    /// An event that is not understood is of a later version, and about something that this version does not have.
    fn apply(&self, event: AccountEvent) {
        let time = |time: Option<prost_types::Timestamp>| time.map(Timestamp::from);
        let (Some(event_time), Some(forget_time)) = (time(event.event_time), time(event.forget_time)) else {
            tracing::error!("an account event without its times was left out");
            return;
        };
        let id = |text: &str| Uuid::try_parse(text).ok();
        match event.event {
            Some(Event::SessionEnded(ended)) => {
                if let Some(session) = id(&ended.session_id) {
                    self.revocations.end_session(session, forget_time);
                }
            }
            Some(Event::TokensWithdrawn(withdrawn)) => {
                // Only what names nobody means everybody.
                let account = id(&withdrawn.account_id);
                if account.is_some() || withdrawn.account_id.is_empty() {
                    self.revocations.withdraw(account, event_time, forget_time);
                }
            }
            Some(Event::AccountDeleted(deleted)) => {
                if let Some(account) = id(&deleted.account_id) {
                    // Of that second too: nobody signs in to it again.
                    let after = event_time.plus(Duration::from_secs(1));
                    self.revocations.withdraw(Some(account), after, forget_time);
                    // Nobody listens any more only while the process ends.
                    self.deleted.send(DeletedAccount(account)).ok();
                }
            }
            // The events that follow do not wait for it.
            Some(Event::KeysChanged(_)) => drop(tokio::spawn(self.keys.clone().refetch())),
            Some(Event::KeyRevoked(revoked)) => {
                self.keys.revoke(&revoked.key_id);
                self.revocations.tell();
            }
            None => {}
        }
    }

    fn progress(&self) -> std::sync::MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
