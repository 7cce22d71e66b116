//! Uploads: bytes passed on as they arrive, and never a broken body that looks whole to the service.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::Request;
use proto::google::api::HttpBody;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};
use tokio_util::sync::CancellationToken;
use tonic::{Code, transport::Endpoint};
use tower::{Service as _, ServiceExt as _};

use crate::{
    far_end::Reply,
    kitchen::{self, Dish},
    reader::{Reader, refused},
    taken::{Cut, Taken},
    world::{Answer, World},
};

const IMPORT: &str = "POST /v1/dishes:import";
const ADD: &str = "PUT /v1/dishes:add";
const CSV: &str = "content-type: text/csv; header=present";
const CHUNKED: &str = "content-type: text/csv\r\ntransfer-encoding: chunked\r\nconnection: close\r\n";

/// A gateway, and the calls to its far end as they begin.
async fn kitchen() -> (World, UnboundedReceiver<Taken>) {
    let world = kitchen::start().await;
    let (sender, calls) = unbounded_channel();
    world.task.replies(Reply::Taken(sender));
    (world, calls)
}

fn dish(size: usize) -> Dish {
    Dish {
        size: i32::try_from(size).expect("a small dish"),
        ..Dish::default()
    }
}

/// Takes the call and all of its request, and answers with the number of its bytes.
async fn whole(calls: &mut UnboundedReceiver<Taken>) -> Vec<HttpBody> {
    let mut call = calls.recv().await.expect("a call");
    let messages: Vec<HttpBody> = call.messages().await.expect("an orderly end");
    call.reply(Reply::message(&dish(bytes(&messages).len())));
    messages
}

fn bytes(messages: &[HttpBody]) -> Vec<u8> {
    messages.iter().flat_map(|message| message.data.clone()).collect()
}

fn chunk(data: &str) -> String {
    format!("{:x}\r\n{data}\r\n", data.len())
}

async fn rest(mut reader: Reader) -> Answer {
    let mut read = Vec::new();
    reader.0.read_to_end(&mut read).await.expect("an answer");
    Answer::parse(&read)
}

/// The answer to an upload of so many bytes, by a client that reads nothing before it has written all.
async fn written(world: &World, header: &str, size: usize) -> Answer {
    let headers = format!("{header}\r\ncontent-length: {size}\r\nconnection: close\r\n");
    let mut client = Reader::send(world, IMPORT, &headers).await;
    client.0.write_all(&vec![b'x'; size]).await.expect("it is taken");
    rest(client).await
}

