//! Who gets in. Each check runs over every method that the contract has.

use std::time::Duration;

use bytes::Bytes;
use platform::{access::descriptor_pool, clock::Clock as _, testing::TestIssuer};
use prost::Message as _;
use proto::task::v1::ListTasksRequest;
use serde_json::json;
use tonic::{Code, metadata::MetadataMap};
use uuid::Uuid;

use crate::world::{World, assert_told, titled};

fn methods() -> Vec<String> {
    let pool = descriptor_pool();
    let service = pool
        .get_service_by_name("holdfast.task.v1.TaskService")
        .expect("the contract has it");
    service.methods().map(|method| method.name().to_owned()).collect()
}

async fn assert_refused(world: &World, credentials: &[&str], code: Code, reason: &str) {
    let methods = methods();
    assert!(methods.len() >= 7);
    for method in methods {
        let mut metadata = MetadataMap::new();
        for credential in credentials {
            metadata.append("authorization", credential.parse().expect("ASCII"));
        }
        let answer = world.call_raw(&method, metadata, Bytes::new()).await;
        assert_told(answer, code, reason, &[]);
    }
}

#[tokio::test]
async fn a_token_must_be_there_and_be_usable() {
    let world = World::start().await;
    assert_refused(&world, &[], Code::Unauthenticated, "TOKEN_MISSING").await;
    let good = format!("Bearer {}", world.somebody().token);
    for unusable in [
        &["Bearer garbage"][..],
        &["Bearer "],
        &["Bearer"],
        &["Basic YTpi"],
        &["Bearer a.b.c"],
        &[&good, &good],
        &[&format!("{good}x")],
    ] {
        assert_refused(&world, unusable, Code::Unauthenticated, "TOKEN_INVALID").await;
    }
}

#[tokio::test]
async fn a_token_must_be_for_us_and_from_our_issuer() {
    let world = World::start().await;
    let mut other_audience = world.claims();
    other_audience.aud = vec!["elsewhere".to_owned()];
    let mut other_issuer = world.claims();
    other_issuer.iss = "http://elsewhere.test".to_owned();
    let mut nobody = world.claims();
    nobody.sub = "anna".to_owned();
    let same_name_other_key = TestIssuer::new(&other_issuer.iss, "key");
    for token in [
        world.issuer.sign(&json!(other_audience)),
        world.issuer.sign(&json!(other_issuer)),
        world.issuer.sign(&json!(nobody)),
        same_name_other_key.sign(&json!(world.claims())),
    ] {
        let credential = format!("Bearer {token}");
        assert_refused(&world, &[&credential], Code::Unauthenticated, "TOKEN_INVALID").await;
    }
}

#[tokio::test]
async fn a_token_ends_even_if_it_was_seen_before() {
    let world = World::start().await;
    let mut anna = world.somebody();
    anna.create(titled("in time")).await;
    let credential = format!("Bearer {}", anna.token);
    world.clock.advance(Duration::from_mins(5));
    assert_refused(&world, &[&credential], Code::Unauthenticated, "TOKEN_EXPIRED").await;
}

#[tokio::test]
async fn a_token_must_have_the_scope_of_the_method() {
    let world = World::start().await;
    let subject = Uuid::from_u128(1);
    let scoped = |scope: &str| {
        let mut claims = world.issuer.claims(subject, subject, world.clock.now());
        claims.scope = scope.to_owned();
        world.issuer.sign(&json!(claims))
    };
    for scope in ["", "account", "tasks:readwrite tasks", "TASKS:READ"] {
        let credential = format!("Bearer {}", scoped(scope));
        assert_refused(&world, &[&credential], Code::PermissionDenied, "SCOPE_MISSING").await;
    }
    for (method, reads) in [
        ("CreateTask", false),
        ("GetTask", true),
        ("ListTasks", true),
        ("UpdateTask", false),
        ("DeleteTask", false),
        ("CompleteTask", false),
        ("ReopenTask", false),
    ] {
        for (scope, admitted) in [("tasks:read", reads), ("account tasks:write", !reads)] {
            let mut metadata = MetadataMap::new();
            metadata.insert(
                "authorization",
                format!("Bearer {}", scoped(scope)).parse().expect("ASCII"),
            );
            let body = ListTasksRequest::default().encode_to_vec().into();
            let answer = world.call_raw(method, metadata, body).await;
            let missing = answer.is_err_and(|status| status.code() == Code::PermissionDenied);
            assert_eq!(missing, !admitted, "{method} with {scope}");
        }
    }
}
