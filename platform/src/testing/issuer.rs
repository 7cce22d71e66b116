//! An issuer of access tokens for tests of a verifier: real keys, real signatures, any claims.

use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use futures_util::future::BoxFuture;
use jsonwebtoken::{Algorithm, EncodingKey};
use proto::auth::v1::JsonWebKey;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    clock::Timestamp,
    verification::{ALGORITHM, AUDIENCE, AccessClaims, CLIENT_ID, KeySource, SCOPE, TOKEN_TYPE},
};

/// An issuer with one key. Clones share it.
#[derive(Clone)]
pub struct TestIssuer {
    issuer: String,
    public: JsonWebKey,
    private: EncodingKey,
}

impl TestIssuer {
    /// An issuer of that name with a new key of that id.
    ///
    /// # Panics
    /// If no key can be made.
    #[expect(clippy::expect_used, reason = "a test cannot go on without it")]
    pub fn new(issuer: &str, key_id: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key can be made");
        let document = pair.to_pkcs8v1().expect("a key can be written");
        // Uncompressed point: 0x04, x, y (SEC 1, section 2.3.3).
        let point = pair.public_key().as_ref();
        let public = JsonWebKey {
            kty: "EC".to_owned(),
            r#use: "sig".to_owned(),
            alg: ALGORITHM.to_owned(),
            kid: key_id.to_owned(),
            crv: "P-256".to_owned(),
            x: BASE64_URL_SAFE_NO_PAD.encode(&point[1..33]),
            y: BASE64_URL_SAFE_NO_PAD.encode(&point[33..]),
        };
        Self {
            issuer: issuer.to_owned(),
            public,
            private: EncodingKey::from_ec_der(document.as_ref()),
        }
    }

    /// The published key.
    pub fn public_key(&self) -> JsonWebKey {
        self.public.clone()
    }

    /// The claims of a good token: five minutes, the usual scopes.
    pub fn claims(&self, subject: Uuid, session: Uuid, now: Timestamp) -> AccessClaims {
        AccessClaims {
            iss: self.issuer.clone(),
            sub: subject.to_string(),
            aud: vec![AUDIENCE.to_owned()],
            client_id: CLIENT_ID.to_owned(),
            exp: now.plus(Duration::from_mins(5)).as_seconds(),
            iat: now.as_seconds(),
            nbf: None,
            jti: BASE64_URL_SAFE_NO_PAD.encode(Uuid::from_u128(1)),
            sid: session.to_string(),
            scope: SCOPE.to_owned(),
            auth_time: now.as_seconds(),
        }
    }

    /// A good token for a person.
    pub fn token(&self, subject: Uuid, session: Uuid, now: Timestamp) -> String {
        self.sign(&json!(self.claims(subject, session, now)))
    }

    /// A token with the usual header and any payload.
    pub fn sign(&self, payload: &Value) -> String {
        let header = json!({"alg": ALGORITHM, "typ": TOKEN_TYPE, "kid": self.public.kid});
        self.sign_segments(&header.to_string(), &payload.to_string())
    }

    /// A token with any header and payload, truly signed by the issuer's key.
    ///
    /// # Panics
    /// If the signature cannot be made.
    #[expect(clippy::expect_used, reason = "a test cannot go on without it")]
    pub fn sign_segments(&self, header: &str, payload: &str) -> String {
        let message = format!(
            "{}.{}",
            BASE64_URL_SAFE_NO_PAD.encode(header),
            BASE64_URL_SAFE_NO_PAD.encode(payload)
        );
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.private, Algorithm::ES256)
            .expect("a message can be signed");
        format!("{message}.{signature}")
    }
}

impl KeySource for TestIssuer {
    fn fetch(&self) -> BoxFuture<'_, Result<Vec<JsonWebKey>, String>> {
        Box::pin(async { Ok(vec![self.public.clone()]) })
    }
}
