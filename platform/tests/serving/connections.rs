//! Connections: their limits, and their end.

use std::{future::poll_fn, time::Duration};

use futures_util::FutureExt as _;
use http::StatusCode;
use platform::serving::{DRAIN_LIMIT, MAX_HEADER_BYTES, Protocol, serve};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

use crate::{virtual_time::in_virtual_time, world::World};

#[tokio::test]
async fn a_shutdown_drains() {
    let mut world = World::new().await;
    let mut serving = Box::pin(world.serve());
    let client = tokio::select! {
        () = &mut serving => panic!("nobody asked it to end"),
        client = world.connect() => client,
    };
    let mut call = Box::pin(client.call(world.get_task("wait")));
    tokio::select! {
        () = &mut serving => panic!("nobody asked it to end"),
        _ = &mut call => panic!("it waits"),
        () = world.doors.entered.notified() => {}
    }

    world.shutdown.cancel();
    assert!(poll_once(&mut serving).await.is_none(), "a call is in flight");
    let refused = TcpStream::connect(world.address).await;
    assert_eq!(refused.unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);

    world.doors.go.notify_one();
    let (answer, ()) = tokio::join!(call, serving);
    answer.expect("the call in flight was answered").succeeded();
    assert!(
        client.call(world.get_task("")).await.is_err(),
        "the connection is closed"
    );
}

#[tokio::test]
async fn a_shutdown_drops_what_does_not_end() {
    let (world, serving) = World::new().await.start();
    let client = world.connect().await;
    // Longer than the drain, so that it is not the deadline that ends it.
    let call = world.get_task("never").header("grpc-timeout", "1H");
    let call = tokio::spawn(async move { client.call(call).await.map(drop) });
    world.doors.entered.notified().await;

    world.shutdown.cancel();
    let (ended, took) = in_virtual_time(serving).await;
    ended.unwrap();
    assert_eq!(took.as_secs(), DRAIN_LIMIT.as_secs());
    let (answer, took) = in_virtual_time(call).await;
    assert!(answer.unwrap().is_err(), "its connection was closed");
    assert!(took.as_secs() < 2, "at once: {took:?}");
}

/// What the listener tells a client of its limits: SETTINGS (RFC 9113, section 6.5.2).
#[tokio::test]
async fn streams_and_header_sections_are_bounded() {
    let (world, _serving) = World::new().await.start();
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream.write_all(HTTP2_PREFACE).await.unwrap();
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(head[3], 4, "the first frame is SETTINGS");
    let length = usize::from(head[1]) * 256 + usize::from(head[2]);
    let mut settings = vec![0; length];
    stream.read_exact(&mut settings).await.unwrap();
    let setting = |id: u16| {
        let entry = settings.chunks(6).find(|entry| entry[..2] == id.to_be_bytes())?;
        Some(u32::from_be_bytes(entry[2..].try_into().unwrap()))
    };
    assert_eq!(setting(3), Some(256), "MAX_CONCURRENT_STREAMS");
    assert_eq!(setting(6), Some(MAX_HEADER_BYTES), "MAX_HEADER_LIST_SIZE");
}

const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

#[tokio::test]
async fn an_oversized_header_section_is_refused() {
    let (world, _serving) = World::new().await.start();
    let client = world.connect().await;
    let large = "x".repeat(usize::try_from(MAX_HEADER_BYTES).unwrap());
    let refused = client.call(world.get_task("").header("x-large", large)).await;
    assert!(refused.is_ok_and(|answer| answer.status == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
    client.answer(world.get_task("")).await.succeeded();
}

#[tokio::test]
async fn http_1_is_refused_where_grpc_is_served() {
    let (world, _serving) = World::new().await.start();
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    // The end, or a reset: the connection is closed either way.
    stream.read_to_end(&mut answer).await.ok();
    assert!(!answer.starts_with(b"HTTP/1.1 "), "{answer:?}");
}

/// A client that opens a connection and says nothing, or not enough, does not keep its place.
#[tokio::test]
async fn a_silent_client_is_dropped() {
    for protocol in [Protocol::Http2, Protocol::Any] {
        for said in [
            &b""[..],
            b"P",
            b"PRI * HTTP/2.0\r\n",
            b"GET / HTTP/1.1\r\nhost: a.test\r\n",
        ] {
            let world = World::new().await;
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let shutdown = CancellationToken::new();
            let serving = tokio::spawn(serve(listener, world.service.clone(), protocol, shutdown.clone()));
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(said).await.unwrap();

            let mut answer = Vec::new();
            let closed = tokio::time::timeout(Duration::from_secs(15), stream.read_to_end(&mut answer));
            let (closed, _) = in_virtual_time(closed).await;
            assert!(closed.is_ok(), "{protocol:?}, after {said:?}");
            shutdown.cancel();
            serving.await.unwrap();
        }
    }
}

/// Polls once, with the waker of the test.
async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    poll_fn(|context| match future.poll_unpin(context) {
        std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}
