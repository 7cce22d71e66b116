//! Requests to calls, and answers back.

use prost_types::{FieldMask, Timestamp};
use proto::{
    auth::v1::{GetJwksResponse, JsonWebKey, LoginRequest},
    task::v1::{
        CompleteTaskRequest, CreateTaskRequest, DeleteTaskRequest, Due, GetTaskRequest, ListTasksRequest,
        ListTasksResponse, Priority, Task, TaskState, UpdateTaskRequest,
    },
};
use serde_json::json;
use tonic_health::pb::health_check_response::ServingStatus;

use crate::{far_end::Reply, world::World};

const TASK_SERVICE: &str = "/holdfast.task.v1.TaskService";

#[tokio::test]
async fn a_creation_is_answered_201_with_location_and_etag() {
    let world = World::start().await;
    world.task.replies(Reply::message(&Task {
        id: "a b/c".to_owned(),
        title: "Buy milk".to_owned(),
        priority: Priority::High.into(),
        due: Some(Due {
            date: "2026-02-01".to_owned(),
            ..Due::default()
        }),
        create_time: Some(Timestamp {
            seconds: 1_767_225_600,
            nanos: 1_000,
        }),
        etag: "v1".to_owned(),
        ..Task::default()
    }));
    let body = r#"{"title": "Buy milk", "priority": "PRIORITY_HIGH", "due": {"date": "2026-02-01"}, "tags": ["x"]}"#;
    let answer = world.send_json("POST /v1/tasks?requestId=r", body).await;

    let call = world.task.call();
    assert_eq!(call.path, format!("{TASK_SERVICE}/CreateTask"));
    let expected = CreateTaskRequest {
        request_id: "r".to_owned(),
        task: Some(Task {
            title: "Buy milk".to_owned(),
            priority: Priority::High.into(),
            tags: vec!["x".to_owned()],
            due: Some(Due {
                date: "2026-02-01".to_owned(),
                ..Due::default()
            }),
            ..Task::default()
        }),
        validate_only: false,
    };
    assert_eq!(call.message::<CreateTaskRequest>(), expected);

    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.header("location"), Some("/v1/tasks/a%20b%2Fc"));
    assert_eq!(answer.header("etag"), Some("\"v1\""));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    // Defaults are written; messages that are not set are absent, never null.
    assert_eq!(
        answer.json(),
        json!({
            "id": "a b/c", "title": "Buy milk", "description": "", "completed": false, "priority": "PRIORITY_HIGH",
            "tags": [], "due": {"date": "2026-02-01", "timeZone": ""}, "createTime": "2026-01-01T00:00:00.000001Z",
            "etag": "v1",
        })
    );
}

/// Nothing is created, so nothing is said of where it is.
#[tokio::test]
async fn what_is_only_validated_is_nowhere() {
    let world = World::start().await;
    world.task.replies(Reply::message(&Task {
        id: "1".to_owned(),
        ..Task::default()
    }));
    let answer = world.send_json("POST /v1/tasks?validateOnly=true", "{}").await;
    assert!(world.task.call().message::<CreateTaskRequest>().validate_only);
    assert_eq!((answer.status, answer.header("location")), (200, None));
    let answer = world.send_json("POST /v1/tasks?validateOnly=false", "{}").await;
    assert_eq!((answer.status, answer.header("location")), (201, Some("/v1/tasks/1")));
}

#[tokio::test]
async fn an_empty_answer_is_written_with_its_defaults() {
    let world = World::start().await;
    world.task.replies(Reply::message(&ListTasksResponse::default()));
    let answer = world.send("GET /v1/tasks").await;
    assert_eq!(
        (answer.status, answer.json()),
        (200, json!({"tasks": [], "nextPageToken": "", "etag": ""}))
    );
    assert_eq!((answer.header("location"), answer.header("etag")), (None, None));
}

#[tokio::test]
async fn a_list_takes_its_fields_from_the_query() {
    let world = World::start().await;
    let answer = world
        .send("GET /v1/tasks?pageSize=7&page_token=a%2Bb&state=TASK_STATE_ACTIVE")
        .await;
    assert_eq!(answer.status, 200);
    let expected = ListTasksRequest {
        page_size: 7,
        page_token: "a+b".to_owned(),
        state: TaskState::Active.into(),
        ..ListTasksRequest::default()
    };
    assert_eq!(world.task.call().message::<ListTasksRequest>(), expected);
}

#[tokio::test]
async fn path_variables_reach_the_service_unescaped() {
    let world = World::start().await;
    world.send("GET /v1/tasks/a%2Fb%20%C3%A9").await;
    assert_eq!(world.task.call().message::<GetTaskRequest>().id, "a/b é");
    world.send("DELETE /v1/tasks/x?etag=v1").await;
    let expected = DeleteTaskRequest {
        request_id: String::new(),
        id: "x".to_owned(),
        etag: "v1".to_owned(),
    };
    assert_eq!(world.task.call().message::<DeleteTaskRequest>(), expected);
    world.send("GET /v1/tasks/a%ff").await.assert_names("id");
    world.send("GET /v1/tasks/a%2").await.assert_names("id");
    assert!(world.task.calls().is_empty());
}

