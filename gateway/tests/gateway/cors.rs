//! Pages of other origins, and what every answer tells a browser.

use crate::world::World;

const APP: &str = "https://app.example.com";

#[tokio::test]
async fn br_05_an_allowed_page_may_call_the_api_without_cookies() {
    let world = World::configured(|config| config.allowed_origins = vec![APP.to_owned()]).await;
    let origin = format!("origin: {APP}");
    for (line, allowed) in [
        ("GET /v1/tasks/1", Some(APP)),
        ("GET /nowhere", Some(APP)),
        ("GET /session", None),
    ] {
        let answer = world.send_with(line, &[&origin], "").await;
        assert_eq!(answer.header("access-control-allow-origin"), allowed, "{line}");
        assert_eq!(answer.header("access-control-allow-credentials"), None);
        let answer = world.send_with(line, &["origin: https://evil.example"], "").await;
        assert_eq!(answer.header("access-control-allow-origin"), None, "{line}");
    }
    let preflight = [&*origin, "access-control-request-method: PATCH"];
    let answer = world.send_with("OPTIONS /v1/tasks/1", &preflight, "").await;
    assert_eq!((answer.status, &*answer.body), (204, &b""[..]));
    let methods = answer.header("access-control-allow-methods").unwrap_or_default();
    assert!(methods.contains("PATCH") && methods.contains("DELETE"), "{methods}");
    let headers = answer.header("access-control-allow-headers").unwrap_or_default();
    assert!(
        headers.contains("authorization") && headers.contains("if-match"),
        "{headers}"
    );
}

#[tokio::test]
async fn br_06_every_answer_tells_a_browser_to_be_careful() {
    let world = World::start().await;
    for line in [
        "GET /v1/tasks/1",
        "GET /nowhere",
        "GET /livez",
        "OPTIONS /v1/tasks",
        "GET /session",
    ] {
        let answer = world.send(line).await;
        for (name, value) in [
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{line}");
        }
        assert_eq!(answer.header("strict-transport-security"), None, "plain http");
    }
    let page = world.send("GET /reset-password").await;
    let policy = page.header("content-security-policy").unwrap_or_default();
    assert!(
        policy.contains("script-src 'self'") && policy.contains("base-uri 'none'"),
        "{policy}"
    );
}
