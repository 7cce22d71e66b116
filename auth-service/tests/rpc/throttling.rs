//! Throttling, as clients meet it. What is counted and for how long stands in the conformance tests of the store.

use std::time::Duration;

use platform::service_credential::{CLIENT_ADDRESS_METADATA, METADATA, Role};
use proto::auth::v1::{ChangePasswordRequest, DeleteAccountRequest, LoginRequest, RegisterRequest};
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt as _;

use crate::world::{EMAIL, PASSWORD, World, assert_refused, bearer};

const WRONG: &str = "wrong horse battery staple";

/// Asserts that a try was held up; for how long.
#[track_caller]
fn assert_held<T: std::fmt::Debug>(answer: Result<T, Status>) -> Duration {
    let status = answer.unwrap_err();
    let delay = status
        .get_error_details()
        .retry_info()
        .and_then(|info| info.retry_delay);
    assert_refused(Err::<(), _>(status), Code::ResourceExhausted, "RATE_LIMITED");
    delay.unwrap()
}

#[track_caller]
fn assert_wrong<T: std::fmt::Debug>(answer: Result<T, Status>) {
    assert_refused(answer, Code::Unauthenticated, "INVALID_CREDENTIALS");
}

async fn fail_five_times(world: &World, email: &str) {
    for _ in 0..5 {
        assert_wrong(world.login(email, WRONG).await);
    }
}

/// A login through the gateway, for a client at that address.
async fn login_from(world: &World, email: &str, password: &str, address: &str) -> Result<(), Status> {
    let mut request = Request::new(LoginRequest {
        email: email.to_owned(),
        password: password.to_owned(),
    });
    let gateway = world.service_keys.sign(Role::Gateway, &*world.clock);
    for (name, value) in [(METADATA, &*gateway), (CLIENT_ADDRESS_METADATA, address)] {
        request.metadata_mut().insert(name, value.parse().unwrap());
    }
    world.auth.clone().login(request).await.map(drop)
}

/// AR-01, AR-10.
#[tokio::test]
async fn after_five_failures_even_the_right_password_waits() {
    let world = World::new().await;
    world.register(EMAIL).await;
    fail_five_times(&world, EMAIL).await;
    for wait in [1, 2, 4] {
        assert_eq!(
            assert_held(world.login(EMAIL, PASSWORD).await),
            Duration::from_secs(wait)
        );
        world.clock.advance(Duration::from_secs(wait));
        assert_wrong(world.login(EMAIL, WRONG).await);
    }
    // A restart forgets nothing.
    let world = world.restarted().await;
    assert_eq!(assert_held(world.login(EMAIL, PASSWORD).await), Duration::from_secs(8));
    world.clock.advance(Duration::from_secs(8));
    world.login(EMAIL, PASSWORD).await.unwrap();
    fail_five_times(&world, EMAIL).await;
}

