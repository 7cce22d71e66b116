//! Streams of messages: Server-Sent Events and NDJSON.

mod ends;

use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::{
    far_end::Reply,
    kitchen::{self, Change, Dish, FollowRequest, What},
    reader::{Reader, all, ok},
};

const FOLLOW: &str = "GET /v1/dishes:follow";
const LINES: &str = "accept: application/x-ndjson";

fn dish(name: &str, token: &str) -> Change {
    Change {
        change: Some(What::Dish(Dish {
            name: name.to_owned(),
            ..Dish::default()
        })),
        token: token.to_owned(),
    }
}

fn only_token(token: &str) -> Change {
    Change {
        change: None,
        token: token.to_owned(),
    }
}

/// The events of a body: their fields in order, but for `retry`, which has its own list.
#[track_caller]
fn events(body: &[u8]) -> (Vec<Vec<(String, String)>>, Vec<u64>) {
    let text = std::str::from_utf8(body).expect("text");
    let (mut events, mut retries) = (Vec::new(), Vec::new());
    for block in text.strip_suffix("\n\n").expect("whole events").split("\n\n") {
        let mut event = Vec::new();
        for line in block.split('\n') {
            match line.split_once(": ").expect("a field") {
                ("retry", value) => retries.push(value.parse().expect("a number")),
                (name, value) => event.push((name.to_owned(), value.to_owned())),
            }
        }
        if !event.is_empty() {
            events.push(event);
        }
    }
    (events, retries)
}

fn value<'event>(event: &'event [(String, String)], name: &str) -> Option<&'event str> {
    let field = event.iter().find(|(field, _)| field == name);
    field.map(|(_, value)| value.as_str())
}

#[tokio::test]
async fn each_message_is_an_event() {
    let world = kitchen::start().await;
    let changes = [
        only_token("t0"),
        dish("two\nlines", "t1"),
        Change {
            change: Some(What::Eaten("soup".to_owned())),
            token: String::new(),
        },
        only_token("two\nlines"),
    ];
    world.task.replies(Reply::stream(all(&changes), ok()));
    let answer = world.send(FOLLOW).await;
    assert_eq!((answer.status, answer.whole), (200, true), "{answer:?}");
    for (header, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-store"),
        ("x-accel-buffering", "no"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(answer.header(header), Some(value));
    }
    let (events, retries) = events(&answer.body);
    let expected = [
        (Some("heartbeat"), Some("t0"), json!({"token": "t0"})),
        (
            Some("dish"),
            Some("t1"),
            json!({"dish": {"name": "two\nlines", "title": "", "size": 0, "etag": ""}, "token": "t1"}),
        ),
        // Without an id the client keeps the one that it has.
        (Some("eaten"), None, json!({"eaten": "soup", "token": ""})),
        (Some("heartbeat"), None, json!({"token": "two\nlines"})),
    ];
    assert_eq!(events.len(), expected.len(), "{events:?}");
    for (event, (name, id, data)) in events.iter().zip(expected) {
        assert_eq!((value(event, "event"), value(event, "id")), (name, id), "{event:?}");
        let json: Value = serde_json::from_str(value(event, "data").expect("data")).expect("JSON");
        assert_eq!(json, data);
    }
    assert!(
        matches!(&*retries, [retry] if (1_000..3_000).contains(retry)),
        "{retries:?}"
    );
}

#[tokio::test]
async fn each_message_is_a_line() {
    let world = kitchen::start().await;
    let changes = [only_token("t0"), dish("two\nlines", "t1")];
    world.task.replies(Reply::stream(all(&changes), ok()));
    let answer = world.send_with(FOLLOW, &[LINES], "").await;
    assert_eq!((answer.status, answer.whole), (200, true), "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(answer.header("x-accel-buffering"), Some("no"));
    let text = String::from_utf8(answer.body).expect("text");
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(
        lines,
        [
            json!({"token": "t0"}),
            json!({"dish": {"name": "two\nlines", "title": "", "size": 0, "etag": ""}, "token": "t1"}),
        ]
    );
    assert!(text.ends_with('\n'));
}

#[tokio::test]
async fn without_rules_events_have_neither_name_nor_id() {
    let world = kitchen::start().await;
    world.task.replies(Reply::stream(all(&[Dish::default()]), ok()));
    let answer = world.send("GET /v1/dishes:smell").await;
    let (events, _) = events(&answer.body);
    assert!(
        matches!(&*events, [event] if event.len() == 1 && event[0].0 == "data"),
        "{events:?}"
    );
    let id = "last-event-id: t1";
    let refused = world.send_with("GET /v1/dishes:smell", &[id], "").await;
    refused.assert_names("Last-Event-ID");
}

#[tokio::test]
async fn what_accepts_neither_form_is_refused() {
    let world = kitchen::start().await;
    for accept in ["application/json", "application/json, text/html", "*/*;q=0"] {
        let answer = world.send_with(FOLLOW, &[&format!("accept: {accept}")], "").await;
        let problem = answer.assert_problem(406, "NOT_ACCEPTABLE");
        let detail = problem["detail"].as_str().expect("a detail");
        assert!(detail.contains("text/event-stream") && detail.contains("application/x-ndjson"));
    }
    assert!(world.task.calls().is_empty());
    for (accept, chosen) in [
        ("*/*", "text/event-stream"),
        ("application/json, */*;q=0.1", "text/event-stream"),
        (
            "text/event-stream;q=0.2, application/x-ndjson;q=0.9",
            "application/x-ndjson",
        ),
    ] {
        world.task.replies(Reply::stream(all(&[only_token("t0")]), ok()));
        let answer = world.send_with(FOLLOW, &[&format!("accept: {accept}")], "").await;
        assert_eq!(answer.header("content-type"), Some(chosen), "{accept}");
    }
}

#[tokio::test]
async fn a_stream_goes_on_from_the_last_event() {
    let world = kitchen::start().await;
    for (uri, headers, token) in [
        (FOLLOW, vec![], ""),
        (FOLLOW, vec!["last-event-id:"], ""),
        ("GET /v1/dishes:follow?token=t1", vec![], "t1"),
        (FOLLOW, vec!["last-event-id: t2"], "t2"),
        (FOLLOW, vec!["last-event-id: é"], "é"),
        ("GET /v1/dishes:follow?token=t1", vec!["last-event-id: t2"], "t2"),
    ] {
        world.task.replies(Reply::stream(all(&[only_token("t3")]), ok()));
        assert_eq!(
            world.send_with(uri, &headers, "").await.status,
            200,
            "{uri} {headers:?}"
        );
        let sent = world.task.call().message::<FollowRequest>();
        assert_eq!(sent.token, token, "{uri} {headers:?}");
    }
    let two = world
        .send_with(FOLLOW, &["last-event-id: t1", "last-event-id: t1"], "")
        .await;
    two.assert_names("Last-Event-ID");
    assert!(world.task.calls().is_empty());
}

#[tokio::test]
async fn each_event_arrives_before_the_next_is_made() {
    let world = kitchen::start().await;
    for headers in ["", "accept: application/x-ndjson\r\n"] {
        let (sender, receiver) = mpsc::channel(1);
        let messages = stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
        world.task.replies(Reply::stream(messages, ok()));
        sender.send(Ok(dish("first", "t1"))).await.expect("it listens");
        let mut reader = Reader::send(&world, FOLLOW, headers).await;
        reader.until("first").await;
        sender.send(Ok(dish("second", "t2"))).await.expect("it listens");
        reader.until("second").await;
        drop(sender);
        reader.until("\r\n0\r\n\r\n").await;
    }
}
