//! Sessions of browsers: when their cookies are used, renewed, and taken away.

use std::time::{Duration, Instant};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use futures_util::future::join_all;
use platform::{clock::Clock as _, wire_error::WireError};
use proto::{
    auth::v1::{LoginResponse, RefreshRequest, RefreshResponse, Tokens, User},
    task::v1::Task,
};
use tokio::time::{sleep, timeout};
use tonic::{Code, Status};

use crate::{
    far_end::Reply,
    world::{Answer, World},
};

const GONE: [&str; 2] = ["__Host-holdfast-access=", "__Host-holdfast-refresh="];
const RENEWED: [&str; 2] = ["__Host-holdfast-access=new", "__Host-holdfast-refresh=hfr_new"];

fn tokens() -> Tokens {
    Tokens {
        access_token: "new".to_owned(),
        token_type: "Bearer".to_owned(),
        expires_in: 300,
        refresh_token: "hfr_new".to_owned(),
        refresh_expires_in: 1_209_600,
    }
}

fn refused(code: Code, reason: &'static str) -> Reply {
    Reply::Status(WireError::new(code, reason, "refused").into())
}

/// An access token that lasts so many seconds from now on.
fn access(world: &World, seconds: i64) -> String {
    let end = world.clock.now().as_seconds() + seconds;
    let payload = BASE64_URL_SAFE_NO_PAD.encode(format!(r#"{{"exp":{end}}}"#));
    format!("e30.{payload}.c2lnbmF0dXJl")
}

fn cookies(access: &str, refresh: &str) -> String {
    format!("cookie: other=1; __Host-holdfast-access={access}; __Host-holdfast-refresh={refresh}")
}

async fn get(world: &World, cookies: &str) -> Answer {
    world.send_with("GET /v1/tasks/1", &[cookies], "").await
}

async fn with_a_session() -> World {
    let world = World::start().await;
    world
        .auth
        .replies(Reply::message(&RefreshResponse { tokens: Some(tokens()) }));
    world.task.replies(Reply::message(&Task::default()));
    world
}

#[tokio::test]
async fn a_cookie_is_a_bearer_token_for_the_service_and_nothing_else() {
    let world = with_a_session().await;
    let lasting = access(&world, 11);
    let answer = get(&world, &cookies(&lasting, "hfr_old")).await;
    assert_eq!((answer.status, answer.cookies()), (200, vec![]));
    let call = world.task.call();
    assert_eq!(call.values("authorization"), [format!("Bearer {lasting}")]);
    assert_eq!(call.values("cookie"), [""; 0]);
    assert!(world.auth.calls().is_empty());
}

#[tokio::test]
async fn a_header_counts_and_the_cookies_do_not() {
    let world = with_a_session().await;
    for header in ["authorization: Bearer mine", "authorization: Basic eA=="] {
        let cookies = cookies("a.b.c", "hfr_old");
        // From another site too: the browser did not add the header.
        let headers = [header, &cookies, "sec-fetch-site: cross-site"];
        let answer = world.send_with("POST /v1/tasks/1:complete", &headers, "").await;
        assert_eq!((answer.status, answer.cookies()), (200, vec![]), "{header}");
        assert_eq!(
            world.task.call().values("authorization"),
            [&header["authorization: ".len()..]]
        );
    }
    assert!(world.auth.calls().is_empty());
}

#[tokio::test]
async fn what_ends_is_renewed_first_whatever_the_method() {
    let world = with_a_session().await;
    let ending = access(&world, 10);
    for (line, cookies) in [
        ("GET /v1/tasks/1", cookies(&ending, "hfr_old1")),
        ("HEAD /v1/tasks/1", cookies("", "hfr_old2")),
        ("DELETE /v1/tasks/1", cookies("no-jwt", "hfr_old3")),
        (
            "POST /v1/tasks/1:complete",
            "cookie: __Host-holdfast-refresh=hfr_old4".to_owned(),
        ),
        ("POST /v1/tasks:import", cookies(&ending, "hfr_old5")),
    ] {
        let headers = [&*cookies, "content-type: text/csv"];
        let body = if line.ends_with("import") { "title" } else { "" };
        let headers = if body.is_empty() { &headers[..1] } else { &headers[..] };
        let answer = world.send_with(line, headers, body).await;
        assert_eq!(answer.cookies(), RENEWED, "{line}: {answer:?}");
        assert_eq!(world.task.call().values("authorization"), ["Bearer new"], "{line}");
        let refresh = world.auth.call();
        assert_eq!(refresh.path, "/holdfast.auth.v1.AuthService/Refresh");
        assert!(cookies.ends_with(&refresh.message::<RefreshRequest>().refresh_token));
        assert_eq!(refresh.values("authorization"), [""; 0]);
        assert_eq!(refresh.values("x-holdfast-client-address").len(), 1);
    }
}

#[tokio::test]
async fn the_cookies_come_with_any_answer() {
    let world = with_a_session().await;
    for (reply, number, status) in [
        (refused(Code::NotFound, "TASK_NOT_FOUND"), 1, 404),
        (Reply::Status(Status::internal("away")), 2, 500),
        (refused(Code::Unavailable, "UNAVAILABLE"), 3, 503),
        (
            Reply::message(&Task {
                etag: "v1".to_owned(),
                ..Task::default()
            }),
            4,
            304,
        ),
    ] {
        world.task.replies(reply);
        let cookies = cookies("", &format!("hfr_old{number}"));
        let answer = world
            .send_with("GET /v1/tasks/1", &[&cookies, "if-none-match: \"v1\""], "")
            .await;
        assert_eq!((answer.status, answer.cookies()), (status, RENEWED.to_vec()));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}

#[tokio::test]
async fn a_session_that_ended_takes_its_cookies_along() {
    let world = with_a_session().await;
    let lasting = access(&world, 100);
    // As its service says.
    world.task.replies(refused(Code::Unauthenticated, "SESSION_REVOKED"));
    let answer = get(&world, &cookies(&lasting, "hfr_old")).await;
    answer.assert_problem(401, "SESSION_REVOKED");
    assert_eq!(answer.cookies(), GONE);
    world.task.calls();
    // And as auth-service says when it is renewed.
    for (number, reason) in [
        "REFRESH_EXPIRED",
        "REFRESH_REUSED",
        "REFRESH_INVALID",
        "SESSION_REVOKED",
    ]
    .into_iter()
    .enumerate()
    {
        world.auth.replies(refused(Code::Unauthenticated, reason));
        let answer = get(&world, &cookies("", &format!("hfr_{number}"))).await;
        answer.assert_problem(401, reason);
        assert_eq!(answer.cookies(), GONE, "{reason}");
    }
    assert!(world.task.calls().is_empty());
}

#[tokio::test]
async fn an_outage_ends_no_session() {
    let world = with_a_session().await;
    for (reply, status) in [
        (refused(Code::Unavailable, "UNAVAILABLE"), 503),
        (refused(Code::DeadlineExceeded, "DEADLINE_EXCEEDED"), 504),
        (refused(Code::ResourceExhausted, "OVERLOADED"), 429),
        (Reply::Http(502), 503),
        (Reply::Status(Status::unauthenticated("not ours")), 500),
    ] {
        world.auth.replies(reply);
        let answer = get(&world, &cookies("", "hfr_old")).await;
        assert_eq!((answer.status, answer.cookies()), (status, vec![]));
        let answer = world.send_with("DELETE /session", &[&cookies("", "hfr_old")], "").await;
        assert_eq!((answer.status, answer.cookies()), (status, vec![]));
    }
}

#[tokio::test]
async fn a_renewal_takes_no_longer_than_the_request_may() {
    let world = with_a_session().await;
    world.auth.replies(Reply::Silence);
    let began = Instant::now();
    let headers = [&*cookies("", "hfr_old"), "grpc-timeout: 200m"];
    let answer = world.send_with("GET /v1/tasks", &headers, "").await;
    answer.assert_problem(504, "DEADLINE_EXCEEDED");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(answer.cookies(), [""; 0]);
}

/// For example when the key that signed it was revoked.
#[tokio::test]
async fn a_token_that_is_of_no_use_is_renewed_and_the_call_made_again() {
    let world = with_a_session().await;
    let lasting = access(&world, 100);
    for (number, reason) in ["TOKEN_INVALID", "TOKEN_EXPIRED"].into_iter().enumerate() {
        world.task.replies(refused(Code::Unauthenticated, reason));
        let cookies = cookies(&lasting, &format!("hfr_{number}"));
        let answer = get(&world, &cookies).await;
        let used: Vec<_> = world.task.calls();
        let used: Vec<_> = used.iter().flat_map(|call| call.values("authorization")).collect();
        assert_eq!(used, [&*format!("Bearer {lasting}"), "Bearer new"], "{reason}");
        // The new one is of no use either: that is not the session's fault.
        answer.assert_problem(401, reason);
        assert_eq!(answer.cookies(), ["__Host-holdfast-access="]);
        // An upload cannot be sent twice; the next request is better off.
        let answer = world
            .send_with("POST /v1/tasks:import", &[&cookies, "content-type: text/csv"], "title")
            .await;
        answer.assert_problem(401, reason);
        assert_eq!(answer.cookies(), ["__Host-holdfast-access="]);
        assert_eq!(world.task.calls().len(), 1);
    }
}

/// BR-07.
#[tokio::test]
async fn br_07_twenty_tabs_with_an_ended_token_are_renewed_by_one_refresh() {
    let world = with_a_session().await;
    let ended = cookies(&access(&world, -1), "hfr_old");
    for answer in join_all((0..20).map(|_| get(&world, &ended))).await {
        assert_eq!((answer.status, answer.cookies()), (200, RENEWED.to_vec()));
    }
    assert_eq!(
        get(&world, &ended).await.cookies(),
        RENEWED,
        "it was sent before the answers came"
    );
    world.auth.call();
}

#[tokio::test]
async fn tokens_become_cookies_and_are_in_no_answer() {
    let world = World::start().await;
    world.auth.replies(Reply::message(&LoginResponse {
        user: Some(User {
            id: "1".to_owned(),
            ..User::default()
        }),
        tokens: Some(tokens()),
    }));
    let body = r#"{"email": "ada@example.com", "password": "secret"}"#;
    for (line, path, status) in [
        ("POST /session", "/holdfast.auth.v1.AuthService/Login", 200),
        ("POST /session/register", "/holdfast.auth.v1.AuthService/Register", 201),
    ] {
        let answer = world.send_json(line, body).await;
        assert_eq!(
            (answer.status, answer.cookies()),
            (status, RENEWED.to_vec()),
            "{answer:?}"
        );
        assert_eq!(world.auth.call().path, path);
        let json = answer.json();
        assert_eq!((&json["user"]["id"], json.get("tokens")), (&"1".into(), None), "{json}");
        // The session that the browser had before ends, when what its tabs have under way has arrived.
        let again = [
            "content-type: application/json",
            "cookie: __Host-holdfast-refresh=hfr_old",
        ];
        let answer = world.send_with(line, &again, body).await;
        assert_eq!(answer.cookies(), RENEWED);
        assert_eq!(world.auth.call().path, path);
        let ended = timeout(Duration::from_secs(20), async {
            loop {
                if let Some(call) = world.auth.calls().pop() {
                    return call;
                }
                sleep(Duration::from_millis(50)).await;
            }
        });
        let ended = ended.await.expect("it ends");
        assert_eq!(ended.path, "/holdfast.auth.v1.AuthService/Logout");
        assert_eq!(ended.message::<RefreshRequest>().refresh_token, "hfr_old");
    }
    // What is refused sets nothing.
    world
        .auth
        .replies(refused(Code::Unauthenticated, "INVALID_CREDENTIALS"));
    let answer = world.send_json("POST /session", body).await;
    answer.assert_problem(401, "INVALID_CREDENTIALS");
    assert_eq!(answer.cookies(), [""; 0]);
}

#[tokio::test]
async fn who_signs_out_is_signed_out() {
    let world = World::start().await;
    let answer = world
        .send_with("DELETE /session", &[&cookies("a", "hfr_old")], "")
        .await;
    assert_eq!((answer.status, answer.cookies()), (204, GONE.to_vec()));
    let call = world.auth.call();
    assert_eq!(call.path, "/holdfast.auth.v1.AuthService/Logout");
    assert_eq!(call.message::<RefreshRequest>().refresh_token, "hfr_old");
    // Twice is fine, and so is half a session.
    let answer = world.send("DELETE /session").await;
    assert_eq!((answer.status, answer.cookies()), (204, vec![]));
    let answer = world
        .send_with("DELETE /session", &["cookie: __Host-holdfast-access=a"], "")
        .await;
    assert_eq!((answer.status, answer.cookies()), (204, GONE.to_vec()));
    assert!(world.auth.calls().is_empty());
}

/// BR-04.
#[tokio::test]
async fn br_04_another_site_cannot_use_the_session() {
    let world = with_a_session().await;
    let cookies = cookies(&access(&world, 100), "hfr_old");
    let json = "content-type: application/json";
    for from in [
        "sec-fetch-site: cross-site",
        "sec-fetch-site: same-site",
        "origin: https://evil.example",
        "origin: null",
    ] {
        for (line, headers, body) in [
            ("POST /v1/tasks", vec![&*cookies, json], r#"{"title": "x"}"#),
            (
                "POST /v1/tasks:import",
                vec![&*cookies, "content-type: text/csv"],
                "title",
            ),
            ("DELETE /v1/tasks/1", vec![&*cookies], ""),
            (
                "POST /v1/auth/refresh",
                vec![&*cookies, json],
                r#"{"refreshToken": "x"}"#,
            ),
            ("DELETE /session", vec![], ""),
            (
                "POST /session",
                vec![json],
                r#"{"email": "a@example.com", "password": "x"}"#,
            ),
            (
                "POST /session/register",
                vec![json],
                r#"{"email": "a@example.com", "password": "x"}"#,
            ),
        ] {
            let answer = world.send_with(line, &[&headers[..], &[from]].concat(), body).await;
            answer.assert_problem(403, "CROSS_SITE_REQUEST");
            assert_eq!(answer.cookies(), [""; 0], "{line} {from}");
        }
        // Reading is harmless: the page does not get the answer.
        let answer = world.send_with("GET /v1/tasks/1", &[&cookies, from], "").await;
        assert_eq!(answer.status, 200, "{from}");
        world.task.call();
    }
    assert!(world.auth.calls().is_empty() && world.task.calls().is_empty());
    for form in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ] {
        let headers = [&*cookies, &*format!("content-type: {form}")];
        let answer = world.send_with("POST /v1/tasks", &headers, r#"{"title": "x"}"#).await;
        answer.assert_problem(415, "MEDIA_TYPE_UNSUPPORTED");
    }
    for from in [
        "sec-fetch-site: same-origin",
        "origin: http://localhost",
        "origin: https://tasks.example.com",
    ] {
        let answer = world.send_with("DELETE /v1/tasks/1", &[&cookies, from], "").await;
        assert_eq!(answer.status, 200, "{from}");
    }
}

#[tokio::test]
async fn a_session_does_not_begin_where_browsers_drop_its_cookies() {
    let world = World::with_proxies(&["127.0.0.1/32".parse().expect("a network")]).await;
    let body = r#"{"email": "ada@example.com", "password": "secret"}"#;
    for line in [
        "POST http://tasks.example.com/session",
        "POST http://tasks.example.com/session/register",
    ] {
        let json = "content-type: application/json";
        let answer = world.send_with(line, &[json], body).await;
        answer.assert_problem(400, "SECURE_ORIGIN_REQUIRED");
        assert_eq!(answer.header("strict-transport-security"), None);
        world
            .auth
            .replies(refused(Code::Unauthenticated, "INVALID_CREDENTIALS"));
        let answer = world.send_with(line, &[json, "x-forwarded-proto: https"], body).await;
        answer.assert_problem(401, "INVALID_CREDENTIALS");
        assert_eq!(answer.header("strict-transport-security"), Some("max-age=63072000"));
    }
}

#[tokio::test]
async fn other_methods_are_told_what_there_is() {
    let world = World::start().await;
    for (path, allowed) in [
        ("/session", "DELETE, GET, HEAD, OPTIONS, POST"),
        ("/session/register", "OPTIONS, POST"),
    ] {
        let answer = world.send(&format!("PUT {path}")).await;
        answer.assert_problem(405, "METHOD_NOT_ALLOWED");
        assert_eq!(answer.header("allow"), Some(allowed));
        let answer = world.send(&format!("OPTIONS {path}")).await;
        assert_eq!((answer.status, answer.header("allow")), (204, Some(allowed)));
    }
    let answer = world.send("GET /session/").await;
    answer.assert_problem(404, "ROUTE_NOT_FOUND");
}
