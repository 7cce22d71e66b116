//! Sessions: each outcome of a refresh, and that no two calls come between one another.

use std::{collections::HashSet, sync::Arc, time::Duration};

use auth_service::{
    refresh_tokens::Presented,
    sessions::{EndReason, GRACE, RefreshOutcome},
};
use platform::clock::Timestamp;
use uuid::Uuid;

use crate::{LIFETIMES, START, World, ended_sessions, on_every_engine, record, sign_in};

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
    the_sessions_of_an_account_are_listed,
    a_hundred_and_first_session_takes_the_place_of_the_one_unused_for_longest,
    parallel_sign_ins_leave_a_hundred_sessions,
    only_ones_own_sessions_can_be_ended,
    all_others_can_be_ended,
    dead_sessions_are_forgotten_in_bounded_steps,
);

const LATER: Duration = Duration::from_secs(31);

async fn present(world: &World, session: Uuid, generation: u32, now: Timestamp) -> RefreshOutcome {
    world
        .sessions
        .refresh(Presented { session, generation }, LIFETIMES, record(now))
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
    world
        .sessions
        .open_session(second.clone(), 1, sign_in(START))
        .await
        .unwrap();
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
        world
            .sessions
            .end_session(session.id, reason, record(START))
            .await
            .unwrap();
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
        .end_session(Uuid::nil(), EndReason::Logout, record(START))
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

/// More sessions of an account, opened one second after the other.
async fn opened(world: &World, account: Uuid, count: u64) -> Vec<Uuid> {
    let mut opened = Vec::new();
    for second in 1..=count {
        let mut session = crate::session(account);
        session.create_time = START.plus(Duration::from_secs(second));
        world
            .sessions
            .open_session(session.clone(), 1, sign_in(START))
            .await
            .unwrap();
        opened.push(session.id);
    }
    opened
}

async fn listed(world: &World, account: Uuid, now: Timestamp) -> Vec<Uuid> {
    let sessions = world.sessions.list_sessions(account, now).await.unwrap();
    sessions.into_iter().map(|session| session.id).collect()
}

async fn the_sessions_of_an_account_are_listed(world: World) {
    let (ada, first) = world.person("ada@example.com").await;
    let (ben, _) = world.person("ben@example.com").await;
    let more = opened(&world, ada.id, 2).await;
    opened(&world, ben.id, 1).await;
    let now = START.plus(LATER);
    assert_eq!(listed(&world, ada.id, now).await, [more[1], more[0], first.id]);
    present(&world, first.id, 0, now).await;
    assert_eq!(listed(&world, ada.id, now).await, [first.id, more[1], more[0]]);
    world
        .sessions
        .end_session(more[0], EndReason::Logout, record(now))
        .await
        .unwrap();
    assert_eq!(listed(&world, ada.id, now).await, [first.id, more[1]]);
    // The one that was not used since has expired.
    let later = START.plus(LIFETIMES.idle).plus(Duration::from_secs(1));
    assert_eq!(listed(&world, ada.id, later).await, [first.id]);
}

async fn a_hundred_and_first_session_takes_the_place_of_the_one_unused_for_longest(world: World) {
    let (ada, first) = world.person("ada@example.com").await;
    let more = opened(&world, ada.id, 99).await;
    assert!(ended_sessions(&world).await.is_empty());
    // The first is the one used last now.
    present(&world, first.id, 0, START.plus(Duration::from_secs(200))).await;
    let mut newest = crate::session(ada.id);
    newest.create_time = START.plus(Duration::from_mins(5));
    world
        .sessions
        .open_session(newest.clone(), 1, sign_in(START))
        .await
        .unwrap();
    let now = START.plus(Duration::from_mins(5));
    let live = listed(&world, ada.id, now).await;
    assert_eq!((live.len(), &live[..2]), (100, &[newest.id, first.id][..]));
    assert!(!live.contains(&more[0]));
    assert_eq!(ended_sessions(&world).await, [more[0]]);
}

async fn parallel_sign_ins_leave_a_hundred_sessions(world: World) {
    let (ada, _) = world.person("ada@example.com").await;
    let world = Arc::new(world);
    let openings = (0..120).map(|_| {
        let (world, session) = (world.clone(), crate::session(ada.id));
        tokio::spawn(async move { world.sessions.open_session(session, 1, sign_in(START)).await.unwrap() })
    });
    for opening in openings.collect::<Vec<_>>() {
        opening.await.unwrap();
    }
    assert_eq!(listed(&world, ada.id, START).await.len(), 100);
    assert_eq!(ended_sessions(&world).await.len(), 21);
}

async fn only_ones_own_sessions_can_be_ended(world: World) {
    let (ada, own) = world.person("ada@example.com").await;
    let (ben, foreign) = world.person("ben@example.com").await;
    let end = |account, session| {
        world
            .sessions
            .end_session_of(account, session, EndReason::Revoked, record(START))
    };
    assert!(!end(ada.id, foreign.id).await.unwrap());
    assert!(!end(ada.id, Uuid::nil()).await.unwrap());
    assert_eq!(listed(&world, ben.id, START).await, [foreign.id]);
    assert!(end(ada.id, own.id).await.unwrap());
    assert!(!end(ada.id, own.id).await.unwrap());
    assert_eq!(ended_sessions(&world).await, [own.id]);
    assert_eq!(present(&world, own.id, 0, START).await, RefreshOutcome::Ended);
}

async fn all_others_can_be_ended(world: World) {
    let (ada, first) = world.person("ada@example.com").await;
    let (_, foreign) = world.person("ben@example.com").await;
    let more = opened(&world, ada.id, 3).await;
    for _ in 0..2 {
        let ended = world
            .sessions
            .end_other_sessions(ada.id, more[1], EndReason::Revoked, record(START));
        ended.await.unwrap();
    }
    assert_eq!(listed(&world, ada.id, START).await, [more[1]]);
    let ended: HashSet<Uuid> = ended_sessions(&world).await.into_iter().collect();
    assert_eq!(ended, HashSet::from([first.id, more[0], more[2]]));
    assert!(matches!(
        present(&world, foreign.id, 0, START).await,
        RefreshOutcome::Rotated(_)
    ));
}

async fn dead_sessions_are_forgotten_in_bounded_steps(world: World) {
    let (ada, first) = world.person("ada@example.com").await;
    opened(&world, ada.id, 4).await;
    let used = START.plus(Duration::from_mins(30));
    present(&world, first.id, 0, used).await;
    let forget = |before, limit| world.sessions.forget_sessions(before, limit);
    assert_eq!(forget(START.plus(LIFETIMES.idle), 10).await.unwrap(), 0);
    let expired = START.plus(LIFETIMES.idle).plus(Duration::from_secs(1));
    assert_eq!(forget(expired, 3).await.unwrap(), 3);
    assert_eq!(forget(expired, 3).await.unwrap(), 1);
    assert_eq!(forget(expired, 3).await.unwrap(), 0);
    assert!(matches!(
        present(&world, first.id, 1, used).await,
        RefreshOutcome::Rotated(_)
    ));
}