#[tokio::test]
async fn the_bytes_are_passed_on_in_pieces() {
    let (world, mut calls) = kitchen().await;
    let sent: Vec<u8> = (0..300_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    for body in [&sent[..], b"few", b""] {
        let headers = [CSV, "content-length: 0", "authorization: Bearer token"];
        let headers = if body.is_empty() {
            &headers[..]
        } else {
            &[CSV, headers[2]]
        };
        let (answer, messages) = tokio::join!(world.send_with(IMPORT, headers, body), whole(&mut calls));
        assert_eq!(
            (answer.status, &answer.json()["size"]),
            (201, &json!(body.len())),
            "{answer:?}"
        );
        assert_eq!(bytes(&messages), body);
        let types: Vec<&str> = messages.iter().map(|message| &*message.content_type).collect();
        assert_eq!(types[0], "text/csv; header=present");
        assert!(types[1..].iter().all(|content_type| content_type.is_empty()));
        assert!(messages.iter().all(|message| message.data.len() <= 64 * 1024));
    }
}

#[tokio::test]
async fn the_call_is_made_as_any_other() {
    let (world, mut calls) = kitchen().await;
    let headers = [CSV, "authorization: Bearer token", "x-request-id: my-id"];
    let taken = async {
        let call = calls.recv().await.expect("a call");
        let metadata = call.metadata.clone();
        assert_eq!(call.path, "/holdfast.task.v1.Kitchen/Import");
        call.reply(Reply::Status(refused(Code::PermissionDenied, "SCOPE_MISSING")));
        metadata
    };
    let (answer, metadata) = tokio::join!(world.send_with(IMPORT, &headers, "x"), taken);
    answer.assert_problem(403, "SCOPE_MISSING");
    assert_eq!(metadata["authorization"], "Bearer token");
    assert_eq!(metadata["x-request-id"], "my-id");
    assert!(metadata.contains_key("grpc-timeout"));
}

#[tokio::test]
async fn each_piece_arrives_before_the_next_is_sent() {
    let (world, mut calls) = kitchen().await;
    let mut client = Reader::send(&world, IMPORT, CHUNKED).await;
    let mut call = None;
    for data in ["first", "second"] {
        client.0.write_all(chunk(data).as_bytes()).await.expect("it is taken");
        if call.is_none() {
            call = calls.recv().await;
        }
        let message = call.as_mut().expect("a call").message::<HttpBody>().await;
        assert_eq!(message.expect("no cut").expect("a message").data, data.as_bytes());
    }
    client.0.write_all(b"0\r\n\r\n").await.expect("it is taken");
    let mut call = call.expect("a call");
    assert_eq!(call.message::<HttpBody>().await, Ok(None));
    call.reply(Reply::message(&dish(11)));
    assert_eq!(rest(client).await.json()["size"], 11);
}

#[tokio::test]
async fn what_is_no_upload_is_refused() {
    let (world, mut calls) = kitchen().await;
    for headers in [
        vec![],
        vec!["content-type: csv"],
        vec![CSV, CSV],
        vec![CSV, "content-encoding: compress"],
    ] {
        let answer = world.send_with(IMPORT, &headers, "x").await;
        answer.assert_problem(415, "MEDIA_TYPE_UNSUPPORTED");
    }
    let line = format!("{IMPORT}?contentType=text/csv");
    world.send_with(&line, &[CSV], "x").await.assert_names("contentType");
    for (header, named) in [
        ("idempotency-key: once", "Idempotency-Key"),
        ("if-match: \"7\"", "If-Match"),
        ("grpc-timeout: soon", "grpc-timeout"),
    ] {
        let answer = world.send_with(IMPORT, &[CSV, header], "x").await;
        answer.assert_names(named);
    }
    // However much is sent, the answer arrives.
    let large = written(&world, "x-nothing: 1", 7 * 1024 * 1024).await;
    large.assert_problem(415, "MEDIA_TYPE_UNSUPPORTED");
    assert!(calls.try_recv().is_err());
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_and_the_answer_arrives() {
    const USUAL: usize = 2 * 1024 * 1024;
    let (world, mut calls) = kitchen().await;
    for (line, size) in [(ADD, USUAL), (IMPORT, USUAL + 1)] {
        let body = vec![b'x'; size];
        let (answer, messages) = tokio::join!(world.send_with(line, &[CSV], &body), whole(&mut calls));
        assert_eq!(answer.json()["size"], size, "{answer:?}");
        assert_eq!(bytes(&messages).len(), size);
    }
    for size in [USUAL + 1, 7 * 1024 * 1024] {
        let answer = world.send_with(ADD, &[CSV], vec![b'x'; size]).await;
        answer.assert_problem(413, "MESSAGE_TOO_LARGE");
    }
    // What says its length beforehand is not even begun; what does not is cut.
    assert!(calls.try_recv().is_err());
    let mut client = Reader::send(&world, ADD, CHUNKED).await;
    let data = chunk(&"x".repeat(USUAL + 1));
    let written = async {
        client.0.write_all(data.as_bytes()).await.expect("it is taken");
        client.0.write_all(b"0\r\n\r\n").await.expect("it is taken");
        rest(client).await
    };
    let taken = async {
        let mut call = calls.recv().await.expect("a call");
        assert_eq!(call.messages::<HttpBody>().await, Err(Cut));
        call.let_go().await;
    };
    let (answer, ()) = tokio::join!(written, taken);
    answer.assert_problem(413, "MESSAGE_TOO_LARGE");
}

#[tokio::test]
async fn a_body_that_breaks_off_cuts_the_call() {
    let (world, mut calls) = kitchen().await;
    let counted = "content-type: text/csv\r\ncontent-length: 100\r\n";
    for (headers, begun) in [(counted, "begun".to_owned()), (CHUNKED, chunk("begun"))] {
        for half_closed in [false, true] {
            let mut client = Reader::send(&world, IMPORT, headers).await;
            client.0.write_all(begun.as_bytes()).await.expect("it is taken");
            let mut call = calls.recv().await.expect("a call");
            let message = call.message::<HttpBody>().await.expect("no cut").expect("a message");
            assert_eq!(message.data, b"begun");
            if half_closed {
                client.0.shutdown().await.expect("it is open");
                call.let_go().await;
            } else {
                drop(client);
            }
            assert_eq!(call.messages::<HttpBody>().await, Err(Cut), "{headers}");
            call.let_go().await;
        }
    }
}

#[tokio::test]
async fn a_stream_that_is_reset_cuts_the_call() {
    let (world, mut calls) = kitchen().await;
    let endpoint = Endpoint::from_shared(format!("http://{}", world.gateway)).expect("a URI");
    let mut channel = endpoint.connect().await.expect("the gateway listens");
    for is_given_up in [false, true] {
        let begun = stream::iter([Ok(Bytes::from_static(b"begun"))]);
        let now = CancellationToken::new();
        let broken = stream::once(now.clone().cancelled_owned()).map(|()| Err(io::Error::other("cut")));
        let request = Request::post("/v1/dishes:import")
            .header("content-type", "text/csv")
            .body(tonic::body::Body::new(Body::from_stream(begun.chain(broken))));
        let ready = channel.ready().await.expect("the connection holds");
        let answer = tokio::spawn(ready.call(request.expect("a request")));
        let mut call = calls.recv().await.expect("a call");
        if is_given_up {
            answer.abort();
        } else {
            now.cancel();
        }
        assert_eq!(call.messages::<HttpBody>().await, Err(Cut));
        call.let_go().await;
    }
}

#[tokio::test]
async fn a_client_that_goes_away_while_the_service_works_cancels_the_call() {
    let (world, mut calls) = kitchen().await;
    let mut client = Reader::send(&world, IMPORT, CHUNKED).await;
    client.0.write_all(b"0\r\n\r\n").await.expect("it is taken");
    let mut call = calls.recv().await.expect("a call");
    assert_eq!(call.messages::<HttpBody>().await.expect("an orderly end").len(), 1);
    drop(client);
    call.let_go().await;
}

#[tokio::test]
async fn an_answer_that_comes_early_arrives() {
    let (world, mut calls) = kitchen().await;
    for (reply, status) in [
        (Reply::Status(refused(Code::Unauthenticated, "TOKEN_EXPIRED")), 401),
        (Reply::message(&dish(7)), 201),
    ] {
        let taken = async {
            let mut call = calls.recv().await.expect("a call");
            let first = call.message::<HttpBody>().await.expect("no cut");
            assert!(first.is_some());
            call.reply(reply);
        };
        let (answer, ()) = tokio::join!(written(&world, CSV, 7 * 1024 * 1024), taken);
        assert_eq!(answer.status, status, "{answer:?}");
    }
}

#[tokio::test]
async fn the_deadline_holds_for_the_whole_upload() {
    let (world, mut calls) = kitchen().await;
    let headers = format!("{CHUNKED}grpc-timeout: 300m\r\n");
    let mut client = Reader::send(&world, IMPORT, &headers).await;
    client
        .0
        .write_all(chunk("begun").as_bytes())
        .await
        .expect("it is taken");
    let mut call = calls.recv().await.expect("a call");
    assert!(call.message::<HttpBody>().await.expect("no cut").is_some());
    assert_eq!(call.messages::<HttpBody>().await, Err(Cut));
    call.let_go().await;
    // What is left is read before the answer.
    client.0.write_all(b"0\r\n\r\n").await.expect("it is taken");
    rest(client).await.assert_problem(504, "DEADLINE_EXCEEDED");
}

/// What lies between a client that is fast and a service that is slow: buffers of sockets and of HTTP/2, no more.
#[tokio::test]
async fn a_slow_service_slows_the_client() {
    const PIECE: usize = 256 * 1024;
    const PIECES: usize = 256;
    const MOST_BETWEEN: usize = 16 * 1024 * 1024;
    let (world, mut calls) = kitchen().await;
    let headers = format!("{CSV}\r\ncontent-length: {}\r\nconnection: close\r\n", PIECE * PIECES);
    let mut client = Reader::send(&world, IMPORT, &headers).await;
    let written = Arc::new(AtomicUsize::new(0));
    let counter = written.clone();
    let answer = tokio::spawn(async move {
        for _ in 0..PIECES {
            client.0.write_all(&vec![b'x'; PIECE]).await.expect("it is taken");
            counter.fetch_add(PIECE, Ordering::Relaxed);
        }
        rest(client).await
    });
    let mut call = calls.recv().await.expect("a call");
    // As long as anybody has anything to do, they may.
    for _ in 0..10_000 {
        tokio::task::yield_now().await;
    }
    let mut taken = 0;
    loop {
        let between = written.load(Ordering::Relaxed).saturating_sub(taken);
        assert!(between <= MOST_BETWEEN, "{between} bytes");
        match call.message::<HttpBody>().await.expect("no cut") {
            Some(message) => taken += message.data.len(),
            None => break,
        }
    }
    assert_eq!(taken, PIECE * PIECES);
    call.reply(Reply::message(&dish(taken)));
    assert_eq!(answer.await.expect("no panic").json()["size"], taken);
}
