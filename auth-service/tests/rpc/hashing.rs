//! Hashing: what is stored, and what happens when there is too much of it.

use std::{sync::Arc, time::Duration};

use auth_service::{
    accounts::Email,
    passwords::HashingParameters,
    store::{AccountStore as _, SCHEMA, SqlStore},
};
use platform::database::Engine as _;
use tokio::{task::JoinSet, time::Instant};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::world::{EMAIL, PASSWORD, World, assert_refused};

async fn stored_hash(world: &World) -> String {
    let database = sqlx::Sqlite::open(world.database(), &SCHEMA).await.unwrap();
    let email = Email::parse(EMAIL).unwrap_or_else(|problem| panic!("{problem}"));
    SqlStore::new(database)
        .credentials(&email)
        .await
        .unwrap()
        .unwrap()
        .password_hash
}

/// PW-11: the default parameters, as stored.
#[tokio::test]
async fn passwords_are_stored_as_argon2id_with_at_least_19_mib() {
    let world = World::with(|config| config.hashing = HashingParameters::DEFAULT).await;
    world.register(EMAIL).await;
    let hash = stored_hash(&world).await;
    let parts: Vec<_> = hash.split('$').collect();
    assert_eq!(parts[1..4], ["argon2id", "v=19", "m=19456,t=2,p=1"]);
    // Base64 of 16 and of 32 bytes.
    assert_eq!((parts[4].len(), parts[5].len()), (22, 43));
    world.register("second@example.com").await;
}

/// PW-11: equal passwords have different salts.
#[tokio::test]
async fn every_hash_has_a_salt_of_its_own() {
    let world = World::new().await;
    world.register(EMAIL).await;
    world.register("ben@example.com").await;
    let database = sqlx::Sqlite::open(world.database(), &SCHEMA).await.unwrap();
    let store = SqlStore::new(database.clone());
    let mut salts = std::collections::HashSet::new();
    for email in [EMAIL, "ben@example.com"] {
        let email = Email::parse(email).unwrap_or_else(|problem| panic!("{problem}"));
        let hash = store.credentials(&email).await.unwrap().unwrap().password_hash;
        let salt = hash.split('$').nth(4).unwrap();
        assert!(salt.len() >= 22, "16 bytes: {salt}");
        salts.insert(salt.to_owned());
    }
    assert_eq!(salts.len(), 2);
    database.close().await;
}

/// PW-12: a login with weaker parameters than today's rewrites the hash, and goes on working.
#[tokio::test]
async fn a_weaker_hash_is_replaced_at_the_next_login() {
    let mut world = World::new().await;
    world.register(EMAIL).await;
    let weak = stored_hash(&world).await;
    assert!(weak.contains("m=64,t=1"));
    world.config.hashing = HashingParameters {
        memory_kib: 128,
        passes: 2,
    };
    let world = world.restarted().await;
    assert_refused(
        world.login(EMAIL, "wrong horse battery staple").await,
        Code::Unauthenticated,
        "INVALID_CREDENTIALS",
    );
    assert_eq!(stored_hash(&world).await, weak);
    world.login(EMAIL, PASSWORD).await.unwrap();
    let strong = stored_hash(&world).await;
    assert!(strong.contains("m=128,t=2"), "{strong}");
    world.login(EMAIL, PASSWORD).await.unwrap();
    assert_eq!(stored_hash(&world).await, strong);
}

/// AR-05: what the queue does not hold is refused at once, with a time to retry; what it holds succeeds; and
/// refreshes go on meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_logins_at_once_are_bounded() {
    let world = World::with(|config| {
        config.hashing = HashingParameters::DEFAULT;
        config.throttle_exempt = vec!["127.0.0.0/8".parse().unwrap()];
    });
    let world = Arc::new(world.await);
    let mut token = world.register(EMAIL).await.tokens.unwrap().refresh_token;
    let mut logins = JoinSet::new();
    for _ in 0..200 {
        let world = world.clone();
        logins.spawn(async move {
            let began = Instant::now();
            (world.login(EMAIL, PASSWORD).await, began.elapsed())
        });
    }
    for _ in 0..10 {
        token = world.refresh(&token).await.unwrap().refresh_token;
    }
    let (mut succeeded, mut refused) = (0, Vec::new());
    while let Some(login) = logins.join_next().await {
        match login.unwrap() {
            (Ok(_), _) => succeeded += 1,
            (Err(status), took) => {
                let retry = status
                    .get_error_details()
                    .retry_info()
                    .and_then(|info| info.retry_delay);
                assert_eq!(retry, Some(Duration::from_secs(1)));
                assert_refused(Err::<(), _>(status), Code::ResourceExhausted, "OVERLOADED");
                refused.push(took);
            }
        }
    }
    let threads = std::thread::available_parallelism().unwrap().get();
    assert!(succeeded >= threads, "what fits the queue is served: {succeeded}");
    assert!(
        !refused.is_empty() || threads * 17 >= 200,
        "what does not fit is refused"
    );
    world.login(EMAIL, PASSWORD).await.unwrap();
}
