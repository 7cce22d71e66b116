//! The rest of the task API over REST: replacing, queries, batches, statistics, files, and what changes as events.

use http::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    net::{TcpStream, tcp::OwnedReadHalf},
};

use crate::world::{Person, World};

fn titles(answer: &Value) -> Vec<&str> {
    let tasks = answer["tasks"].as_array().unwrap();
    tasks.iter().map(|task| task["title"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn put_replaces_what_a_person_says_of_a_task() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let body = json!({"title": "Old", "description": "old", "tags": ["old"], "due": {"date": "2026-12-24"}, "completed": true});
    let created = ada.send(&world, Method::POST, "/v1/tasks", Some(&body)).await;
    let path = format!("/v1/tasks/{}", created.json["id"].as_str().unwrap());

    // What it does not say gets its default, and what was read can be sent back.
    let mut body = created.json.clone();
    body["title"] = json!("New");
    for field in ["description", "tags", "due", "completed"] {
        body.as_object_mut().unwrap().remove(field);
    }
    let replaced = ada.send(&world, Method::PUT, &path, Some(&body)).await;
    assert_eq!(replaced.status, 200, "{replaced:?}");
    for (field, value) in [
        ("title", json!("New")),
        ("description", json!("")),
        ("tags", json!([])),
        ("completed", json!(false)),
        ("createTime", created.json["createTime"].clone()),
    ] {
        assert_eq!(replaced.json[field], value, "{field}");
    }
    assert!(replaced.json.get("due").is_none());

    // It carried the old etag only once.
    let stale = ada.send(&world, Method::PUT, &path, Some(&body)).await;
    stale.assert_problem(409, "ETAG_MISMATCH");
    let authorization = ada.authorization();
    let headers = [("authorization", &*authorization), ("if-match", created.header("etag"))];
    let stale = world
        .send(Method::PUT, &path, &headers, Some(&json!({"title": "Newer"})))
        .await;
    stale.assert_problem(412, "ETAG_MISMATCH");
    let untitled = ada.send(&world, Method::PUT, &path, Some(&json!({}))).await;
    assert_eq!(untitled.assert_problem(400, "FIELD_INVALID"), ["task.title"]);
    let missing = "/v1/tasks/01890000-0000-7000-8000-000000000000";
    let missing = ada
        .send(&world, Method::PUT, missing, Some(&json!({"title": "x"})))
        .await;
    missing.assert_problem(404, "TASK_NOT_FOUND");
    world.end().await;
}

#[tokio::test]
async fn lists_are_asked_by_their_query() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let requests: Vec<_> = [
        ("Crème", "PRIORITY_HIGH", "home"),
        ("bread", "PRIORITY_LOW", "home"),
        ("Tea", "PRIORITY_LOW", "away"),
    ]
    .iter()
    .map(|(title, priority, tag)| json!({"task": {"title": title, "priority": priority, "tags": [tag]}}))
    .collect();
    let batch = json!({"requests": requests});
    let created = ada
        .send(&world, Method::POST, "/v1/tasks:batchCreate", Some(&batch))
        .await;
    assert_eq!(
        (created.status.as_u16(), titles(&created.json)),
        (200, vec!["Crème", "bread", "Tea"])
    );
    for (query, expected) in [
        ("search=creme", vec!["Crème"]),
        ("tag=home&orderBy=title", vec!["bread", "Crème"]),
        ("priority=PRIORITY_LOW&orderBy=title%20desc", vec!["Tea", "bread"]),
        (
            "filter=priority%20%3E%20LOW%20OR%20tags:away&orderBy=title",
            vec!["Crème", "Tea"],
        ),
    ] {
        let list = ada.send(&world, Method::GET, &format!("/v1/tasks?{query}"), None).await;
        assert_eq!(titles(&list.json), expected, "{query}");
    }
    let refused = ada.send(&world, Method::GET, "/v1/tasks?filter=owner%3D1", None).await;
    assert_eq!(refused.assert_problem(400, "FIELD_INVALID"), ["filter"]);

    let ids: Vec<_> = created.json["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|task| task["id"].clone())
        .collect();
    let fault = json!({"requests": [{"id": ids[0]}, {"id": "01890000-0000-7000-8000-000000000000"}]});
    let refused = ada
        .send(&world, Method::POST, "/v1/tasks:batchDelete", Some(&fault))
        .await;
    assert_eq!(refused.assert_problem(404, "TASK_NOT_FOUND"), ["requests[1]"]);
    let complete = json!({"requests": [{"id": ids[1]}]});
    ada.send(&world, Method::POST, "/v1/tasks:batchComplete", Some(&complete))
        .await;
    let reopen = json!({"requests": [
        {"task": {"id": ids[1], "completed": false, "tags": []}},
        {"task": {"id": ids[0], "priority": null, "title": "Milk"}, "updateMask": "priority"},
    ]});
    let reopened = ada
        .send(&world, Method::POST, "/v1/tasks:batchUpdate", Some(&reopen))
        .await;
    let tasks = reopened.json["tasks"].as_array().expect("a list").iter();
    let told: Vec<_> = tasks
        .map(|task| (&task["title"], &task["completed"], &task["tags"], &task["priority"]))
        .collect();
    let expected = (
        json!(["bread", false, [], "PRIORITY_LOW"]),
        json!(["Crème", false, ["home"], "PRIORITY_MEDIUM"]),
    );
    assert_eq!(json!(told), json!(expected), "as each PATCH would have changed it");
    ada.send(&world, Method::POST, "/v1/tasks:batchComplete", Some(&complete))
        .await;
    let stats = ada
        .send(&world, Method::GET, "/v1/taskStats?timeZone=Europe/Berlin", None)
        .await;
    assert_eq!(
        stats.json,
        json!({"total": 3, "active": 2, "completed": 1, "overdue": 0, "dueToday": 0})
    );
    world.end().await;
}

#[tokio::test]
async fn tasks_move_from_one_account_to_another_as_files() {
    let world = World::new().await;
    let (ada, eve) = (world.person("ada").await, world.person("eve").await);
    for title in ["one", "two"] {
        ada.create(&world, title).await;
    }
    let authorization = eve.authorization();
    for (format, content_type) in [
        ("json", "application/json"),
        ("csv", "text/csv"),
        ("ics", "text/calendar"),
    ] {
        let file = ada
            .send(&world, Method::GET, &format!("/v1/tasks:export?format={format}"), None)
            .await;
        assert!(file.header("content-type").starts_with(content_type), "{file:?}");
        let headers = [
            ("authorization", &*authorization),
            ("content-type", file.header("content-type")),
        ];
        let imported = world
            .send_raw(Method::POST, "/v1/tasks:import", &headers, file.bytes.to_vec())
            .await;
        let created = if format == "json" { 2 } else { 0 };
        let summary = json!({"created": created, "existing": 2 - created, "failed": 0, "errors": []});
        assert_eq!((imported.status.as_u16(), &imported.json), (200, &summary), "{format}");
    }
    let list = eve.send(&world, Method::GET, "/v1/tasks?orderBy=title", None).await;
    assert_eq!(titles(&list.json), ["one", "two"]);
    let headers = [("authorization", &*authorization), ("content-type", "text/csv")];
    let file = b"title,priority\ngood,\nbad,URGENT\n".to_vec();
    let partly = world.send_raw(Method::POST, "/v1/tasks:import", &headers, file).await;
    assert_eq!(partly.json["errors"][0]["line"], 3, "{partly:?}");
    let nothing = world
        .send_raw(
            Method::POST,
            "/v1/tasks:import",
            &headers,
            b"nothing\nat all\n".to_vec(),
        )
        .await;
    assert_eq!(nothing.assert_problem(400, "FIELD_INVALID"), ["data"]);
    world.end().await;
}

/// An open stream of Server-Sent Events.
struct Events(Lines<BufReader<OwnedReadHalf>>);

/// One of them.
#[derive(Debug, Default)]
struct Event {
    name: String,
    id: String,
    data: Value,
}

impl Events {
    async fn open(world: &World, person: &Person, header: &str) -> Self {
        let (reader, mut writer) = TcpStream::connect(world.addresses.gateway).await.unwrap().into_split();
        let authorization = person.authorization();
        let request = format!(
            "GET /v1/tasks:watch HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\nauthorization: {authorization}\r\n{header}\r\n"
        );
        writer.write_all(request.as_bytes()).await.unwrap();
        // The reader's end closes the connection.
        writer.forget();
        let mut lines = BufReader::new(reader).lines();
        assert_eq!(lines.next_line().await.unwrap().unwrap(), "HTTP/1.1 200 OK");
        Self(lines)
    }

    /// The next event; `None` at the end.
    async fn next(&mut self) -> Option<Event> {
        let mut event = Event::default();
        while let Some(line) = self.0.next_line().await.unwrap() {
            if let Some(name) = line.strip_prefix("event: ") {
                name.clone_into(&mut event.name);
            } else if let Some(id) = line.strip_prefix("id: ") {
                id.clone_into(&mut event.id);
            } else if let Some(data) = line.strip_prefix("data: ") {
                event.data = serde_json::from_str(data).unwrap();
                return Some(event);
            }
        }
        None
    }
}

#[tokio::test]
async fn changes_come_as_events_and_go_on_from_the_last_one() {
    let world = World::new().await;
    let (ada, eve) = (world.person("ada").await, world.person("eve").await);
    let mut events = Events::open(&world, &ada, "").await;
    let first = events.next().await.unwrap();
    assert_eq!((first.name.as_str(), first.data.get("task")), ("heartbeat", None));
    eve.create(&world, "another's").await;
    let task = ada.create(&world, "new").await;
    let created = events.next().await.unwrap();
    assert_eq!(
        (created.name.as_str(), &created.data["task"]["title"]),
        ("task", &json!("new"))
    );
    ada.send(&world, Method::DELETE, &format!("/v1/tasks/{}", task.id), None)
        .await;
    let deleted = events.next().await.unwrap();
    assert_eq!(
        (deleted.name.as_str(), &deleted.data["tombstone"]["id"]),
        ("tombstone", &json!(task.id))
    );
    drop(events);

    let mut events = Events::open(&world, &ada, &format!("last-event-id: {}\r\n", created.id)).await;
    events.next().await.unwrap();
    assert_eq!(events.next().await.unwrap().name, "tombstone");

    // The sync token of an event is good for a synchronisation.
    let sync = ada
        .send(
            &world,
            Method::GET,
            &format!("/v1/tasks:sync?syncToken={}", created.id),
            None,
        )
        .await;
    assert_eq!(sync.json["tasks"][0]["id"], json!(task.id), "{sync:?}");
    assert!(sync.json["tasks"][0]["deleteTime"].is_string());

    // A session that is ended hears no more.
    let logout = json!({"refreshToken": ada.tokens.refresh_token});
    ada.send(&world, Method::POST, "/v1/auth/logout", Some(&logout)).await;
    let end = events.next().await.unwrap();
    assert_eq!(
        (end.name.as_str(), &end.data["reason"]),
        ("error", &json!("SESSION_REVOKED"))
    );
    drop(events);
    world.end().await;
}
