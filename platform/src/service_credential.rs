//! How services know each other: short-lived tokens signed with `HOLDFAST_SERVICE_KEY`.
//!
//! A service token is a JWT of its own type, algorithm and audience, so it can never pass as an access token,
//! nor an access token as one (RFC 8725, sections 3.11 and 3.12).

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{clock::Clock, jwt, secret::Secret};

/// The request metadata that carries a service token.
pub const METADATA: &str = "x-holdfast-service-token";
/// The request metadata in which the gateway states the address of its client.
pub const CLIENT_ADDRESS_METADATA: &str = "x-holdfast-client-address";
/// The request metadata in which the gateway states the user agent of its client.
pub const CLIENT_USER_AGENT_METADATA: &str = "x-holdfast-client-user-agent";

const TYPE: &str = "holdfast-service+jwt";
const KEY_ID: &str = "service";
const AUDIENCE: &str = "holdfast-services";
const LIFETIME: Duration = Duration::from_mins(1);
/// How far the clocks of two machines may be apart.
const SKEW: Duration = Duration::from_mins(1);

/// What a service is to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// May state a client's address and user agent.
    Gateway,
    /// May follow account events.
    TaskService,
}

/// Proof that a verified service credential came with a request. Only [`ServiceKeys::verify`] makes it.
#[derive(Clone, Copy, Debug)]
pub struct ServicePeer {
    role: Role,
}

impl ServicePeer {
    /// What the service is.
    pub fn role(&self) -> Role {
        self.role
    }
}

/// The keys of `HOLDFAST_SERVICE_KEY`: the first signs, all verify.
#[derive(Clone)]
pub struct ServiceKeys {
    keys: Arc<[Secret<32>]>,
    /// What was verified last: each caller sends the same token for a while.
    verified: Arc<Mutex<VecDeque<Verified>>>,
}

type Verified = (Zeroizing<String>, Claims);

/// As many callers as are known at once.
const MOST_VERIFIED: usize = 16;

#[derive(Clone, Serialize, Deserialize)]
struct Claims {
    sub: Role,
    aud: String,
    iat: i64,
    exp: i64,
}

impl ServiceKeys {
    /// The keys, newest first; `None` if there is none.
    pub fn new(keys: Vec<Secret<32>>) -> Option<Self> {
        (!keys.is_empty()).then(|| Self {
            keys: keys.into(),
            verified: Arc::default(),
        })
    }

    /// A token that names a role, good for a minute.
    pub fn sign(&self, role: Role, clock: &dyn Clock) -> String {
        let now = clock.now();
        let header = jsonwebtoken::Header {
            typ: Some(TYPE.to_owned()),
            kid: Some(KEY_ID.to_owned()),
            ..jsonwebtoken::Header::new(Algorithm::HS256)
        };
        let claims = Claims {
            sub: role,
            aud: AUDIENCE.to_owned(),
            iat: now.as_seconds(),
            exp: now.plus(LIFETIME).as_seconds(),
        };
        #[expect(
            clippy::expect_used,
            reason = "HMAC takes any key, and these claims always serialise"
        )]
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(self.keys[0].expose()))
            .expect("a service token can be signed")
    }

    /// The peer that a token proves; `None` if it proves nothing.
    pub fn verify(&self, token: &str, clock: &dyn Clock) -> Option<ServicePeer> {
        let claims = self.known(token).or_else(|| self.claims(token))?;
        let now = clock.now();
        let current = claims.aud == AUDIENCE
            && claims.exp > now.minus(SKEW).as_seconds()
            && claims.iat <= now.plus(SKEW).as_seconds();
        current.then_some(ServicePeer { role: claims.sub })
    }

    /// The claims of a token that was verified before; in a time that tells nothing of it.
    fn known(&self, token: &str) -> Option<Claims> {
        let verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |known: &str| verify_slices_are_equal(known.as_bytes(), token.as_bytes()).is_ok();
        let known = verified.iter().find(|(known, _)| same(known));
        known.map(|(_, claims)| claims.clone())
    }

    /// The claims of a token that one of the keys signed.
    fn claims(&self, token: &str) -> Option<Claims> {
        let parts = jwt::split(token)?;
        if parts.header.typ != TYPE || parts.header.alg != "HS256" || parts.header.kid != KEY_ID {
            return None;
        }
        let signed = self.keys.iter().any(|key| {
            let key = DecodingKey::from_secret(key.expose());
            jsonwebtoken::crypto::verify(parts.signature, parts.message.as_bytes(), &key, Algorithm::HS256)
                .unwrap_or(false)
        });
        if !signed {
            return None;
        }
        let claims: Claims = jwt::decode_json(parts.payload)?;
        let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        verified.truncate(MOST_VERIFIED - 1);
        verified.push_front((Zeroizing::new(token.to_owned()), claims.clone()));
        Some(claims)
    }
}
