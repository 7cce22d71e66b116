//! Keys, sessions and accounts are the same at every replica.

use std::{collections::HashSet, sync::Arc, time::Duration};

use proto::auth::v1::{GetJwksRequest, LogoutRequest};
use tokio::{task::JoinSet, time::Instant};
use tonic::Code;

use crate::world::{REPLICAS, World, assert_refused, numbers, refresh, register, timed};

/// A race is won by the right one now and then; not so often.
const ROUNDS: usize = 5;

#[tokio::test]
async fn replicas_started_at_once_on_postgres_have_one_key() {
    for _ in 0..ROUNDS {
        let world = World::start().await;
        let mut published = Vec::new();
        for number in 0..REPLICAS {
            let keys = world.auth_at(number).get_jwks(timed(GetJwksRequest {})).await.unwrap();
            published.push(keys.into_inner().keys);
        }
        assert_eq!(published[0].len(), 1);
        assert!(published.iter().all(|keys| *keys == published[0]));
        assert_eq!(
            numbers(&world.auth_database, "SELECT count(*) FROM signing_keys").await,
            [1]
        );

        for issuer in 0..REPLICAS {
            let email = format!("ada{issuer}@example.com");
            let registered = register(world.auth_at(issuer), &email).await.unwrap();
            let mut person = world.person(&format!("ben{issuer}")).await;
            person.tokens = registered.tokens.unwrap();
            for verifier in 0..REPLICAS {
                person.session(world.auth_at(verifier)).await.unwrap();
                person.list(world.tasks_at(verifier), 10, "").await.unwrap();
                refresh(world.auth_at(verifier), &person.tokens.refresh_token)
                    .await
                    .unwrap();
            }
        }
    }
}

/// SE-11, over replicas.
#[tokio::test]
async fn fifty_parallel_refreshes_over_replicas_on_postgres_get_one_successor() {
    let world = Arc::new(World::start().await);
    let mut person = world.person("ada").await;
    let mut calls = JoinSet::new();
    for _ in 0..50 {
        let (auth, token) = (world.auth(), person.tokens.refresh_token.clone());
        calls.spawn(async move { refresh(auth, &token).await.unwrap() });
    }
    let mut successors = HashSet::new();
    for tokens in calls.join_all().await {
        person.tokens = tokens.clone();
        person.session(world.auth()).await.unwrap();
        successors.insert(tokens.refresh_token);
    }
    assert_eq!(successors.len(), 1);
    let generation = "SELECT generation FROM sessions WHERE end_time IS NULL";
    assert_eq!(numbers(&world.auth_database, generation).await, [1]);

    // The chain goes on, wherever.
    for number in 0..REPLICAS {
        person.tokens = refresh(world.auth_at(number), &person.tokens.refresh_token)
            .await
            .unwrap();
    }
    assert_eq!(numbers(&world.auth_database, generation).await, [4]);
}

#[tokio::test]
async fn a_logout_at_one_replica_on_postgres_ends_the_session_at_all() {
    let world = World::start().await;
    let person = world.person("ada").await;
    for number in 0..REPLICAS {
        person.session(world.auth_at(number)).await.unwrap();
    }
    let request = LogoutRequest {
        refresh_token: person.tokens.refresh_token.clone(),
    };
    world.auth_at(0).logout(timed(request)).await.unwrap();
    let ended = Instant::now();
    for number in 0..REPLICAS {
        let refreshed = refresh(world.auth_at(number), &person.tokens.refresh_token).await;
        assert_refused(refreshed, Code::Unauthenticated, "SESSION_REVOKED");
        let session = person.session(world.auth_at(number)).await;
        assert_refused(session, Code::Unauthenticated, "SESSION_REVOKED");
    }
    // SE-04: the replicas of task-service, which ask nobody, have heard of it within a second.
    for number in 0..REPLICAS {
        while person.list(world.tasks_at(number), 1, "").await.is_ok() {
            assert!(ended.elapsed() < Duration::from_secs(1), "replica {number}");
        }
        let listed = person.list(world.tasks_at(number), 1, "").await;
        assert_refused(listed, Code::Unauthenticated, "SESSION_REVOKED");
    }
}

/// SE-10, over replicas.
#[tokio::test]
async fn a_reuse_at_one_replica_on_postgres_ends_the_session_at_all() {
    let world = World::start().await;
    let mut person = world.person("ada").await;
    let other = person.login(world.auth()).await.unwrap();
    let first = person.tokens.refresh_token.clone();
    for number in 1..REPLICAS {
        person.tokens = refresh(world.auth_at(number), &person.tokens.refresh_token)
            .await
            .unwrap();
    }
    assert_refused(
        refresh(world.auth_at(0), &first).await,
        Code::Unauthenticated,
        "REFRESH_REUSED",
    );
    for number in 0..REPLICAS {
        let refreshed = refresh(world.auth_at(number), &person.tokens.refresh_token).await;
        assert_refused(refreshed, Code::Unauthenticated, "SESSION_REVOKED");
        let session = person.session(world.auth_at(number)).await;
        assert_refused(session, Code::Unauthenticated, "SESSION_REVOKED");
    }
    refresh(world.auth(), &other.refresh_token).await.unwrap();
}

#[tokio::test]
async fn a_registration_race_over_replicas_on_postgres_has_one_winner() {
    let world = World::start().await;
    let mut calls = JoinSet::new();
    for number in 0..30 {
        // Addresses that compare equal.
        let email = if number % 2 == 0 {
            "ada@example.com"
        } else {
            "ADA@Example.com"
        };
        let auth = world.auth();
        calls.spawn(async move { register(auth, email).await });
    }
    let (won, lost): (Vec<_>, Vec<_>) = calls.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    for refused in lost {
        assert_refused(refused, Code::AlreadyExists, "EMAIL_TAKEN");
    }
    assert_eq!(
        numbers(&world.auth_database, "SELECT count(*) FROM accounts").await,
        [1]
    );
    assert_eq!(
        numbers(&world.auth_database, "SELECT count(*) FROM sessions").await,
        [1]
    );
}
