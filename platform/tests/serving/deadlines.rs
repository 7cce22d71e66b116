//! Deadlines of calls.

use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_types::StatusExt as _;

use crate::{
    client::Call,
    virtual_time::in_virtual_time,
    world::{WATCH, World},
};

#[tokio::test]
async fn a_deadline_that_passes_is_told_as_one() {
    let (world, _serving) = World::new().await.start();
    let client = world.connect().await;
    for timeout in ["30m", "30000u", "1n", "0S"] {
        let answer = client
            .answer(world.get_task("never").header("grpc-timeout", timeout))
            .await;
        answer.is(Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
    }
    // The longest that can be written does not overflow anything.
    for timeout in ["99999999H", "5S"] {
        client
            .answer(world.get_task("").header("grpc-timeout", timeout))
            .await
            .succeeded();
    }
}

#[tokio::test]
async fn a_unary_call_without_a_deadline_gets_thirty_seconds() {
    let (world, _serving) = World::new().await.start();
    let client = world.connect().await;
    let call = tokio::spawn({
        let call = world.get_task("never");
        async move { client.answer(call).await }
    });
    world.doors.entered.notified().await;
    let (answer, took) = in_virtual_time(call).await;
    answer.unwrap().is(Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
    assert!((29..=31).contains(&took.as_secs()), "{took:?}");
}

#[tokio::test]
async fn a_deadline_ends_a_stream_in_its_middle() {
    let (world, _serving) = World::new().await.start();
    let client = world.connect().await;
    let watch = Call::of(WATCH)
        .message(&HealthCheckRequest::default())
        .header("grpc-timeout", "100m");
    let answer = client.answer(watch).await;
    assert!(!answer.body.is_empty(), "the stream had begun");
    assert!(answer.headers.get("grpc-status").is_none(), "and had no status then");
    answer.is(Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
}

#[tokio::test]
async fn a_malformed_deadline_is_refused() {
    let (world, _serving) = World::new().await.start();
    let client = world.connect().await;
    for timeout in ["", "5", "S", "-1S", "1.5S", "5s", "123456789S", "5 S", "5S5", "soon"] {
        let answer = client.answer(world.get_task("").header("grpc-timeout", timeout)).await;
        answer.is(Code::InvalidArgument, "FIELD_INVALID");
        let details = answer.grpc_status().get_error_details();
        assert_eq!(details.bad_request().unwrap().field_violations[0].field, "grpc-timeout");
    }
}
