//! Errors as clients see them: a gRPC code, a machine reason, and what to do.

use std::{collections::HashMap, time::Duration};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// The `domain` of every `google.rpc.ErrorInfo`.
pub const DOMAIN: &str = "holdfast";

/// What is told of bad fields travels in headers, three times over, and clients take 8 KiB of those.
const MAX_VIOLATIONS: usize = 20;

/// An error for the wire. Everything in it may be read by the caller; causes are logged where they happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireError {
    /// The gRPC status code.
    pub code: Code,
    /// The machine reason, `SCREAMING_SNAKE_CASE`; part of the contract.
    pub reason: &'static str,
    /// One sentence for a person.
    pub message: String,
    /// The fields at fault: proto field path and description.
    pub violations: Vec<(String, String)>,
    /// When a retry may succeed.
    pub retry_after: Option<Duration>,
}

impl WireError {
    /// An error with a code, a reason and a sentence.
    pub fn new(code: Code, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            violations: Vec::new(),
            retry_after: None,
        }
    }

    /// One bad field: `INVALID_ARGUMENT`, `FIELD_INVALID`.
    pub fn field(path: impl Into<String>, description: impl Into<String>) -> Self {
        Self::fields("FIELD_INVALID", vec![(path.into(), description.into())])
    }

    /// Bad fields with a reason of their own: `INVALID_ARGUMENT`. Of very many, the first are told.
    pub fn fields(reason: &'static str, mut violations: Vec<(String, String)>) -> Self {
        violations.truncate(MAX_VIOLATIONS);
        let message = violations
            .iter()
            .map(|(path, description)| format!("{path}: {description}"))
            .collect::<Vec<_>>()
            .join("; ");
        Self {
            violations,
            ..Self::new(Code::InvalidArgument, reason, message)
        }
    }

    /// A dependency does not answer just now: `UNAVAILABLE`, with a time to retry.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Code::Unavailable, "UNAVAILABLE", message).retry_after(Duration::from_secs(1))
    }

    /// Our own fault: `INTERNAL`, without details.
    pub fn internal() -> Self {
        Self::new(Code::Internal, "INTERNAL", "an internal error occurred")
    }

    /// The same error with a time after which a retry may succeed.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }
}

impl From<WireError> for Status {
    fn from(error: WireError) -> Self {
        let mut details = ErrorDetails::with_error_info(error.reason, DOMAIN, HashMap::new());
        for (path, description) in error.violations {
            details.add_bad_request_violation(path, description);
        }
        if let Some(delay) = error.retry_after {
            details.set_retry_info(Some(delay));
        }
        Status::with_error_details(error.code, error.message, details)
    }
}
