//! The signing keys and the refresh key: sealed in the database, held open in memory. Signing keys come and go
//! ([`life`]); the refresh key stays.

pub mod life;

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use platform::{
    clock::{Clock, Timestamp},
    configuration::MasterKeys,
    database::StoreError,
    entropy::{Entropy, random_bytes},
    secret::Secret,
    verification::{ALGORITHM, AUDIENCE, AccessClaims, CLIENT_ID, KeySource, SCOPE, TOKEN_TYPE},
};
use proto::auth::v1::JsonWebKey;
use serde_json::json;
use tokio::time::sleep;
use uuid::Uuid;

use self::life::{Demand, HEARD, Step, due};
use crate::{
    audit::AuditKeys,
    refresh_tokens::RefreshKeys,
    sealing::{OpenError, Sealed, open, seal},
    store::KeyStore,
};

/// Where a signing key stands in its life. After RETIRED it is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Published, not signing yet.
    Pending,
    /// Published and signing.
    Active,
    /// Published, signing no more.
    Retired,
}

impl KeyState {
    const ALL: [Self; 3] = [Self::Pending, Self::Active, Self::Retired];

    /// As stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Active => "ACTIVE",
            Self::Retired => "RETIRED",
        }
    }

    /// The state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// A signing key at rest.
#[derive(Clone)]
pub struct StoredSigningKey {
    /// `kid`: 12 characters, base64url.
    pub id: String,
    /// Where it stands.
    pub state: KeyState,
    /// The x coordinate of the public key, 32 bytes.
    pub x: Vec<u8>,
    /// The y coordinate, 32 bytes.
    pub y: Vec<u8>,
    /// The private key, PKCS #8.
    pub sealed: Sealed,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it came to its state.
    pub state_time: Timestamp,
}

impl StoredSigningKey {
    /// When it will sign, if it waits for that.
    pub fn signs_from(&self) -> Option<Timestamp> {
        (self.state == KeyState::Pending).then(|| self.state_time.plus(life::PUBLISH))
    }
}

/// A refresh key at rest.
#[derive(Clone)]
pub struct StoredRefreshKey {
    /// The first byte of the tokens it authenticates.
    pub id: u8,
    /// The key, 32 bytes.
    pub sealed: Sealed,
    /// When it was made.
    pub create_time: Timestamp,
}

/// All keys of a database, newest first.
#[derive(Clone)]
pub struct StoredKeys {
    /// At least one.
    pub signing: Vec<StoredSigningKey>,
    /// At least one.
    pub refresh: Vec<StoredRefreshKey>,
}

/// Why the keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The database did not give them.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The master key does not open them.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is no such key.
    #[error("there is no signing key of that id")]
    Unknown,
    /// They are not what this version writes, or cannot be made.
    #[error("the keys cannot be used: {0}")]
    Unusable(&'static str),
}

/// Whom an access token is for.
#[derive(Clone, Copy, Debug)]
pub struct AccessTokenFor {
    /// The account.
    pub account: Uuid,
    /// The session.
    pub session: Uuid,
    /// When the person gave their password.
    pub sign_in_time: Timestamp,
    /// When the session ends unused, or in any case.
    pub session_expire_time: Timestamp,
}

/// By then every replica signs with the key that is ACTIVE.
const TAKE_OVER: Duration = Duration::from_secs(2);
/// Between two looks at a key that somebody else is replacing.
const PAUSE: Duration = Duration::from_millis(100);

/// What the keys are opened and used with.
pub struct KeyConfig {
    /// Where they are.
    pub store: Arc<dyn KeyStore>,
    /// What opens them.
    pub master: MasterKeys,
    /// The issuer that access tokens name.
    pub issuer: String,
    /// How long access tokens are good for.
    pub access_lifetime: Duration,
    /// How long a key signs.
    pub rotation: Duration,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// The keys, open.
pub struct Keys {
    config: KeyConfig,
    signing: RwLock<Arc<Signing>>,
    refresh: RefreshKeys,
}

/// The signing keys at one time.
struct Signing {
    /// Of the tokens (RFC 7515, section 4), encoded.
    header: String,
    /// Read once: that takes as long as a signature.
    pair: EcdsaKeyPair,
    published: Vec<JsonWebKey>,
    /// Which keys they were, in which states.
    seen: Vec<(String, KeyState)>,
}

impl Keys {
    /// Opens the keys of the database, after making the first ones if it has none.
    pub async fn open(config: KeyConfig) -> Result<Self, KeysError> {
        let KeyConfig { store, master, .. } = &config;
        let stored = if let Some(stored) = store.keys().await? {
            stored
        } else {
            let now = config.clock.now();
            let signing = new_signing_key(master, now, &*config.entropy)?;
            store
                .keys_or_install(signing, new_refresh_key(master, now, &*config.entropy))
                .await?
        };
        let refresh = stored.refresh.iter().map(|key| {
            let opened = open(master, &refresh_purpose(key.id), &key.sealed)?;
            let secret = Secret::try_from(opened.as_slice());
            Ok((
                key.id,
                secret.map_err(|_| KeysError::Unusable("a refresh key is malformed"))?,
            ))
        });
        let refresh = refresh.collect::<Result<Vec<_>, KeysError>>()?;
        Ok(Self {
            signing: RwLock::new(Arc::new(Signing::open(master, &stored.signing)?)),
            refresh: RefreshKeys::new(refresh).ok_or(KeysError::Unusable("there is no refresh key"))?,
            config,
        })
    }

