//! Throttling: what holds whom up, however many come at once.

use std::{sync::Arc, time::Duration};

use auth_service::{
    error::AuthError,
    sessions::Client,
    throttle::{Attempt, KNOWN_FOR, Throttle},
};
use aws_lc_rs::hmac;
use platform::{clock::Clock as _, testing::ManualClock};

use crate::{World, account, on_every_engine, record, session};

on_every_engine!(
    five_failures_of_a_pair_are_free,
    of_many_tries_at_once_five_are_let_in,
    a_success_clears_the_pair_and_gives_back_the_rest,
    an_identifier_is_held_for_strangers_only,
    a_network_is_held_for_strangers_only,
    registrations_are_counted_by_network,
    an_exempt_network_is_neither_held_nor_counted,
    an_identifier_can_be_unlocked,
    who_is_signed_in_is_held_like_anybody,
    a_success_prolongs_nobodys_wait,
    exports_are_counted_by_account,
    what_holds_nobody_up_is_forgotten_in_bounded_steps,
);

const ADA: &str = "ada@example.com";

struct Tries {
    world: World,
    clock: Arc<ManualClock>,
    throttle: Throttle,
}

impl Tries {
    fn of(world: World) -> Self {
        let clock = Arc::new(ManualClock::new());
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[1; 32]);
        let exempt = vec!["198.51.100.0/24".parse().unwrap()];
        Self {
            throttle: Throttle::new(world.throttle.clone(), key, exempt, clock.clone()),
            world,
            clock,
        }
    }

    fn sign_in(&self, identifier: &str, address: &str) -> Attempt {
        self.throttle.sign_in(identifier, &at(address))
    }

    /// After how many seconds the try may be made again; `None` if it was let in and failed.
    async fn fail(&self, attempt: &Attempt) -> Option<u64> {
        let looked = self.throttle.look(attempt).await;
        match (looked, self.throttle.charge(attempt).await) {
            (Ok(()), Ok(_)) => None,
            (
                Err(AuthError::RateLimited { retry_after }),
                Err(AuthError::RateLimited {
                    retry_after: charged_after,
                }),
            ) => {
                assert_eq!(retry_after, charged_after);
                Some(retry_after.as_secs())
            }
            (looked, charged) => panic!("{looked:?}, {:?}", charged.map(drop)),
        }
    }

    /// Fails as often as it is let in at once, each time elsewhere if asked so.
    async fn exhaust(&self, attempt: impl Fn(u32) -> Attempt) -> u32 {
        let mut let_in = 0;
        while self.fail(&attempt(let_in)).await.is_none() {
            let_in += 1;
            assert!(let_in < 1000, "nothing holds it up");
        }
        let_in
    }

    /// Signs in with success.
    async fn succeed(&self, identifier: &str, address: &str) {
        let attempt = self.sign_in(identifier, address);
        let charged = self.throttle.charge(&attempt).await.unwrap();
        let ada = account(identifier);
        let session = session(ada.id);
        let sign_in = auth_service::store::SignIn {
            settlement: charged.succeeded(),
            record: record(self.clock.now()),
        };
        let new = auth_service::accounts::NewAccount {
            account: ada,
            password_hash: "hash".to_owned(),
        };
        let mut session = session;
        session.create_time = self.clock.now();
        self.world.accounts.register(new, session, sign_in).await.unwrap();
    }
}

impl Tries {
    /// Signs in once more with success.
    async fn succeed_again(&self, identifier: &str, address: &str) {
        let charged = self.throttle.charge(&self.sign_in(identifier, address)).await.unwrap();
        self.throttle.settle(charged.succeeded()).await.unwrap();
    }
}

fn at(address: &str) -> Client {
    Client {
        ip_address: address.to_owned(),
        ..Client::default()
    }
}

/// AR-01.
async fn five_failures_of_a_pair_are_free(world: World) {
    let tries = Tries::of(world);
    let attempt = tries.sign_in(ADA, "192.0.2.1");
    assert_eq!(tries.exhaust(|_| attempt.clone()).await, 5);
    for wait in [1, 2, 4, 8, 16, 32, 60, 60] {
        assert_eq!(tries.fail(&attempt).await, Some(wait));
        tries.clock.advance(Duration::from_secs(wait));
        assert_eq!(tries.fail(&attempt).await, None);
    }
    // Somebody else is not held up, nor is she elsewhere.
    assert_eq!(tries.fail(&tries.sign_in("ben@example.com", "192.0.2.1")).await, None);
    assert_eq!(tries.fail(&tries.sign_in(ADA, "192.0.2.2")).await, None);
    tries.clock.advance(Duration::from_hours(2));
    assert_eq!(tries.exhaust(|_| attempt.clone()).await, 5);
}

