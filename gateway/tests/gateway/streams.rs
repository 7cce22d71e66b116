//! Streams of google.api.HttpBody: bytes passed on as they come, and never a broken body that looks whole.

use std::{
    convert::Infallible,
    fs::{self, File},
    future::ready,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{
    StreamExt as _,
    stream::{self, pending},
};
use http::Request;
use http_body_util::BodyExt as _;
use platform::testing::Workspace;
use proto::google::api::HttpBody;
use tokio::{io::AsyncReadExt as _, sync::mpsc, time::timeout};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, transport::Endpoint};
use tower::{Service as _, ServiceExt as _};

use crate::{
    far_end::Reply,
    reader::{Reader, all, ok, refused, watched},
    world::World,
};

const EXPORT: &str = "GET /v1/account:export";

fn part(content_type: &str, data: impl Into<Vec<u8>>) -> HttpBody {
    HttpBody {
        content_type: content_type.to_owned(),
        data: data.into(),
        extensions: vec![prost_types::Any::default()],
    }
}

#[tokio::test]
async fn the_first_message_gives_the_type_and_all_give_their_bytes() {
    let world = World::start().await;
    let sent = [
        part("text/csv; header=present", "a,b\n"),
        part("text/html", ""),
        part("", [0, 255]),
    ];
    world.auth.replies(Reply::stream(all(&sent), ok()));
    let answer = world.send_with(EXPORT, &["authorization: Bearer token"], "").await;
    let call = world.auth.call();
    assert_eq!(call.path, "/holdfast.auth.v1.AuthService/ExportAccount");
    assert_eq!(call.values("authorization"), ["Bearer token"]);
    assert_eq!((answer.status, answer.whole), (200, true), "{answer:?}");
    assert_eq!(answer.body, b"a,b\n\x00\xff");
    assert_eq!(answer.header("content-type"), Some("text/csv; header=present"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!((answer.header("etag"), answer.header("content-length")), (None, None));
}

#[tokio::test]
async fn what_says_no_type_and_what_is_empty_are_bytes() {
    let world = World::start().await;
    for messages in [vec![], vec![part("", "")]] {
        world.auth.replies(Reply::stream(all(&messages), ok()));
        let answer = world.send(EXPORT).await;
        assert_eq!(
            (answer.status, answer.whole, answer.body.len()),
            (200, true, 0),
            "{answer:?}"
        );
        assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
    }
}

#[tokio::test]
async fn each_message_arrives_before_the_next_is_made() {
    let world = World::start().await;
    let (sender, receiver) = mpsc::channel(1);
    let messages = stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
    world.auth.replies(Reply::stream(messages, ok()));
    sender.send(Ok(part("text/plain", "first"))).await.expect("it listens");
    let mut reader = Reader::send(&world, EXPORT, "").await;
    reader.until("first").await;
    sender.send(Ok(part("", "second"))).await.expect("it listens");
    reader.until("second").await;
    drop(sender);
    reader.until("\r\n0\r\n\r\n").await;
}

#[tokio::test]
async fn an_error_before_the_first_message_is_a_problem() {
    let world = World::start().await;
    for (reply, status, reason) in [
        (
            Reply::Status(refused(Code::Unauthenticated, "TOKEN_EXPIRED")),
            401,
            "TOKEN_EXPIRED",
        ),
        (
            Reply::stream(all::<HttpBody>(&[]), refused(Code::PermissionDenied, "SCOPE_MISSING")),
            403,
            "SCOPE_MISSING",
        ),
        (Reply::stream(all::<HttpBody>(&[]), None), 500, "INTERNAL"),
        (Reply::Broken, 503, "UNAVAILABLE"),
        (Reply::Http(404), 503, "UNAVAILABLE"),
    ] {
        world.auth.replies(reply);
        world.send(EXPORT).await.assert_problem(status, reason);
    }
    world.auth.replies(Reply::Silence);
    let late = world.send_with(EXPORT, &["grpc-timeout: 20m"], "").await;
    late.assert_problem(504, "DEADLINE_EXCEEDED");
}

/// The ways in which an upstream leaves off in the middle, each when its token is cancelled: a reset that comes at
/// once would overtake the message before it.
fn broken_off() -> Vec<(&'static str, Reply, CancellationToken)> {
    let ending = |how, mut last: Option<io::Error>, status: Option<Status>| {
        let now = CancellationToken::new();
        let last = stream::once(now.clone().cancelled_owned()).filter_map(move |()| ready(last.take().map(Err)));
        let messages = all(&[part("text/plain", "begun")]).chain(last);
        (how, Reply::stream(messages, status), now)
    };
    vec![
        ending("refused", None, Some(refused(Code::Unauthenticated, "SESSION_REVOKED"))),
        ending("unknown", None, Some(Status::unknown("a proxy's words"))),
        ending("no status", None, None),
        ending("reset", Some(io::Error::other("cut")), Some(ok())),
        ending("not at all", None, Some(ok())),
    ]
}

#[tokio::test]
async fn an_error_in_the_middle_breaks_the_body_over_http_1() {
    let directory = Workspace::new();
    let log = directory.path().join("log");
    let file = File::create(&log).expect("a file");
    let subscriber = tracing_subscriber::fmt()
        .with_writer(std::sync::Mutex::new(file))
        .with_ansi(false);
    let _logged = tracing::subscriber::set_default(subscriber.finish());
    let world = World::start().await;
    for (how, reply, now) in broken_off() {
        world.auth.replies(reply);
        let id = how.replace(' ', "-");
        let headers = format!("connection: close\r\nx-request-id: {id}\r\n");
        let mut reader = Reader::send(&world, EXPORT, &headers).await;
        reader.until("begun\r\n").await;
        now.cancel();
        let mut rest = String::new();
        reader.0.read_to_string(&mut rest).await.expect("an end");
        let (end, lines) = if how == "not at all" { ("0\r\n\r\n", 0) } else { ("", 1) };
        assert_eq!(rest, end, "{how}");
        let log = fs::read_to_string(&log).expect("it is there");
        let id = format!("request.id=\"{id}\"");
        let found = log.lines().filter(|line| line.contains(&id) && line.contains("WARN"));
        assert_eq!(found.count(), lines, "{how}: {log}");
    }
}

#[tokio::test]
async fn an_error_in_the_middle_resets_the_stream_over_http_2() {
    let world = World::start().await;
    let endpoint = Endpoint::from_shared(format!("http://{}", world.gateway)).expect("a URI");
    let mut channel = endpoint.connect().await.expect("the gateway listens");
    for (how, reply, now) in broken_off() {
        world.auth.replies(reply);
        let request = Request::get("/v1/account:export").body(tonic::body::Body::empty());
        let ready = channel.ready().await.expect("the connection holds");
        let response = ready.call(request.expect("a request")).await.expect("an answer");
        assert_eq!(response.status(), 200, "{how}");
        let mut body = response.into_body();
        let first = body.frame().await.expect("a frame").expect("the first is whole");
        assert_eq!(first.into_data().expect("data"), "begun");
        now.cancel();
        assert_eq!(body.collect().await.is_ok(), how == "not at all", "{how}");
    }
}

#[tokio::test]
async fn the_clients_deadline_holds_for_the_whole_stream() {
    let world = World::start().await;
    let endless = || all(&[part("text/plain", "begun")]).chain(pending());
    let (messages, dropped) = watched(endless());
    world.auth.replies(Reply::stream(messages, ok()));
    let answer = world.send_with(EXPORT, &["grpc-timeout: 500m"], "").await;
    assert_eq!((answer.status, answer.whole), (200, false), "{answer:?}");
    assert_eq!(answer.body, b"begun");
    // The service knows of it, and is let go in any case.
    assert_eq!(world.auth.call().values("grpc-timeout").len(), 1);
    dropped.cancelled().await;

    // Without one there is none for the service to keep.
    world.auth.replies(Reply::stream(endless(), ok()));
    Reader::send(&world, EXPORT, "").await.until("begun").await;
    assert!(world.auth.call().values("grpc-timeout").is_empty());
}

#[tokio::test]
async fn head_does_not_wait_for_the_end() {
    let world = World::start().await;
    let (messages, dropped) = watched(all(&[part("text/csv", "begun")]).chain(pending()));
    world.auth.replies(Reply::stream(messages, ok()));
    let answer = world.send("HEAD /v1/account:export").await;
    assert_eq!((answer.status, answer.body.len()), (200, 0), "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("text/csv"));
    dropped.cancelled().await;
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_the_call() {
    let world = World::start().await;
    let (messages, dropped) = watched(all(&[part("text/plain", "begun")]).chain(pending()));
    world.auth.replies(Reply::stream(messages, ok()));
    let mut reader = Reader::send(&world, EXPORT, "").await;
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
    world.auth.replies(Reply::stream::<HttpBody>(messages, ok()));
    let reader = Reader::send(&world, EXPORT, "").await;
    asked.cancelled().await;
    drop(reader);
    dropped.cancelled().await;
}

/// What lies between a service that is fast and a client that is slow: buffers of sockets and of HTTP/2, no more.
#[tokio::test]
async fn a_slow_client_slows_the_service() {
    const PART: usize = 256 * 1024;
    const PARTS: usize = 256;
    const MOST_BETWEEN: usize = 16 * 1024 * 1024;
    let world = World::start().await;
    let made = Arc::new(AtomicUsize::new(0));
    let counter = made.clone();
    let messages = stream::iter(0..PARTS).map(move |_| {
        counter.fetch_add(PART, Ordering::Relaxed);
        Ok(part("text/plain", vec![b'x'; PART]))
    });
    world.auth.replies(Reply::stream(messages, ok()));
    let mut reader = Reader::send(&world, EXPORT, "connection: close\r\n").await;
    reader.until("\r\n\r\n").await;
    // As long as anybody has anything to do, they may.
    for _ in 0..10_000 {
        tokio::task::yield_now().await;
    }
    let (mut read, mut buffer) = (0, vec![0; PART]);
    loop {
        let between = made.load(Ordering::Relaxed).saturating_sub(read);
        assert!(between <= MOST_BETWEEN, "{between} bytes");
        match reader.0.read(&mut buffer).await.expect("there is more") {
            0 => break,
            more => read += more,
        }
    }
    assert!(read > PART * PARTS);
}

/// Their calls share a connection to the service.
#[tokio::test]
async fn clients_that_do_not_read_hold_up_no_others() {
    const SLEEPERS: usize = 12;
    let world = World::start().await;
    let endless = || stream::repeat(()).map(|()| Ok(part("text/plain", vec![b'x'; 256 * 1024])));
    let mut sleepers = Vec::new();
    for _ in 0..SLEEPERS {
        world.auth.replies(Reply::stream(endless(), ok()));
        let mut reader = Reader::send(&world, EXPORT, "").await;
        reader.until("\r\n\r\n").await;
        sleepers.push(reader);
    }
    // Until what is between them and the service is full.
    for _ in 0..20_000 {
        tokio::task::yield_now().await;
    }
    for _ in 0..3 {
        world
            .auth
            .replies(Reply::stream(all(&[part("text/plain", vec![b'y'; 1024 * 1024])]), ok()));
        let answer = timeout(Duration::from_secs(10), world.send_with(EXPORT, &[], ""));
        let answer = answer.await.expect("in time");
        assert_eq!((answer.whole, answer.body.len()), (true, 1024 * 1024));
    }
}
