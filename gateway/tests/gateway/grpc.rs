//! gRPC and gRPC-Web, passed on to the services.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures_util::{StreamExt as _, stream};
use platform::{serving::DRAIN_LIMIT, wire_error::WireError};
use prost::Message as _;
use proto::{
    auth::v1::{WatchAccountEventsRequest, account_events_service_client::AccountEventsServiceClient},
    task::v1::{GetTaskRequest, Task, WatchTasksRequest, WatchTasksResponse, task_service_client::TaskServiceClient},
};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::timeout};
use tonic::{Code, Request, Status, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_types::StatusExt as _;

use crate::{
    far_end::Reply,
    reader::{Reader, watched},
    world::World,
};

const GET: &str = "POST /holdfast.task.v1.TaskService/GetTask";

fn client(world: &World) -> TaskServiceClient<Channel> {
    TaskServiceClient::new(channel(world))
}

fn channel(world: &World) -> Channel {
    let address = format!("http://{}", world.gateway).parse().expect("a URI");
    platform::channel::connect(&[address], &platform::tls::ClientTls::default())
}

fn task() -> Task {
    Task {
        id: "1".to_owned(),
        title: "Buy milk".to_owned(),
        ..Task::default()
    }
}

fn frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("a short message");
    [&[0][..], &length.to_be_bytes(), message].concat()
}

fn get_1() -> Vec<u8> {
    frame(&GetTaskRequest { id: "1".to_owned() }.encode_to_vec())
}

/// The frames of a gRPC-Web answer: flag and content.
fn frames(mut body: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let Some((head, rest)) = body.split_at_checked(5) {
        let length = u32::from_be_bytes(head[1..].try_into().expect("four bytes")) as usize;
        let (content, rest) = rest.split_at(length);
        frames.push((head[0], content.to_vec()));
        body = rest;
    }
    frames
}

#[tokio::test]
async fn a_grpc_call_is_passed_on_with_what_the_gateway_knows_of_its_client() {
    let world = World::start().await;
    world.task.replies(Reply::message(&task()));
    let mut request = Request::new(GetTaskRequest { id: "1".to_owned() });
    for (name, value) in [
        ("authorization", "Bearer token"),
        ("cookie", "__Host-holdfast-access=other"),
        ("x-holdfast-client-address", "192.0.2.66"),
        ("x-anything", "else"),
    ] {
        request.metadata_mut().insert(name, value.parse().expect("metadata"));
    }
    request.set_timeout(Duration::from_secs(5));
    let answer = client(&world).get_task(request).await.expect("an answer");
    assert_eq!(*answer.get_ref(), task());
    let call = world.task.call();
    assert_eq!(call.path, "/holdfast.task.v1.TaskService/GetTask");
    assert_eq!(call.message::<GetTaskRequest>().id, "1");
    assert_eq!(call.values("authorization"), ["Bearer token"]);
    assert_eq!(call.values("x-holdfast-client-address"), ["127.0.0.1"]);
    assert_eq!(call.values("x-holdfast-service-token").len(), 1);
    assert_eq!(call.values("x-request-id").len(), 1);
    assert_eq!(call.values("cookie"), [""; 0]);
    assert_eq!(call.values("x-anything"), [""; 0]);
    let left = call.values("grpc-timeout")[0].trim_end_matches('m').parse::<u64>();
    assert!((4000..=5000).contains(&left.expect("milliseconds")));
}

#[tokio::test]
async fn many_calls_are_passed_on_by_one_connection() {
    let world = World::start().await;
    world.task.replies(Reply::message(&task()));
    let mut client = client(&world);
    for _ in 0..300 {
        let request = GetTaskRequest { id: "1".to_owned() };
        assert_eq!(client.get_task(request).await.expect("a task").into_inner(), task());
    }
}

#[tokio::test]
async fn errors_come_back_whole() {
    let world = World::start().await;
    let refusal = WireError::field("task.title", "must not be empty");
    world.task.replies(Reply::Status(refusal.into()));
    let request = || GetTaskRequest { id: "1".to_owned() };
    let status = client(&world).get_task(request()).await.expect_err("refused");
    assert_eq!(status.code(), Code::InvalidArgument);
    let details = status.get_error_details();
    assert_eq!(details.error_info().expect("a reason").reason, "FIELD_INVALID");
    assert_eq!(
        details.bad_request().expect("fields").field_violations[0].field,
        "task.title"
    );
    world.task.replies(Reply::Http(502));
    let status = client(&world).get_task(request()).await.expect_err("no answer");
    let details = status.get_error_details();
    assert_eq!(details.error_info().expect("a reason").reason, "UNAVAILABLE");
    // A client of tonic would give up by itself.
    world.task.replies(Reply::Silence);
    let headers = ["content-type: application/grpc-web", "grpc-timeout: 300m"];
    let answer = world.send_with(GET, &headers, get_1()).await;
    assert_eq!((answer.status, answer.header("grpc-status")), (200, Some("4")));
}

