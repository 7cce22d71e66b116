//! Sessions: each outcome of a refresh, and that no two calls come between one another.

use std::{collections::HashSet, sync::Arc, time::Duration};

use auth_service::{
    refresh_tokens::Presented,
    sessions::{EndReason, GRACE, RefreshOutcome},
};
use platform::clock::Timestamp;
use uuid::Uuid;

use crate::{LIFETIMES, START, World, on_every_engine};

on_every_engine!(
    the_current_token_rotates,
    the_accepted_token_repeats_the_same_successor_within_the_grace,
    the_accepted_token_recovers_a_lost_answer_after_the_grace,
    an_orphan_of_a_recovery_is_a_reuse,
    any_other_generation_is_a_reuse_and_ends_the_session,
    a_reuse_ends_only_its_own_session,
    an_ended_session_stays_ended,
    an_unused_session_expires,
    a_session_expires_at_its_greatest_age_though_it_is_used,
    an_unknown_session_is_unknown,
    of_fifty_refreshes_at_once_one_rotates,
    thief_and_victim_are_told_apart,
);

const LATER: Duration = Duration::from_secs(31);

async fn present(world: &World, session: Uuid, generation: u32, now: Timestamp) -> RefreshOutcome {
    world
        .sessions
        .refresh(Presented { session, generation }, LIFETIMES, now)
        .await
        .unwrap()
}

/// The generation that an outcome gave out.
fn successor(outcome: &RefreshOutcome) -> Option<u32> {
    match outcome {
        RefreshOutcome::Rotated(session) | RefreshOutcome::Repeated(session) | RefreshOutcome::Recovered(session) => {
            Some(session.generation)
        }
        _ => None,
    }
}

async fn the_current_token_rotates(world: World) {
    let (ada, session) = world.person("ada@example.com").await;
    let now = START.plus(LATER);
    let RefreshOutcome::Rotated(refreshed) = present(&world, session.id, 0, now).await else {
        panic!()
    };
    assert_eq!(
        (refreshed.account, refreshed.session, refreshed.generation),
        (ada.id, session.id, 1)
    );
    assert_eq!(refreshed.sign_in_time, START);
    assert_eq!(refreshed.expire_time, now.plus(LIFETIMES.idle));
    let (_, stored) = world.accounts.session(ada.id, session.id).await.unwrap().unwrap();
    assert_eq!(stored.last_used_time, now);
}

async fn the_accepted_token_repeats_the_same_successor_within_the_grace(world: World) {
    let (_, session) = world.person("ada@example.com").await;
    present(&world, session.id, 0, START).await;
    for late in [Duration::ZERO, GRACE] {
        let RefreshOutcome::Repeated(same) = present(&world, session.id, 0, START.plus(late)).await else {
            panic!()
        };
        assert_eq!(same.generation, 1);
    }
    // Nothing was changed by the repetition.
    assert!(matches!(
        present(&world, session.id, 1, START.plus(GRACE)).await,
        RefreshOutcome::Rotated(_)
    ));
}

async fn the_accepted_token_recovers_a_lost_answer_after_the_grace(world: World) {
    let (_, session) = world.person("ada@example.com").await;
    let mut now = START;
    present(&world, session.id, 0, now).await;
    // SE-12: however often the answer is lost, the token goes on working until a successor is used.
    for lost in 2..=6 {
        now = now.plus(LATER);
        let RefreshOutcome::Recovered(recovered) = present(&world, session.id, 0, now).await else {
            panic!()
        };
        assert_eq!(recovered.generation, lost);
    }
    assert_eq!(successor(&present(&world, session.id, 6, now).await), Some(7));
    now = now.plus(LATER);
    assert!(matches!(
        present(&world, session.id, 0, now).await,
        RefreshOutcome::Reused { .. }
    ));
}

async fn an_orphan_of_a_recovery_is_a_reuse(world: World) {
    let (_, session) = world.person("ada@example.com").await;
    present(&world, session.id, 0, START).await;
    present(&world, session.id, 0, START.plus(LATER)).await;
    let outcome = present(&world, session.id, 1, START.plus(LATER)).await;
    assert!(matches!(outcome, RefreshOutcome::Reused { .. }));
}

async fn any_other_generation_is_a_reuse_and_ends_the_session(world: World) {
    for (name, generation) in [("past", 0), ("future", 9)] {
        let (ada, session) = world.person(&format!("{name}@example.com")).await;
        present(&world, session.id, 0, START).await;
        present(&world, session.id, 1, START).await;
        let outcome = present(&world, session.id, generation, START).await;
        assert_eq!(outcome, RefreshOutcome::Reused { account: ada.id }, "{name}");
        assert!(
            world
                .accounts
                .session(ada.id, session.id)
                .await
                .unwrap()
                .unwrap()
                .1
                .ended
        );
        assert_eq!(present(&world, session.id, 2, START).await, RefreshOutcome::Ended);
    }
}

