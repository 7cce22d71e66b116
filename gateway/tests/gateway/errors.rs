//! The contract's table of errors, as clients meet it.

use std::time::Duration;

use platform::wire_error::WireError;
use tonic::Code;

use crate::{
    far_end::Reply,
    world::{Answer, World},
};

async fn answer_to(world: &World, error: WireError) -> Answer {
    world.task.replies(Reply::Status(error.into()));
    world.send("GET /v1/tasks/x").await
}

#[tokio::test]
async fn every_error_of_a_service_has_its_status() {
    let world = World::start().await;
    for (code, reason, status) in [
        (Code::InvalidArgument, "FIELD_INVALID", 400),
        (Code::InvalidArgument, "PAGE_TOKEN_INVALID", 400),
        (Code::InvalidArgument, "PASSWORD_TOO_SHORT", 400),
        (Code::InvalidArgument, "PASSWORD_TOO_COMMON", 400),
        (Code::Unauthenticated, "INVALID_CREDENTIALS", 401),
        (Code::Unauthenticated, "TOKEN_MISSING", 401),
        (Code::Unauthenticated, "TOKEN_INVALID", 401),
        (Code::Unauthenticated, "TOKEN_EXPIRED", 401),
        (Code::Unauthenticated, "SESSION_REVOKED", 401),
        (Code::Unauthenticated, "REFRESH_INVALID", 401),
        (Code::Unauthenticated, "REFRESH_EXPIRED", 401),
        (Code::Unauthenticated, "REFRESH_REUSED", 401),
        (Code::AlreadyExists, "EMAIL_TAKEN", 409),
        (Code::NotFound, "TASK_NOT_FOUND", 404),
        (Code::NotFound, "SESSION_NOT_FOUND", 404),
        (Code::InvalidArgument, "MESSAGE_MALFORMED", 400),
        (Code::Unimplemented, "METHOD_UNKNOWN", 501),
        (Code::Internal, "INTERNAL", 500),
        (Code::AlreadyExists, "TASK_EXISTS", 409),
        (Code::Aborted, "ETAG_MISMATCH", 409),
        (Code::InvalidArgument, "REQUEST_ID_REUSED", 422),
        (Code::FailedPrecondition, "SYNC_TOKEN_EXPIRED", 410),
        (Code::PermissionDenied, "SCOPE_MISSING", 403),
        (Code::ResourceExhausted, "RATE_LIMITED", 429),
        (Code::ResourceExhausted, "OVERLOADED", 429),
        (Code::ResourceExhausted, "MESSAGE_TOO_LARGE", 413),
        (Code::DeadlineExceeded, "DEADLINE_EXCEEDED", 504),
        (Code::Unavailable, "UNAVAILABLE", 503),
        // One that nobody has thought of yet goes by its code.
        (Code::FailedPrecondition, "SOMETHING_NEW", 400),
    ] {
        let answer = answer_to(&world, WireError::new(code, reason, "what is wrong")).await;
        let problem = answer.assert_problem(status, reason);
        assert_eq!(problem["detail"], "what is wrong");
        let title = reason.to_lowercase().replace('_', " ");
        assert_eq!(problem["title"].as_str().map(str::to_lowercase), Some(title));
        assert_eq!(
            answer.header("retry-after").is_some(),
            matches!(status, 429 | 503),
            "{reason}"
        );
        assert_eq!(
            answer.header("www-authenticate").is_some(),
            matches!(status, 401 | 403),
            "{reason}"
        );
    }
}

#[tokio::test]
async fn fields_are_named() {
    let world = World::start().await;
    let violations = [("task.title", "is empty"), ("task.tags", "has too many")];
    let violations = violations.map(|(field, fault)| (field.to_owned(), fault.to_owned()));
    let answer = answer_to(&world, WireError::fields("FIELD_INVALID", violations.to_vec())).await;
    let problem = answer.assert_problem(400, "FIELD_INVALID");
    assert_eq!(
        problem["errors"],
        serde_json::json!([
            {"field": "task.title", "description": "is empty"},
            {"field": "task.tags", "description": "has too many"},
        ])
    );
}

#[tokio::test]
async fn a_challenge_tells_what_to_do_about_the_token() {
    let world = World::start().await;
    for (code, reason, challenge) in [
        (Code::Unauthenticated, "TOKEN_MISSING", r#"Bearer realm="holdfast""#),
        (
            Code::Unauthenticated,
            "TOKEN_EXPIRED",
            r#"Bearer realm="holdfast", error="invalid_token", error_description="what is wrong""#,
        ),
        (
            Code::Unauthenticated,
            "SESSION_REVOKED",
            r#"Bearer realm="holdfast", error="invalid_token", error_description="what is wrong""#,
        ),
        (
            Code::PermissionDenied,
            "SCOPE_MISSING",
            r#"Bearer realm="holdfast", error="insufficient_scope", error_description="what is wrong", scope="tasks:read""#,
        ),
    ] {
        let answer = answer_to(&world, WireError::new(code, reason, "what is wrong")).await;
        assert_eq!(answer.header("www-authenticate"), Some(challenge), "{reason}");
    }
}

#[tokio::test]
async fn a_retry_comes_late_enough() {
    let world = World::start().await;
    let overloaded = WireError::new(Code::ResourceExhausted, "OVERLOADED", "later");
    let answer = answer_to(&world, overloaded.clone().retry_after(Duration::from_millis(2_100))).await;
    assert_eq!(answer.header("retry-after"), Some("3"));
    assert_eq!(answer_to(&world, overloaded).await.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there() {
    let world = World::start().await;
    for path in [
        "/nowhere",
        "/v1",
        "/v1/tasks/",
        "/v1/tasks//",
        "/v1/tasks/a/b",
        "/V1/tasks",
    ] {
        world
            .send(&format!("GET {path}"))
            .await
            .assert_problem(404, "ROUTE_NOT_FOUND");
    }
    for (line, allow) in [
        ("DELETE /v1/tasks", "GET, HEAD, OPTIONS, POST"),
        ("PUT /v1/tasks/x:complete", "OPTIONS, POST"),
        ("GET /v1/tasks/x:complete", "OPTIONS, POST"),
        ("BREW /v1/auth/login", "OPTIONS, POST"),
    ] {
        let answer = world.send(line).await;
        answer.assert_problem(405, "METHOD_NOT_ALLOWED");
        assert_eq!(answer.header("allow"), Some(allow), "{line}");
    }
    assert!(world.task.calls().is_empty());
}
