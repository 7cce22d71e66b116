//! Leaving.

use futures_util::future::join_all;
use task_service::{
    change::Change,
    store::{Effect, Erased},
};

use crate::one::{Changed, Created, One as _};
use crate::world::{World, retitled};

pub(crate) async fn nothing_is_left_of_an_erased_owner(world: World) {
    let (anna, ben) = (world.somebody().await, world.somebody().await);
    let task = world.task(anna, "Anna's").await;
    let trash = world.task(anna, "thrown away").await;
    let deleted = world
        .store
        .change(anna, world.edit(trash.id, Change::Delete), Effect::Stored);
    assert!(matches!(deleted.await, Ok(Changed::Task(_))));
    let other = world.task(ben, "Ben's").await;
    for _ in 0..2 {
        assert_eq!(
            world.store.erase(anna, world.now()).await.ok(),
            Some(Erased::Completely)
        );
    }
    assert!(world.list(anna).await.is_empty());
    for id in [task.id, trash.id] {
        assert_eq!(world.store.get(anna, id).await.ok(), Some(None));
    }
    assert_eq!(world.list(ben).await, [other]);
}

pub(crate) async fn nothing_is_written_for_an_erased_owner(world: World) {
    let (anna, ben) = (world.somebody().await, world.somebody().await);
    let task = world.task(anna, "left over").await;
    assert!(world.store.erase(anna, world.now()).await.is_ok());
    for effect in [Effect::Stored, Effect::CheckedOnly] {
        let created = world.store.create(anna, world.draft("too late"), effect.clone()).await;
        assert_eq!(created.expect("the store answers"), Created::OwnerErased);
        for change in [retitled("too late"), Change::Set(Box::default()), Change::Delete] {
            let changed = world
                .store
                .change(anna, world.edit(task.id, change), effect.clone())
                .await;
            assert_eq!(changed.expect("the store answers"), Changed::OwnerErased);
        }
    }
    assert!(world.list(anna).await.is_empty());
    assert_eq!(world.next_seq(ben).await, 1);
}

pub(crate) async fn an_erasure_goes_on_where_it_was_cut_off(world: World) {
    let anna = world.somebody().await;
    // Not all at once: each waits for a connection for a few seconds only.
    for _ in 0..12 {
        join_all((0..50).map(|_| world.stored(anna, world.draft("one of many")))).await;
    }
    assert_eq!(world.store.erase(anna, world.now()).await.ok(), Some(Erased::InPart));
    // From the first step on nothing new comes.
    let created = world.store.create(anna, world.draft("too late"), Effect::Stored).await;
    assert_eq!(created.expect("the store answers"), Created::OwnerErased);
    assert_eq!(
        world.store.erase(anna, world.now()).await.ok(),
        Some(Erased::Completely)
    );
    assert!(world.list(anna).await.is_empty());
}

/// Either the task is written before the mark and erased, or it is refused.
pub(crate) async fn an_erasure_beside_creations_leaves_nothing(world: World) {
    let anna = world.somebody().await;
    let creations = join_all((0..50).map(|_| world.store.create(anna, world.draft("racing"), Effect::Stored)));
    let (_, erased) = tokio::join!(creations, world.store.erase(anna, world.now()));
    assert!(erased.is_ok());
    assert_eq!(
        world.store.erase(anna, world.now()).await.ok(),
        Some(Erased::Completely)
    );
    assert!(world.list(anna).await.is_empty());
}
