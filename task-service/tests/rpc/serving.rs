//! Starting, standing alone, stopping.

use futures_util::future::BoxFuture;
use platform::{testing::TestIssuer, verification::KeySource};
use proto::auth::v1::JsonWebKey;
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::world::{Person, World, assert_told, titled};

/// auth-service, down.
struct NoKeys;

impl KeySource for NoKeys {
    fn fetch(&self) -> BoxFuture<'_, Result<Vec<JsonWebKey>, String>> {
        Box::pin(async { Err("connection refused".to_owned()) })
    }
}

#[tokio::test]
async fn without_auth_service_it_serves_and_an_outage_is_no_bad_token() {
    let world = World::start_with(TestIssuer::new("http://issuer.test", "key"), Box::new(NoKeys)).await;
    assert_serving(&world).await;
    let mut anna = world.somebody();
    assert_told(
        anna.try_create(titled("later")).await,
        Code::Unavailable,
        "UNAVAILABLE",
        &[],
    );
    let mut nobody = Person {
        tasks: world.client("garbage"),
        token: String::new(),
    };
    assert_told(
        nobody.try_create(titled("never")).await,
        Code::Unauthenticated,
        "TOKEN_INVALID",
        &[],
    );
}

/// Watches until the checks have passed.
async fn assert_serving(world: &World) {
    for service in ["", "holdfast.task.v1.TaskService"] {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let mut health = HealthClient::new(world.channel());
        let mut statuses = health.watch(request).await.expect("it can be watched").into_inner();
        while statuses
            .message()
            .await
            .expect("it goes on")
            .expect("it does not end")
            .status()
            != ServingStatus::Serving
        {}
    }
    assert_eq!(world.readiness.check().await, Ok(()));
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let mut world = World::start().await;
    assert_serving(&world).await;
    let mut anna = world.somebody();
    let task = anna.create(titled("kept")).await;
    world.restart().await;
    let mut anna = Person {
        tasks: world.client(&anna.token),
        token: anna.token,
    };
    assert_eq!(anna.list().await, [task]);
    world.stop().await;
    assert!(world.readiness.check().await.is_err());
}

#[tokio::test]
async fn an_unknown_method_is_unimplemented() {
    let world = World::start().await;
    let anna = world.somebody();
    let mut metadata = tonic::metadata::MetadataMap::new();
    metadata.insert(
        "authorization",
        format!("Bearer {}", anna.token).parse().expect("ASCII"),
    );
    let answer = world.call_raw("EraseEverything", metadata, bytes::Bytes::new()).await;
    assert_told(answer, Code::Unimplemented, "METHOD_UNKNOWN", &[]);
}