async fn of_many_tries_at_once_five_are_let_in(world: World) {
    let tries = Arc::new(Tries::of(world));
    let calls = (0..50).map(|_| {
        let tries = tries.clone();
        tokio::spawn(async move {
            let attempt = tries.sign_in(ADA, "192.0.2.1");
            tries.throttle.charge(&attempt).await.is_ok()
        })
    });
    let mut let_in = 0;
    for call in calls.collect::<Vec<_>>() {
        let_in += u32::from(call.await.unwrap());
    }
    assert_eq!(let_in, 5);
}

async fn a_success_clears_the_pair_and_gives_back_the_rest(world: World) {
    let tries = Tries::of(world);
    let attempt = tries.sign_in(ADA, "192.0.2.1");
    for _ in 0..4 {
        assert_eq!(tries.fail(&attempt).await, None);
    }
    tries.succeed(ADA, "192.0.2.1").await;
    assert_eq!(tries.exhaust(|_| attempt.clone()).await, 5);
    // Nine failures are left of the identifier's thirty; what a try that was not made took is given back.
    let elsewhere = |number| tries.sign_in(ADA, &format!("203.0.113.{number}"));
    let charged = tries.throttle.charge(&elsewhere(201)).await.unwrap();
    tries.throttle.settle(charged.not_made()).await.unwrap();
    assert_eq!(tries.exhaust(elsewhere).await, 30 - 9);
}

/// AR-02.
async fn an_identifier_is_held_for_strangers_only(world: World) {
    let tries = Tries::of(world);
    tries.succeed(ADA, "192.0.2.1").await;
    assert_eq!(
        tries
            .exhaust(|number| tries.sign_in(ADA, &format!("203.0.113.{number}")))
            .await,
        30
    );
    assert_eq!(tries.fail(&tries.sign_in(ADA, "192.0.2.99")).await, Some(60));
    let known = tries.sign_in(ADA, "192.0.2.1");
    tries.throttle.look(&known).await.unwrap();
    assert_eq!(tries.fail(&known).await, None);
    // However long it goes on.
    for number in 0..60 {
        tries.clock.advance(Duration::from_mins(1));
        assert_eq!(
            tries.fail(&tries.sign_in(ADA, &format!("198.18.0.{number}"))).await,
            None
        );
        assert_eq!(tries.fail(&tries.sign_in(ADA, "192.0.2.99")).await, Some(60));
    }
    tries.throttle.look(&known).await.unwrap();
    // After a month it is not known any more.
    tries.clock.advance(KNOWN_FOR);
    tries
        .exhaust(|number| tries.sign_in(ADA, &format!("203.0.113.{number}")))
        .await;
    assert_eq!(tries.fail(&known).await, Some(60));
}

async fn a_network_is_held_for_strangers_only(world: World) {
    let tries = Tries::of(world);
    tries.succeed(ADA, "192.0.2.1").await;
    let person = |number: u32| tries.sign_in(&format!("person{number}@example.com"), "192.0.2.1");
    assert_eq!(tries.exhaust(person).await, 50);
    assert_eq!(tries.fail(&person(99)).await, Some(1));
    tries.throttle.look(&tries.sign_in(ADA, "192.0.2.1")).await.unwrap();
    tries
        .throttle
        .look(&tries.sign_in("person99@example.com", "192.0.2.2"))
        .await
        .unwrap();
    tries.clock.advance(Duration::from_mins(10));
    assert_eq!(tries.exhaust(person).await, 50);
}

/// AR-04.
async fn registrations_are_counted_by_network(world: World) {
    let tries = Tries::of(world);
    let at_home = |number: u32| {
        let email = account(&format!("person{number}@example.com")).email;
        tries.throttle.registration(&email, &at("2001:db8::1"))
    };
    assert_eq!(tries.exhaust(at_home).await, 100);
    tries.clock.advance(Duration::from_mins(59));
    assert_eq!(tries.fail(&at_home(0)).await, Some(60));
    let email = account(ADA).email;
    let neighbour = tries.throttle.registration(&email, &at("2001:db8::ffff"));
    assert_eq!(tries.fail(&neighbour).await, Some(60), "the same /64");
    let elsewhere = tries.throttle.registration(&email, &at("2001:db8:0:1::1"));
    assert_eq!(tries.fail(&elsewhere).await, None);
    tries.clock.advance(Duration::from_mins(1));
    assert_eq!(tries.exhaust(at_home).await, 100);
}