    /// The public keys, as they are published at this moment, by whichever replica: who asks may have been told that
    /// they are others than a moment ago. Without the database, the last that were seen.
    pub async fn published(&self) -> Vec<JsonWebKey> {
        match self.config.store.keys().await {
            Ok(Some(stored)) => stored.signing.iter().map(publish).collect(),
            _ => self.signing().published.clone(),
        }
    }

    /// The keys of the refresh tokens.
    pub fn refresh_keys(&self) -> &RefreshKeys {
        &self.refresh
    }

    /// The keys of the audit log.
    pub fn audit_keys(&self) -> AuditKeys {
        #[expect(
            clippy::expect_used,
            reason = "there is at least one refresh key, or the keys were not opened"
        )]
        AuditKeys::new(self.refresh.derive("audit")).expect("there is a refresh key")
    }

    /// The key by which failed tries are named.
    pub fn throttle_key(&self) -> hmac::Key {
        self.refresh.derive("throttle").swap_remove(0).1
    }

    /// An access token (RFC 9068) and how long it is good for: never longer than its session.
    pub fn sign_access_token(&self, whom: AccessTokenFor, now: Timestamp) -> Result<(String, Duration), KeysError> {
        let KeyConfig {
            issuer,
            access_lifetime,
            entropy,
            ..
        } = &self.config;
        let lifetime = whom.session_expire_time.since(now).min(*access_lifetime);
        let claims = AccessClaims {
            iss: issuer.clone(),
            sub: whom.account.to_string(),
            aud: vec![AUDIENCE.to_owned()],
            client_id: CLIENT_ID.to_owned(),
            exp: now.plus(lifetime).as_seconds(),
            iat: now.as_seconds(),
            nbf: None,
            jti: BASE64_URL_SAFE_NO_PAD.encode(random_bytes::<16>(&**entropy)),
            sid: whom.session.to_string(),
            scope: SCOPE.to_owned(),
            auth_time: whom.sign_in_time.as_seconds(),
        };
        let claims = serde_json::to_vec(&claims).map_err(|_| KeysError::Unusable("the claims cannot be written"))?;
        Ok((self.signing().sign(&claims)?, lifetime))
    }

    /// Takes over what other replicas did with the keys, does what is due, and seals under the first master key what
    /// another one sealed. Whether the keys are others than before.
    pub async fn keep(&self) -> Result<bool, KeysError> {
        let stored = self.config.store.keys().await?;
        let stored = stored.ok_or(KeysError::Unusable("the keys are gone"))?;
        let demand = Demand::Schedule {
            rotation: self.config.rotation,
        };
        let now = self.config.clock.now();
        let signing = if due(&stored.signing, &demand, now).is_empty() {
            stored.signing.clone()
        } else {
            self.turn(demand).await?.1
        };
        self.reseal(&StoredKeys {
            signing: signing.clone(),
            ..stored
        })
        .await?;
        self.take_over(&signing)
    }

    /// Publishes a new key, unless one waits already.
    pub async fn rotate(&self) -> Result<(), KeysError> {
        let (_, signing) = self.turn(Demand::Rotate).await?;
        self.take_over(&signing).map(drop)
    }

    /// Ends a key for good, within five seconds. One that signs is replaced first: its successor is published, then every
    /// verifier given the time to fetch it, then every replica to sign with it.
    pub async fn revoke(&self, key_id: &str) -> Result<(), KeysError> {
        let demand = Demand::Revoke {
            key_id: key_id.to_owned(),
        };
        loop {
            let (steps, signing) = self.turn(demand.clone()).await?;
            self.take_over(&signing)?;
            match &*steps {
                [] if signing.iter().any(|key| key.id == key_id) => sleep(PAUSE).await,
                [] => return Err(KeysError::Unknown),
                [Step::Remove(_)] => return Ok(()),
                [Step::Publish] => sleep(HEARD).await,
                _ => sleep(TAKE_OVER).await,
            }
        }
    }

    async fn turn(&self, demand: Demand) -> Result<(Vec<Step>, Vec<StoredSigningKey>), KeysError> {
        let KeyConfig {
            store,
            master,
            clock,
            entropy,
            ..
        } = &self.config;
        let now = clock.now();
        let candidate = new_signing_key(master, now, &**entropy)?;
        let (steps, signing) = store.turn_keys(demand, candidate, now).await?;
        for step in &steps {
            tracing::info!(?step, "the signing keys were turned");
        }
        Ok((steps, signing))
    }

    async fn reseal(&self, stored: &StoredKeys) -> Result<(), KeysError> {
        let KeyConfig {
            store, master, entropy, ..
        } = &self.config;
        let renewed = |purpose: &str, sealed: &Sealed| {
            if sealed.master_key_id == master.sealing().id {
                return Ok(None);
            }
            let secret = open(master, purpose, sealed)?;
            Ok::<_, KeysError>(Some(seal(master, purpose, &secret, &**entropy)))
        };
        for key in &stored.signing {
            if let Some(sealed) = renewed(&signing_purpose(&key.id), &key.sealed)? {
                store.reseal_signing_key(&key.id, &key.sealed, sealed).await?;
            }
        }
        for key in &stored.refresh {
            if let Some(sealed) = renewed(&refresh_purpose(key.id), &key.sealed)? {
                store.reseal_refresh_key(key.id, &key.sealed, sealed).await?;
            }
        }
        Ok(())
    }

    fn take_over(&self, stored: &[StoredSigningKey]) -> Result<bool, KeysError> {
        if self.signing().seen == seen(stored) {
            return Ok(false);
        }
        let signing = Arc::new(Signing::open(&self.config.master, stored)?);
        *self.signing.write().unwrap_or_else(PoisonError::into_inner) = signing;
        Ok(true)
    }

    fn signing(&self) -> Arc<Signing> {
        self.signing.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Signing {
    fn open(master: &MasterKeys, stored: &[StoredSigningKey]) -> Result<Self, KeysError> {
        let active = stored.iter().find(|key| key.state == KeyState::Active);
        let active = active.ok_or(KeysError::Unusable("no signing key is active"))?;
        let private = open(master, &signing_purpose(&active.id), &active.sealed)?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &private);
        let header = json!({"typ": TOKEN_TYPE, "alg": ALGORITHM, "kid": active.id});
        Ok(Self {
            header: BASE64_URL_SAFE_NO_PAD.encode(header.to_string()),
            pair: pair.map_err(|_| KeysError::Unusable("a signing key is malformed"))?,
            published: stored.iter().map(publish).collect(),
            seen: seen(stored),
        })
    }

    /// A token with these claims (RFC 7515, section 7.1; RFC 7518, section 3.4).
    fn sign(&self, claims: &[u8]) -> Result<String, KeysError> {
        let mut token = self.header.clone();
        token.push('.');
        BASE64_URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = self.pair.sign(&SystemRandom::new(), token.as_bytes());
        let signature = signature.map_err(|_| KeysError::Unusable("the signing key does not sign"))?;
        token.push('.');
        BASE64_URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }
}

