//! Calls and their errors.

use platform::serving::MAX_MESSAGE_BYTES;
use proto::task::v1::{GetTaskRequest, task_service_client::TaskServiceClient};
use tonic::Code;
use uuid::Uuid;

use crate::{
    client::Call,
    world::{GET_TASK, SUBJECT, World},
};

#[tokio::test]
async fn a_call_with_a_token_reaches_its_method_with_the_caller() {
    let (world, _serving) = World::new().await.start();
    let mut client = TaskServiceClient::new(world.channel());
    let mut request = tonic::Request::new(GetTaskRequest::default());
    let bearer = format!("Bearer {}", world.token());
    request.metadata_mut().insert("authorization", bearer.parse().unwrap());
    let task = client.get_task(request).await.unwrap().into_inner();
    assert_eq!(task.title, SUBJECT.to_string());
}

/// The answer to a call without a token is known before its message has come. What comes then is no error, of which a
/// connection bears only some: it is everybody's, if it is the gateway's.
#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_refused_do_not_end_their_connection() {
    let (world, _serving) = World::new().await.start();
    let client = world.connect().await;
    for _ in 0..100 {
        let calls = (0..20).map(|_| client.answer(Call::of(GET_TASK)));
        for answer in futures_util::future::join_all(calls).await {
            answer.is(Code::Unauthenticated, "TOKEN_MISSING");
        }
    }
}

#[tokio::test]
async fn an_unknown_method_is_unimplemented() {
    let (world, _serving) = World::new().await.start();
    let client = world.connect().await;
    for path in [
        "/holdfast.task.v1.TaskService/NoSuchMethod",
        "/holdfast.task.v1.TaskService/getTask",
        "/holdfast.task.v1.TaskService/GetTask/",
        "/holdfast.task.v2.TaskService/GetTask",
        "/no.such.Service/Method",
        "/",
    ] {
        let answer = client.answer(Call::of(path).bearer(&world.token())).await;
        answer.is(Code::Unimplemented, "METHOD_UNKNOWN");
    }
}

#[tokio::test]
async fn a_garbled_message_is_the_callers_fault() {
    let (world, _serving) = World::new().await.start();
    let client = world.connect().await;
    let call = || Call::of(GET_TASK).bearer(&world.token());
    for call in [
        // A field that says it is longer than the message, a bad wire type, and text that is no UTF-8.
        call().frame(2, &[0x0a, 0x7f]),
        call().frame(1, &[0x0f]),
        call().frame(3, &[0x0a, 0x01, 0xff]),
    ] {
        client.answer(call).await.is(Code::InvalidArgument, "MESSAGE_MALFORMED");
    }
    client.answer(world.get_task("")).await.succeeded();
}

#[tokio::test]
async fn a_message_over_two_mebibytes_is_refused() {
    let (world, _serving) = World::new().await.start();
    let client = world.connect().await;
    let limit = u32::try_from(MAX_MESSAGE_BYTES).unwrap();
    assert_eq!(limit, 2 << 20);
    // Refused by what it says, before the rest arrives.
    let call = Call::of(GET_TASK).bearer(&world.token()).frame(limit + 1, &[0; 1000]);
    client
        .answer(call)
        .await
        .is(Code::ResourceExhausted, "MESSAGE_TOO_LARGE");

    // A message of exactly the limit: a tag and a length of three bytes, then the rest.
    client
        .answer(world.get_task(&"x".repeat(MAX_MESSAGE_BYTES - 4)))
        .await
        .succeeded();
    let answer = client.answer(world.get_task(&"x".repeat(MAX_MESSAGE_BYTES - 3))).await;
    answer.is(Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
}

/// AP-09: a panic is INTERNAL without a word of its cause, and the next call works.
#[tokio::test]
async fn ap_09_a_panic_tells_nothing_and_breaks_nothing() {
    let (world, _serving) = World::new().await.start();
    let client = world.connect().await;
    for _ in 0..3 {
        let answer = client.answer(world.get_task("panic")).await;
        answer.is(Code::Internal, "INTERNAL");
        assert_eq!(answer.grpc_status().message(), "an internal error occurred");
        let told = format!("{:?} {:?} {:?}", answer.headers, answer.trailers, answer.body);
        assert!(!told.contains("secret cause"), "{told}");
        assert!(answer.headers.contains_key("x-request-id"));
        client.answer(world.get_task("")).await.succeeded();
    }
}

#[tokio::test]
async fn a_request_has_an_id_its_callers_or_a_new_one() {
    let (world, _serving) = World::new().await.start();
    let client = world.connect().await;
    let id_of = async |call: Call| {
        let answer = client.answer(call).await;
        answer.headers["x-request-id"].to_str().unwrap().to_owned()
    };
    for given in ["abc", "!\"#~", &"x".repeat(64)] {
        assert_eq!(id_of(world.get_task("").header("x-request-id", given)).await, given);
    }
    let mut made = vec![id_of(world.get_task("")).await];
    for refused in ["", " ", "two words", &"x".repeat(65), "a\tb"] {
        made.push(id_of(world.get_task("").header("x-request-id", refused)).await);
    }
    // Refusals have one too.
    made.push(id_of(Call::of(GET_TASK)).await);
    made.push(id_of(world.get_task("").header("grpc-timeout", "soon")).await);
    assert!(made.iter().all(|id| Uuid::try_parse(id).is_ok()), "{made:?}");
    made.sort();
    made.dedup();
    assert_eq!(made.len(), 8, "each its own: {made:?}");
}