#[tokio::test]
async fn an_idempotency_key_is_the_request_id() {
    let world = World::start().await;
    let send = async |request: &str, key: &str| {
        let key = format!("idempotency-key: {key}");
        world
            .send_with(request, &["content-type: application/json", &key], "{}")
            .await
    };
    for key in ["a-key", "\"a-key\"", " a-key "] {
        assert_eq!(send("POST /v1/tasks/x:complete", key).await.status, 200);
        assert_eq!(world.task.call().message::<CompleteTaskRequest>().request_id, "a-key");
    }
    send("POST /v1/tasks", "a-key").await;
    assert_eq!(world.task.call().message::<CreateTaskRequest>().request_id, "a-key");
    send("POST /v1/tasks/x:complete", "")
        .await
        .assert_names("Idempotency-Key");
    send("POST /v1/auth/logout", "a-key")
        .await
        .assert_names("Idempotency-Key");
    assert!(world.task.calls().is_empty() && world.auth.calls().is_empty());
}

#[tokio::test]
async fn a_verb_needs_no_body_and_takes_one() {
    let world = World::start().await;
    world.send("POST /v1/tasks/x:complete").await;
    let call = world.task.call();
    assert_eq!(call.path, format!("{TASK_SERVICE}/CompleteTask"));
    let mut expected = CompleteTaskRequest {
        id: "x".to_owned(),
        ..CompleteTaskRequest::default()
    };
    assert_eq!(call.message::<CompleteTaskRequest>(), expected);
    world.send_json("POST /v1/tasks/x:complete", r#"{"etag": "v1"}"#).await;
    "v1".clone_into(&mut expected.etag);
    assert_eq!(world.task.call().message::<CompleteTaskRequest>(), expected);
}

#[tokio::test]
async fn a_patch_masks_what_its_body_names() {
    let world = World::start().await;
    let sent = async |uri: &str, body: &str| {
        let answer = world.send_json(&format!("PATCH {uri}"), body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        world.task.call().message::<UpdateTaskRequest>()
    };
    let request = |task: Task, paths: &[&str]| UpdateTaskRequest {
        task: Some(Task {
            id: "x".to_owned(),
            ..task
        }),
        update_mask: Some(FieldMask {
            paths: paths.iter().map(|&path| path.to_owned()).collect(),
        }),
        ..UpdateTaskRequest::default()
    };
    let titled = Task {
        title: "New".to_owned(),
        etag: "v1".to_owned(),
        ..Task::default()
    };
    assert_eq!(
        sent(
            "/v1/tasks/x",
            r#"{"title": "New", "due": null, "etag": "v1", "id": "x"}"#
        )
        .await,
        request(titled.clone(), &["title", "due"])
    );
    assert_eq!(sent("/v1/tasks/x", "{}").await, request(Task::default(), &[]));
    assert_eq!(
        sent(
            "/v1/tasks/x?updateMask=title,completed",
            r#"{"title": "New", "etag": "v1"}"#
        )
        .await,
        request(titled, &["title", "completed"])
    );
    world
        .send_json("PATCH /v1/tasks/x", r#"{"id": "y", "title": "New"}"#)
        .await
        .assert_names("task.id");
    assert!(world.task.calls().is_empty());
}

#[tokio::test]
async fn each_package_has_its_service() {
    let world = World::start().await;
    world
        .send_json(
            "POST /v1/auth/login",
            r#"{"email": "a@example.org", "password": "secret"}"#,
        )
        .await;
    let call = world.auth.call();
    assert_eq!(call.path, "/holdfast.auth.v1.AuthService/Login");
    assert_eq!(call.message::<LoginRequest>().email, "a@example.org");
    assert!(world.task.calls().is_empty());
}

#[tokio::test]
async fn what_may_be_kept_says_for_how_long_and_has_an_etag() {
    let (world, replica) = (World::start().await, World::start().await);
    let jwks = |kid: &str| {
        Reply::message(&GetJwksResponse {
            keys: vec![JsonWebKey {
                kid: kid.to_owned(),
                ..JsonWebKey::default()
            }],
        })
    };
    world.auth.replies(jwks("one"));
    replica.auth.replies(jwks("one"));
    let line = "GET /.well-known/jwks.json";
    let answer = world.send(line).await;
    assert_eq!((answer.status, &answer.json()["keys"][0]["kid"]), (200, &json!("one")));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    let etag = answer.header("etag").expect("an entity tag");
    assert!(etag.len() > 2 && etag.starts_with('"') && etag.ends_with('"'), "{etag}");
    assert_eq!(replica.send(line).await.header("etag"), Some(etag));

    let known = format!("if-none-match: {etag}");
    let unchanged = world.send_with(line, &[&known], "").await;
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
    assert_eq!(unchanged.header("etag"), Some(etag));
    assert_eq!(unchanged.header("cache-control"), Some("public, max-age=300"));

    world.auth.replies(jwks("two"));
    let changed = world.send_with(line, &[&known], "").await;
    assert_eq!(
        (changed.status, &changed.json()["keys"][0]["kid"]),
        (200, &json!("two"))
    );
    assert_ne!(changed.header("etag"), Some(etag));

    // What says nothing is not kept.
    let session = world.send("GET /v1/auth/session").await;
    assert_eq!(
        (session.header("cache-control"), session.header("etag")),
        (Some("no-store"), None)
    );
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let world = World::start().await;
    let (get, head) = (world.send("GET /v1/tasks").await, world.send("HEAD /v1/tasks").await);
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), Some(&*get.body.len().to_string()));
    assert_eq!(head.header("content-type"), get.header("content-type"));
    assert_eq!(world.task.calls().len(), 2);
    let lost = world.send("HEAD /nowhere").await;
    assert_eq!((lost.status, lost.body.len()), (404, 0));
}

#[tokio::test]
async fn options_tells_the_methods() {
    let world = World::start().await;
    let answer = world.send("OPTIONS /v1/tasks/x").await;
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    assert_eq!(answer.header("allow"), Some("DELETE, GET, HEAD, OPTIONS, PATCH, PUT"));
    world
        .send("OPTIONS /nowhere")
        .await
        .assert_problem(404, "ROUTE_NOT_FOUND");
}

#[tokio::test]
async fn probes_answer_on_the_main_listener() {
    let world = World::start().await;
    let alive = world.send("GET /livez").await;
    assert_eq!((alive.status, &*alive.body), (200, &b"alive\n"[..]));
    let ready = world.send("GET /readyz").await;
    assert_eq!((ready.status, &*ready.body), (200, &b"ready\n"[..]));
    assert_eq!(world.send("HEAD /readyz").await.status, 200);
    let refused = world.send("POST /livez").await;
    refused.assert_problem(405, "METHOD_NOT_ALLOWED");
    assert_eq!(refused.header("allow"), Some("GET, HEAD, OPTIONS"));

    world.task.has_health(ServingStatus::NotServing);
    world.send("GET /readyz").await.assert_problem(503, "UNAVAILABLE");
    assert_eq!(
        world.readiness.check().await,
        Err(vec!["task-service: NOT_SERVING".to_owned()])
    );
    assert_eq!(world.send("GET /livez").await.status, 200);
}

/// BR-06, BR-10: a page runs nothing but its own files, is framed by nobody, and looking at it changes nothing.
#[tokio::test]
async fn pages_are_served() {
    let world = World::start().await;
    for (path, content_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/sign-in", "text/html; charset=utf-8"),
        ("/app.css", "text/css; charset=utf-8"),
        ("/app/main.js", "text/javascript; charset=utf-8"),
        ("/app/icon.svg", "image/svg+xml"),
        ("/reset-password", "text/html; charset=utf-8"),
        ("/reset-password.js", "text/javascript; charset=utf-8"),
        ("/reset-password.css", "text/css; charset=utf-8"),
    ] {
        let answer = world.send(&format!("GET {path}")).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, Some(content_type))
        );
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        let policy = answer.header("content-security-policy").expect("it has a policy");
        for rule in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(rule), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        let head = world.send(&format!("HEAD {path}")).await;
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(head.header("etag"), answer.header("etag"));
        // Kept, and asked for: as long as the binary is the same, nothing is sent again.
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
        let etag = answer.header("etag").expect("it has a version");
        assert!(etag.starts_with('"'), "{etag} is strong");
        let again = format!("if-none-match: {etag}");
        let again = world.send_with(&format!("GET {path}"), &[&again], "").await;
        assert_eq!((again.status, again.body.len()), (304, 0));
        world
            .send(&format!("POST {path}"))
            .await
            .assert_problem(405, "METHOD_NOT_ALLOWED");
    }
}

