//! How streams of messages end: never early in a way that looks like an end that was meant, and never without letting
//! the service go.

use std::{
    convert::Infallible,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::{
    StreamExt as _,
    stream::{self, pending},
};
use http::Request;
use http_body_util::BodyExt as _;
use platform::wire_error::WireError;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, transport::Endpoint};
use tower::{Service as _, ServiceExt as _};

use super::{FOLLOW, LINES, dish, events, value};
use crate::{
    far_end::Reply,
    kitchen::{self, Change, Dish},
    reader::{Reader, all, ok, refused, watched},
    world::Answer,
};

/// The problem in the last event, which is the whole of it but for a `retry`.
#[track_caller]
fn last_problem(answer: &Answer) -> Value {
    let (events, _) = events(&answer.body);
    let last = events.last().expect("an event");
    assert_eq!(
        (value(last, "event"), value(last, "id"), last.len()),
        (Some("error"), None, 2)
    );
    serde_json::from_str(value(last, "data").expect("data")).expect("JSON")
}

#[tokio::test]
async fn an_error_before_the_first_message_is_a_problem() {
    let world = kitchen::start().await;
    for headers in [&[][..], &[LINES]] {
        for (reply, status, reason) in [
            (
                Reply::Status(refused(Code::FailedPrecondition, "SYNC_TOKEN_EXPIRED")),
                410,
                "SYNC_TOKEN_EXPIRED",
            ),
            (
                Reply::stream(all::<Change>(&[]), refused(Code::Unauthenticated, "TOKEN_EXPIRED")),
                401,
                "TOKEN_EXPIRED",
            ),
            (Reply::stream(all::<Change>(&[]), None), 500, "INTERNAL"),
            (Reply::Broken, 503, "UNAVAILABLE"),
            (Reply::Http(404), 503, "UNAVAILABLE"),
        ] {
            world.task.replies(reply);
            world
                .send_with(FOLLOW, headers, "")
                .await
                .assert_problem(status, reason);
        }
    }
    world.task.replies(Reply::Silence);
    let late = world.send_with(FOLLOW, &["grpc-timeout: 20m"], "").await;
    late.assert_problem(504, "DEADLINE_EXCEEDED");
}

/// What ends a stream after its first message, and what the client is told of it.
fn endings() -> Vec<(Option<io::Error>, Option<Status>, u16, &'static str)> {
    let drained = WireError::unavailable("draining").into();
    vec![
        (
            None,
            Some(refused(Code::Unauthenticated, "TOKEN_EXPIRED")),
            401,
            "TOKEN_EXPIRED",
        ),
        (None, Some(drained), 503, "UNAVAILABLE"),
        (None, Some(Status::unavailable("a proxy's words")), 503, "UNAVAILABLE"),
        (None, Some(Status::unknown("a proxy's words")), 500, "INTERNAL"),
        (None, None, 500, "INTERNAL"),
        (Some(io::Error::other("cut")), Some(ok()), 503, "UNAVAILABLE"),
    ]
}

/// A stream of one message that ends so when its token is cancelled: a reset that comes at once would overtake it.
fn ending(error: Option<io::Error>, status: Option<Status>) -> (Reply, CancellationToken) {
    let now = CancellationToken::new();
    let mut error = error;
    let wait = stream::once(now.clone().cancelled_owned());
    let last = wait.filter_map(move |()| std::future::ready(error.take().map(Err)));
    (Reply::stream(all(&[dish("begun", "t1")]).chain(last), status), now)
}

#[tokio::test]
async fn an_error_in_the_middle_is_the_last_event() {
    let world = kitchen::start().await;
    for (error, status, number, reason) in endings() {
        let (reply, now) = ending(error, status);
        world.task.replies(reply);
        let headers = "connection: close\r\nx-request-id: my-id\r\n";
        let mut reader = Reader::send(&world, FOLLOW, headers).await;
        let mut read = reader.until("begun").await.into_bytes();
        now.cancel();
        reader.0.read_to_end(&mut read).await.expect("an end");
        let answer = Answer::parse(&read);
        assert!(answer.whole, "{answer:?}");
        let problem = last_problem(&answer);
        assert_eq!(
            (&problem["status"], &problem["reason"]),
            (&json!(number), &json!(reason))
        );
        assert_eq!(problem["requestId"], "my-id");
        assert_eq!(problem["type"], format!("urn:holdfast:error:{reason}"));
        assert!(!problem.to_string().contains("proxy"), "{problem}");
        let (events, retries) = events(&answer.body);
        assert_eq!(events.len(), 2, "{events:?}");
        // Who is sent away says when to come back, each client another time.
        assert_eq!(retries.len(), if number == 503 { 2 } else { 1 }, "{answer:?}");
        assert!(
            retries.iter().all(|retry| (1_000..3_000).contains(retry)),
            "{retries:?}"
        );
    }
}

#[tokio::test]
async fn an_error_in_the_middle_is_the_last_line() {
    let world = kitchen::start().await;
    for (error, status, number, reason) in endings() {
        let (reply, now) = ending(error, status);
        world.task.replies(reply);
        let headers = format!("connection: close\r\n{LINES}\r\n");
        let mut reader = Reader::send(&world, FOLLOW, &headers).await;
        let mut read = reader.until("begun").await.into_bytes();
        now.cancel();
        reader.0.read_to_end(&mut read).await.expect("an end");
        let answer = Answer::parse(&read);
        let text = String::from_utf8(answer.body.clone()).expect("text");
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        assert_eq!(lines.len(), 2, "{text}");
        let problem = &lines[1]["error"];
        assert_eq!(
            (&problem["status"], &problem["reason"]),
            (&json!(number), &json!(reason))
        );
        assert_eq!(problem["requestId"].as_str(), answer.header("x-request-id"));
        assert_eq!(lines[1].as_object().map(serde_json::Map::len), Some(1));
    }
}

