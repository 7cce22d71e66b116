//! GetSession.

use std::time::Duration;

use proto::auth::v1::GetSessionRequest;
use tonic::Code;

use crate::world::{EMAIL, World, assert_refused};

#[tokio::test]
async fn the_caller_learns_who_and_by_which_session() {
    let world = World::new().await;
    let registered = world.register(EMAIL).await;
    let tokens = registered.tokens.unwrap();
    world.clock.advance(Duration::from_mins(1));
    let tokens = world.refresh(&tokens.refresh_token).await.unwrap();
    let answer = world.session(&tokens.access_token).await.unwrap();
    assert_eq!(answer.user, registered.user);
    let session = answer.session.unwrap();
    let began = session.create_time.unwrap().seconds;
    assert!(session.current);
    assert_eq!(session.last_used_time.unwrap().seconds, began + 60);
    assert_eq!(session.expire_time.unwrap().seconds, began + 60 + 24 * 3600);
    assert_eq!(session.ip_address, "127.0.0.1");
}

#[tokio::test]
async fn without_a_good_token_nothing_is_told() {
    let world = World::new().await;
    world.register(EMAIL).await;
    let answer = world.auth.clone().get_session(GetSessionRequest {}).await;
    assert_refused(answer, Code::Unauthenticated, "TOKEN_MISSING");
    assert_refused(world.session("rubbish").await, Code::Unauthenticated, "TOKEN_INVALID");
    let foreign = World::new().await.register(EMAIL).await.tokens.unwrap().access_token;
    assert_refused(world.session(&foreign).await, Code::Unauthenticated, "TOKEN_INVALID");
}