/// Who is signed in needs more of the app than its first view, and is told so by the page itself.
#[tokio::test]
async fn a_page_holds_back_what_only_people_need() {
    let world = World::start().await;
    let stranger = world.send("GET /").await;
    let person = world
        .send_with(
            "GET /",
            &["cookie: __Host-holdfast-access=x; __Host-holdfast-refresh=y"],
            "",
        )
        .await;
    let is_held_back = |body: &[u8]| String::from_utf8_lossy(body).contains("<template");
    assert!(is_held_back(&stranger.body) && !is_held_back(&person.body));
    for answer in [&stranger, &person] {
        assert!(String::from_utf8_lossy(&answer.body).contains("/app/tasks-view.js"));
        assert!(answer.headers.contains(&("vary".to_owned(), "cookie".to_owned())));
    }
    assert_ne!(stranger.header("etag"), person.header("etag"));
}

#[tokio::test]
async fn it_ends_with_the_shutdown() {
    let world = World::start().await;
    assert_eq!(world.send("GET /v1/tasks").await.status, 200);
    world.shutdown.cancel();
    world.served.await.expect("it ends without a panic");
}

#[tokio::test]
async fn the_openapi_document_is_served() {
    let world = World::start().await;
    let answer = world.send("GET /openapi.json").await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, Some("application/json"))
    );
    assert_eq!(answer.json()["openapi"], "3.1.0");
    let answer = world.send("POST /openapi.json").await;
    answer.assert_problem(405, "METHOD_NOT_ALLOWED");
}
