//! What a request says of the version that it wants.

use proto::task::v1::Task;

use crate::{far_end::Reply, world::World};

const JSON: &str = "content-type: application/json";

async fn with_version_7() -> World {
    let world = World::start().await;
    world.task.replies(Reply::message(&Task {
        etag: "7".to_owned(),
        ..Task::default()
    }));
    world
}

/// Who sends a condition means one: without it, what somebody else wrote would be overwritten.
#[tokio::test]
async fn a_condition_that_cannot_be_read_changes_nothing() {
    let world = with_version_7().await;
    for condition in [
        "if-match:",
        "if-match: ,",
        "if-match: , ,",
        "if-match: \"\"",
        "if-match: \"a\", \"b\"",
        "if-match: \"ü\"",
    ] {
        for (line, body) in [
            ("DELETE /v1/tasks/1", ""),
            ("PATCH /v1/tasks/1", "{}"),
            ("POST /v1/tasks/1:complete", "{}"),
        ] {
            let answer = world.send_with(line, &[JSON, condition], body).await;
            answer.assert_problem(400, "FIELD_INVALID");
        }
    }
    assert!(world.task.calls().is_empty());
    assert_eq!(
        world.send_with("DELETE /v1/tasks/1", &["if-match: *"], "").await.status,
        200
    );
}

#[tokio::test]
async fn a_read_of_another_version_fails() {
    let world = with_version_7().await;
    for (condition, status) in [
        ("if-match: \"7\"", 200),
        ("if-match: \"6\", \"7\"", 200),
        ("if-match: *", 200),
        ("if-match: \"6\"", 412),
    ] {
        let answer = world.send_with("GET /v1/tasks/1", &[condition], "").await;
        assert_eq!(answer.status, status, "{condition}");
    }
}

/// The type of RFC 7396 is one for PATCH, and it is said so (RFC 5789, sections 2.2 and 3.1).
#[tokio::test]
async fn a_patch_is_a_merge_patch() {
    let world = with_version_7().await;
    let merge = "content-type: application/merge-patch+json";
    assert_eq!(world.send_with("PATCH /v1/tasks/1", &[merge], "{}").await.status, 200);
    world
        .send_with("POST /v1/tasks", &[merge], "{}")
        .await
        .assert_problem(415, "MEDIA_TYPE_UNSUPPORTED");
    let refused = world
        .send_with(
            "PATCH /v1/tasks/1",
            &["content-type: application/json-patch+json"],
            "[]",
        )
        .await;
    refused.assert_problem(415, "MEDIA_TYPE_UNSUPPORTED");
    let asked = world.send("OPTIONS /v1/tasks/1").await;
    for answer in [refused, asked] {
        let types = "application/merge-patch+json, application/json";
        assert_eq!(answer.header("accept-patch"), Some(types));
    }
    assert_eq!(world.send("OPTIONS /v1/tasks").await.header("accept-patch"), None);
}
