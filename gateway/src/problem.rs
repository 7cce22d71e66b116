//! Everything but success: application/problem+json (RFC 9457).
//!
//! `type` is `urn:holdfast:error:REASON` and `title` is the reason in words, so a new reason needs no line here.

use std::{fmt::Display, time::Duration};

use axum::body::Body;
use http::{
    HeaderValue, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use platform::wire_error::DOMAIN;
use serde::Serialize;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::{error_table, rpc::Rpc};

/// What 429 and 503 say when nobody said better.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(1);

/// An error for the client. Everything in it may be read by the caller.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) reason: String,
    pub(crate) detail: String,
    pub(crate) violations: Vec<Violation>,
    hint: Hint,
}

/// What else the client may want to know; each kind of error has one hint at the most.
#[derive(Clone, Debug)]
enum Hint {
    None,
    /// It reached nobody.
    NotSent,
    /// When to come back.
    RetryAfter(Duration),
    /// The methods that the path takes.
    Methods(String),
    /// The scope that the token lacks.
    Scope(String),
}

/// A bad field: its proto path from the request message, or the name of an unknown parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Violation {
    pub(crate) field: String,
    pub(crate) description: String,
}

/// The bad fields of a request, collected so that all are told at once.
#[derive(Debug, Default)]
pub(crate) struct Violations(Vec<Violation>);

impl Violations {
    /// More than these help nobody, and an answer must not outgrow its request.
    const MOST: usize = 20;
    /// A name that the client made up is cut here.
    const LONGEST_NAME: usize = 200;

    /// Notes a bad field: the first thing that is wrong with it.
    pub(crate) fn add(&mut self, field: impl Display, description: &str) {
        let field: String = field.to_string().chars().take(Self::LONGEST_NAME).collect();
        if self.0.len() < Self::MOST && self.0.iter().all(|known| known.field != field) {
            self.0.push(Violation {
                field,
                description: description.to_owned(),
            });
        }
    }

    /// The value if nothing is bad.
    pub(crate) fn into_result<T>(self, value: T) -> Result<T, Problem> {
        if self.0.is_empty() {
            return Ok(value);
        }
        let sentences: Vec<String> = self
            .0
            .iter()
            .map(|violation| format!("{}: {}", violation.field, violation.description))
            .collect();
        Err(Problem {
            violations: self.0,
            ..Problem::new("FIELD_INVALID", sentences.join("; "))
        })
    }
}

