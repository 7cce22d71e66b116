//! The proof that a call comes from a signed-in person.

use std::sync::Arc;

use tonic::{Request, Status};
use uuid::Uuid;

use super::claims::AccessClaims;
use crate::wire_error::WireError;

/// A person whose access token was verified. Only the verifier makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    subject: Uuid,
    session: Uuid,
    scope: Arc<str>,
    issued: i64,
    expires: i64,
    key_id: Arc<str>,
}

impl Caller {
    /// `None` if the claims do not name a person and a session. `key_id` names the key that signed them.
    pub(super) fn from_claims(claims: AccessClaims, key_id: &str) -> Option<Self> {
        Some(Self {
            subject: canonical_uuid(&claims.sub)?,
            session: canonical_uuid(&claims.sid)?,
            scope: claims.scope.into(),
            issued: claims.iat,
            expires: claims.exp,
            key_id: key_id.into(),
        })
    }

    /// Who calls: the account's id, `sub` of the token.
    pub fn subject(&self) -> Uuid {
        self.subject
    }

    /// The session that the token belongs to: `sid` of the token.
    pub fn session(&self) -> Uuid {
        self.session
    }

    /// When the token was issued, in seconds since the Unix epoch: `iat`.
    pub(super) fn issued(&self) -> i64 {
        self.issued
    }

    /// When the token expires, in seconds since the Unix epoch: `exp`.
    pub(super) fn expires(&self) -> i64 {
        self.expires
    }

    /// The key that signed the token: `kid`.
    pub(super) fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Whether the token carries a scope (RFC 6749, section 3.3). The empty scope is always carried.
    pub fn has_scope(&self, scope: &str) -> bool {
        scope.is_empty() || self.scope.split(' ').any(|carried| carried == scope)
    }

    /// The caller of a request. INTERNAL if there is none: then the authentication layer was left out.
    pub fn of<T>(request: &Request<T>) -> Result<&Self, Status> {
        request.extensions().get().ok_or_else(|| {
            tracing::error!("a method that needs a caller was reached without authentication");
            WireError::internal().into()
        })
    }
}

/// The one spelling of a UUID that auth-service writes; others would be second names of the same person.
fn canonical_uuid(text: &str) -> Option<Uuid> {
    let id = Uuid::try_parse(text).ok()?;
    (id.as_hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text).then_some(id)
}

/// The interceptor of services whose every method needs a [`Caller`]: without the authentication layer
/// around it, nothing gets through.
pub fn require_caller(request: Request<()>) -> Result<Request<()>, Status> {
    Caller::of(&request)?;
    Ok(request)
}
