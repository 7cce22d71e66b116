//! Sessions, as their person sees and ends them.

use std::time::Duration;

use proto::auth::v1::{ListSessionsRequest, RevokeOtherSessionsRequest, RevokeSessionRequest, Session, Tokens};
use tonic::{Code, Status};

use crate::world::{EMAIL, PASSWORD, World, assert_refused, bearer};

async fn list(world: &World, tokens: &Tokens) -> Result<Vec<Session>, Status> {
    let request = bearer(&tokens.access_token, ListSessionsRequest {});
    let answer = world.auth.clone().list_sessions(request).await?.into_inner();
    assert_eq!(answer.next_page_token, "");
    Ok(answer.sessions)
}

async fn revoke(world: &World, tokens: &Tokens, session_id: &str) -> Result<(), Status> {
    let request = RevokeSessionRequest {
        session_id: session_id.to_owned(),
    };
    let request = bearer(&tokens.access_token, request);
    world.auth.clone().revoke_session(request).await.map(drop)
}

/// SE-07.
#[tokio::test]
async fn a_person_sees_their_sessions_the_one_used_last_first() {
    let world = World::new().await;
    let first = world.register(EMAIL).await.tokens.unwrap();
    world.register("ben@example.com").await;
    world.clock.advance(Duration::from_secs(1));
    let second = world.login(EMAIL, PASSWORD).await.unwrap().tokens.unwrap();
    let sessions = list(&world, &first).await.unwrap();
    let current: Vec<bool> = sessions.iter().map(|session| session.current).collect();
    assert_eq!(current, [false, true]);
    assert_eq!(sessions[1].ip_address, "127.0.0.1");
    assert!(sessions[1].user_agent.contains("tonic"), "{sessions:?}");
    world.clock.advance(Duration::from_secs(1));
    let first = world.refresh(&first.refresh_token).await.unwrap();
    let sessions = list(&world, &second).await.unwrap();
    let current: Vec<bool> = sessions.iter().map(|session| session.current).collect();
    assert_eq!(current, [false, true]);
    assert_eq!(list(&world, &first).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_session_is_ended_by_its_person_only() {
    let world = World::new().await;
    let first = world.register(EMAIL).await.tokens.unwrap();
    let second = world.login(EMAIL, PASSWORD).await.unwrap().tokens.unwrap();
    let foreign = world.register("ben@example.com").await.tokens.unwrap();
    let foreign_id = list(&world, &foreign).await.unwrap().remove(0).id;
    let own_id = world.session(&second.access_token).await.unwrap().session.unwrap().id;
    // Foreign, unknown and malformed cannot be told apart.
    let mut refusals = Vec::new();
    for id in [&*foreign_id, "00000000-0000-4000-8000-000000000000", "rubbish", ""] {
        let refused = revoke(&world, &first, id).await;
        refusals.push(format!("{:?}", refused.as_ref().unwrap_err().details()));
        assert_refused(refused, Code::NotFound, "SESSION_NOT_FOUND");
    }
    refusals.dedup();
    assert_eq!(refusals.len(), 1);
    world.session(&foreign.access_token).await.unwrap();

    revoke(&world, &first, &own_id).await.unwrap();
    assert_refused(
        revoke(&world, &first, &own_id).await,
        Code::NotFound,
        "SESSION_NOT_FOUND",
    );
    for refused in [
        world.session(&second.access_token).await.map(drop),
        list(&world, &second).await.map(drop),
        revoke(&world, &second, &own_id).await,
        world.refresh(&second.refresh_token).await.map(drop),
    ] {
        assert_refused(refused, Code::Unauthenticated, "SESSION_REVOKED");
    }
    world.session(&first.access_token).await.unwrap();
}

#[tokio::test]
async fn all_other_sessions_are_ended_at_once() {
    let world = World::new().await;
    let first = world.register(EMAIL).await.tokens.unwrap();
    let foreign = world.register("ben@example.com").await.tokens.unwrap();
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(world.login(EMAIL, PASSWORD).await.unwrap().tokens.unwrap());
    }
    for _ in 0..2 {
        let request = bearer(&first.access_token, RevokeOtherSessionsRequest {});
        world.auth.clone().revoke_other_sessions(request).await.unwrap();
    }
    assert_eq!(list(&world, &first).await.unwrap().len(), 1);
    for tokens in others {
        assert_refused(
            world.refresh(&tokens.refresh_token).await,
            Code::Unauthenticated,
            "SESSION_REVOKED",
        );
    }
    world.session(&foreign.access_token).await.unwrap();
}

/// SE-09: the hundred and first takes the place of the one unused for longest.
#[tokio::test]
async fn a_person_has_a_hundred_sessions_at_most() {
    let world = World::new().await;
    let first = world.register(EMAIL).await.tokens.unwrap();
    let mut last = first.clone();
    for _ in 0..100 {
        world.clock.advance(Duration::from_millis(1));
        last = world.login(EMAIL, PASSWORD).await.unwrap().tokens.unwrap();
    }
    assert_eq!(list(&world, &last).await.unwrap().len(), 100);
    assert_refused(
        world.refresh(&first.refresh_token).await,
        Code::Unauthenticated,
        "SESSION_REVOKED",
    );
}
