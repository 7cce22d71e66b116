//! Register.

use proto::auth::v1::{RegisterRequest, RegisterResponse};
use tonic::{Code, Response, Status};
use tonic_types::StatusExt as _;

use crate::world::{EMAIL, PASSWORD, World, assert_refused};

async fn register(world: &World, email: &str, password: &str, name: &str) -> Result<RegisterResponse, Status> {
    let request = RegisterRequest {
        email: email.into(),
        password: password.into(),
        display_name: name.into(),
    };
    world.auth.clone().register(request).await.map(Response::into_inner)
}

#[tokio::test]
async fn a_person_registers_and_is_signed_in() {
    let world = World::new().await;
    let answer = register(&world, " Ada@Example.com ", PASSWORD, "Ada 🦀").await.unwrap();
    let (user, tokens) = (answer.user.unwrap(), answer.tokens.unwrap());
    assert_eq!((&*user.email, &*user.display_name), ("Ada@Example.com", "Ada 🦀"));
    assert_eq!(user.create_time.unwrap().seconds, 1_767_225_600);
    assert_eq!(
        (&*tokens.token_type, tokens.expires_in, tokens.refresh_expires_in),
        ("Bearer", 300, 24 * 3600)
    );
    let current = world.session(&tokens.access_token).await.unwrap();
    assert_eq!(current.user.unwrap().id, user.id);
    assert!(world.login("ADA@example.com", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn a_taken_address_is_refused_and_keeps_its_account() {
    let world = World::new().await;
    let first = world.register(EMAIL).await.user.unwrap();
    let answer = register(&world, "ADA@EXAMPLE.COM", "another good passphrase", "Eve").await;
    assert_refused(answer, Code::AlreadyExists, "EMAIL_TAKEN");
    assert_eq!(world.login(EMAIL, PASSWORD).await.unwrap().user.unwrap(), first);
}

#[tokio::test]
async fn every_bad_field_is_named_at_once_and_nothing_is_stored() {
    let world = World::new().await;
    let answer = register(&world, "nobody", "short", &"x".repeat(101)).await;
    assert_eq!(
        assert_refused(answer, Code::InvalidArgument, "FIELD_INVALID"),
        ["email", "display_name", "password"]
    );
    let answer = register(&world, "", PASSWORD, "").await;
    assert_eq!(
        assert_refused(answer, Code::InvalidArgument, "FIELD_INVALID"),
        ["email"]
    );
    let answer = register(&world, EMAIL, PASSWORD, "nul \0").await;
    assert_eq!(
        assert_refused(answer, Code::InvalidArgument, "FIELD_INVALID"),
        ["display_name"]
    );
    let answer = register(&world, EMAIL, "correct horse \0 battery staple", "").await;
    assert_eq!(
        assert_refused(answer, Code::InvalidArgument, "FIELD_INVALID"),
        ["password"]
    );
    assert_refused(
        world.login(EMAIL, PASSWORD).await,
        Code::Unauthenticated,
        "INVALID_CREDENTIALS",
    );
}

/// PW-02, PW-03, PW-06, PW-07.
#[tokio::test]
async fn a_password_is_refused_for_its_length_or_for_being_guessable() {
    let world = World::new().await;
    for (password, reason) in [
        ("", "PASSWORD_TOO_SHORT"),
        ("vN8#kQ2!pXw", "PASSWORD_TOO_SHORT"),
        (&*"x".repeat(1025), "PASSWORD_TOO_LONG"),
        ("password1234", "PASSWORD_TOO_COMMON"),
        ("holdfast1234", "PASSWORD_TOO_COMMON"),
        ("ada@example.com", "PASSWORD_TOO_COMMON"),
    ] {
        let answer = register(&world, EMAIL, password, "Ada").await;
        assert_eq!(
            assert_refused(answer, Code::InvalidArgument, reason),
            ["password"],
            "{password}"
        );
    }
    for (number, password) in [
        "80 blaue Elefanten tanzen",
        "        x  9 q     z ",
        "839201746582930174",
        "🦀🐙🦑🐠🐡🦈🐳🐋🐬🦭🐟🦐",
    ]
    .into_iter()
    .enumerate()
    {
        let email = format!("person{number}@example.com");
        register(&world, &email, password, "").await.unwrap();
        world.login(&email, password).await.unwrap();
    }
}

/// PW-06, PW-07: a guesser begins with the person, and the answer says why.
#[tokio::test]
async fn a_password_made_of_the_person_is_refused() {
    let world = World::new().await;
    for (email, name, password) in [
        ("ada.lovelace@example.com", "", "ADA.LOVELACE"),
        ("ada.lovelace@example.com", "", "lovelace2024"),
        ("ada@engines.example", "", "ada@engines.example"),
        ("ada@example.com", "Augusta King-Noel", "augusta king-noel"),
    ] {
        let refused = register(&world, email, password, name).await.unwrap_err();
        let details = refused.get_error_details();
        let violation = &details.bad_request().unwrap().field_violations[0];
        assert!(
            violation.description.starts_with("is too easy to guess: "),
            "{violation:?}"
        );
        assert_refused(Err::<(), _>(refused), Code::InvalidArgument, "PASSWORD_TOO_COMMON");
    }
}

/// PW-01: what NIST SP 800-63B-4 asks for where a password stands alone.
#[tokio::test]
async fn the_least_length_is_a_setting() {
    let world = World::with(|config| config.password_min_length = 15).await;
    let refused = register(&world, EMAIL, "vN8#kQ2!pXw7zR", "").await;
    assert_refused(refused, Code::InvalidArgument, "PASSWORD_TOO_SHORT");
    register(&world, EMAIL, "vN8#kQ2!pXw7zRb", "").await.unwrap();
}

/// PW-02, PW-04: every character counts, the case and those after byte 72 too.
#[tokio::test]
async fn long_passwords_are_taken_whole() {
    let world = World::new().await;
    for length in [64, 128, 1000] {
        let password: String = "correct horse battery staple ".chars().cycle().take(length).collect();
        let email = format!("person{length}@example.com");
        register(&world, &email, &password, "").await.unwrap();
        world.login(&email, &password).await.unwrap();
        let other = format!("{}X", &password[..length - 1]);
        for wrong in [other.as_str(), &password[..length - 1], &password.to_uppercase()] {
            assert_refused(
                world.login(&email, wrong).await,
                Code::Unauthenticated,
                "INVALID_CREDENTIALS",
            );
        }
    }
}

/// PW-05.
#[tokio::test]
async fn a_password_is_the_same_however_it_is_composed() {
    let world = World::new().await;
    register(&world, EMAIL, "gru\u{308}ne Ba\u{308}ume im Wind", "")
        .await
        .unwrap();
    world.login(EMAIL, "gr\u{fc}ne B\u{e4}ume im Wind").await.unwrap();
    world.login(EMAIL, "gru\u{308}ne Ba\u{308}ume im Wind").await.unwrap();
}

#[tokio::test]
async fn of_parallel_registrations_of_one_address_one_succeeds() {
    let world = std::sync::Arc::new(World::new().await);
    let calls = (0..20).map(|_| {
        let world = world.clone();
        tokio::spawn(async move { register(&world, EMAIL, PASSWORD, "").await })
    });
    let mut done = 0;
    for call in calls.collect::<Vec<_>>() {
        match call.await.unwrap() {
            Ok(_) => done += 1,
            Err(status) => drop(assert_refused(Err::<(), _>(status), Code::AlreadyExists, "EMAIL_TAKEN")),
        }
    }
    assert_eq!(done, 1);
}
