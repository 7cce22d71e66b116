//! Refresh.

use std::{collections::HashSet, sync::Arc, time::Duration};

use auth_service::store::{AuditStore as _, SCHEMA, SqlStore};
use platform::database::Engine as _;
use sqlx::Sqlite;
use tonic::Code;

use crate::world::{EMAIL, World, assert_refused};

const LATER: Duration = Duration::from_secs(31);

/// SE-15: the old access token stays good until its own end.
#[tokio::test]
async fn a_refresh_gives_new_tokens_and_spares_the_old_access_token() {
    let world = World::new().await;
    let first = world.register(EMAIL).await.tokens.unwrap();
    world.clock.advance(Duration::from_secs(10));
    let second = world.refresh(&first.refresh_token).await.unwrap();
    assert_ne!(first.access_token, second.access_token);
    assert_ne!(first.refresh_token, second.refresh_token);
    assert_eq!((second.expires_in, second.refresh_expires_in), (300, 24 * 3600));
    world.clock.advance(Duration::from_secs(289));
    world.session(&first.access_token).await.unwrap();
    world.clock.advance(Duration::from_secs(1));
    assert_refused(
        world.session(&first.access_token).await,
        Code::Unauthenticated,
        "TOKEN_EXPIRED",
    );
    world.session(&second.access_token).await.unwrap();
}

/// SE-11: racing tabs converge on one chain.
#[tokio::test]
async fn fifty_parallel_refreshes_of_one_token_get_one_successor() {
    let world = Arc::new(World::new().await);
    let token = world.register(EMAIL).await.tokens.unwrap().refresh_token;
    let calls = (0..50).map(|_| {
        let (world, token) = (world.clone(), token.clone());
        tokio::spawn(async move { world.refresh(&token).await.unwrap() })
    });
    let mut successors = HashSet::new();
    for call in calls.collect::<Vec<_>>() {
        let tokens = call.await.unwrap();
        world.session(&tokens.access_token).await.unwrap();
        successors.insert(tokens.refresh_token);
    }
    assert_eq!(successors.len(), 1);
    for successor in successors {
        world.refresh(&successor).await.unwrap();
    }
}

/// SE-12: an answer may be lost any number of times.
#[tokio::test]
async fn a_lost_answer_is_recovered_until_its_successor_is_used() {
    let world = World::new().await;
    let token = world.register(EMAIL).await.tokens.unwrap().refresh_token;
    let mut last = world.refresh(&token).await.unwrap();
    for _ in 0..3 {
        world.clock.advance(LATER);
        last = world.refresh(&token).await.unwrap();
    }
    world.refresh(&last.refresh_token).await.unwrap();
    assert_refused(world.refresh(&token).await, Code::Unauthenticated, "REFRESH_REUSED");
}

/// SE-10: one session ends, and no other.
#[tokio::test]
async fn a_superseded_token_ends_its_session_only() {
    let world = World::new().await;
    let first = world.register(EMAIL).await.tokens.unwrap();
    let other = world
        .login(EMAIL, crate::world::PASSWORD)
        .await
        .unwrap()
        .tokens
        .unwrap();
    let second = world.refresh(&first.refresh_token).await.unwrap();
    let third = world.refresh(&second.refresh_token).await.unwrap();
    assert_refused(
        world.refresh(&first.refresh_token).await,
        Code::Unauthenticated,
        "REFRESH_REUSED",
    );
    assert_refused(
        world.refresh(&third.refresh_token).await,
        Code::Unauthenticated,
        "SESSION_REVOKED",
    );
    assert_refused(
        world.session(&third.access_token).await,
        Code::Unauthenticated,
        "SESSION_REVOKED",
    );
    world.refresh(&other.refresh_token).await.unwrap();
}

/// SE-13: the alarm is in the audit log, once, and counted.
#[tokio::test]
async fn a_reuse_is_recorded_and_counted() {
    let world = World::new().await;
    let registered = world.register(EMAIL).await;
    let (user, first) = (registered.user.unwrap(), registered.tokens.unwrap());
    let session = world.session(&first.access_token).await.unwrap().session.unwrap();
    let second = world.refresh(&first.refresh_token).await.unwrap();
    world.refresh(&second.refresh_token).await.unwrap();
    // The first time it is a reuse; then the session has ended.
    for reason in ["REFRESH_REUSED", "SESSION_REVOKED"] {
        assert_refused(world.refresh(&first.refresh_token).await, Code::Unauthenticated, reason);
    }
    let database = Sqlite::open(world.database(), &SCHEMA).await.unwrap();
    let records = SqlStore::new(database).audit_after(0, None, 100).await.unwrap();
    let alarms: Vec<_> = records
        .iter()
        .filter(|record| record.act == "REFRESH_REUSED")
        .map(|record| (record.account.unwrap().to_string(), record.session.unwrap().to_string()))
        .collect();
    assert_eq!(alarms, [(user.id, session.id)]);
    let metrics = world.config.metrics.text();
    for line in [
        "auth_refresh_total{outcome=\"reused\"} 1",
        "auth_refresh_total{outcome=\"ended\"} 1",
        "sessions_revoked_total{reason=\"REFRESH_REUSED\"} 1",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in {metrics}");
    }
}

