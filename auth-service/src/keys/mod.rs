//! The signing keys and the refresh key: made once, sealed in the database, held open in memory.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use platform::{
    clock::Timestamp,
    configuration::MasterKeys,
    database::StoreError,
    entropy::{Entropy, random_bytes},
    secret::Secret,
    verification::{ALGORITHM, AUDIENCE, AccessClaims, CLIENT_ID, KeySource, SCOPE, TOKEN_TYPE},
};
use proto::auth::v1::JsonWebKey;
use uuid::Uuid;

use crate::{
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
}

/// The keys, open.
pub struct Keys {
    issuer: String,
    access_lifetime: Duration,
    entropy: Arc<dyn Entropy>,
    header: Header,
    signing: EncodingKey,
    published: Vec<JsonWebKey>,
    refresh: RefreshKeys,
}

impl Keys {
    /// Opens the keys of the database, after making the first ones if it has none.
    pub async fn open(
        store: &dyn KeyStore,
        master: &MasterKeys,
        issuer: String,
        access_lifetime: Duration,
        now: Timestamp,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, KeysError> {
        let stored = if let Some(stored) = store.keys().await? {
            stored
        } else {
            let signing = new_signing_key(master, now, &*entropy)?;
            store
                .keys_or_install(signing, new_refresh_key(master, now, &*entropy))
                .await?
        };
        let active = stored.signing.iter().find(|key| key.state == KeyState::Active);
        let active = active.ok_or(KeysError::Unusable("no signing key is active"))?;
        let private = open(master, &signing_purpose(&active.id), &active.sealed)?;
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &private)
            .map_err(|_| KeysError::Unusable("a signing key is malformed"))?;

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
            issuer,
            access_lifetime,
            entropy,
            header: Header {
                typ: Some(TOKEN_TYPE.to_owned()),
                kid: Some(active.id.clone()),
                ..Header::new(Algorithm::ES256)
            },
            signing: EncodingKey::from_ec_der(&private),
            published: stored.signing.iter().map(publish).collect(),
            refresh: RefreshKeys::new(refresh).ok_or(KeysError::Unusable("there is no refresh key"))?,
        })
    }

    /// The public keys, as they are published.
    pub fn published(&self) -> &[JsonWebKey] {
        &self.published
    }

    /// The keys of the refresh tokens.
    pub fn refresh_keys(&self) -> &RefreshKeys {
        &self.refresh
    }

    /// An access token (RFC 9068) and how long it is good for.
    pub fn sign_access_token(
        &self,
        whom: AccessTokenFor,
        now: Timestamp,
    ) -> Result<(String, Duration), jsonwebtoken::errors::Error> {
        let claims = AccessClaims {
            iss: self.issuer.clone(),
            sub: whom.account.to_string(),
            aud: vec![AUDIENCE.to_owned()],
            client_id: CLIENT_ID.to_owned(),
            exp: now.plus(self.access_lifetime).as_seconds(),
            iat: now.as_seconds(),
            nbf: None,
            jti: BASE64_URL_SAFE_NO_PAD.encode(random_bytes::<16>(&*self.entropy)),
            sid: whom.session.to_string(),
            scope: SCOPE.to_owned(),
            auth_time: whom.sign_in_time.as_seconds(),
        };
        Ok((
            jsonwebtoken::encode(&self.header, &claims, &self.signing)?,
            self.access_lifetime,
        ))
    }
}

/// auth-service verifies its own tokens by its own published keys.
pub struct OwnKeys(pub Arc<Keys>);

impl KeySource for OwnKeys {
    fn fetch(&self) -> std::pin::Pin<Box<dyn Future<Output = Result<Vec<JsonWebKey>, String>> + Send + '_>> {
        Box::pin(async { Ok(self.0.published().to_vec()) })
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
