//! Where the next page is, and answers that are left out.

use proto::task::v1::{ListTasksRequest, ListTasksResponse, Task};

use crate::{far_end::Reply, world::World};

fn page(next_page_token: &str) -> Reply {
    Reply::message(&ListTasksResponse {
        next_page_token: next_page_token.to_owned(),
        ..ListTasksResponse::default()
    })
}

#[tokio::test]
async fn a_link_leads_to_the_next_page_of_the_same_question() {
    let world = World::start().await;
    world.task.replies(page("n=xt"));
    for (line, next) in [
        ("GET /v1/tasks", "/v1/tasks?pageToken=n%3Dxt"),
        (
            "GET /v1/tasks?pageSize=2&page_token=first&filter=title:%22a%26b%22",
            "/v1/tasks?pageSize=2&filter=title:%22a%26b%22&pageToken=n%3Dxt",
        ),
        ("HEAD /v1/tasks?pageToken=x&", "/v1/tasks?pageToken=n%3Dxt"),
    ] {
        let answer = world.send(line).await;
        assert_eq!(
            answer.header("link"),
            Some(&*format!("<{next}>; rel=\"next\"")),
            "{line}"
        );
        world.task.calls();
        world.send(&format!("GET {next}")).await;
        let request: ListTasksRequest = world.task.call().message();
        assert_eq!(request.page_token, "n=xt");
    }
    world.task.replies(page(""));
    assert_eq!(world.send("GET /v1/tasks").await.header("link"), None, "the last page");
}

/// The service is told what the client has, so that it need not find it.
#[tokio::test]
async fn a_list_that_the_client_has_is_not_sent_again() {
    let world = World::start().await;
    world.task.replies(Reply::message(&ListTasksResponse {
        etag: "seven".to_owned(),
        ..ListTasksResponse::default()
    }));
    for (condition, told, status) in [
        ("if-none-match: \"seven\"", "seven", 304),
        ("if-none-match: W/\"seven-gzip\"", "seven", 304),
        ("if-none-match: \"six\"", "six", 200),
        ("if-none-match: \"six\", \"seven\"", "", 304),
        ("if-none-match: *", "", 304),
        ("if-none-match: \"", "", 200),
        ("accept: */*", "", 200),
    ] {
        let answer = world
            .send_with("GET /v1/tasks?state=TASK_STATE_ACTIVE", &[condition], "")
            .await;
        let request: ListTasksRequest = world.task.call().message();
        assert_eq!((&*request.known_etag, answer.status), (told, status), "{condition}");
        assert_eq!(answer.header("etag"), Some("\"seven\""), "{condition}");
        assert_eq!(answer.body.is_empty(), status == 304, "{condition}");
    }
    // Without the header the answer would look like an empty list.
    let answer = world.send("GET /v1/tasks?knownEtag=seven").await;
    answer.assert_problem(400, "FIELD_INVALID");
    assert!(world.task.calls().is_empty());
}

#[tokio::test]
async fn who_prefers_it_gets_no_body() {
    let world = World::start().await;
    world.task.replies(Reply::message(&Task {
        id: "1".to_owned(),
        etag: "7".to_owned(),
        ..Task::default()
    }));
    let headers = ["content-type: application/json", "prefer: return=minimal"];
    for (line, body, status) in [
        ("POST /v1/tasks", r#"{"title": "x"}"#, 201),
        ("PATCH /v1/tasks/1", r#"{"title": "x"}"#, 204),
        ("PUT /v1/tasks/1", r#"{"title": "x"}"#, 204),
        ("POST /v1/tasks/1:complete", "{}", 204),
    ] {
        let answer = world.send_with(line, &headers, body).await;
        assert_eq!((answer.status, &*answer.body), (status, &b""[..]), "{line}");
        assert_eq!(answer.header("preference-applied"), Some("return=minimal"));
        assert_eq!(
            (answer.header("etag"), answer.header("content-type")),
            (Some("\"7\""), None)
        );
        let location = (status == 201).then_some("/v1/tasks/1");
        assert_eq!(answer.header("location"), location);
    }
    let answer = world.send_with("GET /v1/tasks/1", &headers[1..], "").await;
    assert_eq!(
        (answer.status, answer.header("preference-applied")),
        (200, None),
        "it was asked for"
    );
    let answer = world.send_with("POST /v1/tasks", &headers, "[]").await;
    answer.assert_names("task");
}