#[tokio::test]
async fn an_idle_session_expires_and_an_old_one_too() {
    let world = World::new().await;
    let mut tokens = world.register(EMAIL).await.tokens.unwrap();
    for _ in 0..3 {
        world.clock.advance(Duration::from_hours(23));
        tokens = world.refresh(&tokens.refresh_token).await.unwrap();
    }
    // 69 of the 72 hours are over.
    assert_eq!(tokens.refresh_expires_in, 3 * 3600);
    world.clock.advance(Duration::from_hours(3));
    assert_refused(
        world.refresh(&tokens.refresh_token).await,
        Code::Unauthenticated,
        "REFRESH_EXPIRED",
    );

    let idle = world
        .login(EMAIL, crate::world::PASSWORD)
        .await
        .unwrap()
        .tokens
        .unwrap();
    world.clock.advance(Duration::from_hours(24));
    assert_refused(
        world.refresh(&idle.refresh_token).await,
        Code::Unauthenticated,
        "REFRESH_EXPIRED",
    );
}

#[tokio::test]
async fn what_is_no_refresh_token_is_refused() {
    let world = World::new().await;
    let tokens = world.register(EMAIL).await.tokens.unwrap();
    assert_eq!(
        assert_refused(world.refresh("").await, Code::InvalidArgument, "FIELD_INVALID"),
        ["refresh_token"]
    );
    let other = World::new().await.register(EMAIL).await.tokens.unwrap().refresh_token;
    for token in [
        "x",
        "hfr_",
        "hfr_AAAA",
        &tokens.access_token,
        &other,
        &"x".repeat(100_000),
    ] {
        assert_refused(world.refresh(token).await, Code::Unauthenticated, "REFRESH_INVALID");
    }
}

/// SE-16 in short: the service goes away after the commit; the retry works, by the same or a new process.
#[tokio::test]
async fn a_refresh_survives_a_restart() {
    let world = World::new().await;
    let first = world.register(EMAIL).await.tokens.unwrap();
    let second = world.refresh(&first.refresh_token).await.unwrap();
    let world = world.restarted().await;
    assert_eq!(
        world.refresh(&first.refresh_token).await.unwrap().refresh_token,
        second.refresh_token
    );
    world.clock.advance(LATER);
    world.refresh(&first.refresh_token).await.unwrap();
    world.session(&second.access_token).await.unwrap();
}

/// SE-01: nothing in the database refreshes a session.
#[tokio::test]
async fn the_database_holds_no_usable_secret() {
    let world = World::new().await;
    let tokens = world.register(EMAIL).await.tokens.unwrap();
    let platform::configuration::DatabaseUrl::Sqlite(path) = world.database().clone() else {
        panic!("the world is on a file")
    };
    let world = world.restarted().await;
    for file in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let holds = |secret: &[u8]| bytes.windows(secret.len()).any(|window| window == secret);
        assert!(!holds(tokens.refresh_token.as_bytes()) && !holds(&tokens.refresh_token.as_bytes()[4..40]));
        assert!(!holds(tokens.access_token.as_bytes()));
        assert!(!holds(crate::world::PASSWORD.as_bytes()));
    }
    // The same database under another master key opens no session: it does not even start.
    let mut config = world.config.clone();
    config.master_keys = crate::world::master_keys(2);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = auth_service::serve(listener, config, tokio_util::sync::CancellationToken::new()).await;
    assert!(refused.unwrap_err().to_string().contains("does not open"));
}

/// SE-03: no access token outlives its session, so that nothing is done in its name after its end.
#[tokio::test]
async fn an_access_token_ends_with_its_session() {
    let world = World::new().await;
    let mut token = world.register(EMAIL).await.tokens.unwrap().refresh_token;
    // The session is refreshed within its idle lifetime until it is a minute short of its greatest age.
    for hours in [20, 20, 20, 11] {
        world.clock.advance(Duration::from_hours(hours));
        token = world.refresh(&token).await.unwrap().refresh_token;
    }
    world.clock.advance(Duration::from_mins(59));
    let last = world.refresh(&token).await.unwrap();
    assert_eq!((last.expires_in, last.refresh_expires_in), (60, 60));
    world.session(&last.access_token).await.unwrap();
    world.clock.advance(Duration::from_mins(1));
    assert_refused(
        world.session(&last.access_token).await,
        Code::Unauthenticated,
        "TOKEN_EXPIRED",
    );
    assert_refused(
        world.refresh(&last.refresh_token).await,
        Code::Unauthenticated,
        "REFRESH_EXPIRED",
    );
}
