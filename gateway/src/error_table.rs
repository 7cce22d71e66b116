//! Which HTTP status an error has: the gateway's half of the contract's table of errors.
//!
//! The reason decides where it is listed here, else the gRPC code does. A new reason needs a line only if its
//! status is not that of its code.

use http::StatusCode;
use tonic::Code;

/// The status of each gRPC code (google/rpc/code.proto; CANCELLED, which has no HTTP status, is 499 there).
const BY_CODE: [(Code, u16); 16] = [
    (Code::Cancelled, 499),
    (Code::Unknown, 500),
    (Code::InvalidArgument, 400),
    (Code::DeadlineExceeded, 504),
    (Code::NotFound, 404),
    (Code::AlreadyExists, 409),
    (Code::PermissionDenied, 403),
    (Code::ResourceExhausted, 429),
    (Code::FailedPrecondition, 400),
    (Code::Aborted, 409),
    (Code::OutOfRange, 400),
    (Code::Unimplemented, 501),
    (Code::Internal, 500),
    (Code::Unavailable, 503),
    (Code::DataLoss, 500),
    (Code::Unauthenticated, 401),
];

/// The reasons whose status is not that of their code, and those that the gateway gives itself.
const BY_REASON: [(&str, u16); 17] = [
    ("FIELD_INVALID", 400),
    ("MESSAGE_MALFORMED", 400),
    ("SECURE_ORIGIN_REQUIRED", 400),
    ("CROSS_SITE_REQUEST", 403),
    ("ROUTE_NOT_FOUND", 404),
    ("METHOD_NOT_ALLOWED", 405),
    ("NOT_ACCEPTABLE", 406),
    ("SYNC_TOKEN_EXPIRED", 410),
    ("MESSAGE_TOO_LARGE", 413),
    ("URI_TOO_LONG", 414),
    ("MEDIA_TYPE_UNSUPPORTED", 415),
    ("REQUEST_ID_REUSED", 422),
    ("HEADERS_TOO_LARGE", 431),
    ("INTERNAL", 500),
    ("METHOD_UNKNOWN", 501),
    ("UNAVAILABLE", 503),
    ("DEADLINE_EXCEEDED", 504),
];

/// The status of an error by its reason; `None` if the code decides.
pub(crate) fn status_of_reason(reason: &str) -> Option<StatusCode> {
    find(&BY_REASON, |listed| *listed == reason)
}

/// The status of an error by its gRPC code.
pub(crate) fn status_of_code(code: Code) -> StatusCode {
    find(&BY_CODE, |listed| *listed == code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn find<K>(table: &[(K, u16)], wanted: impl Fn(&K) -> bool) -> Option<StatusCode> {
    let (_, status) = table.iter().find(|(key, _)| wanted(key))?;
    StatusCode::from_u16(*status).ok()
}
