//! Another password, and leaving.

use proto::auth::v1::{ChangePasswordRequest, DeleteAccountRequest, Tokens};
use tonic::{Code, Status};

use crate::world::{EMAIL, PASSWORD, World, assert_refused, bearer};

const OTHER: &str = "another staple for the horse";

async fn change(world: &World, tokens: &Tokens, current: &str, new: &str) -> Result<(), Status> {
    let request = ChangePasswordRequest {
        current_password: current.to_owned(),
        new_password: new.to_owned(),
    };
    let request = bearer(&tokens.access_token, request);
    world.auth.clone().change_password(request).await.map(drop)
}

async fn delete(world: &World, tokens: &Tokens, password: &str) -> Result<(), Status> {
    let request = DeleteAccountRequest {
        password: password.to_owned(),
    };
    let request = bearer(&tokens.access_token, request);
    world.auth.clone().delete_account(request).await.map(drop)
}

/// PW-08, SE-06.
#[tokio::test]
async fn a_new_password_replaces_the_old_one_and_ends_other_sessions() {
    let world = World::new().await;
    let tokens = world.register(EMAIL).await.tokens.unwrap();
    let other = world.login(EMAIL, PASSWORD).await.unwrap().tokens.unwrap();
    let wrong = change(&world, &tokens, "not the password", OTHER).await;
    assert_refused(wrong, Code::Unauthenticated, "INVALID_CREDENTIALS");
    world.session(&other.access_token).await.unwrap();

    change(&world, &tokens, PASSWORD, OTHER).await.unwrap();
    assert_refused(
        world.login(EMAIL, PASSWORD).await,
        Code::Unauthenticated,
        "INVALID_CREDENTIALS",
    );
    world.login(EMAIL, OTHER).await.unwrap();
    world.session(&tokens.access_token).await.unwrap();
    world.refresh(&tokens.refresh_token).await.unwrap();
    for refused in [
        world.session(&other.access_token).await.map(drop),
        change(&world, &other, OTHER, PASSWORD).await,
        delete(&world, &other, OTHER).await,
    ] {
        assert_refused(refused, Code::Unauthenticated, "SESSION_REVOKED");
    }
}

/// PW-02, PW-06, PW-07: the rules are those of Register, and name the new password's field.
#[tokio::test]
async fn a_new_password_obeys_the_rules() {
    let world = World::new().await;
    let tokens = world.register(EMAIL).await.tokens.unwrap();
    let long = "x".repeat(1025);
    for (current, new, reason, field) in [
        (PASSWORD, "short", "PASSWORD_TOO_SHORT", "new_password"),
        (PASSWORD, "password1234", "PASSWORD_TOO_COMMON", "new_password"),
        (PASSWORD, "ada@example.com", "PASSWORD_TOO_COMMON", "new_password"),
        (PASSWORD, &long, "PASSWORD_TOO_LONG", "new_password"),
        (PASSWORD, "with a \0 in the middle", "FIELD_INVALID", "new_password"),
        (PASSWORD, "", "PASSWORD_TOO_SHORT", "new_password"),
        ("", OTHER, "FIELD_INVALID", "current_password"),
        (&long, OTHER, "PASSWORD_TOO_LONG", "current_password"),
    ] {
        let refused = change(&world, &tokens, current, new).await;
        assert_eq!(assert_refused(refused, Code::InvalidArgument, reason), [field]);
    }
    world.login(EMAIL, PASSWORD).await.unwrap();
}

#[tokio::test]
async fn of_two_changes_at_once_one_wins() {
    let world = World::new().await;
    let tokens = world.register(EMAIL).await.tokens.unwrap();
    let (first, second) = (format!("{OTHER} one"), format!("{OTHER} two"));
    let (one, two) = tokio::join!(
        change(&world, &tokens, PASSWORD, &first),
        change(&world, &tokens, PASSWORD, &second)
    );
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    let (kept, lost, refusal) = if one.is_ok() {
        (first, second, two)
    } else {
        (second, first, one)
    };
    assert_refused(refusal, Code::Unauthenticated, "INVALID_CREDENTIALS");
    world.login(EMAIL, &kept).await.unwrap();
    assert_refused(
        world.login(EMAIL, &lost).await,
        Code::Unauthenticated,
        "INVALID_CREDENTIALS",
    );
}

/// SE-05, TK-12, LG-05.
#[tokio::test]
async fn a_deleted_account_is_gone_at_once_and_its_address_is_free() {
    let world = World::new().await;
    let registered = world.register(EMAIL).await;
    let tokens = registered.tokens.unwrap();
    let other = world.login(EMAIL, PASSWORD).await.unwrap().tokens.unwrap();
    let wrong = delete(&world, &tokens, "not the password").await;
    assert_refused(wrong, Code::Unauthenticated, "INVALID_CREDENTIALS");
    let empty = delete(&world, &tokens, "").await;
    assert_eq!(
        assert_refused(empty, Code::InvalidArgument, "FIELD_INVALID"),
        ["password"]
    );

    delete(&world, &tokens, PASSWORD).await.unwrap();
    assert_refused(
        world.login(EMAIL, PASSWORD).await,
        Code::Unauthenticated,
        "INVALID_CREDENTIALS",
    );
    for gone in [&tokens, &other] {
        for refused in [
            world.session(&gone.access_token).await.map(drop),
            world.refresh(&gone.refresh_token).await.map(drop),
            delete(&world, gone, PASSWORD).await,
        ] {
            assert_refused(refused, Code::Unauthenticated, "SESSION_REVOKED");
        }
    }
    let again = world.register(EMAIL).await;
    assert_ne!(again.user.unwrap().id, registered.user.unwrap().id);
}
