//! What ends a session ends it everywhere: over gRPC and REST, at every service, within a second.

use std::time::Duration;

use http::Method;
use platform::testing::Workspace;
use proto::task::v1::ListTasksRequest;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::world::{PASSWORD, Person, World, bearer};

/// How long it takes until the tokens of a person are refused by both ways to their tasks.
async fn refused(world: &World, person: &Person) -> Duration {
    let began = Instant::now();
    loop {
        let grpc = world
            .tasks
            .clone()
            .list_tasks(bearer(&person.tokens.access_token, ListTasksRequest::default()))
            .await;
        let rest = person.send(world, Method::GET, "/v1/tasks", None).await;
        if let (Err(_), 401) = (&grpc, rest.status.as_u16()) {
            rest.assert_problem(401, "SESSION_REVOKED");
            return began.elapsed();
        }
        assert!(began.elapsed() < Duration::from_secs(5), "it is still accepted");
        sleep(Duration::from_millis(2)).await;
    }
}

/// SE-04, SE-05, SE-06: p99 within a second is measured by scripts/soak; here none may take longer.
#[tokio::test]
async fn every_end_of_a_session_is_heard_everywhere() {
    let world = World::new().await;
    for (name, method, path, body) in [
        ("ada", Method::POST, "/v1/auth/logout", json!({})),
        ("ben", Method::POST, "/v1/account:delete", json!({"password": PASSWORD})),
        ("cleo", Method::DELETE, "/v1/sessions/{own}", json!(null)),
    ] {
        let person = world.person(name).await;
        assert_eq!(person.send(&world, Method::GET, "/v1/tasks", None).await.status, 200);
        let sessions = person.send(&world, Method::GET, "/v1/sessions", None).await.json;
        let own = sessions["sessions"][0]["id"].as_str().unwrap();
        let mut body = body;
        if name == "ada" {
            body["refreshToken"] = json!(person.tokens.refresh_token);
        }
        let body = (!body.is_null()).then_some(&body);
        let answer = person.send(&world, method, &path.replace("{own}", own), body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let took = refused(&world, &person).await;
        assert!(took < Duration::from_secs(1), "{path}: {took:?}");
        person
            .send(&world, Method::GET, "/v1/auth/session", None)
            .await
            .assert_problem(401, "SESSION_REVOKED");
    }
    world.end().await;
}

#[tokio::test]
async fn a_password_change_ends_the_other_sessions_everywhere() {
    let world = World::new().await;
    let person = world.person("ada").await;
    let other = Person {
        tokens: world.login(&person.email, PASSWORD).await.unwrap(),
        email: person.email.clone(),
        user: person.user.clone(),
    };
    assert_eq!(other.send(&world, Method::GET, "/v1/tasks", None).await.status, 200);
    let change = json!({"currentPassword": PASSWORD, "newPassword": "another staple for the horse"});
    let changed = person
        .send(&world, Method::POST, "/v1/account:changePassword", Some(&change))
        .await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert!(refused(&world, &other).await < Duration::from_secs(1));
    assert_eq!(person.send(&world, Method::GET, "/v1/tasks", None).await.status, 200);
    world.end().await;
}

/// LG-05: the tasks of a deleted account are gone from the disk, and only those, also if a restart came between.
#[tokio::test]
async fn a_deleted_account_leaves_no_task_behind() {
    let world = World::new().await;
    let (ada, ben) = (world.person("ada").await, world.person("ben").await);
    for person in [&ada, &ben] {
        for number in 0..20 {
            let task = json!({"title": format!("{}'s secret {number}", person.email)});
            let created = person.send(&world, Method::POST, "/v1/tasks", Some(&task)).await;
            assert_eq!(created.status, 201);
        }
    }
    let delete = json!({"password": PASSWORD});
    let deleted = ada
        .send(&world, Method::POST, "/v1/account:delete", Some(&delete))
        .await;
    assert_eq!(deleted.status, 200, "{deleted:?}");
    // At once, most often before the erasure has begun.
    let world = world.restarted().await;
    let data = world.settings.data_dir.clone();
    let deadline = Instant::now() + Duration::from_secs(5);
    while tasks_of(&data, "ada@example.com").await > 0 {
        assert!(Instant::now() < deadline, "the tasks are still there");
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(tasks_of(&data, "ben@example.com").await, 20);
    // The address is free, and whoever takes it begins with nothing.
    let again = world.person("ada").await;
    assert_ne!(again.user.id, ada.user.id);
    let tasks = again.send(&world, Method::GET, "/v1/tasks", None).await.json;
    assert_eq!(tasks["tasks"], json!([]));
    let _workspace: Workspace = world.end().await;
}

/// As the database itself tells it.
async fn tasks_of(data: &std::path::Path, email: &str) -> i64 {
    use sqlx::{ConnectOptions as _, Row as _, sqlite::SqliteConnectOptions};

    let options = SqliteConnectOptions::new()
        .filename(data.join("task.db"))
        .read_only(true);
    let mut connection = options.connect().await.unwrap();
    let count = sqlx::query("SELECT count(*) FROM tasks WHERE title LIKE $1").bind(format!("{email}%"));
    count.fetch_one(&mut connection).await.unwrap().get(0)
}
