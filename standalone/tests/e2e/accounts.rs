//! Registering, signing in, refreshing and signing out, over REST; the rules themselves are tested in
//! auth-service.

use http::Method;
use serde_json::json;
use tonic::Code;

use crate::world::{PASSWORD, World, assert_refused};

#[tokio::test]
async fn a_person_registers_signs_in_refreshes_and_leaves() {
    let world = World::new().await;
    let form = json!({"email": "ada@example.com", "password": PASSWORD, "displayName": "Ada"});
    let registered = world.send(Method::POST, "/v1/auth/register", &[], Some(&form)).await;
    assert_eq!(registered.status, 201, "{registered:?}");
    assert_eq!(registered.json["user"]["displayName"], "Ada");
    assert_eq!(registered.header("cache-control"), "no-store");

    let credentials = json!({"email": "ada@example.com", "password": PASSWORD});
    let login = world
        .send(
            Method::POST,
            "/v1/auth/login",
            &[("user-agent", "Tester/1.0")],
            Some(&credentials),
        )
        .await;
    assert_eq!(
        (login.status.as_u16(), &login.json["user"]),
        (200, &registered.json["user"])
    );
    assert_eq!(login.json["tokens"]["tokenType"], "Bearer");
    assert_eq!(login.json["tokens"]["expiresIn"], 300);
    assert_eq!(login.json["tokens"]["refreshExpiresIn"], 14 * 24 * 3600);

    let refresh_token = &login.json["tokens"]["refreshToken"];
    let refreshed = world
        .send(
            Method::POST,
            "/v1/auth/refresh",
            &[],
            Some(&json!({"refreshToken": refresh_token})),
        )
        .await;
    assert_eq!(refreshed.status, 200);
    let token = refreshed.json["tokens"]["accessToken"].as_str().unwrap();
    let authorization = format!("Bearer {token}");
    let session = world
        .send(
            Method::GET,
            "/v1/auth/session",
            &[("authorization", &authorization)],
            None,
        )
        .await;
    assert_eq!(session.json["user"], registered.json["user"]);
    assert_eq!(session.json["session"]["current"], true);
    // AR-06: what the gateway saw, not what the client claims.
    assert_eq!(session.json["session"]["userAgent"], "Tester/1.0");
    assert_eq!(session.json["session"]["ipAddress"], "127.0.0.1");

    let next = &refreshed.json["tokens"]["refreshToken"];
    for _ in 0..2 {
        let left = world
            .send(
                Method::POST,
                "/v1/auth/logout",
                &[],
                Some(&json!({"refreshToken": next})),
            )
            .await;
        assert_eq!((left.status.as_u16(), &left.json), (200, &json!({})));
    }
    let over = world
        .send(
            Method::POST,
            "/v1/auth/refresh",
            &[],
            Some(&json!({"refreshToken": next})),
        )
        .await;
    over.assert_problem(401, "SESSION_REVOKED");
    let session = world
        .send(
            Method::GET,
            "/v1/auth/session",
            &[("authorization", &authorization)],
            None,
        )
        .await;
    session.assert_problem(401, "SESSION_REVOKED");
    world.end().await;
}

#[tokio::test]
async fn refusals_carry_their_reason_and_fields() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let register =
        async |form: serde_json::Value| world.send(Method::POST, "/v1/auth/register", &[], Some(&form)).await;
    let taken = register(json!({"email": ada.email, "password": PASSWORD})).await;
    taken.assert_problem(409, "EMAIL_TAKEN");
    let short = register(json!({"email": "b@example.com", "password": "short"})).await;
    assert_eq!(short.assert_problem(400, "PASSWORD_TOO_SHORT"), ["password"]);
    let bad = register(json!({"email": "nobody", "password": PASSWORD})).await;
    assert_eq!(bad.assert_problem(400, "FIELD_INVALID"), ["email"]);

    let login = async |email: &str| {
        let form = json!({"email": email, "password": "wrong horse battery staple"});
        world
            .send(Method::POST, "/v1/auth/login", &[("x-request-id", "same")], Some(&form))
            .await
    };
    let (wrong, unknown) = (login(&ada.email).await, login("eve@example.com").await);
    wrong.assert_problem(401, "INVALID_CREDENTIALS");
    assert_eq!(wrong.bytes, unknown.bytes);
    // It is no token that is wrong here, so no Bearer challenge.
    assert_eq!(wrong.header("www-authenticate"), unknown.header("www-authenticate"));
    world.end().await;
}

#[tokio::test]
async fn the_published_keys_are_a_key_set() {
    let world = World::new().await;
    let keys = world.send(Method::GET, "/.well-known/jwks.json", &[], None).await;
    assert_eq!(keys.status, 200);
    let [key] = &keys.json["keys"].as_array().unwrap()[..] else {
        panic!("{keys:?}")
    };
    let mut names: Vec<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    world.end().await;
}

#[tokio::test]
async fn everything_acknowledged_survives_a_restart() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let task = ada.create(&world, "Still here").await;
    let world = world.restarted().await;
    let found = ada
        .send(&world, Method::GET, &format!("/v1/tasks/{}", task.id), None)
        .await;
    assert_eq!(
        found.json["title"], "Still here",
        "the token and the task are as good as before"
    );
    world.login(&ada.email, PASSWORD).await.unwrap();
    let wrong = world.login(&ada.email, "wrong horse battery staple").await;
    assert_refused(wrong, Code::Unauthenticated, "INVALID_CREDENTIALS");
    world.end().await;
}
