//! Tasks over REST.

use http::Method;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn a_list_that_the_client_has_is_not_sent_again() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let authorization = ada.authorization();
    let list = async |known: &str| {
        let headers = [("authorization", &*authorization), ("if-none-match", known)];
        world.send(Method::GET, "/v1/tasks?tag=home", &headers, None).await
    };
    let empty = list("\"\"").await;
    assert_eq!(empty.status, 200, "{empty:?}");
    assert_eq!(list(empty.header("etag")).await.status, 304);
    let body = json!({"title": "Buy milk", "tags": ["home"]});
    ada.send(&world, Method::POST, "/v1/tasks", Some(&body)).await;
    let one = list(empty.header("etag")).await;
    assert_eq!(
        (one.status.as_u16(), one.json["tasks"].as_array().map(Vec::len)),
        (200, Some(1))
    );
    assert_eq!(list(one.header("etag")).await.status, 304);
}

#[tokio::test]
async fn a_task_lives_from_creation_to_deletion() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let body = json!({"title": "Buy milk", "tags": ["Home"], "due": {"date": "2026-12-24"}});
    let created = ada.send(&world, Method::POST, "/v1/tasks", Some(&body)).await;
    assert_eq!(created.status, 201, "{created:?}");
    let path = format!("/v1/tasks/{}", created.json["id"].as_str().unwrap());
    assert_eq!(created.header("location"), path);
    assert_eq!(created.json["priority"], "PRIORITY_MEDIUM");
    assert_eq!(created.json["completed"], false);
    assert_eq!(created.json["description"], "");
    assert_eq!(created.json["tags"], json!(["home"]));
    assert_eq!(created.json["due"]["date"], "2026-12-24");
    assert_eq!(ada.send(&world, Method::GET, &path, None).await.json, created.json);

    // RFC 7396: absent is unchanged, null is cleared, {} is nothing.
    let change = json!({"priority": "PRIORITY_HIGH", "due": null});
    let updated = ada.send(&world, Method::PATCH, &path, Some(&change)).await;
    assert_eq!(updated.status, 200, "{updated:?}");
    assert_eq!(
        (&updated.json["title"], &updated.json["priority"]),
        (&json!("Buy milk"), &json!("PRIORITY_HIGH"))
    );
    assert!(updated.json.get("due").is_none());
    assert_eq!(updated.json["tags"], json!(["home"]));
    let unchanged = ada.send(&world, Method::PATCH, &path, Some(&json!({}))).await;
    assert_eq!(unchanged.json, updated.json);

    let completed = ada
        .send(&world, Method::POST, &format!("{path}:complete"), Some(&json!({})))
        .await;
    assert_eq!(
        (completed.status.as_u16(), &completed.json["completed"]),
        (200, &json!(true))
    );
    let stale = json!({"etag": created.json["etag"]});
    let refused = ada
        .send(&world, Method::POST, &format!("{path}:reopen"), Some(&stale))
        .await;
    refused.assert_problem(409, "ETAG_MISMATCH");
    let reopened = ada.send(&world, Method::POST, &format!("{path}:reopen"), None).await;
    assert_eq!(reopened.json["completed"], false, "{reopened:?}");

    // A retry with the same key is no second toggle.
    let authorization = ada.authorization();
    let headers = [("authorization", &*authorization), ("idempotency-key", "a-toggle")];
    let path_of_toggle = format!("{path}/complete");
    let first = world.send(Method::PATCH, &path_of_toggle, &headers, None).await;
    let again = world.send(Method::PATCH, &path_of_toggle, &headers, None).await;
    assert_eq!((&first.json["completed"], &first.json), (&json!(true), &again.json));
    let other = world
        .send(Method::POST, &format!("{path}:complete"), &headers, None)
        .await;
    other.assert_problem(422, "REQUEST_ID_REUSED");
    for (body, completed) in [(None, false), (Some(&json!({})), true)] {
        let toggled = ada.send(&world, Method::PATCH, &format!("{path}/complete"), body).await;
        assert_eq!(toggled.json["completed"], completed, "{toggled:?}");
    }

    let deleted = ada.send(&world, Method::DELETE, &path, None).await;
    assert_eq!(deleted.status, 200);
    assert!(deleted.json["deleteTime"].is_string() && deleted.json["purgeTime"].is_string());
    let back = ada.send(&world, Method::POST, &format!("{path}:undelete"), None).await;
    assert!(back.json.get("deleteTime").is_none(), "{back:?}");
    ada.send(&world, Method::DELETE, &path, None).await;
    assert_eq!(
        ada.send(&world, Method::GET, "/v1/tasks", None).await.json["tasks"],
        json!([])
    );
    ada.send(&world, Method::PATCH, &path, Some(&change))
        .await
        .assert_problem(404, "TASK_NOT_FOUND");
    world.end().await;
}

