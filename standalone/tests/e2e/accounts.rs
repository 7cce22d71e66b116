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

/// OA-10: public members only, kept for five minutes and asked for again cheaply.
#[tokio::test]
async fn oa_10_the_jwks_is_public_and_can_be_kept() {
    const PATH: &str = "/.well-known/jwks.json";
    let world = World::new().await;
    let keys = world.send(Method::GET, PATH, &[], None).await;
    assert_eq!(keys.status, 200);
    let [key] = &keys.json["keys"].as_array().unwrap()[..] else {
        panic!("{keys:?}")
    };
    let mut names: Vec<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    assert_eq!((&key["use"], &key["alg"]), (&json!("sig"), &json!("ES256")));
    assert!(key["kid"].as_str().is_some_and(|kid| !kid.is_empty()));
    assert_eq!(keys.header("cache-control"), "public, max-age=300");

    let etag = keys.header("etag");
    assert!(etag.len() > 2 && etag.starts_with('"') && etag.ends_with('"'), "{etag}");
    let unchanged = world.send(Method::GET, PATH, &[("if-none-match", etag)], None).await;
    assert_eq!((unchanged.status.as_u16(), unchanged.bytes.len()), (304, 0));
    assert_eq!(unchanged.header("etag"), etag);
    assert_eq!(unchanged.header("cache-control"), "public, max-age=300");

    // The tag is that of the keys, not of the process.
    let other = World::new().await;
    let others = other.send(Method::GET, PATH, &[("if-none-match", etag)], None).await;
    assert_eq!(others.status, 200);
    assert_ne!(others.header("etag"), etag);
    other.end().await;
    let world = world.restarted().await;
    assert_eq!(world.send(Method::GET, PATH, &[], None).await.header("etag"), etag);
    world.end().await;
}

/// OA-11: nobody on the way keeps a token (RFC 6749, section 5.1).
#[tokio::test]
async fn oa_11_answers_with_tokens_are_no_store() {
    let world = World::new().await;
    let post = async |path: &str, form: &serde_json::Value| {
        let answer = world.send(Method::POST, path, &[], Some(form)).await;
        assert!(answer.status.is_success(), "{path}: {answer:?}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!((answer.header("etag"), answer.header("expires")), ("", ""), "{path}");
        answer.json["tokens"]["refreshToken"].clone()
    };
    let form = json!({"email": "ada@example.com", "password": PASSWORD});
    post("/v1/auth/register", &form).await;
    let refresh_token = post("/v1/auth/login", &form).await;
    assert!(refresh_token.is_string());
    let next = post("/v1/auth/refresh", &json!({"refreshToken": refresh_token})).await;
    assert!(next.is_string() && next != refresh_token);
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
