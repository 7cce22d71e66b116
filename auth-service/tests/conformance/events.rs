//! Account events: in the order of the commits, without gaps, and kept for as long as they matter.

use std::{sync::Arc, time::Duration};

use auth_service::{
    events::{Event, StoredEvent},
    sessions::EndReason,
    store::Opening,
};
use uuid::Uuid;

use crate::{LIFETIMES, START, World, on_every_engine, record, sign_in};

on_every_engine!(
    a_follower_misses_nothing_while_sessions_end,
    a_page_goes_on_where_the_last_one_ended,
    an_event_is_kept_while_a_token_may_be_good,
    a_deletion_is_kept_until_it_is_acknowledged,
    a_password_change_ends_and_tells_all_other_sessions,
    a_deleted_account_names_nobody_and_frees_its_address,
    a_sign_in_never_outlives_a_change_of_its_account,
);

async fn all(world: &World) -> Vec<StoredEvent> {
    world.events.events_after(0, 10_000).await.unwrap()
}

/// Two transactions overlap all the time; an id that is taken before its transaction commits would be skipped.
async fn a_follower_misses_nothing_while_sessions_end(world: World) {
    const SESSIONS: usize = 60;
    let mut sessions = Vec::new();
    for number in 0..SESSIONS {
        sessions.push(world.person(&format!("person{number}@example.com")).await.1.id);
    }
    let world = Arc::new(world);
    let endings: Vec<_> = sessions
        .iter()
        .map(|session| {
            let (world, session) = (world.clone(), *session);
            tokio::spawn(async move {
                world
                    .sessions
                    .end_session(session, EndReason::Logout, record(START))
                    .await
                    .unwrap();
            })
        })
        .collect();
    let (mut cursor, mut heard) = (0, Vec::new());
    while heard.len() < SESSIONS {
        for event in world.events.events_after(cursor, 7).await.unwrap() {
            assert_eq!(event.id, cursor + 1, "nothing was skipped");
            cursor = event.id;
            heard.push(event.event);
        }
        tokio::task::yield_now().await;
    }
    for ending in endings {
        ending.await.unwrap();
    }
    assert_eq!(
        world.events.last_event().await.unwrap(),
        i64::try_from(SESSIONS).unwrap()
    );
    for session in sessions {
        assert!(heard.contains(&Event::SessionEnded { session }));
    }
}

async fn a_page_goes_on_where_the_last_one_ended(world: World) {
    assert_eq!(world.events.last_event().await.unwrap(), 0);
    let (_, session) = world.person("ada@example.com").await;
    let (_, other) = world.person("ben@example.com").await;
    for session in [session.id, session.id, other.id] {
        world
            .sessions
            .end_session(session, EndReason::Logout, record(START))
            .await
            .unwrap();
    }
    let first = world.events.events_after(0, 1).await.unwrap();
    assert_eq!(first[0].event, Event::SessionEnded { session: session.id });
    assert_eq!((first[0].id, first[0].event_time), (1, START));
    let second = world.events.events_after(1, 10).await.unwrap();
    assert_eq!(second.len(), 1, "the second end of a session is none");
    assert_eq!(second[0].event, Event::SessionEnded { session: other.id });
}

async fn an_event_is_kept_while_a_token_may_be_good(world: World) {
    let (_, session) = world.person("ada@example.com").await;
    let refreshed = START.plus(Duration::from_mins(20));
    let presented = auth_service::refresh_tokens::Presented {
        session: session.id,
        generation: 0,
    };
    world
        .sessions
        .refresh(presented, LIFETIMES, record(refreshed))
        .await
        .unwrap();
    world
        .sessions
        .end_session(session.id, EndReason::Logout, record(refreshed))
        .await
        .unwrap();
    // The token of the refresh is good for five minutes, and may have been given out again for 30 seconds; clocks may be
    // a minute apart.
    let last = refreshed.plus(Duration::from_secs(300 + 30 + 60));
    assert_eq!(all(&world).await[0].forget_time, last);
    assert_eq!(world.events.forget_events(last, 10).await.unwrap(), 0);
    let after = last.plus(Duration::from_micros(1));
    assert_eq!(world.events.forget_events(after, 10).await.unwrap(), 1);
    assert_eq!(all(&world).await, []);
    assert_eq!(world.events.last_event().await.unwrap(), 1);
}

