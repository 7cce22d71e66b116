//! Bodies that are compressed on their way.

use std::io::{Read as _, Write as _};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use proto::task::v1::{CreateTaskRequest, ListTasksResponse, Task, UpdateTaskRequest};

use crate::{far_end::Reply, world::World};

const JSON: &str = "content-type: application/json";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("it is written to memory");
    encoder.finish().expect("it is written to memory")
}

/// A list of a size that is worth it, or not.
fn list(tasks: usize) -> Reply {
    let task = Task {
        title: "Buy milk".to_owned(),
        ..Task::default()
    };
    Reply::message(&ListTasksResponse {
        tasks: vec![task; tasks],
        ..ListTasksResponse::default()
    })
}

#[tokio::test]
async fn a_large_answer_is_compressed_for_those_who_accept_it() {
    let world = World::start().await;
    world.task.replies(list(50));
    let plain = world.send("GET /v1/tasks").await;
    assert_eq!(plain.header("content-encoding"), None);
    for (accepted, encoding) in [
        ("gzip", Some("gzip")),
        ("br", Some("br")),
        ("zstd, identity;q=0.5", Some("zstd")),
        ("gzip;q=0", None),
        ("identity", None),
        ("identity;q=0", None),
        ("*; q=0.0", None),
        ("identity;q=0, GZIP", Some("gzip")),
        ("compress", None),
    ] {
        let answer = world
            .send_with("GET /v1/tasks", &[&format!("accept-encoding: {accepted}")], "")
            .await;
        assert_eq!(answer.header("content-encoding"), encoding, "{accepted}");
        assert_eq!(
            answer.body.len() * 4 < plain.body.len(),
            encoding.is_some(),
            "{accepted}"
        );
        assert_eq!(answer.header("vary"), Some("accept-encoding"));
        if encoding == Some("gzip") {
            let mut expanded = Vec::new();
            GzDecoder::new(&*answer.body).read_to_end(&mut expanded).expect("gzip");
            assert_eq!(expanded, plain.body);
        }
    }
    world.task.replies(list(1));
    let answer = world.send_with("GET /v1/tasks", &["accept-encoding: gzip"], "").await;
    assert_eq!(answer.header("content-encoding"), None, "it would not be worth it");
}

#[tokio::test]
async fn a_compressed_answer_has_a_weak_tag_that_is_good_as_a_condition() {
    let world = World::start().await;
    world.task.replies(Reply::message(&Task {
        etag: "v1".to_owned(),
        description: "long ".repeat(1000),
        ..Task::default()
    }));
    let answer = world.send_with("GET /v1/tasks/1", &["accept-encoding: gzip"], "").await;
    assert_eq!(answer.header("etag"), Some("W/\"v1\""));
    let headers = ["accept-encoding: gzip", "if-none-match: W/\"v1\""];
    let same = world.send_with("GET /v1/tasks/1", &headers, "").await;
    assert_eq!((same.status, same.header("etag")), (304, Some("W/\"v1\"")));
    assert_eq!(same.header("vary"), Some("accept-encoding"));
    world.task.calls();
    let headers = [JSON, "if-match: W/\"v1\""];
    world
        .send_with("PATCH /v1/tasks/1", &headers, r#"{"title": "x"}"#)
        .await;
    let request: UpdateTaskRequest = world.task.call().message();
    assert_eq!(request.task.expect("a task").etag, "v1");
}

#[tokio::test]
async fn a_compressed_request_is_read() {
    let world = World::start().await;
    let body = gzip(br#"{"title": "Buy milk"}"#);
    let answer = world
        .send_with("POST /v1/tasks", &[JSON, "content-encoding: gzip"], &body)
        .await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let request: CreateTaskRequest = world.task.call().message();
    assert_eq!(request.task.expect("a task").title, "Buy milk");

    let members = [gzip(br#"{"title": "#), gzip(br#""Buy milk"}"#)].concat();
    let answer = world
        .send_with("POST /v1/tasks", &[JSON, "content-encoding: GZip"], &members)
        .await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let request: CreateTaskRequest = world.task.call().message();
    assert_eq!(request.task.expect("a task").title, "Buy milk");

    let trailed = [&*body, b"rubbish"].concat();
    let answer = world
        .send_with("POST /v1/tasks", &[JSON, "content-encoding: gzip"], &trailed)
        .await;
    answer.assert_problem(400, "MESSAGE_MALFORMED");
    let cut = &body[..body.len() - 10];
    let answer = world
        .send_with("POST /v1/tasks", &[JSON, "content-encoding: gzip"], cut)
        .await;
    answer.assert_problem(400, "MESSAGE_MALFORMED");
    for encoding in ["compress", "gzip, gzip", "x", "gzip\r\ncontent-encoding: gzip"] {
        let header = format!("content-encoding: {encoding}");
        let answer = world.send_with("POST /v1/tasks", &[JSON, &header], &body).await;
        answer.assert_problem(415, "MEDIA_TYPE_UNSUPPORTED");
    }
    assert!(world.task.calls().is_empty());
}

#[tokio::test]
async fn what_expands_beyond_the_limit_is_refused() {
    let world = World::start().await;
    let bomb = gzip(&vec![b' '; 64 * 1024 * 1024]);
    assert!(bomb.len() < 100_000);
    let answer = world
        .send_with("POST /v1/tasks", &[JSON, "content-encoding: gzip"], &bomb)
        .await;
    answer.assert_problem(413, "MESSAGE_TOO_LARGE");
    assert!(world.task.calls().is_empty());
}