/// RFC 9110, section 13: what the client has not seen it does not overwrite, and what it has is not sent again.
#[tokio::test]
async fn conditions_in_headers_are_kept() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let authorization = ada.authorization();
    let send = async |method: Method, path: &str, condition: (&str, &str), body: Option<&serde_json::Value>| {
        world
            .send(method, path, &[("authorization", &authorization), condition], body)
            .await
    };
    let created = ada
        .send(&world, Method::POST, "/v1/tasks", Some(&json!({"title": "x"})))
        .await;
    let path = format!("/v1/tasks/{}", created.json["id"].as_str().unwrap());
    let stale = created.header("etag").to_owned();
    assert_eq!(stale, format!("\"{}\"", created.json["etag"].as_str().unwrap()));
    let change = json!({"title": "y"});
    let changed = send(Method::PATCH, &path, ("if-match", &stale), Some(&change)).await;
    assert_eq!((changed.status.as_u16(), &changed.json["title"]), (200, &json!("y")));
    let current = changed.header("etag").to_owned();

    let other = json!({"title": "z"});
    let refused = send(Method::PATCH, &path, ("if-match", &stale), Some(&other)).await;
    refused.assert_problem(412, "ETAG_MISMATCH");
    let complete = format!("{path}:complete");
    send(Method::POST, &complete, ("if-match", &stale), None)
        .await
        .assert_problem(412, "ETAG_MISMATCH");
    send(Method::DELETE, &path, ("if-match", &stale), None)
        .await
        .assert_problem(412, "ETAG_MISMATCH");
    let elsewhere = send(Method::POST, "/v1/tasks", ("if-match", &stale), Some(&other)).await;
    assert_eq!(elsewhere.assert_problem(400, "FIELD_INVALID"), ["If-Match"]);
    let contradiction = json!({"title": "z", "etag": "7"});
    let refused = send(Method::PATCH, &path, ("if-match", &current), Some(&contradiction)).await;
    assert_eq!(refused.assert_problem(400, "FIELD_INVALID"), ["task.etag"]);

    for tag in [current.clone(), format!("W/{current}"), "*".to_owned()] {
        let known = send(Method::GET, &path, ("if-none-match", &tag), None).await;
        assert_eq!((known.status.as_u16(), known.bytes.len()), (304, 0), "{tag}");
        let same = if tag == "*" { &current } else { &tag };
        assert_eq!(known.header("etag"), same);
    }
    let news = send(Method::GET, &path, ("if-none-match", &stale), None).await;
    assert_eq!((news.status.as_u16(), &news.json["title"]), (200, &json!("y")));
    assert_eq!(
        send(Method::DELETE, &path, ("if-match", &current), None).await.status,
        200
    );
    world.end().await;
}

#[tokio::test]
async fn lists_are_filtered_and_paged_by_the_query() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    for title in ["one", "two", "three"] {
        ada.create(&world, title).await;
    }
    let done = json!({"title": "done", "completed": true});
    ada.send(&world, Method::POST, "/v1/tasks", Some(&done)).await;
    let first = ada
        .send(
            &world,
            Method::GET,
            "/v1/tasks?pageSize=2&state=TASK_STATE_ACTIVE",
            None,
        )
        .await;
    let titles = |page: &serde_json::Value| -> Vec<String> {
        page["tasks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|task| task["title"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(titles(&first.json), ["three", "two"]);
    let token = first.json["nextPageToken"].as_str().unwrap();
    let path = format!("/v1/tasks?page_size=2&state=TASK_STATE_ACTIVE&pageToken={token}");
    let second = ada.send(&world, Method::GET, &path, None).await;
    assert_eq!(
        (titles(&second.json), &second.json["nextPageToken"]),
        (vec!["one".to_owned()], &json!(""))
    );
    // The token belongs to its query.
    let other = ada
        .send(&world, Method::GET, &format!("/v1/tasks?pageToken={token}"), None)
        .await;
    assert_eq!(other.assert_problem(400, "PAGE_TOKEN_INVALID"), ["page_token"]);
    world.end().await;
}
