//! Browser sessions with the real services: cookies in place of tokens.

use std::time::Duration;

use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::world::{Answer, PASSWORD, World};

const ACCESS: &str = "__Host-holdfast-access";
const REFRESH: &str = "__Host-holdfast-refresh";

/// What a browser keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Browser {
    access: String,
    refresh: String,
}

impl Browser {
    /// Does what an answer asks; checks that no token is anywhere else in it.
    fn take(&mut self, answer: &Answer) {
        for cookie in answer.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let (name, rest) = cookie.split_once('=').unwrap();
            let (value, attributes) = rest.split_once("; ").unwrap();
            assert!(
                attributes.ends_with("Path=/; Secure; HttpOnly; SameSite=Strict"),
                "{cookie}"
            );
            let place = match name {
                ACCESS => &mut self.access,
                REFRESH => &mut self.refresh,
                _ => panic!("{cookie}"),
            };
            value.clone_into(place);
        }
        let body = String::from_utf8_lossy(&answer.bytes);
        for token in [&self.access, &self.refresh] {
            assert!(token.is_empty() || !body.contains(token.as_str()), "BR-01: {body}");
        }
        assert!(!body.contains("eyJ") && !body.contains("hfr_"), "BR-01: {body}");
        assert_eq!(answer.header("cache-control"), "no-store");
    }

    async fn send(&mut self, world: &World, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let cookies = format!("{ACCESS}={}; {REFRESH}={}", self.access, self.refresh);
        let headers = [("cookie", &*cookies), ("sec-fetch-site", "same-origin")];
        let answer = world.send(method, path, &headers, body).await;
        self.take(&answer);
        answer
    }

    async fn register(world: &World, name: &str) -> Self {
        let mut browser = Self::default();
        let account = json!({"email": format!("{name}@example.com"), "password": PASSWORD});
        let answer = browser
            .send(world, Method::POST, "/session/register", Some(&account))
            .await;
        assert_eq!(answer.status, 201, "{answer:?}");
        assert_eq!(answer.json["user"]["email"], account["email"]);
        assert!(!browser.access.is_empty() && !browser.refresh.is_empty());
        browser
    }
}

#[tokio::test]
async fn a_person_lives_in_a_browser() {
    let world = World::new().await;
    let mut ada = Browser::register(&world, "ada").await;
    let task = json!({"title": "Buy milk"});
    let created = ada.send(&world, Method::POST, "/v1/tasks", Some(&task)).await;
    assert_eq!(created.status, 201, "{created:?}");
    let session = ada.send(&world, Method::GET, "/session", None).await;
    assert_eq!(session.json["user"]["email"], "ada@example.com");
    assert_eq!(session.json["session"]["current"], true);

    // Without the access token the next request renews it.
    let before = ada.clone();
    ada.access.clear();
    let list = ada.send(&world, Method::GET, "/v1/tasks", None).await;
    assert_eq!(list.json["tasks"][0]["title"], "Buy milk");
    assert!(ada.access != before.access && ada.refresh != before.refresh);

    // Signing in again ends the session that was there, when what it has under way has arrived.
    let mut second = ada.clone();
    let login = json!({"email": "ada@example.com", "password": PASSWORD});
    let answer = second.send(&world, Method::POST, "/session", Some(&login)).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (200, ""));
    let ended = timeout(Duration::from_secs(30), async {
        loop {
            let sessions = second.send(&world, Method::GET, "/v1/sessions", None).await;
            if sessions.json["sessions"].as_array().map(Vec::len) == Some(1) {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
    });
    ended.await.expect("it ends");
    ada.access.clear();
    let answer = ada.send(&world, Method::GET, "/v1/tasks", None).await;
    answer.assert_problem(401, "SESSION_REVOKED");
    assert_eq!(ada, Browser::default());

    let answer = second.send(&world, Method::DELETE, "/session", None).await;
    assert_eq!((answer.status.as_u16(), &second), (204, &Browser::default()));
    let answer = second.send(&world, Method::GET, "/session", None).await;
    answer.assert_problem(401, "TOKEN_MISSING");
    world.end().await;
}

/// BR-07.
#[tokio::test]
async fn br_07_twenty_tabs_without_an_access_token_sign_nobody_out() {
    let world = World::new().await;
    let mut ada = Browser::register(&world, "ada").await;
    ada.access.clear();
    let mut tabs = vec![ada.clone(); 20];
    let answers = join_all(
        tabs.iter_mut()
            .map(|tab| tab.send(&world, Method::GET, "/v1/tasks", None)),
    )
    .await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    assert!(tabs.iter().all(|tab| *tab == tabs[0]), "one session, one successor");
    assert_ne!(tabs[0].refresh, ada.refresh);
    let answer = tabs[19].send(&world, Method::GET, "/session", None).await;
    assert_eq!(answer.status, 200);
    world.end().await;
}

#[tokio::test]
async fn two_browsers_are_two_people() {
    let world = World::new().await;
    let (mut ada, mut eve) = (
        Browser::register(&world, "ada").await,
        Browser::register(&world, "eve").await,
    );
    let task = json!({"title": "secret"});
    let created = ada.send(&world, Method::POST, "/v1/tasks", Some(&task)).await;
    let id = created.json["id"].as_str().unwrap();
    let answer = eve.send(&world, Method::GET, &format!("/v1/tasks/{id}"), None).await;
    answer.assert_problem(404, "TASK_NOT_FOUND");
    let list = eve.send(&world, Method::GET, "/v1/tasks", None).await;
    assert_eq!(list.json["tasks"], json!([]));
    // Half of each is neither's: the access token says who it is.
    let mut mixed = Browser {
        access: eve.access.clone(),
        refresh: ada.refresh.clone(),
    };
    let session = mixed.send(&world, Method::GET, "/session", None).await;
    assert_eq!(session.json["user"]["email"], "eve@example.com");
    world.end().await;
}

#[tokio::test]
async fn a_session_that_ends_elsewhere_signs_the_browser_out() {
    let world = World::new().await;
    let mut ada = Browser::register(&world, "ada").await;
    let mut phone = Browser::default();
    let login = json!({"email": "ada@example.com", "password": PASSWORD});
    phone.send(&world, Method::POST, "/session", Some(&login)).await;
    let answer = ada
        .send(&world, Method::POST, "/v1/sessions:revokeOthers", Some(&json!({})))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(5);
    loop {
        let answer = phone.send(&world, Method::GET, "/v1/tasks", None).await;
        if answer.status == 401 {
            answer.assert_problem(401, "SESSION_REVOKED");
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "the session is still good");
    }
    assert_eq!(phone, Browser::default());
    assert_eq!(ada.send(&world, Method::GET, "/session", None).await.status, 200);
    world.end().await;
}
