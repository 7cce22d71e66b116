//! Which errors an operation may answer with: what its method's comment says behind `Errors:`, and what goes for all.

use std::collections::{BTreeMap, BTreeSet};

use http::{Method, StatusCode};
use prost_reflect::MethodDescriptor;
use serde_json::{Map, Value, json};
use tonic::Code;

use super::comments::Comments;
use crate::{error_table, routes::Route, rpc::Answers};

/// The names of gRPC codes that comments use.
const CODES: [(&str, Code); 9] = [
    ("ABORTED", Code::Aborted),
    ("ALREADY_EXISTS", Code::AlreadyExists),
    ("FAILED_PRECONDITION", Code::FailedPrecondition),
    ("INVALID_ARGUMENT", Code::InvalidArgument),
    ("NOT_FOUND", Code::NotFound),
    ("PERMISSION_DENIED", Code::PermissionDenied),
    ("RESOURCE_EXHAUSTED", Code::ResourceExhausted),
    ("UNAUTHENTICATED", Code::Unauthenticated),
    ("UNAVAILABLE", Code::Unavailable),
];
/// What any call may be answered.
const OF_ALL: [&str; 11] = [
    "DEADLINE_EXCEEDED",
    "FIELD_INVALID",
    "HEADERS_TOO_LARGE",
    "INTERNAL",
    "MEDIA_TYPE_UNSUPPORTED",
    "MESSAGE_MALFORMED",
    "MESSAGE_TOO_LARGE",
    "METHOD_UNKNOWN",
    "ROUTE_NOT_FOUND",
    "UNAVAILABLE",
    "URI_TOO_LONG",
];
/// What becomes of credentials that are no good, in a header or in cookies.
const OF_USERS: [&str; 8] = [
    "REFRESH_EXPIRED",
    "REFRESH_INVALID",
    "REFRESH_REUSED",
    "SESSION_REVOKED",
    "SCOPE_MISSING",
    "TOKEN_EXPIRED",
    "TOKEN_INVALID",
    "TOKEN_MISSING",
];

/// The reasons of errors, by HTTP status.
#[derive(Default)]
pub(super) struct Errors(BTreeMap<u16, BTreeSet<String>>);

impl Errors {
    /// Those of a route.
    pub(super) fn of(route: &Route, comments: &Comments) -> Self {
        let rpc = &route.rpc;
        let mut errors = Self::default();
        errors.add_all(&OF_ALL);
        for (code, reason) in named(&rpc.method, comments, 0) {
            errors.add(code, &reason);
            if reason == "ETAG_MISMATCH" && rpc.etag_field.is_some() {
                errors.insert(StatusCode::PRECONDITION_FAILED, &reason);
            }
        }
        if rpc.needs_user {
            errors.add_all(&OF_USERS);
        }
        if !route.http_method.is_safe() {
            errors.add_all(&["CROSS_SITE_REQUEST"]);
        } else if rpc.etag.is_some() {
            errors.insert(StatusCode::PRECONDITION_FAILED, "ETAG_MISMATCH");
        }
        if rpc.answers == Answers::Events {
            errors.add_all(&["NOT_ACCEPTABLE"]);
        }
        if rpc.request_id_field.is_some() && route.http_method != Method::GET {
            errors.add_all(&["REQUEST_ID_REUSED"]);
        }
        errors
    }

    /// These too, whose status the reason decides, or which are about credentials.
    pub(super) fn add_all(&mut self, reasons: &[&str]) {
        for reason in reasons {
            let code = if *reason == "SCOPE_MISSING" {
                Code::PermissionDenied
            } else {
                Code::Unauthenticated
            };
            self.add(code, reason);
        }
    }

    fn add(&mut self, code: Code, reason: &str) {
        let status = error_table::status_of_reason(reason).unwrap_or_else(|| error_table::status_of_code(code));
        self.insert(status, reason);
    }

    fn insert(&mut self, status: StatusCode, reason: &str) {
        self.0.entry(status.as_u16()).or_default().insert(reason.to_owned());
    }