async fn a_deletion_is_kept_until_it_is_acknowledged(world: World) {
    let (ada, _) = world.person("ada@example.com").await;
    assert!(
        world
            .accounts
            .delete_account(ada.id, record(START))
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(
        world.accounts.delete_account(ada.id, record(START)).await.unwrap(),
        None
    );
    let late = START.plus(Duration::from_hours(10_000));
    assert_eq!(
        world.events.forget_events(late, 10).await.unwrap(),
        1,
        "the end of the session"
    );
    let kept = all(&world).await;
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].event, Event::AccountDeleted { account: ada.id });
    for _ in 0..2 {
        world.events.acknowledge_erasure(ada.id).await.unwrap();
    }
    world.events.acknowledge_erasure(Uuid::nil()).await.unwrap();
    assert_eq!(world.events.forget_events(late, 10).await.unwrap(), 1);
}

async fn a_password_change_ends_and_tells_all_other_sessions(world: World) {
    let (ada, kept) = world.person("ada@example.com").await;
    let other = crate::session(ada.id);
    world
        .sessions
        .open_session(other.clone(), 1, sign_in(START))
        .await
        .unwrap();
    let now = START.plus(Duration::from_secs(1));
    let change = |chosen_before| {
        world
            .accounts
            .change_password(ada.id, chosen_before, "new hash", kept.id, record(now))
    };
    assert_eq!(change(1).await.unwrap(), Some(1));
    assert_eq!(change(1).await.unwrap(), None, "the password is another one by now");
    assert_eq!(crate::ended_sessions(&world).await, [other.id]);
    let credentials = world.accounts.credentials_of(ada.id, kept.id).await.unwrap().unwrap();
    assert_eq!(
        (&*credentials.password_hash, credentials.password_version),
        ("new hash", 2)
    );
    assert!(world.accounts.credentials_of(ada.id, other.id).await.unwrap().is_none());
}

async fn a_deleted_account_names_nobody_and_frees_its_address(world: World) {
    let (ada, session) = world.person("ada@example.com").await;
    assert!(
        world
            .accounts
            .delete_account(ada.id, record(START))
            .await
            .unwrap()
            .is_some()
    );
    assert!(world.accounts.credentials(&ada.email).await.unwrap().is_none());
    assert!(
        world
            .accounts
            .credentials_of(ada.id, session.id)
            .await
            .unwrap()
            .is_none()
    );
    let (left, session) = world.accounts.session(ada.id, session.id).await.unwrap().unwrap();
    assert_eq!((left.email.as_typed(), &*left.display_name), ("", ""));
    assert_eq!(
        (&*session.user_agent, &*session.ip_address, session.ended),
        ("", "", true)
    );
    let (again, _) = world.person("ada@example.com").await;
    assert_ne!(again.id, ada.id);
    // Another one can leave too: what is left of them is told apart.
    assert!(
        world
            .accounts
            .delete_account(again.id, record(START))
            .await
            .unwrap()
            .is_some()
    );
}

async fn a_sign_in_never_outlives_a_change_of_its_account(world: World) {
    let (ada, first) = world.person("ada@example.com").await;
    let open = |version| {
        world
            .sessions
            .open_session(crate::session(ada.id), version, sign_in(START))
    };
    assert_eq!(open(1).await.unwrap(), Opening::Opened { evicted: 0 });
    assert!(
        world
            .accounts
            .change_password(ada.id, 1, "new", first.id, record(START))
            .await
            .unwrap()
            .is_some()
    );
    // The password was verified before it was changed.
    assert_eq!(open(1).await.unwrap(), Opening::AccountChanged);
    assert_eq!(open(2).await.unwrap(), Opening::Opened { evicted: 0 });
    assert!(
        world
            .accounts
            .delete_account(ada.id, record(START))
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(open(2).await.unwrap(), Opening::AccountChanged);
}