fn seen(stored: &[StoredSigningKey]) -> Vec<(String, KeyState)> {
    stored.iter().map(|key| (key.id.clone(), key.state)).collect()
}

/// auth-service verifies its own tokens by its own published keys.
pub struct OwnKeys(pub Arc<Keys>);

impl KeySource for OwnKeys {
    fn fetch(&self) -> std::pin::Pin<Box<dyn Future<Output = Result<Vec<JsonWebKey>, String>> + Send + '_>> {
        Box::pin(async { Ok(self.0.published().await) })
    }
}

fn new_signing_key(master: &MasterKeys, now: Timestamp, entropy: &dyn Entropy) -> Result<StoredSigningKey, KeysError> {
    let unusable = |_| KeysError::Unusable("no signing key can be made");
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(unusable)?;
    let private = pair.to_pkcs8v1().map_err(unusable)?;
    let id = BASE64_URL_SAFE_NO_PAD.encode(random_bytes::<9>(entropy));
    // An uncompressed point (SEC 1, section 2.3.3): 0x04, x, y.
    let point = pair.public_key().as_ref();
    Ok(StoredSigningKey {
        state: KeyState::Active,
        x: point[1..33].to_vec(),
        y: point[33..65].to_vec(),
        sealed: seal(master, &signing_purpose(&id), private.as_ref(), entropy),
        create_time: now,
        state_time: now,
        id,
    })
}

fn new_refresh_key(master: &MasterKeys, now: Timestamp, entropy: &dyn Entropy) -> StoredRefreshKey {
    let id = 0;
    let key = Secret::<32>::new(random_bytes(entropy));
    StoredRefreshKey {
        id,
        sealed: seal(master, &refresh_purpose(id), key.expose(), entropy),
        create_time: now,
    }
}

fn signing_purpose(id: &str) -> String {
    format!("holdfast signing key {id}")
}

fn refresh_purpose(id: u8) -> String {
    format!("holdfast refresh key {id}")
}

fn publish(key: &StoredSigningKey) -> JsonWebKey {
    JsonWebKey {
        kty: "EC".to_owned(),
        r#use: "sig".to_owned(),
        alg: ALGORITHM.to_owned(),
        kid: key.id.clone(),
        crv: "P-256".to_owned(),
        x: BASE64_URL_SAFE_NO_PAD.encode(&key.x),
        y: BASE64_URL_SAFE_NO_PAD.encode(&key.y),
    }
}
