//! What can go wrong, and how clients hear of it.

use std::time::Duration;

use platform::{database::StoreError, wire_error::WireError};
use tonic::{Code, Status};

use crate::store::Refusal;

/// Why a call about tasks did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// Fields that cannot be used: proto field paths and descriptions.
    #[error("the request has fields that cannot be used")]
    FieldsInvalid(Vec<(String, String)>),
    /// A page token that is not ours, or belongs to another owner or query.
    #[error("the page token cannot be used")]
    PageTokenInvalid,
    /// There is no such task, it is another person's, or it is deleted and was to be changed.
    #[error("there is no such task")]
    NotFound,
    /// The owner has, or had, a task of that id.
    #[error("a task of that id exists")]
    Exists,
    /// The task is not the version that the caller saw.
    #[error("the task has changed")]
    EtagMismatch,
    /// A request of the same id asked something else.
    #[error("the request id was used before")]
    RequestIdReused,
    /// A sync token that is not ours, or belongs to another owner.
    #[error("the sync token cannot be used")]
    SyncTokenInvalid,
    /// A sync token of before something was purged that its client was not told of.
    #[error("the sync token is too old")]
    SyncTokenExpired,
    /// The tasks of a batch do not fit one answer.
    #[error("the answer would be too large")]
    AnswerTooLarge,
    /// A thousand watches of the owner are open.
    #[error("too many watches are open")]
    TooManyWatches,
    /// A file of more than 20 MiB.
    #[error("the file is too large")]
    FileTooLarge,
    /// A request of a batch, from 0, and what is wrong with it.
    #[error("request {0}: {1}")]
    InBatch(usize, Box<TaskError>),
    /// The owner's account is gone; an access token outlived it.
    #[error("the account is gone")]
    OwnerErased,
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Refusal> for TaskError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::IdTaken => Self::Exists,
            Refusal::Missing => Self::NotFound,
            Refusal::EtagMismatch => Self::EtagMismatch,
            Refusal::AnswerTooLarge => Self::AnswerTooLarge,
        }
    }
}

impl From<TaskError> for WireError {
    /// The messages are constant: they say nothing of what a caller may not know.
    fn from(error: TaskError) -> Self {
        match error {
            TaskError::FieldsInvalid(violations) => Self::fields("FIELD_INVALID", violations),
            TaskError::PageTokenInvalid => {
                let violation = ("page_token".to_owned(), "is not a page token of this list".to_owned());
                Self::fields("PAGE_TOKEN_INVALID", vec![violation])
            }
            TaskError::NotFound => Self::new(Code::NotFound, "TASK_NOT_FOUND", "there is no such task"),
            TaskError::Exists => Self::new(Code::AlreadyExists, "TASK_EXISTS", "a task of that id exists"),
            TaskError::EtagMismatch => Self::new(
                Code::Aborted,
                "ETAG_MISMATCH",
                "the task has changed since it was read; read it again",
            ),
            TaskError::RequestIdReused => {
                let violation = (
                    "request_id".to_owned(),
                    "was used within a day for a request that asked something else".to_owned(),
                );
                Self::fields("REQUEST_ID_REUSED", vec![violation])
            }
            TaskError::SyncTokenInvalid => {
                let violation = ("sync_token".to_owned(), "is not a sync token of these tasks".to_owned());
                Self::fields("SYNC_TOKEN_INVALID", vec![violation])
            }
            TaskError::SyncTokenExpired => Self::new(
                Code::FailedPrecondition,
                "SYNC_TOKEN_EXPIRED",
                "the sync token is too old: synchronise everything anew",
            ),
            TaskError::AnswerTooLarge => Self::new(
                Code::ResourceExhausted,
                "MESSAGE_TOO_LARGE",
                "the tasks of this batch do not fit one answer; send fewer at a time",
            ),
            TaskError::TooManyWatches => Self::new(
                Code::ResourceExhausted,
                "RATE_LIMITED",
                "a thousand watches of these tasks are open; close some",
            )
            .retry_after(Duration::from_secs(30)),
            TaskError::FileTooLarge => Self::new(
                Code::ResourceExhausted,
                "MESSAGE_TOO_LARGE",
                "a file must have at most 20 MiB; what was read of it is stored",
            ),
            TaskError::InBatch(index, error) => {
                let mut error = Self::from(*error);
                error
                    .violations
                    .push((format!("requests[{index}]"), error.message.clone()));
                error
            }
            TaskError::OwnerErased => Self::new(Code::Unauthenticated, "SESSION_REVOKED", "the session has ended"),
            TaskError::Store(error) => error.into(),
        }
    }
}

impl From<TaskError> for Status {
    fn from(error: TaskError) -> Self {
        WireError::from(error).into()
    }
}
