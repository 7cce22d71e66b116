//! Bad input through the whole path: a precise refusal, nothing stored, and the service goes on.

use http::Method;
use serde_json::{Value, json};
use tonic::Code;

use crate::world::{World, assert_refused};

#[tokio::test]
async fn bad_fields_are_named_and_nothing_is_stored() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let long = "x".repeat(201);
    let table: &[(Value, &[&str])] = &[
        (json!({}), &["task.title"]),
        (json!({"title": "  "}), &["task.title"]),
        (json!({"title": long}), &["task.title"]),
        (json!({"title": "🦀".repeat(201)}), &["task.title"]),
        (json!({"title": "a\u{0}b"}), &["task.title"]),
        (json!({"title": "x", "id": "not-a-uuid"}), &["task.id"]),
        (
            json!({"title": "x", "description": "x".repeat(10_001)}),
            &["task.description"],
        ),
        (
            json!({"title": "", "due": {"date": "2026-02-30"}, "tags": [""]}),
            &["task.title", "task.tags[0]", "task.due.date"],
        ),
    ];
    for (body, fields) in table {
        let answer = ada.send(&world, Method::POST, "/v1/tasks", Some(body)).await;
        let mut named = answer.assert_problem(400, "FIELD_INVALID");
        named.sort();
        let mut expected = fields.to_vec();
        expected.sort_unstable();
        assert_eq!(named, expected, "{body}");
    }
    assert_eq!(
        ada.send(&world, Method::GET, "/v1/tasks", None).await.json["tasks"],
        json!([])
    );
    // At the limit, in characters and not in bytes.
    for title in ["🦀".repeat(200), "e\u{301}".repeat(100)] {
        let answer = ada
            .send(&world, Method::POST, "/v1/tasks", Some(&json!({"title": title})))
            .await;
        assert_eq!((answer.status.as_u16(), &answer.json["title"]), (201, &json!(title)));
    }
    world.end().await;
}

#[tokio::test]
async fn what_is_no_request_is_refused_precisely() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let authorization = ada.authorization();
    let json_type = ("content-type", "application/json");
    let token = ("authorization", &*authorization);
    let post = async |headers: &[(&str, &str)], body: &[u8]| {
        world.send_raw(Method::POST, "/v1/tasks", headers, body.to_vec()).await
    };
    post(&[token, json_type], b"{\"title\": ")
        .await
        .assert_problem(400, "MESSAGE_MALFORMED");
    post(&[token, json_type], b"\xff\xfe")
        .await
        .assert_problem(400, "MESSAGE_MALFORMED");
    let unknown = post(&[token, json_type], br#"{"title": "x", "colour": "red"}"#).await;
    assert_eq!(unknown.assert_problem(400, "FIELD_INVALID").len(), 1);
    assert!(String::from_utf8_lossy(&unknown.bytes).contains("colour"));
    post(&[token, ("content-type", "text/plain")], b"{}")
        .await
        .assert_problem(415, "MEDIA_TYPE_UNSUPPORTED");
    post(&[token, json_type], &vec![b' '; 5 * 1024 * 1024])
        .await
        .assert_problem(413, "MESSAGE_TOO_LARGE");
    post(&[token, json_type], "[".repeat(100_000).as_bytes())
        .await
        .assert_problem(400, "MESSAGE_MALFORMED");

    let get = async |path: &str| ada.send(&world, Method::GET, path, None).await;
    assert_eq!(
        get("/v1/tasks/not-a-uuid").await.assert_problem(400, "FIELD_INVALID"),
        ["id"]
    );
    assert_eq!(
        get("/v1/tasks?pageSize=-1").await.assert_problem(400, "FIELD_INVALID"),
        ["page_size"]
    );
    assert_eq!(
        get("/v1/tasks?colour=red")
            .await
            .assert_problem(400, "FIELD_INVALID")
            .len(),
        1
    );
    assert_eq!(
        get("/v1/tasks?pageToken=AAAA")
            .await
            .assert_problem(400, "PAGE_TOKEN_INVALID"),
        ["page_token"]
    );
    get("/v1/nothing").await.assert_problem(404, "ROUTE_NOT_FOUND");
    let wrong_method = ada.send(&world, Method::PUT, "/v1/auth/login", None).await;
    wrong_method.assert_problem(405, "METHOD_NOT_ALLOWED");
    assert!(wrong_method.header("allow").contains("POST"), "{wrong_method:?}");
    assert_eq!(get("/v1/tasks").await.json["tasks"], json!([]));
    world.end().await;
}

#[tokio::test]
async fn an_unknown_mask_path_is_refused_over_both() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let task = ada.create(&world, "x").await;
    let request = proto::task::v1::UpdateTaskRequest {
        task: Some(proto::task::v1::Task {
            id: task.id.clone(),
            title: "y".to_owned(),
            ..Default::default()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["title".to_owned(), "colour".to_owned()],
        }),
        ..Default::default()
    };
    let answer = world.tasks.clone().update_task(ada.request(request)).await;
    assert_eq!(
        assert_refused(answer, Code::InvalidArgument, "FIELD_INVALID"),
        ["update_mask"]
    );
    let path = format!("/v1/tasks/{}?updateMask=title,colour", task.id);
    let answer = ada
        .send(&world, Method::PATCH, &path, Some(&json!({"title": "y"})))
        .await;
    assert_eq!(answer.assert_problem(400, "FIELD_INVALID"), ["update_mask"]);
    let path = format!("/v1/tasks/{}", task.id);
    assert_eq!(ada.send(&world, Method::GET, &path, None).await.json["title"], "x");
    world.end().await;
}
