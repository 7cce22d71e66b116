//! What operators do.

use std::time::Duration;

use auth_service::{events::Event, store::Opening};
use uuid::Uuid;

use crate::{START, World, ended_sessions, on_every_engine, record, session, sign_in};

on_every_engine!(
    accounts_are_listed_by_address,
    a_disabled_account_has_no_session_and_gets_none,
    everybodys_sessions_end_in_bounded_steps,
);

/// PW-16: nobody is there before somebody registers.
async fn accounts_are_listed_by_address(world: World) {
    assert!(world.administration.accounts_after("", 1).await.unwrap().is_empty());
    for name in ["carl", "Ada", "ben"] {
        world.person(&format!("{name}@example.com")).await;
    }
    let (gone, _) = world.person("dora@example.com").await;
    world.accounts.delete_account(gone.id, record(START)).await.unwrap();
    let listed = async |after, limit| {
        let found = world.administration.accounts_after(after, limit).await.unwrap();
        let emails = found.iter().map(|state| state.account.email.as_typed().to_owned());
        emails.collect::<Vec<_>>()
    };
    assert_eq!(listed("", 2).await, ["Ada@example.com", "ben@example.com"]);
    assert_eq!(listed("ben@example.com", 2).await, ["carl@example.com"]);
    assert!(world.administration.account(gone.id).await.unwrap().is_none());
}

/// SE-05.
async fn a_disabled_account_has_no_session_and_gets_none(world: World) {
    let (ada, first) = world.person("ada@example.com").await;
    let (ben, _) = world.person("ben@example.com").await;
    let disable = |account| world.administration.disable_account(account, record(START));
    assert_eq!(disable(ada.id).await.unwrap(), Some(1));
    assert_eq!(disable(ada.id).await.unwrap(), Some(0));
    assert_eq!(disable(Uuid::nil()).await.unwrap(), None);
    assert_eq!(ended_sessions(&world).await, [first.id]);
    let state = async |account| world.administration.account(account).await.unwrap().unwrap().disabled;
    assert!(state(ada.id).await && !state(ben.id).await);
    let open = || world.sessions.open_session(session(ada.id), 1, sign_in(START));
    assert_eq!(open().await.unwrap(), Opening::AccountChanged);
    let enable = |account| world.administration.enable_account(account, record(START));
    assert!(enable(ada.id).await.unwrap());
    assert!(!enable(Uuid::nil()).await.unwrap());
    assert!(!state(ada.id).await);
    assert_eq!(open().await.unwrap(), Opening::Opened { evicted: 0 });
}

/// SE-08.
async fn everybodys_sessions_end_in_bounded_steps(world: World) {
    for number in 0..5 {
        world.person(&format!("person{number}@example.com")).await;
    }
    let (ada, _) = world.person("ada@example.com").await;
    let mut later = session(ada.id);
    later.create_time = START.plus(Duration::from_secs(1));
    world
        .sessions
        .open_session(later.clone(), 1, sign_in(START))
        .await
        .unwrap();
    let withdrawn = START.plus(Duration::from_millis(500));
    let now = START.plus(Duration::from_secs(2));
    let end = |limit| world.administration.end_some_sessions(withdrawn, now, limit);
    assert_eq!(end(4).await.unwrap(), 4);
    assert_eq!(end(4).await.unwrap(), 2);
    assert_eq!(end(4).await.unwrap(), 0);
    let left = world.sessions.list_sessions(ada.id, START).await.unwrap();
    assert_eq!(left.iter().map(|session| session.id).collect::<Vec<_>>(), [later.id]);
    world.administration.withdraw_all_tokens(record(START)).await.unwrap();
    let events = world.events.events_after(0, 10).await.unwrap();
    // Those whose last token is of the second in question, or later, are told one by one.
    let told = events
        .iter()
        .filter(|stored| matches!(stored.event, Event::SessionEnded { .. }));
    assert_eq!(told.count(), 6);
    assert_eq!(events[6].event, Event::TokensWithdrawn { account: None });
    let later = START.plus(Duration::from_mins(2));
    let none = world.administration.end_some_sessions(later, later, 10).await.unwrap();
    assert_eq!(none, 1);
    assert_eq!(world.events.events_after(7, 10).await.unwrap(), []);
}