/// AR-04: held up, too, it cannot be told whether there is an account.
#[tokio::test]
async fn who_is_held_up_is_answered_alike_with_and_without_an_account() {
    let world = World::new().await;
    world.register(EMAIL).await;
    let mut answers = Vec::new();
    for email in [EMAIL, "eve@example.com", "no address at all"] {
        fail_five_times(&world, email).await;
        let status = world.login(email, PASSWORD).await.unwrap_err();
        answers.push((status.code(), status.message().to_owned(), status.details().to_vec()));
    }
    assert_eq!(answers[0].0, Code::ResourceExhausted);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

/// AR-06: who writes other addresses into a request is at the same place all the same.
#[tokio::test]
async fn addresses_that_nobody_vouches_for_count_for_nothing() {
    let world = World::new().await;
    world.register(EMAIL).await;
    for number in 0..6 {
        let mut request = Request::new(LoginRequest {
            email: EMAIL.to_owned(),
            password: WRONG.to_owned(),
        });
        for name in ["x-forwarded-for", "x-real-ip", "forwarded", CLIENT_ADDRESS_METADATA] {
            let address = format!("203.0.113.{number}");
            request.metadata_mut().insert(name, address.parse().unwrap());
        }
        let answer = world.auth.clone().login(request).await.map(Response::into_inner);
        if number < 5 {
            assert_wrong(answer);
        } else {
            assert_held(answer);
        }
    }
    // At the gateway's client it is not held up.
    login_from(&world, EMAIL, PASSWORD, "203.0.113.1").await.unwrap();
}

/// AR-02: somebody who tries an account from everywhere holds up strangers, and its person nowhere they were before.
#[tokio::test]
async fn a_person_cannot_be_locked_out_where_they_are_known() {
    let world = World::new().await;
    world.register("owner@example.com").await;
    login_from(&world, "owner@example.com", PASSWORD, "192.0.2.1")
        .await
        .unwrap();
    for number in 0..30 {
        let address = format!("203.0.113.{number}");
        assert_wrong(login_from(&world, "owner@example.com", WRONG, &address).await);
    }
    let elsewhere = login_from(&world, "owner@example.com", PASSWORD, "198.51.100.1").await;
    assert_eq!(assert_held(elsewhere), Duration::from_mins(1));
    login_from(&world, "owner@example.com", PASSWORD, "192.0.2.1")
        .await
        .unwrap();
}

/// AR-04: registering asks whether an address is taken, so it is counted, taken or not. What was refused for its form was
/// no try.
#[tokio::test]
async fn a_network_registers_a_hundred_people_an_hour() {
    let world = World::new().await;
    let register = async |email: &str, password: &str| {
        let request = RegisterRequest {
            email: email.to_owned(),
            password: password.to_owned(),
            display_name: String::new(),
        };
        world.auth.clone().register(request).await.map(drop)
    };
    for number in 0..99 {
        register(&format!("person{number}@example.com"), PASSWORD)
            .await
            .unwrap();
    }
    for _ in 0..3 {
        let weak = register("last@example.com", "password1234").await;
        assert_refused(weak, Code::InvalidArgument, "PASSWORD_TOO_COMMON");
    }
    let taken = register("person0@example.com", PASSWORD).await;
    assert_refused(taken, Code::AlreadyExists, "EMAIL_TAKEN");
    let held = register("last@example.com", PASSWORD).await;
    assert_eq!(assert_held(held), Duration::from_hours(1));
    // Signing in is another matter.
    world.login("person0@example.com", PASSWORD).await.unwrap();
    world.clock.advance(Duration::from_hours(1));
    register("last@example.com", PASSWORD).await.unwrap();
}

/// PW-08, AR-09.
#[tokio::test]
async fn wrong_passwords_of_who_is_signed_in_count() {
    let world = World::new().await;
    let tokens = world.register(EMAIL).await.tokens.unwrap();
    let change = async |current: &str| {
        let request = ChangePasswordRequest {
            current_password: current.to_owned(),
            new_password: "another staple for the horse".to_owned(),
        };
        let request = bearer(&tokens.access_token, request);
        world.auth.clone().change_password(request).await.map(drop)
    };
    let delete = async |password: &str| {
        let request = DeleteAccountRequest {
            password: password.to_owned(),
        };
        let request = bearer(&tokens.access_token, request);
        world.auth.clone().delete_account(request).await.map(drop)
    };
    for _ in 0..2 {
        assert_wrong(change(WRONG).await);
        assert_wrong(delete(WRONG).await);
    }
    assert_wrong(world.login(EMAIL, WRONG).await);
    for held in [
        change(PASSWORD).await,
        delete(PASSWORD).await,
        world.login(EMAIL, PASSWORD).await.map(drop),
    ] {
        assert_eq!(assert_held(held), Duration::from_secs(1));
    }
    // The session goes on, and refreshing is never held up.
    world.session(&tokens.access_token).await.unwrap();
    world.refresh(&tokens.refresh_token).await.unwrap();
    world.clock.advance(Duration::from_secs(1));
    change(PASSWORD).await.unwrap();
}

#[tokio::test]
async fn an_exempt_network_is_never_held_up() {
    let world = World::with(|config| config.throttle_exempt = vec!["127.0.0.0/8".parse().unwrap()]).await;
    world.register(EMAIL).await;
    for _ in 0..40 {
        assert_wrong(world.login(EMAIL, WRONG).await);
    }
    world.login(EMAIL, PASSWORD).await.unwrap();
}
