//! Login.

use platform::service_credential::{CLIENT_ADDRESS_METADATA, CLIENT_USER_AGENT_METADATA, METADATA, Role};
use proto::auth::v1::LoginRequest;
use tonic::{Code, Request};

use crate::world::{EMAIL, PASSWORD, World, assert_refused};

#[tokio::test]
async fn each_login_opens_a_session_of_its_own() {
    let world = World::new().await;
    world.register(EMAIL).await;
    let mut sessions = std::collections::HashSet::new();
    for _ in 0..3 {
        let tokens = world.login(EMAIL, PASSWORD).await.unwrap().tokens.unwrap();
        sessions.insert(world.session(&tokens.access_token).await.unwrap().session.unwrap().id);
    }
    assert_eq!(sessions.len(), 3);
}

#[tokio::test]
async fn wrong_password_and_unknown_address_are_answered_alike() {
    let world = World::new().await;
    world.register(EMAIL).await;
    let wrong = world.login(EMAIL, "wrong horse battery staple").await.unwrap_err();
    for unknown in ["eve@example.com", "not an address"] {
        let status = world.login(unknown, PASSWORD).await.unwrap_err();
        assert_eq!(
            (status.code(), status.message(), status.details()),
            (wrong.code(), wrong.message(), wrong.details())
        );
    }
    assert_refused(Err::<(), _>(wrong), Code::Unauthenticated, "INVALID_CREDENTIALS");
}

#[tokio::test]
async fn what_is_missing_or_too_long_is_named() {
    let world = World::new().await;
    assert_eq!(
        assert_refused(world.login(" ", "").await, Code::InvalidArgument, "FIELD_INVALID"),
        ["email", "password"]
    );
    let answer = world.login(EMAIL, &"x".repeat(1025)).await;
    assert_eq!(
        assert_refused(answer, Code::InvalidArgument, "PASSWORD_TOO_LONG"),
        ["password"]
    );
}

async fn login_with(world: &World, metadata: &[(&'static str, &str)]) -> proto::auth::v1::Session {
    let mut request = Request::new(LoginRequest {
        email: EMAIL.into(),
        password: PASSWORD.into(),
    });
    for (name, value) in metadata {
        request.metadata_mut().insert(*name, value.parse().unwrap());
    }
    let tokens = world
        .auth
        .clone()
        .login(request)
        .await
        .unwrap()
        .into_inner()
        .tokens
        .unwrap();
    world.session(&tokens.access_token).await.unwrap().session.unwrap()
}

/// AR-06: only a verified gateway is believed.
#[tokio::test]
async fn a_client_is_known_by_its_connection_unless_the_gateway_states_it() {
    let world = World::new().await;
    world.register(EMAIL).await;
    let claims = [
        (CLIENT_ADDRESS_METADATA, "203.0.113.9"),
        (CLIENT_USER_AGENT_METADATA, "Firefox"),
    ];

    let direct = login_with(
        &world,
        &[("x-forwarded-for", "203.0.113.9"), ("x-real-ip", "203.0.113.9")],
    )
    .await;
    assert_eq!(direct.ip_address, "127.0.0.1");
    assert!(direct.user_agent.contains("tonic"), "{}", direct.user_agent);

    let forged = login_with(&world, &claims).await;
    assert_eq!(forged.ip_address, "127.0.0.1");
    let other_role = world.service_keys.sign(Role::TaskService, &*world.clock);
    let forged = login_with(&world, &[claims[0], claims[1], (METADATA, &other_role)]).await;
    assert_eq!(forged.ip_address, "127.0.0.1");

    let gateway = world.service_keys.sign(Role::Gateway, &*world.clock);
    let stated = login_with(&world, &[claims[0], claims[1], (METADATA, &gateway)]).await;
    assert_eq!((&*stated.ip_address, &*stated.user_agent), ("203.0.113.9", "Firefox"));
    let long = "x".repeat(4000);
    let cut = login_with(
        &world,
        &[claims[0], (CLIENT_USER_AGENT_METADATA, &long), (METADATA, &gateway)],
    )
    .await;
    assert_eq!(cut.user_agent.len(), 512);
    let nonsense = [(CLIENT_ADDRESS_METADATA, "nowhere"), (METADATA, &*gateway)];
    assert_eq!(login_with(&world, &nonsense).await.ip_address, "");
}
