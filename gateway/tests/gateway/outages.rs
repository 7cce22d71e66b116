//! Services that are gone, silent, broken, or not ours. None of it ever looks like a bad token.

use platform::wire_error::WireError;
use proto::task::v1::Task;
use tonic::Status;

use crate::{
    far_end::{FarEnd, Reply},
    world::{Nowhere, World, uri},
};

#[tokio::test]
async fn a_service_that_is_not_there_is_unavailable() {
    let gone = Nowhere::new();
    let world = World::configured(|config| config.task_addr = vec![gone.uri()]).await;
    let headers = ["authorization: Bearer token"];
    for _ in 0..2 {
        let answer = world.send_with("GET /v1/tasks", &headers, "").await;
        answer.assert_problem(503, "UNAVAILABLE");
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(answer.header("www-authenticate"), None);
    }
    // The other service still works.
    assert_eq!(world.send("GET /v1/auth/session").await.status, 200);
    world.send("GET /readyz").await.assert_problem(503, "UNAVAILABLE");
    let wrong = world.readiness.check().await.expect_err("one is gone");
    assert!(
        matches!(&*wrong, [only] if only.starts_with("task-service: ")),
        "{wrong:?}"
    );
}

/// Once or twice; and only what may be made twice, and was not answered by the service itself.
#[tokio::test]
async fn what_nothing_answered_is_asked_again() {
    let world = World::start().await;
    let busy = || Reply::Status(WireError::unavailable("the database does not answer").into());
    let with_etag = r#"{"etag": "1"}"#;
    for (line, body, replies, calls, status) in [
        ("GET /v1/tasks/1", "", vec![Reply::Broken], 2, 200),
        ("GET /v1/tasks", "", vec![Reply::Http(502), Reply::Broken], 3, 200),
        (
            "GET /v1/tasks",
            "",
            vec![Reply::Broken, Reply::Broken, Reply::Broken],
            3,
            503,
        ),
        ("GET /v1/tasks", "", vec![busy()], 1, 503),
        ("GET /v1/tasks", "", vec![Reply::Broken, busy()], 2, 503),
        ("GET /v1/tasks:export", "", vec![Reply::Broken], 2, 200),
        ("POST /v1/tasks/1:complete", "{}", vec![Reply::Broken], 2, 200),
        ("POST /v1/tasks/1:complete", with_etag, vec![Reply::Broken], 1, 503),
        ("PATCH /v1/tasks/1/complete", "", vec![Reply::Broken], 1, 503),
        ("POST /v1/tasks", r#"{"title": "x"}"#, vec![Reply::Broken], 1, 503),
    ] {
        let world = &world;
        world.task.replies_first(replies);
        let answer = world.send_with(line, &["content-type: application/json"], body).await;
        let made = world.task.calls();
        assert_eq!((answer.status, made.len()), (status, calls), "{line} {body}");
        let same = made
            .iter()
            .all(|call| call.values("x-request-id") == made[0].values("x-request-id"));
        assert!(same, "{made:?}");
    }
    // An outage of many calls is not made worse than by some.
    world.task.replies(Reply::Broken);
    let outage = (0..100).map(|_| world.send("GET /v1/tasks"));
    let answers = futures_util::future::join_all(outage).await;
    assert!(answers.iter().all(|answer| answer.status == 503));
    let made = world.task.calls().len();
    assert!((101..=180).contains(&made), "{made}");
}

/// Nobody can have done it.
#[tokio::test]
async fn what_reached_nobody_is_sent_again_whatever_it_is() {
    let gone = Nowhere::new();
    let world = World::start().await;
    let both = vec![gone.uri(), uri(world.task.address)];
    let two = World::configured(|config| config.task_addr = both).await;
    world.task.replies(Reply::message(&Task::default()));
    for number in 0..40 {
        let answer = two.send_json("POST /v1/tasks", r#"{"title": "x"}"#).await;
        assert_eq!(answer.status, 201, "{number}: {answer:?}");
    }
    assert_eq!(world.task.calls().len(), 40, "each of them once");
}

/// Of two it has the fewest calls under way, so that most would go there until its health is asked again.
#[tokio::test]
async fn a_replica_that_dies_costs_no_call() {
    let world = World::start().await;
    for _ in 0..3 {
        let mortal = FarEnd::start().await;
        let both = vec![uri(mortal.address), uri(world.task.address)];
        let two = World::configured(|config| config.task_addr = both).await;
        while mortal.calls().is_empty() || world.task.calls().is_empty() {
            two.send("GET /v1/tasks").await;
        }
        drop(mortal);
        let clients = (0..20).map(|_| async {
            for _ in 0..20 {
                let answer = two.send("GET /v1/tasks").await;
                assert_eq!(answer.status, 200, "{answer:?}");
            }
        });
        futures_util::future::join_all(clients).await;
    }
}

#[tokio::test]
async fn without_any_replica_the_service_is_unavailable() {
    let gone = [Nowhere::new(), Nowhere::new()];
    let world = World::configured(|config| config.task_addr = gone.iter().map(Nowhere::uri).collect()).await;
    for _ in 0..4 {
        world.send("GET /v1/tasks").await.assert_problem(503, "UNAVAILABLE");
    }
}

#[tokio::test]
async fn a_deadline_that_passes_is_said() {
    let world = World::start().await;
    world.task.replies(Reply::Silence);
    let answer = world.send_with("GET /v1/tasks", &["grpc-timeout: 20m"], "").await;
    answer.assert_problem(504, "DEADLINE_EXCEEDED");
    assert_eq!(world.task.calls().len(), 1);
    let at_once = world.send_with("GET /v1/tasks", &["grpc-timeout: 0S"], "").await;
    at_once.assert_problem(504, "DEADLINE_EXCEEDED");
}

#[tokio::test]
async fn a_broken_answer_is_unavailable() {
    let world = World::start().await;
    world.task.replies(Reply::Broken);
    world.send("GET /v1/tasks").await.assert_problem(503, "UNAVAILABLE");
}

#[tokio::test]
async fn what_is_not_in_the_contracts_form_is_not_believed() {
    let world = World::start().await;
    for (reply, status, reason) in [
        (Reply::Http(401), 503, "UNAVAILABLE"),
        (Reply::Http(404), 503, "UNAVAILABLE"),
        (Reply::Http(502), 503, "UNAVAILABLE"),
        (
            Reply::Status(Status::unauthenticated("a proxy's words")),
            500,
            "INTERNAL",
        ),
        (Reply::Status(Status::not_found("a proxy's words")), 500, "INTERNAL"),
        (
            Reply::Status(Status::unavailable("a proxy's words")),
            503,
            "UNAVAILABLE",
        ),
        (
            Reply::Status(Status::unimplemented("a proxy's words")),
            501,
            "METHOD_UNKNOWN",
        ),
        (
            Reply::Status(Status::deadline_exceeded("a proxy's words")),
            504,
            "DEADLINE_EXCEEDED",
        ),
        (Reply::Message(vec![0xff; 16].into()), 500, "INTERNAL"),
        (Reply::Message(vec![0; 9 * 1024 * 1024].into()), 500, "INTERNAL"),
    ] {
        world.task.replies(reply);
        let problem = world.send("GET /v1/tasks").await.assert_problem(status, reason);
        assert!(!problem.to_string().contains("proxy"), "{problem}");
    }
}