impl Problem {
    /// An error of the gateway's own; the reason must be in the table of errors.
    pub(crate) fn new(reason: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status: error_table::status_of_reason(reason).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            reason: reason.to_owned(),
            detail: detail.into(),
            violations: Vec::new(),
            hint: Hint::None,
        }
    }

    /// One bad field that is neither in the path, the query nor the body.
    pub(crate) fn field(name: &str, description: &str) -> Self {
        let mut violations = Violations::default();
        violations.add(name, description);
        Self {
            violations: violations.0,
            ..Self::new("FIELD_INVALID", format!("{name}: {description}"))
        }
    }

    /// Our own fault.
    pub(crate) fn internal() -> Self {
        Self::new("INTERNAL", "an internal error occurred")
    }

    /// The path is known, the method is not.
    pub(crate) fn method_not_allowed(allow: String) -> Self {
        Self {
            hint: Hint::Methods(allow),
            ..Self::new("METHOD_NOT_ALLOWED", "this path does not take this method")
        }
    }

    /// What a service answered in the contract's form; `None` if the status is not in that form, so that it came
    /// from something else than one of our services.
    pub(crate) fn of_status(status: &Status, rpc: &Rpc) -> Option<Self> {
        let details = status.get_error_details();
        let info = details.error_info().filter(|info| info.domain == DOMAIN)?;
        let violations = details
            .bad_request()
            .map(|bad| &*bad.field_violations)
            .unwrap_or_default();
        let retry_delay = details.retry_info().and_then(|info| info.retry_delay);
        let hint = match (retry_delay, status.code()) {
            (Some(delay), _) => Hint::RetryAfter(delay),
            (None, Code::PermissionDenied) if !rpc.scope.is_empty() => Hint::Scope(rpc.scope.clone()),
            _ => Hint::None,
        };
        Some(Self {
            status: error_table::status_of_reason(&info.reason)
                .unwrap_or_else(|| error_table::status_of_code(status.code())),
            reason: info.reason.clone(),
            detail: status.message().to_owned(),
            violations: violations
                .iter()
                .map(|violation| Violation {
                    field: violation.field.clone(),
                    description: violation.description.clone(),
                })
                .collect(),
            hint,
        })
    }

    /// The body of the answer, on one line.
    pub(crate) fn to_json(&self, request_id: &str) -> Vec<u8> {
        let body = ProblemJson {
            r#type: format!("urn:holdfast:error:{}", self.reason),
            title: title(&self.reason),
            status: self.status.as_u16(),
            detail: &self.detail,
            reason: &self.reason,
            request_id,
            errors: &self.violations,
        };
        // Strings and numbers always serialise.
        serde_json::to_vec(&body).unwrap_or_default()
    }

    /// The answer. Never cached: what is not there now may be there next.
    pub(crate) fn into_response(self, request_id: &str) -> Response<Body> {
        let mut response = Response::new(Body::from(self.to_json(request_id)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(delay) = self.retry_delay() {
            headers.insert(RETRY_AFTER, whole_seconds(delay).into());
        }
        let allow = match &self.hint {
            Hint::Methods(methods) => Some(methods.clone()),
            _ => None,
        };
        let texts = [(ALLOW, allow), (WWW_AUTHENTICATE, self.challenge())];
        for (name, text) in texts {
            if let Some(value) = text.and_then(|text| HeaderValue::try_from(text).ok()) {
                headers.insert(name, value);
            }
        }
        response
    }

    /// There is nobody to send it to.
    pub(crate) fn not_sent() -> Self {
        Self {
            hint: Hint::NotSent,
            ..Self::new("UNAVAILABLE", "the service does not answer just now")
        }
    }

    /// Whether nobody can have done what was asked for.
    pub(crate) fn is_not_sent(&self) -> bool {
        matches!(self.hint, Hint::NotSent)
    }

    /// Whether no service answered. One that says when to come back did.
    pub(crate) fn is_unanswered(&self) -> bool {
        self.is_not_sent() || (self.reason == "UNAVAILABLE" && matches!(self.hint, Hint::None))
    }

    /// After how long a retry may succeed, if that is known.
    pub(crate) fn retry_delay(&self) -> Option<Duration> {
        match (&self.hint, self.status) {
            (Hint::RetryAfter(delay), _) => Some(*delay),
            (_, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) => Some(DEFAULT_RETRY_AFTER),
            _ => None,
        }
    }

    /// `WWW-Authenticate` (RFC 6750, section 3). Without credentials, and for credentials other than a Bearer
    /// token, it names the scheme only; a 401 must have one (RFC 9110, section 15.5.2).
    fn challenge(&self) -> Option<String> {
        let error = match (&*self.reason, self.status) {
            ("TOKEN_INVALID" | "TOKEN_EXPIRED" | "SESSION_REVOKED", StatusCode::UNAUTHORIZED) => "invalid_token",
            ("SCOPE_MISSING", StatusCode::FORBIDDEN) => "insufficient_scope",
            (_, StatusCode::UNAUTHORIZED) => return Some(r#"Bearer realm="holdfast""#.to_owned()),
            _ => return None,
        };
        let description: String = self
            .detail
            .chars()
            .filter(|&character| is_quotable(character))
            .collect();
        let scope = match &self.hint {
            Hint::Scope(scope) => format!(r#", scope="{scope}""#),
            _ => String::new(),
        };
        Some(format!(
            r#"Bearer realm="holdfast", error="{error}", error_description="{description}"{scope}"#
        ))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProblemJson<'a> {
    r#type: String,
    title: String,
    status: u16,
    detail: &'a str,
    reason: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [Violation],
}

/// The characters that RFC 6750, section 3, allows in an error_description.
fn is_quotable(character: char) -> bool {
    matches!(character, ' '..='~') && !matches!(character, '"' | '\\')
}

/// `TASK_NOT_FOUND` as "Task not found".
fn title(reason: &str) -> String {
    let words = reason.to_ascii_lowercase().replace('_', " ");
    let mut characters = words.chars();
    characters
        .next()
        .map(|first| first.to_ascii_uppercase())
        .into_iter()
        .chain(characters)
        .collect()
}

/// Rounded up: nobody should come back too early.
fn whole_seconds(delay: Duration) -> u64 {
    delay.as_secs() + u64::from(delay.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_is_never_too_early() {
        assert_eq!(whole_seconds(Duration::from_millis(1)), 1);
        assert_eq!(whole_seconds(Duration::from_secs(2)), 2);
        assert_eq!(whole_seconds(Duration::from_millis(2001)), 3);
    }

    #[test]
    fn a_title_is_the_reason_in_words() {
        assert_eq!(title("TASK_NOT_FOUND"), "Task not found");
        assert_eq!(title(""), "");
    }

    #[test]
    fn violations_are_bounded() {
        let mut violations = Violations::default();
        for index in 0..100 {
            violations.add(index.to_string().repeat(1000), "is bad");
        }
        let problem = violations.into_result(()).expect_err("bad");
        assert_eq!(problem.violations.len(), 20);
        assert!(problem.violations.iter().all(|violation| violation.field.len() <= 200));
    }

    #[test]
    fn a_challenge_cannot_be_broken_out_of() {
        let problem = Problem {
            status: StatusCode::UNAUTHORIZED,
            reason: "TOKEN_INVALID".to_owned(),
            ..Problem::new("INTERNAL", "a \"quoted\" \\ \r\n é description")
        };
        assert_eq!(
            problem.challenge().as_deref(),
            Some(r#"Bearer realm="holdfast", error="invalid_token", error_description="a quoted    description""#)
        );
    }
}
