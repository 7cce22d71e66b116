//! Links by which a password is chosen anew.

use std::{sync::Arc, time::Duration};

use auth_service::resets::{LIFETIME, NewReset};
use platform::entropy::SystemEntropy;
use uuid::Uuid;

use crate::{START, World, ended_sessions, on_every_engine, record};

on_every_engine!(
    a_link_is_good_once_of_many_uses_at_once,
    a_link_ends_after_an_hour,
    only_the_last_link_of_an_account_is_good,
    a_withdrawn_password_is_nobodys,
    a_deleted_account_has_no_link,
    a_link_goes_with_the_password_that_it_was_for,
);

fn link(account: Uuid, withdraws_password: bool) -> NewReset {
    NewReset::make(account, withdraws_password, START, &SystemEntropy).0
}

/// PW-13.
async fn a_link_is_good_once_of_many_uses_at_once(world: World) {
    let (ada, session) = world.person("ada@example.com").await;
    let reset = link(ada.id, false);
    assert_eq!(world.resets.issue_reset(reset, record(START)).await.unwrap(), Some(0));
    assert!(ended_sessions(&world).await.is_empty());
    let target = world.resets.reset_target(reset.token, START).await.unwrap();
    assert_eq!(target.map(|account| account.id), Some(ada.id));
    let world = Arc::new(world);
    let uses = (0..20).map(|number| {
        let world = world.clone();
        tokio::spawn(async move {
            let hash = format!("hash {number}");
            let used = world.resets.use_reset(reset.token, &hash, record(START)).await.unwrap();
            used.map(|ended| (hash, ended))
        })
    });
    let mut successes = Vec::new();
    for used in uses.collect::<Vec<_>>() {
        successes.extend(used.await.unwrap());
    }
    assert_eq!(successes.len(), 1);
    assert_eq!(successes[0].1, 1);
    assert_eq!(ended_sessions(&world).await, [session.id]);
    let found = world.accounts.credentials(&ada.email).await.unwrap().unwrap();
    assert_eq!(
        (found.password_hash, found.password_version),
        (successes[0].0.clone(), 2)
    );
    assert!(world.resets.reset_target(reset.token, START).await.unwrap().is_none());
}

async fn a_link_ends_after_an_hour(world: World) {
    let (ada, _) = world.person("ada@example.com").await;
    let reset = link(ada.id, false);
    world.resets.issue_reset(reset, record(START)).await.unwrap();
    let end = START.plus(LIFETIME);
    assert!(world.resets.reset_target(reset.token, end).await.unwrap().is_none());
    let used = world.resets.use_reset(reset.token, "hash", record(end)).await.unwrap();
    assert_eq!(used, None);
    assert_eq!(world.resets.forget_resets(end, 10).await.unwrap(), 0);
    let after = end.plus(Duration::from_micros(1));
    assert_eq!(world.resets.forget_resets(after, 10).await.unwrap(), 1);
}

async fn only_the_last_link_of_an_account_is_good(world: World) {
    let (ada, _) = world.person("ada@example.com").await;
    let (first, second) = (link(ada.id, false), link(ada.id, false));
    for reset in [first, second] {
        world.resets.issue_reset(reset, record(START)).await.unwrap();
    }
    assert!(world.resets.reset_target(first.token, START).await.unwrap().is_none());
    assert!(world.resets.reset_target(second.token, START).await.unwrap().is_some());
}

/// PW-09.
async fn a_withdrawn_password_is_nobodys(world: World) {
    let (ada, session) = world.person("ada@example.com").await;
    let reset = link(ada.id, true);
    assert_eq!(world.resets.issue_reset(reset, record(START)).await.unwrap(), Some(1));
    assert_eq!(ended_sessions(&world).await, [session.id]);
    let found = world.accounts.credentials(&ada.email).await.unwrap().unwrap();
    assert_eq!(found.password_hash, "");
    let used = world
        .resets
        .use_reset(reset.token, "hash", record(START))
        .await
        .unwrap();
    assert_eq!(used, Some(0));
}

async fn a_link_goes_with_the_password_that_it_was_for(world: World) {
    let (ada, session) = world.person("ada@example.com").await;
    let reset = link(ada.id, false);
    world.resets.issue_reset(reset, record(START)).await.unwrap();
    let changed = world
        .accounts
        .change_password(ada.id, 1, "new", session.id, record(START));
    assert_eq!(changed.await.unwrap(), Some(0));
    assert!(world.resets.reset_target(reset.token, START).await.unwrap().is_none());
}

async fn a_deleted_account_has_no_link(world: World) {
    let (ada, _) = world.person("ada@example.com").await;
    let reset = link(ada.id, false);
    world.resets.issue_reset(reset, record(START)).await.unwrap();
    world.accounts.delete_account(ada.id, record(START)).await.unwrap();
    assert!(world.resets.reset_target(reset.token, START).await.unwrap().is_none());
    let issued = world.resets.issue_reset(reset, record(START)).await.unwrap();
    assert_eq!(issued, None);
    let issued = world.resets.issue_reset(link(Uuid::nil(), true), record(START)).await;
    assert_eq!(issued.unwrap(), None);
}