    /// As the responses of an operation.
    pub(super) fn responses(&self) -> Map<String, Value> {
        let response = |(status, reasons): (&u16, &BTreeSet<String>)| {
            let problem = json!({
                "allOf": [
                    {"$ref": "#/components/schemas/Problem"},
                    {"properties": {"status": {"const": status}, "reason": {"enum": reasons}}},
                ],
            });
            let reasons: Vec<String> = reasons.iter().map(|reason| format!("`{reason}`")).collect();
            let mut response = json!({
                "description": reasons.join(", "),
                "content": {"application/problem+json": {"schema": problem}},
            });
            let headers: &[&str] = match status {
                401 => &["WWW-Authenticate"],
                429 | 503 => &["Retry-After"],
                _ => &[],
            };
            for name in headers {
                response["headers"][name] = json!({"$ref": format!("#/components/headers/{name}")});
            }
            (status.to_string(), response)
        };
        self.0.iter().map(response).collect()
    }
}

/// The codes and reasons that a method's comment names: `NOT_FOUND (TASK_NOT_FOUND)`. Where it names another method of the
/// service, as in `as GetSession`, those of that one.
fn named(method: &MethodDescriptor, comments: &Comments, depth: usize) -> Vec<(Code, String)> {
    let comment = comments.before(&method.parent_file(), method.path());
    let Some((_, said)) = comment.split_once("Errors:") else {
        return Vec::new();
    };
    let said = said.split("\n\n").next().unwrap_or_default();
    let (mut found, mut code) = (Vec::new(), None);
    for word in said.split(|character: char| !(character.is_ascii_alphanumeric() || character == '_')) {
        let service = method.parent_service();
        let other = service.methods().find(|other| other.name() == word && depth < 3);
        if let Some((_, named)) = CODES.iter().find(|(name, _)| *name == word) {
            code = Some(*named);
        } else if let Some(other) = other {
            found.extend(named(&other, comments, depth + 1));
        } else if let Some(code) = code
            && word.len() > 3
            && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        {
            found.push((code, word.to_owned()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{routes::RouteTable, upstreams};

    fn of(method: &str) -> BTreeMap<u16, Vec<String>> {
        let contracts = platform::access::descriptor_pool();
        let routes = RouteTable::read(&contracts, upstreams::serving).expect("the routes are good");
        let comments = Comments::of(&contracts);
        let route = routes
            .iter()
            .find(|route| route.rpc.method.name() == method)
            .expect("a route");
        let own = |(status, reasons): (&u16, &BTreeSet<String>)| {
            let own = reasons.iter().filter(|reason| !OF_ALL.contains(&reason.as_str()));
            let own: Vec<String> = own.cloned().collect();
            (!own.is_empty()).then_some((*status, own))
        };
        Errors::of(route, &comments).0.iter().filter_map(own).collect()
    }

    #[test]
    fn errors_are_what_the_contract_says() {
        let of_get = of("GetTask");
        assert_eq!(of_get[&404], ["TASK_NOT_FOUND"]);
        assert_eq!(of_get[&403], ["SCOPE_MISSING"]);
        assert!(!of_get.contains_key(&409) && !of_get.contains_key(&415), "{of_get:?}");
        let of_batch = of("BatchUpdateTasks");
        assert_eq!(of_batch[&409], ["ETAG_MISMATCH"], "those of UpdateTask");
        assert_eq!(of_batch[&422], ["REQUEST_ID_REUSED"]);
        assert!(!of_batch.contains_key(&412), "it has no If-Match");
        assert_eq!(of("UpdateTask")[&412], ["ETAG_MISMATCH"]);
        let of_change = of("ChangePassword");
        assert_eq!(of_change[&429], ["OVERLOADED", "RATE_LIMITED"]);
        let refused = ["INVALID_CREDENTIALS", "TOKEN_MISSING"].map(str::to_owned);
        assert!(
            refused.iter().all(|reason| of_change[&401].contains(reason)),
            "{of_change:?}"
        );
        assert_eq!(of("SyncTasks")[&410], ["SYNC_TOKEN_EXPIRED"]);
        assert_eq!(of("WatchTasks")[&406], ["NOT_ACCEPTABLE"]);
        assert!(!of("Login")[&401].contains(&"TOKEN_MISSING".to_owned()));
        assert_eq!(
            of("Login")[&403],
            ["CROSS_SITE_REQUEST"],
            "from a browser with a session"
        );
        assert_eq!(of_get[&412], ["ETAG_MISMATCH"], "of a read with an If-Match");
    }
}
