//! Who is let in: the bearer token, its scope, a service's credential.

use std::{sync::Arc, time::Duration};

use axum::Router;
use platform::{
    access::AccessTable,
    secret::Secret,
    service_credential::{self, Role, ServiceKeys},
    serving::grpc_service,
    verification::{Authentication, AuthenticationLayer, Caller, KeyRing, Verifier, require_caller},
};
use tonic::{Code, service::Routes};
use tonic_types::StatusExt as _;

use crate::{
    client::Call,
    world::{GET_TASK, ISSUER, LOGIN, TASKS, UNDECLARED, World},
};

/// AP-05: forgetting to declare who may call a method closes it.
#[tokio::test]
async fn ap_05_a_method_without_an_access_entry_cannot_be_reached() {
    let (world, _serving) = World::new().await.start();
    let client = world.connect().await;
    for path in [UNDECLARED, LOGIN] {
        let answer = client.answer(Call::of(path).bearer(&world.token())).await;
        answer.is(Code::Unimplemented, "METHOD_UNKNOWN");
    }
}

/// AP-02: an unusable credential, and one too many, are UNAUTHENTICATED; the scheme is read in any case.
#[tokio::test]
async fn ap_02_the_credential_is_one_bearer_token() {
    let (world, _serving) = World::new().await.start();
    let client = world.connect().await;
    let token = world.token();
    let with = |value: String| Call::of(GET_TASK).header("authorization", value);

    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR", "Bearer "] {
        client.answer(with(format!("{scheme} {token}"))).await.succeeded();
    }
    client
        .answer(Call::of(GET_TASK))
        .await
        .is(Code::Unauthenticated, "TOKEN_MISSING");
    for unusable in [
        "Bearer".to_owned(),
        "Bearer rubbish".to_owned(),
        format!("Basic {token}"),
        format!("DPoP {token}"),
        format!("Bearer{token}"),
        format!("Bearer\t{token}"),
        format!("Bearer {token} {token}"),
        format!("Bearer {token}, Bearer {token}"),
        format!("Bearer \"{token}\""),
        token.clone(),
        String::new(),
    ] {
        client
            .answer(with(unusable))
            .await
            .is(Code::Unauthenticated, "TOKEN_INVALID");
    }
    let two = Call::of(GET_TASK).bearer(&token).bearer(&token);
    client.answer(two).await.is(Code::Unauthenticated, "TOKEN_INVALID");

    world.clock.advance(Duration::from_mins(5));
    client
        .answer(with(format!("Bearer {token}")))
        .await
        .is(Code::Unauthenticated, "TOKEN_EXPIRED");
}

#[tokio::test]
async fn a_missing_scope_is_permission_denied() {
    let (world, _serving) = World::new().await.start();
    let client = world.connect().await;
    for scope in ["", "account", "tasks:write", "tasks", "tasks:reads", "TASKS:READ"] {
        let call = Call::of(GET_TASK).bearer(&world.token_with_scope(scope));
        client.answer(call).await.is(Code::PermissionDenied, "SCOPE_MISSING");
    }
    let call = Call::of(GET_TASK).bearer(&world.token_with_scope("tasks:read"));
    client.answer(call).await.succeeded();
}

/// AP-04: without keys nothing is known of a token, so it is not called a bad one.
#[tokio::test]
async fn ap_04_an_outage_of_the_keys_is_unavailable() {
    struct Down;
    impl platform::verification::KeySource for Down {
        fn fetch(&self) -> futures_util::future::BoxFuture<'_, Result<Vec<proto::auth::v1::JsonWebKey>, String>> {
            Box::pin(async { Err("connection refused".to_owned()) })
        }
    }
    let mut world = World::new().await;
    let access = AccessTable::for_services(&[TASKS]);
    let authentication = AuthenticationLayer::new(Authentication {
        access: access.clone(),
        verifier: Verifier::new(ISSUER, Arc::new(KeyRing::new(Down)), world.clock.clone()),
        service_keys: world.service_keys.clone(),
        clock: world.clock.clone(),
    });
    world.service = grpc_service(Routes::from(Router::new()), &access, &authentication);
    let (world, _serving) = world.start();
    let answer = world.connect().await.answer(world.get_task("")).await;
    answer.is(Code::Unavailable, "UNAVAILABLE");
    let retry = answer
        .grpc_status()
        .get_error_details()
        .retry_info()
        .unwrap()
        .retry_delay;
    assert_eq!(retry, Some(Duration::from_secs(1)));
}

/// AP-08: a service credential makes a peer; a bad one is as good as none.
#[tokio::test]
async fn ap_08_a_service_credential_makes_a_peer() {
    let (world, _serving) = World::new().await.start();
    let client = world.connect().await;
    let peer_with = async |token: String| {
        let call = world.get_task("peer").header(service_credential::METADATA, token);
        client.answer(call).await.succeeded().title
    };
    let good = world.service_keys.sign(Role::Gateway, &*world.clock);
    assert_eq!(peer_with(good).await, "Some(Gateway)");
    assert_eq!(peer_with("rubbish".to_owned()).await, "None");
    assert_eq!(peer_with(world.token()).await, "None");
    let foreign = ServiceKeys::new(vec![Secret::new([2; 32])]).unwrap();
    assert_eq!(peer_with(foreign.sign(Role::Gateway, &*world.clock)).await, "None");
}

/// Left out of the way, the layer does not leave a door open: the interceptor refuses, and so does the proof.
#[test]
fn ap_09_without_the_authentication_layer_nothing_gets_through() {
    let refused = require_caller(tonic::Request::new(())).unwrap_err();
    assert_eq!(refused.code(), Code::Internal);
    assert_eq!(refused.get_error_details().error_info().unwrap().reason, "INTERNAL");
    assert!(Caller::of(&tonic::Request::new(())).is_err());
}