async fn an_exempt_network_is_neither_held_nor_counted(world: World) {
    let tries = Tries::of(world);
    for _ in 0..60 {
        assert_eq!(tries.fail(&tries.sign_in(ADA, "198.51.100.7")).await, None);
    }
    assert_eq!(
        tries
            .exhaust(|number| tries.sign_in(ADA, &format!("203.0.113.{number}")))
            .await,
        30
    );
}

async fn an_identifier_can_be_unlocked(world: World) {
    let tries = Tries::of(world);
    let pair = tries.sign_in(ADA, "192.0.2.1");
    tries.exhaust(|_| pair.clone()).await;
    let elsewhere = |number| tries.sign_in(ADA, &format!("203.0.113.{number}"));
    tries.exhaust(elsewhere).await;
    tries.throttle.unlock(&account(" ADA@example.com").email).await.unwrap();
    assert_eq!(tries.exhaust(|_| pair.clone()).await, 5);
    assert_eq!(tries.exhaust(elsewhere).await, 25);
}

/// PW-08: whoever has a stolen access token tries no more passwords by it than by signing in.
async fn who_is_signed_in_is_held_like_anybody(world: World) {
    let tries = Tries::of(world);
    tries.succeed(ADA, "192.0.2.1").await;
    let check = |address: &str| tries.throttle.password_check(&account(ADA).email, &at(address));
    assert_eq!(tries.exhaust(|number| check(&format!("203.0.113.{number}"))).await, 30);
    assert_eq!(tries.fail(&tries.sign_in(ADA, "198.51.100.1")).await, None, "exempt");
    assert_eq!(tries.fail(&tries.sign_in(ADA, "192.0.2.99")).await, Some(60));
    // Where she is known she is held by her own failures only.
    let home = check("192.0.2.1");
    assert_eq!(tries.exhaust(|_| home.clone()).await, 5);
}

/// Whoever signs in with success leaves the counts as if they had not been there.
async fn a_success_prolongs_nobodys_wait(world: World) {
    let tries = Tries::of(world);
    tries.succeed(ADA, "192.0.2.1").await;
    let stranger = |number: u32| tries.sign_in(ADA, &format!("203.0.113.{number}"));
    assert_eq!(tries.exhaust(stranger).await, 30);
    let person = |number: u32| tries.sign_in(&format!("person{number}@example.com"), "192.0.2.1");
    assert_eq!(tries.exhaust(person).await, 50);
    tries.clock.advance(Duration::from_millis(500));
    tries.succeed_again(ADA, "192.0.2.1").await;
    tries.clock.advance(Duration::from_millis(500));
    assert_eq!(tries.fail(&person(99)).await, None, "its second is over");
    tries.clock.advance(Duration::from_secs(58));
    tries.succeed_again(ADA, "192.0.2.1").await;
    tries.clock.advance(Duration::from_secs(1));
    assert_eq!(tries.fail(&stranger(99)).await, None, "her minute is over");
}

async fn exports_are_counted_by_account(world: World) {
    let tries = Tries::of(world);
    let export = |id: u128| tries.throttle.export(uuid::Uuid::from_u128(id), &at("192.0.2.1"));
    assert_eq!(tries.exhaust(|_| export(1)).await, 10);
    assert_eq!(tries.fail(&export(1)).await, Some(3600));
    assert_eq!(tries.fail(&export(2)).await, None);
    tries.clock.advance(Duration::from_hours(1));
    assert_eq!(tries.fail(&export(1)).await, None);
}

async fn what_holds_nobody_up_is_forgotten_in_bounded_steps(world: World) {
    let tries = Tries::of(world);
    tries.succeed(ADA, "192.0.2.1").await;
    for number in 0..4 {
        tries.fail(&tries.sign_in(ADA, &format!("203.0.113.{number}"))).await;
    }
    let forget = |limit| tries.world.throttle.forget_throttles(tries.clock.now(), limit);
    assert_eq!(forget(100).await.unwrap(), 0);
    // Four pairs, five networks and an identifier; then the network that was known.
    tries.clock.advance(Duration::from_hours(1) + Duration::from_micros(1));
    assert_eq!(forget(3).await.unwrap(), 3);
    assert_eq!(forget(100).await.unwrap(), 7);
    tries.clock.advance(KNOWN_FOR);
    assert_eq!(forget(100).await.unwrap(), 1);
    assert_eq!(forget(100).await.unwrap(), 0);
}
