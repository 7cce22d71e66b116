//! Failed sign-ins count at every replica.

use platform::service_credential::{CLIENT_ADDRESS_METADATA, METADATA, Role};
use proto::auth::v1::{LoginRequest, auth_service_client::AuthServiceClient};
use tokio::task::JoinSet;
use tonic::{Code, Status, transport::Channel};
use tonic_types::StatusExt as _;

use crate::world::{World, service_keys, timed};

/// What became of a wrong password, tried through the gateway from an address.
async fn fail(mut auth: AuthServiceClient<Channel>, address: String, token: String) -> String {
    let mut request = timed(LoginRequest {
        email: "ada@example.com".to_owned(),
        password: "wrong horse battery staple".to_owned(),
    });
    for (name, value) in [(METADATA, token), (CLIENT_ADDRESS_METADATA, address)] {
        request.metadata_mut().insert(name, value.parse().unwrap());
    }
    let refused: Status = auth.login(request).await.unwrap_err();
    assert!(matches!(
        refused.code(),
        Code::Unauthenticated | Code::ResourceExhausted
    ));
    refused.get_error_details().error_info().unwrap().reason.clone()
}

/// How many of so many tries at once, over all replicas, were let in.
async fn let_in(world: &World, tries: usize, address: impl Fn(usize) -> String) -> usize {
    let token = service_keys().sign(Role::Gateway, &*world.clock);
    let mut calls = JoinSet::new();
    for number in 0..tries {
        calls.spawn(fail(world.auth_at(number), address(number), token.clone()));
    }
    let reasons = calls.join_all().await;
    reasons.iter().filter(|reason| *reason == "INVALID_CREDENTIALS").count()
}

/// AR-01: whoever tries at once over all replicas has as many tries as at one; and a replica that is lost takes no count
/// with it.
#[tokio::test]
async fn failures_over_replicas_on_postgres_are_counted_together() {
    let world = World::start().await;
    world.person("ada").await;
    assert_eq!(let_in(&world, 30, |_| "203.0.113.1".to_owned()).await, 5);
    assert_eq!(let_in(&world, 60, |number| format!("198.51.100.{number}")).await, 25);
    world.kill_the_first();
    let elsewhere = |number: usize| format!("192.0.2.{number}");
    let token = service_keys().sign(Role::Gateway, &*world.clock);
    for number in 1..3 {
        let held = fail(world.auth_at(number), elsewhere(number), token.clone()).await;
        assert_eq!(held, "RATE_LIMITED");
    }
}
