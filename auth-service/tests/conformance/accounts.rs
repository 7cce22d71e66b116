//! Accounts.

use std::sync::Arc;

use auth_service::{
    accounts::{Email, NewAccount},
    store::Registration,
};
use uuid::Uuid;

use crate::{START, World, account, on_every_engine, session, sign_in};

on_every_engine!(
    an_address_that_compares_equal_is_taken,
    of_many_registrations_at_once_one_succeeds,
    credentials_are_found_by_the_compared_address,
    a_hash_is_replaced_only_if_it_is_still_the_one_given,
    a_session_is_found_with_its_own_account_only,
    what_was_acknowledged_is_there_after_reopening,
);

fn email(text: &str) -> Email {
    Email::parse(text).unwrap_or_else(|problem| panic!("{problem}"))
}

async fn an_address_that_compares_equal_is_taken(world: World) {
    world.person("J\u{fc}rgen@example.com").await;
    let second = account("ju\u{308}rgen@EXAMPLE.com");
    let (id, taken) = (second.id, session(second.id));
    let new = NewAccount {
        account: second,
        password_hash: "other".to_owned(),
    };
    assert_eq!(
        world
            .accounts
            .register(new, taken.clone(), sign_in(START))
            .await
            .unwrap(),
        Registration::EmailTaken
    );
    assert!(
        world.accounts.session(id, taken.id).await.unwrap().is_none(),
        "nothing was stored"
    );
}

async fn of_many_registrations_at_once_one_succeeds(world: World) {
    let world = Arc::new(world);
    let tries = (0..50).map(|_| {
        let world = world.clone();
        tokio::spawn(async move {
            let account = account("ada@example.com");
            let session = session(account.id);
            let new = NewAccount {
                account,
                password_hash: "hash".to_owned(),
            };
            world.accounts.register(new, session, sign_in(START)).await.unwrap()
        })
    });
    let mut done = 0;
    for registration in tries.collect::<Vec<_>>() {
        done += usize::from(registration.await.unwrap() == Registration::Done);
    }
    assert_eq!(done, 1);
}

async fn credentials_are_found_by_the_compared_address(world: World) {
    let (ada, _) = world.person("Ada@Example.com").await;
    let found = world
        .accounts
        .credentials(&email("aDA@example.COM"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.account.id, ada.id);
    assert_eq!(found.account.email.as_typed(), "Ada@Example.com");
    assert_eq!(found.account.display_name, "Ada");
    assert_eq!(found.account.create_time, START);
    assert_eq!(found.password_hash, "hash");
    assert!(
        world
            .accounts
            .credentials(&email("eve@example.com"))
            .await
            .unwrap()
            .is_none()
    );
}

async fn a_hash_is_replaced_only_if_it_is_still_the_one_given(world: World) {
    let (ada, _) = world.person("ada@example.com").await;
    let stored = async || {
        world
            .accounts
            .credentials(&email("ada@example.com"))
            .await
            .unwrap()
            .unwrap()
            .password_hash
    };
    world
        .accounts
        .replace_password_hash(ada.id, "stale", "new", START)
        .await
        .unwrap();
    assert_eq!(stored().await, "hash");
    world
        .accounts
        .replace_password_hash(ada.id, "hash", "new", START)
        .await
        .unwrap();
    assert_eq!(stored().await, "new");
}

async fn a_session_is_found_with_its_own_account_only(world: World) {
    let (ada, session) = world.person("ada@example.com").await;
    let (eve, _) = world.person("eve@example.com").await;
    let (account, found) = world.accounts.session(ada.id, session.id).await.unwrap().unwrap();
    assert_eq!((account.id, found.id), (ada.id, session.id));
    assert_eq!(
        (&*found.user_agent, &*found.ip_address, found.ended),
        ("test", "192.0.2.1", false)
    );
    assert_eq!((found.create_time, found.last_used_time), (START, START));
    assert_eq!(found.expire_time, session.idle_expire_time);
    assert!(world.accounts.session(eve.id, session.id).await.unwrap().is_none());
    assert!(world.accounts.session(ada.id, Uuid::nil()).await.unwrap().is_none());
}

async fn what_was_acknowledged_is_there_after_reopening(world: World) {
    let (ada, session) = world.person("ada@example.com").await;
    let world = world.reopened().await;
    assert!(world.accounts.session(ada.id, session.id).await.unwrap().is_some());
}