#[tokio::test]
async fn each_message_of_a_stream_arrives_before_the_next_is_made() {
    let world = World::start().await;
    let message = |number: u32| {
        Ok(WatchTasksResponse {
            sync_token: number.to_string(),
            ..WatchTasksResponse::default()
        })
    };
    let messages = stream::iter((1..=2).map(message)).chain(stream::pending());
    world.task.replies(Reply::stream(messages, None));
    let mut watch = client(&world)
        .watch_tasks(WatchTasksRequest::default())
        .await
        .expect("it begins")
        .into_inner();
    for number in 1..=2 {
        let message = timeout(Duration::from_secs(5), watch.message())
            .await
            .expect("it comes");
        assert_eq!(
            message.expect("no error").expect("a message").sync_token,
            number.to_string()
        );
    }
}

/// A stream that nobody ends would hold up the shutdown, and be cut.
#[tokio::test]
async fn streams_end_with_the_shutdown() {
    let world = World::start().await;
    let endless = || {
        let first = stream::once(async { Ok(WatchTasksResponse::default()) });
        let (messages, dropped) = watched(first.chain(stream::pending()));
        world.task.replies(Reply::stream(messages, None));
        dropped
    };
    let dropped = endless();
    let begun = client(&world).watch_tasks(WatchTasksRequest::default()).await;
    let mut watch = begun.expect("it begins").into_inner();
    watch.message().await.expect("no error").expect("a message");
    let mut health = HealthClient::new(channel(&world));
    let asked = health.watch(HealthCheckRequest::default()).await;
    let mut health = asked.expect("it begins").into_inner();
    let dropped_too = endless();
    let web = "content-type: application/grpc-web\r\ncontent-length: 5\r\nconnection: close\r\n";
    let mut over_web = Reader::send(&world, "POST /holdfast.task.v1.TaskService/WatchTasks", web).await;
    over_web.0.write_all(&frame(&[])).await.expect("it is taken");
    over_web.until("\0\0\0\0\0").await;

    world.shutdown.cancel();
    let ended = watch.message().await.expect_err("it did not end by itself");
    assert_eq!(ended.code(), Code::Unavailable);
    let reason = ended.get_error_details().error_info().map(|info| info.reason.clone());
    assert_eq!(reason.as_deref(), Some("UNAVAILABLE"));
    while let Ok(Some(_)) = health.message().await {}
    over_web.until("grpc-status:14").await;
    dropped.cancelled().await;
    dropped_too.cancelled().await;
    timeout(DRAIN_LIMIT / 2, world.served)
        .await
        .expect("nothing holds it up")
        .expect("no panic");
}

#[tokio::test]
async fn what_services_offer_each_other_is_not_there() {
    let world = World::start().await;
    let request = WatchAccountEventsRequest::default();
    let status = AccountEventsServiceClient::new(channel(&world))
        .watch_account_events(request)
        .await
        .expect_err("it is not there");
    assert_eq!(status.code(), Code::Unimplemented);
    assert_eq!(
        status.get_error_details().error_info().expect("a reason").reason,
        "METHOD_UNKNOWN"
    );
    let nowhere = tonic::codegen::http::uri::PathAndQuery::from_static("/holdfast.task.v1.TaskService/Nothing");
    let mut grpc = tonic::client::Grpc::new(channel(&world));
    grpc.ready().await.expect("it connects");
    let codec = tonic_prost::ProstCodec::<GetTaskRequest, Task>::default();
    let answer = grpc
        .unary(Request::new(GetTaskRequest::default()), nowhere, codec)
        .await;
    assert_eq!(answer.expect_err("it is not there").code(), Code::Unimplemented);
    assert!(world.auth.calls().is_empty() && world.task.calls().is_empty());
}

