//! Logout.

use std::time::Duration;

use proto::auth::v1::LogoutRequest;
use tonic::{Code, Status};

use crate::world::{EMAIL, PASSWORD, World, assert_refused};

async fn logout(world: &World, refresh_token: &str) -> Result<(), Status> {
    let request = LogoutRequest {
        refresh_token: refresh_token.to_owned(),
    };
    world.auth.clone().logout(request).await.map(drop)
}

/// SE-14: with the refresh token alone, long after the access token's end, and twice.
#[tokio::test]
async fn logout_ends_its_session_and_may_be_repeated() {
    let world = World::new().await;
    let tokens = world.register(EMAIL).await.tokens.unwrap();
    let other = world.login(EMAIL, PASSWORD).await.unwrap().tokens.unwrap();
    world.clock.advance(Duration::from_hours(1));
    logout(&world, &tokens.refresh_token).await.unwrap();
    logout(&world, &tokens.refresh_token).await.unwrap();
    assert_refused(
        world.refresh(&tokens.refresh_token).await,
        Code::Unauthenticated,
        "SESSION_REVOKED",
    );
    world.refresh(&other.refresh_token).await.unwrap();
}

#[tokio::test]
async fn any_generation_ends_the_session() {
    let world = World::new().await;
    let first = world.register(EMAIL).await.tokens.unwrap();
    let second = world.refresh(&first.refresh_token).await.unwrap();
    let third = world.refresh(&second.refresh_token).await.unwrap();
    logout(&world, &first.refresh_token).await.unwrap();
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
}

#[tokio::test]
async fn a_token_that_is_not_ours_has_nothing_to_end() {
    let world = World::new().await;
    let tokens = world.register(EMAIL).await.tokens.unwrap();
    logout(&world, "rubbish").await.unwrap();
    logout(&world, &format!("{}x", tokens.refresh_token)).await.unwrap();
    logout(&world, "").await.unwrap();
    world.refresh(&tokens.refresh_token).await.unwrap();
}
