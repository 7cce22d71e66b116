//! Everything of one person, and nothing of another.

use auth_service::sessions::EndReason;
use uuid::Uuid;

use crate::{START, World, on_every_engine, record, session, sign_in};

on_every_engine!(
    all_sessions_of_an_account_are_exported_and_no_other,
    an_account_is_exported_by_a_session_that_has_not_ended,
);

/// LG-05.
async fn all_sessions_of_an_account_are_exported_and_no_other(world: World) {
    let (ada, first) = world.person("ada@example.com").await;
    world.person("ben@example.com").await;
    let second = session(ada.id);
    world
        .sessions
        .open_session(second.clone(), 1, sign_in(START))
        .await
        .unwrap();
    world
        .sessions
        .end_session(first.id, EndReason::Logout, record(START))
        .await
        .unwrap();
    let mut expected = [first.id, second.id];
    expected.sort_unstable();
    let page = async |after| world.exports.exported_sessions(ada.id, after, 1).await.unwrap();
    let (mut after, mut exported) = (Uuid::nil(), Vec::new());
    while let [found] = &page(after).await[..] {
        after = found.session.id;
        exported.push(after);
        let ended = found.session.id == first.id;
        assert_eq!(found.end_time, ended.then_some(START));
        assert_eq!(found.end_reason.as_deref(), ended.then_some("LOGOUT"));
    }
    assert_eq!(exported, expected);
}

async fn an_account_is_exported_by_a_session_that_has_not_ended(world: World) {
    let (ada, session) = world.person("ada@example.com").await;
    let (ben, _) = world.person("ben@example.com").await;
    let export = async |account| world.exports.exported_account(account, session.id).await.unwrap();
    let found = export(ada.id).await.unwrap();
    assert_eq!((found.account.id, found.update_time), (ada.id, START));
    assert!(export(ben.id).await.is_none());
    world
        .sessions
        .end_session(session.id, EndReason::Logout, record(START))
        .await
        .unwrap();
    assert!(export(ada.id).await.is_none());
}