#[tokio::test]
async fn grpc_web_works_over_http_1() {
    let world = World::start().await;
    world.task.replies(Reply::message(&task()));
    for media_type in ["application/grpc-web", "application/grpc-web+proto"] {
        let headers = [
            &*format!("content-type: {media_type}"),
            "x-grpc-web: 1",
            "authorization: Bearer token",
        ];
        let answer = world.send_with(GET, &headers, get_1()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let frames = frames(&answer.body);
        assert_eq!(Task::decode(&*frames[0].1).expect("a task"), task());
        assert_eq!(frames[1].0, 0x80, "the trailers are the last frame");
        assert!(
            String::from_utf8_lossy(&frames[1].1).contains("grpc-status:0"),
            "{frames:?}"
        );
        assert_eq!(world.task.call().values("authorization"), ["Bearer token"]);
    }
    let text = [
        "content-type: application/grpc-web-text",
        "accept: application/grpc-web-text",
    ];
    let answer = world.send_with(GET, &text, BASE64_STANDARD.encode(get_1())).await;
    assert_eq!(answer.header("content-type"), Some("application/grpc-web-text+proto"));
    let first = answer
        .body
        .split_inclusive(|byte| *byte == b'=')
        .next()
        .expect("a frame");
    let first = BASE64_STANDARD.decode(first).expect("base64");
    assert_eq!(Task::decode(&*frames(&first)[0].1).expect("a task"), task());

    world.task.replies(Reply::Status(Status::from(WireError::new(
        Code::NotFound,
        "TASK_NOT_FOUND",
        "no",
    ))));
    let answer = world
        .send_with(GET, &["content-type: application/grpc-web"], get_1())
        .await;
    assert_eq!((answer.status, answer.header("grpc-status")), (200, Some("5")));
}

/// What comes of them shares a connection with everybody's calls.
#[tokio::test]
async fn calls_whose_message_does_not_come_hold_up_nobody() {
    let world = World::start().await;
    world.task.replies(Reply::message(&task()));
    let head = "POST /holdfast.task.v1.TaskService/GetTask HTTP/1.1\r\nhost: localhost\r\n\
                content-type: application/grpc-web\r\ngrpc-timeout: 1H\r\ncontent-length: 10\r\n\r\n";
    let mut silent = Vec::new();
    for _ in 0..300 {
        let mut stream = TcpStream::connect(world.gateway).await.expect("the gateway listens");
        stream.write_all(head.as_bytes()).await.expect("it takes the head");
        silent.push(stream);
    }
    for _ in 0..3 {
        let answer = timeout(Duration::from_secs(5), world.send("GET /v1/tasks/1"));
        assert_eq!(answer.await.expect("in time").status, 200);
    }
    assert_eq!(world.task.calls().len(), 3, "none of the others has arrived");
}

#[tokio::test]
async fn what_is_no_message_is_told_as_such() {
    let world = World::start().await;
    let text = ["content-type: application/grpc-web-text"];
    let answer = world.send_with(GET, &text, "this is no base64!").await;
    assert_eq!(
        (answer.status, answer.header("grpc-status")),
        (200, Some("3")),
        "{answer:?}"
    );
    for media_type in [
        "application/grpc-web+json",
        "application/grpcx",
        "application/grpc-web-json",
    ] {
        let answer = world
            .send_with(GET, &[&format!("content-type: {media_type}")], get_1())
            .await;
        answer.assert_problem(415, "MEDIA_TYPE_UNSUPPORTED");
    }
    let large = frame(&vec![0; 2 * 1024 * 1024 + 1]);
    let answer = world
        .send_with(GET, &["content-type: application/grpc-web"], large)
        .await;
    assert_eq!(
        (answer.status, answer.header("grpc-status")),
        (200, Some("8")),
        "{answer:?}"
    );
    assert!(world.task.calls().is_empty());
}

#[tokio::test]
async fn what_is_no_call_is_refused() {
    let world = World::start().await;
    let path = "/holdfast.task.v1.TaskService/GetTask";
    let answer = world.send(&format!("GET {path}")).await;
    answer.assert_problem(405, "METHOD_NOT_ALLOWED");
    assert_eq!(answer.header("allow"), Some("OPTIONS, POST"));
    assert_eq!(world.send(&format!("OPTIONS {path}")).await.status, 204);
    world
        .send_json(GET, "{}")
        .await
        .assert_problem(415, "MEDIA_TYPE_UNSUPPORTED");
    let answer = world.send_with(GET, &["content-type: application/grpc"], get_1()).await;
    answer.assert_problem(415, "MEDIA_TYPE_UNSUPPORTED");
    assert!(world.task.calls().is_empty());
}