async fn a_reuse_ends_only_its_own_session(world: World) {
    let (ada, first) = world.person("ada@example.com").await;
    let second = crate::session(ada.id);
    world.sessions.open_session(second.clone()).await.unwrap();
    assert!(matches!(
        present(&world, first.id, 5, START).await,
        RefreshOutcome::Reused { .. }
    ));
    assert!(matches!(
        present(&world, second.id, 0, START).await,
        RefreshOutcome::Rotated(_)
    ));
}

async fn an_ended_session_stays_ended(world: World) {
    let (ada, session) = world.person("ada@example.com").await;
    for reason in [EndReason::Logout, EndReason::RefreshReused] {
        world.sessions.end_session(session.id, reason, START).await.unwrap();
    }
    assert_eq!(present(&world, session.id, 0, START).await, RefreshOutcome::Ended);
    assert!(
        world
            .accounts
            .session(ada.id, session.id)
            .await
            .unwrap()
            .unwrap()
            .1
            .ended
    );
    // A session that never was has no end to keep.
    world
        .sessions
        .end_session(Uuid::nil(), EndReason::Logout, START)
        .await
        .unwrap();
}

async fn an_unused_session_expires(world: World) {
    let (_, session) = world.person("ada@example.com").await;
    let end = START.plus(LIFETIMES.idle);
    assert_eq!(present(&world, session.id, 0, end).await, RefreshOutcome::Expired);
    // Expired is no reuse: whatever comes late, the session was not ended.
    assert_eq!(present(&world, session.id, 7, end).await, RefreshOutcome::Expired);
    let just_before = end.minus(Duration::from_micros(1));
    assert!(matches!(
        present(&world, session.id, 0, just_before).await,
        RefreshOutcome::Rotated(_)
    ));
}

async fn a_session_expires_at_its_greatest_age_though_it_is_used(world: World) {
    let (_, session) = world.person("ada@example.com").await;
    let mut now = START;
    let mut generation = 0;
    while now.plus(Duration::from_mins(30)) < session.expire_time {
        now = now.plus(Duration::from_mins(30));
        let RefreshOutcome::Rotated(refreshed) = present(&world, session.id, generation, now).await else {
            panic!()
        };
        generation = refreshed.generation;
        assert!(
            refreshed.expire_time <= session.expire_time,
            "never beyond the greatest age"
        );
    }
    assert_eq!(
        present(&world, session.id, generation, session.expire_time).await,
        RefreshOutcome::Expired
    );
}

async fn an_unknown_session_is_unknown(world: World) {
    assert_eq!(present(&world, Uuid::nil(), 0, START).await, RefreshOutcome::Unknown);
}

/// SE-11.
async fn of_fifty_refreshes_at_once_one_rotates(world: World) {
    let (_, session) = world.person("ada@example.com").await;
    let world = Arc::new(world);
    let calls = (0..50).map(|_| {
        let world = world.clone();
        tokio::spawn(async move { present(&world, session.id, 0, START).await })
    });
    let (mut rotated, mut successors) = (0, HashSet::new());
    for call in calls.collect::<Vec<_>>() {
        let outcome = call.await.unwrap();
        rotated += usize::from(matches!(outcome, RefreshOutcome::Rotated(_)));
        successors.insert(successor(&outcome));
    }
    assert_eq!((rotated, successors), (1, HashSet::from([Some(1)])));
    assert!(
        matches!(present(&world, session.id, 1, START).await, RefreshOutcome::Rotated(_)),
        "one live chain"
    );
}

/// SE-13: both hold the same token and refresh in any order, each time after the grace. Never do both
/// succeed twice, and once both have tried twice the session has ended.
async fn thief_and_victim_are_told_apart(world: World) {
    const TURNS: u32 = 6;
    // Each bit says whose turn it is.
    for order in 0..1_u32 << TURNS {
        let (ada, session) = world.person(&format!("person{order}@example.com")).await;
        let mut now = START;
        let (mut held, mut tries, mut successes) = ([0; 2], [0; 2], [0; 2]);
        for turn in 0..TURNS {
            let who = usize::from(order >> turn & 1 == 1);
            now = now.plus(LATER);
            tries[who] += 1;
            if let Some(next) = successor(&present(&world, session.id, held[who], now).await) {
                held[who] = next;
                successes[who] += 1;
            }
            assert!(successes.iter().any(|count| *count < 2), "order {order:b}");
        }
        let both = tries.iter().all(|count| *count >= 2);
        let (_, session) = world.accounts.session(ada.id, session.id).await.unwrap().unwrap();
        assert!(session.ended || !both, "order {order:b}");
    }
}
