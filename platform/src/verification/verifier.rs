//! Checks an access token (RFC 9068, section 4; RFC 8725).

use std::{sync::Arc, time::Duration};

use jsonwebtoken::Algorithm;
use prometheus_client::metrics::histogram::Histogram;
use quick_cache::sync::Cache;
use tokio::time::Instant;
use tonic::Code;

use super::{ALGORITHM, AUDIENCE, AccessClaims, Caller, KeyRing, Revocations, TOKEN_TYPE, keys::KeysUnavailable};
use crate::{
    clock::{Clock, Timestamp},
    jwt,
    wire_error::WireError,
};

/// How many verified tokens are remembered; about 20 MB when full.
const CACHED_TOKENS: usize = 16_384;
/// How far ahead the issuer's clock may be.
const SKEW: Duration = Duration::from_mins(1);

/// Why a token was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is none.
    Missing,
    /// It is not one of ours, or not for us.
    Invalid,
    /// It was good once.
    Expired,
    /// Its session was ended, or it was withdrawn.
    Revoked,
    /// The keys cannot be had, so nothing is known. Never said of a bad token, and never to be taken for one.
    KeysUnavailable,
}

impl From<Refusal> for WireError {
    fn from(refusal: Refusal) -> Self {
        let (reason, message) = match refusal {
            Refusal::Missing => ("TOKEN_MISSING", "an access token is required"),
            Refusal::Invalid => ("TOKEN_INVALID", "the access token cannot be used"),
            Refusal::Expired => ("TOKEN_EXPIRED", "the access token has expired"),
            Refusal::Revoked => ("SESSION_REVOKED", "the session has been ended"),
            Refusal::KeysUnavailable => {
                return WireError::unavailable("the access token cannot be checked just now");
            }
        };
        WireError::new(Code::Unauthenticated, reason, message)
    }
}

/// Checks tokens, each once: what was verified is remembered by its text until it expires.
pub struct Verifier {
    issuer: String,
    keys: Arc<KeyRing>,
    clock: Arc<dyn Clock>,
    revocations: Arc<Revocations>,
    verified: Cache<Box<str>, Arc<Caller>>,
    seconds: Option<Histogram>,
}

impl Verifier {
    /// A verifier of one issuer's tokens.
    pub fn new(issuer: impl Into<String>, keys: Arc<KeyRing>, clock: Arc<dyn Clock>) -> Self {
        Self {
            issuer: issuer.into(),
            keys,
            clock,
            revocations: Arc::default(),
            verified: Cache::new(CACHED_TOKENS),
            seconds: None,
        }
    }

    /// The same, that tells how long each check took, in seconds.
    #[must_use]
    pub fn measured(self, seconds: Histogram) -> Self {
        Self {
            seconds: Some(seconds),
            ..self
        }
    }

    /// The same, that refuses what was ended or withdrawn.
    #[must_use]
    pub fn refusing(self, revocations: Arc<Revocations>) -> Self {
        Self { revocations, ..self }
    }

    /// Who a token speaks for, or why it is refused.
    pub async fn verify(&self, token: &str) -> Result<Caller, Refusal> {
        let began = Instant::now();
        let verified = self.verify_token(token).await;
        if let Some(seconds) = &self.seconds {
            seconds.observe(began.elapsed().as_secs_f64());
        }
        let caller = verified?;
        // At every call: a token that was verified before may have been withdrawn since.
        if self.revocations.refuse(&caller) {
            return Err(Refusal::Revoked);
        }
        Ok(caller)
    }

    async fn verify_token(&self, token: &str) -> Result<Caller, Refusal> {
        let now = self.clock.now();
        if let Some(known) = self.verified.get(token) {
            if known.expires() <= now.as_seconds() {
                return Err(Refusal::Expired);
            }
            // A key that was withdrawn takes its tokens with it.
            if self.keys.holds(known.key_id()) {
                return Ok((*known).clone());
            }
        }
        let caller = self.verify_anew(token, now).await?;
        self.verified.insert(token.into(), Arc::new(caller.clone()));
        Ok(caller)
    }

    async fn verify_anew(&self, token: &str, now: Timestamp) -> Result<Caller, Refusal> {
        let parts = jwt::split(token).ok_or(Refusal::Invalid)?;
        if parts.header.alg != ALGORITHM || parts.header.typ != TOKEN_TYPE {
            return Err(Refusal::Invalid);
        }
        let key = match self.keys.find(&parts.header.kid).await {
            Ok(Some(key)) => key,
            Ok(None) => return Err(Refusal::Invalid),
            Err(KeysUnavailable) => return Err(Refusal::KeysUnavailable),
        };
        let signed = jsonwebtoken::crypto::verify(parts.signature, parts.message.as_bytes(), &key, Algorithm::ES256);
        if !signed.unwrap_or(false) {
            return Err(Refusal::Invalid);
        }
        let claims: AccessClaims = jwt::decode_json(parts.payload).ok_or(Refusal::Invalid)?;
        let latest = now.plus(SKEW).as_seconds();
        let for_us = claims.iss == self.issuer
            && claims.aud.iter().any(|audience| audience == AUDIENCE)
            && claims.iat <= latest
            && claims.nbf.is_none_or(|not_before| not_before <= latest);
        if !for_us {
            return Err(Refusal::Invalid);
        }
        if claims.exp <= now.as_seconds() {
            return Err(Refusal::Expired);
        }
        Caller::from_claims(claims, &parts.header.kid).ok_or(Refusal::Invalid)
    }
}
