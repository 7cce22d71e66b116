//! The published keys, as a verifier holds them.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use futures_util::future::BoxFuture;
use jsonwebtoken::DecodingKey;
use proto::auth::v1::{GetJwksRequest, JsonWebKey, auth_service_client::AuthServiceClient};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep, timeout},
};
use tonic::transport::Channel;

/// How often the keys are fetched anew: the max-age of the key set.
const REFRESH_INTERVAL: Duration = Duration::from_mins(5);
/// An unknown key id makes the keys be fetched at most this often.
const UNKNOWN_KEY_INTERVAL: Duration = Duration::from_secs(10);
const FETCH_TIMEOUT: Duration = Duration::from_secs(3);
const FIRST_RETRY: Duration = Duration::from_millis(50);
const LONGEST_RETRY: Duration = Duration::from_secs(10);
const MAX_KEYS: usize = 64;
const MAX_KEY_ID_BYTES: usize = 16;

/// Where the published keys come from.
pub trait KeySource: Send + Sync + 'static {
    /// The current key set, or why it cannot be had.
    fn fetch(&self) -> BoxFuture<'_, Result<Vec<JsonWebKey>, String>>;
}

impl KeySource for Box<dyn KeySource> {
    fn fetch(&self) -> BoxFuture<'_, Result<Vec<JsonWebKey>, String>> {
        (**self).fetch()
    }
}

/// The keys of auth-service, over gRPC.
pub struct RemoteKeys {
    client: AuthServiceClient<Channel>,
}

impl RemoteKeys {
    /// Fetches over this channel.
    pub fn new(channel: Channel) -> Self {
        Self {
            client: AuthServiceClient::new(channel).max_decoding_message_size(64 * 1024),
        }
    }
}

impl KeySource for RemoteKeys {
    fn fetch(&self) -> BoxFuture<'_, Result<Vec<JsonWebKey>, String>> {
        Box::pin(async {
            let answer = self.client.clone().get_jwks(GetJwksRequest {}).await;
            answer
                .map(|keys| keys.into_inner().keys)
                .map_err(|status| status.message().to_owned())
        })
    }
}

/// The last good key set, and when to ask for another.
pub struct KeyRing {
    source: Box<dyn KeySource>,
    keys: RwLock<Arc<HashMap<String, DecodingKey>>>,
    /// Keys that no set brings back. They are few: each took an operator.
    revoked: std::sync::Mutex<HashSet<String>>,
    fetching: Arc<Mutex<LastFetch>>,
}

#[derive(Default)]
struct LastFetch {
    at: Option<Instant>,
    failed: bool,
}

/// The key set cannot be had, so nothing is known of a key id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeysUnavailable;

impl KeyRing {
    /// An empty ring; the first look-up or [`KeyRing::follow`] fills it.
    pub fn new(source: impl KeySource) -> Self {
        Self {
            source: Box::new(source),
            keys: RwLock::default(),
            revoked: std::sync::Mutex::default(),
            fetching: Arc::default(),
        }
    }

    /// Whether a key is in the last good set.
    pub(super) fn holds(&self, key_id: &str) -> bool {
        self.current().contains_key(key_id)
    }

    /// The key of that id. An unknown one makes the ring fetch, at most once per 10 seconds and once at a
    /// time; `Ok(None)` is said only by a set that was fetched.
    pub(super) async fn find(self: &Arc<Self>, key_id: &str) -> Result<Option<DecodingKey>, KeysUnavailable> {
        if let Some(key) = self.current().get(key_id) {
            return Ok(Some(key.clone()));
        }
        let mut last = self.fetching.clone().lock_owned().await;
        // Whoever held the lock before may have brought it.
        if let Some(key) = self.current().get(key_id) {
            return Ok(Some(key.clone()));
        }
        if last.at.is_none_or(|at| at.elapsed() >= UNKNOWN_KEY_INTERVAL) {
            let ring = self.clone();
            // In a task of its own: a caller that gives up would take the fetch with it, and the next would begin
            // another before its time.
            let fetched = tokio::spawn(async move {
                ring.fetch(&mut last).await;
                last
            });
            last = fetched.await.map_err(|_| KeysUnavailable)?;
        }
        if last.failed {
            return Err(KeysUnavailable);
        }
        Ok(self.current().get(key_id).cloned())
    }

    /// Fetches now and every five minutes, sooner after a failure, until dropped.
    pub async fn follow(&self) {
        let mut retry = FIRST_RETRY;
        loop {
            let failed = {
                let mut last = self.fetching.lock().await;
                self.fetch(&mut last).await;
                last.failed
            };
            if failed {
                sleep(retry).await;
                retry = LONGEST_RETRY.min(retry * 2);
            } else {
                retry = FIRST_RETRY;
                sleep(REFRESH_INTERVAL).await;
            }
        }
    }

    /// Fetches now: it is known that the keys are others than before.
    pub async fn refetch(self: Arc<Self>) {
        let mut last = self.fetching.lock().await;
        self.fetch(&mut last).await;
    }

    /// Takes a key out, for good: no later set brings it back.
    pub fn revoke(&self, key_id: &str) {
        let mut revoked = self.revoked.lock().unwrap_or_else(PoisonError::into_inner);
        revoked.insert(key_id.to_owned());
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut keys).remove(key_id);
    }

    async fn fetch(&self, last: &mut LastFetch) {
        let fetched = match timeout(FETCH_TIMEOUT, self.source.fetch()).await {
            Ok(Ok(keys)) => load(keys),
            Ok(Err(error)) => Err(error),
            Err(_) => Err("no answer in time".to_owned()),
        };
        let failed_before = std::mem::replace(&mut last.failed, fetched.is_err());
        last.at = Some(Instant::now());
        match fetched {
            Ok(mut keys) => {
                let revoked = self.revoked.lock().unwrap_or_else(PoisonError::into_inner);
                keys.retain(|key_id, _| !revoked.contains(key_id));
                *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
            }
            // While a service is away, one line says so.
            Err(error) if failed_before => tracing::debug!(error, "the published keys still cannot be fetched"),
            Err(error) => tracing::warn!(error, "the published keys cannot be fetched; the last good ones stay"),
        }
    }

    fn current(&self) -> Arc<HashMap<String, DecodingKey>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Accepts only what Holdfast publishes: P-256 keys for ES256 signatures, each under an id of its own.
fn load(keys: Vec<JsonWebKey>) -> Result<HashMap<String, DecodingKey>, String> {
    if keys.len() > MAX_KEYS {
        return Err(format!("the key set has more than {MAX_KEYS} keys"));
    }
    let mut loaded = HashMap::with_capacity(keys.len());
    for key in keys {
        let profile = [key.kty.as_str(), &key.crv, &key.alg, &key.r#use];
        if profile != ["EC", "P-256", super::ALGORITHM, "sig"] {
            return Err("the key set has a key of another kind".to_owned());
        }
        if key.kid.is_empty() || key.kid.len() > MAX_KEY_ID_BYTES {
            return Err("the key set has a key id of another length".to_owned());
        }
        let decoded = DecodingKey::from_ec_components(&key.x, &key.y)
            .map_err(|_| "the key set has a malformed key".to_owned())?;
        if loaded.insert(key.kid, decoded).is_some() {
            return Err("the key set has a key id twice".to_owned());
        }
    }
    Ok(loaded)
}
