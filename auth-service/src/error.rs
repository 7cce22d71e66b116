//! What can go wrong, and how each of it reaches the wire.

use std::time::Duration;

use platform::{database::StoreError, wire_error::WireError};
use tonic::{Code, Status};

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// Fields that break their rules, by proto path.
    #[error("bad fields")]
    Fields(Vec<(String, String)>),
    /// A password that may not be chosen, and the field that holds it.
    #[error("the password was refused: {1:?}")]
    PasswordRefused(&'static str, PasswordRefusal),
    /// The address and password are not those of an account.
    #[error("wrong e-mail address or password")]
    InvalidCredentials,
    /// The password is not that of the caller's account, and the field that holds it.
    #[error("wrong password")]
    WrongPassword(&'static str),
    /// The address has an account.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// The refresh token is not one of ours, or its session is gone.
    #[error("the refresh token is unknown")]
    RefreshInvalid,
    /// The session was idle for too long, or is too old.
    #[error("the session has expired")]
    RefreshExpired,
    /// The refresh token was superseded; its session has been ended.
    #[error("the refresh token was used before")]
    RefreshReused,
    /// The caller has no such session.
    #[error("the session is unknown")]
    SessionNotFound,
    /// The session was ended.
    #[error("the session was ended")]
    SessionRevoked,
    /// The link is unknown, was used, or has expired.
    #[error("the reset token cannot be used")]
    ResetTokenInvalid,
    /// There were too many tries.
    #[error("too many tries")]
    RateLimited {
        /// After which the next may be made.
        retry_after: Duration,
    },
    /// More passwords are waiting to be hashed than can be hashed in time.
    #[error("the hashing queue is full")]
    Overloaded,
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A mistake of ours; the cause is for the log.
    #[error("{0}")]
    Internal(String),
}

/// Why a password may not be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordRefusal {
    /// Fewer characters than the least.
    TooShort {
        /// The least.
        minimum: usize,
    },
    /// More than 1024 bytes.
    TooLong,
    /// Among the first that would be tried; the sentence says why.
    TooCommon(String),
}

impl PasswordRefusal {
    /// The machine reason.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TooShort { .. } => "PASSWORD_TOO_SHORT",
            Self::TooLong => "PASSWORD_TOO_LONG",
            Self::TooCommon(_) => "PASSWORD_TOO_COMMON",
        }
    }

    /// A sentence for the person who chose it.
    pub fn description(&self) -> String {
        match self {
            Self::TooShort { minimum } => format!("must have at least {minimum} characters"),
            Self::TooLong => "must have at most 1024 bytes".to_owned(),
            Self::TooCommon(why) => format!("is too easy to guess: {why}"),
        }
    }
}

impl From<AuthError> for Status {
    fn from(error: AuthError) -> Self {
        let unauthenticated = |reason, message: &str| WireError::new(Code::Unauthenticated, reason, message);
        match error {
            AuthError::Fields(violations) => WireError::fields("FIELD_INVALID", violations),
            AuthError::PasswordRefused(field, refusal) => {
                WireError::fields(refusal.reason(), vec![(field.to_owned(), refusal.description())])
            }
            AuthError::InvalidCredentials => {
                unauthenticated("INVALID_CREDENTIALS", "the e-mail address or the password is wrong")
            }
            AuthError::WrongPassword(field) => WireError {
                violations: vec![(field.to_owned(), "is not the password of the account".to_owned())],
                ..unauthenticated("INVALID_CREDENTIALS", "the password is wrong")
            },
            AuthError::EmailTaken => WireError::new(
                Code::AlreadyExists,
                "EMAIL_TAKEN",
                "the e-mail address is already registered",
            ),
            AuthError::RefreshInvalid => unauthenticated("REFRESH_INVALID", "the refresh token cannot be used"),
            AuthError::RefreshExpired => unauthenticated("REFRESH_EXPIRED", "the session has expired"),
            AuthError::RefreshReused => unauthenticated(
                "REFRESH_REUSED",
                "the refresh token was used before; the session has been ended",
            ),
            AuthError::SessionNotFound => {
                WireError::new(Code::NotFound, "SESSION_NOT_FOUND", "there is no such session")
            }
            AuthError::SessionRevoked => unauthenticated("SESSION_REVOKED", "the session has been ended"),
            AuthError::ResetTokenInvalid => WireError::fields(
                "RESET_TOKEN_INVALID",
                vec![("token".to_owned(), "is unknown, was used, or has expired".to_owned())],
            ),
            AuthError::RateLimited { retry_after } => WireError::new(
                Code::ResourceExhausted,
                "RATE_LIMITED",
                "too many tries; wait before the next",
            )
            .retry_after(retry_after),
            AuthError::Overloaded => {
                WireError::new(Code::ResourceExhausted, "OVERLOADED", "too many sign-ins are waiting")
                    .retry_after(Duration::from_secs(1))
            }
            AuthError::Store(error) => error.into(),
            AuthError::Internal(cause) => {
                tracing::error!(cause, "a call failed by a mistake of ours");
                WireError::internal()
            }
        }
        .into()
    }
}