#[tokio::test]
async fn a_shutdown_sends_the_clients_elsewhere() {
    let world = kitchen::start().await;
    let (messages, dropped) = watched(all(&[dish("begun", "t1")]).chain(pending()));
    world.task.replies(Reply::stream(messages, ok()));
    let mut reader = Reader::send(&world, FOLLOW, "").await;
    let mut read = reader.until("begun").await.into_bytes();
    world.shutdown.cancel();
    reader.0.read_to_end(&mut read).await.expect("an end");
    let answer = Answer::parse(&read);
    assert!(answer.whole);
    assert_eq!(last_problem(&answer)["reason"], "UNAVAILABLE");
    assert_eq!(events(&answer.body).1.len(), 2);
    dropped.cancelled().await;
    world.served.await.expect("it ends");
}

#[tokio::test]
async fn the_clients_deadline_is_told_and_there_is_no_other() {
    let world = kitchen::start().await;
    let (messages, dropped) = watched(all(&[dish("begun", "t1")]).chain(pending()));
    world.task.replies(Reply::stream(messages, ok()));
    let answer = world.send_with(FOLLOW, &["grpc-timeout: 500m"], "").await;
    assert_eq!(last_problem(&answer)["reason"], "DEADLINE_EXCEEDED");
    assert_eq!(world.task.call().values("grpc-timeout").len(), 1);
    dropped.cancelled().await;

    let messages = all(&[dish("begun", "t1")]).chain(pending());
    world.task.replies(Reply::stream(messages, ok()));
    Reader::send(&world, FOLLOW, "").await.until("begun").await;
    assert!(world.task.call().values("grpc-timeout").is_empty());
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_the_call() {
    let world = kitchen::start().await;
    let (messages, dropped) = watched(all(&[dish("begun", "t1")]).chain(pending()));
    world.task.replies(Reply::stream(messages, ok()));
    let mut reader = Reader::send(&world, FOLLOW, "").await;
    reader.until("begun").await;
    assert!(!dropped.is_cancelled());
    drop(reader);
    dropped.cancelled().await;

    // Before the first message too.
    let asked = CancellationToken::new();
    let asking = asked.clone();
    let silence = stream::once(async move {
        asking.cancel();
        std::future::pending::<Infallible>().await
    });
    let (messages, dropped) = watched(silence.map(|never| match never {}));
    world.task.replies(Reply::stream::<Change>(messages, ok()));
    let reader = Reader::send(&world, FOLLOW, "").await;
    asked.cancelled().await;
    drop(reader);
    dropped.cancelled().await;
}

/// What lies between a service that is fast and a client that is slow: buffers of sockets and of HTTP/2, no more.
#[tokio::test]
async fn a_slow_client_slows_the_service() {
    const NAME: usize = 64 * 1024;
    const CHANGES: usize = 1_024;
    const MOST_BETWEEN: usize = 16 * 1024 * 1024;
    let world = kitchen::start().await;
    let made = Arc::new(AtomicUsize::new(0));
    let counter = made.clone();
    let messages = stream::iter(0..CHANGES).map(move |_| {
        counter.fetch_add(NAME, Ordering::Relaxed);
        Ok(dish(&"x".repeat(NAME), "t1"))
    });
    world.task.replies(Reply::stream(messages, ok()));
    let mut reader = Reader::send(&world, FOLLOW, "connection: close\r\n").await;
    reader.until("\r\n\r\n").await;
    // As long as anybody has anything to do, they may.
    for _ in 0..10_000 {
        tokio::task::yield_now().await;
    }
    let (mut read, mut buffer) = (0, vec![0; NAME]);
    loop {
        let between = made.load(Ordering::Relaxed).saturating_sub(read);
        assert!(between <= MOST_BETWEEN, "{between} bytes");
        match reader.0.read(&mut buffer).await.expect("there is more") {
            0 => break,
            more => read += more,
        }
    }
    assert!(read > NAME * CHANGES);
}

/// A service takes 256 calls at once on a connection; watchers have connections of their own, as many as they need.
#[tokio::test]
async fn many_watchers_leave_room_for_others() {
    let world = kitchen::start().await;
    let endpoint = Endpoint::from_shared(format!("http://{}", world.gateway)).expect("a URI");
    let mut streams = Vec::new();
    for _ in 0..3 {
        let mut channel = endpoint.connect().await.expect("the gateway listens");
        for _ in 0..150 {
            let messages = all(&[dish("begun", "t1")]).chain(pending());
            world.task.replies(Reply::stream(messages, ok()));
            let request = Request::get("/v1/dishes:follow").body(tonic::body::Body::empty());
            let ready = channel.ready().await.expect("the connection holds");
            let response = ready.call(request.expect("a request")).await.expect("an answer");
            assert_eq!(response.status(), 200);
            let mut body = response.into_body();
            body.frame().await.expect("a frame").expect("it is whole");
            streams.push(body);
        }
    }
    world.task.replies(Reply::message(&Dish::default()));
    assert_eq!(world.send_json("PUT /v1/dishes/soup", "{}").await.status, 200);
}
