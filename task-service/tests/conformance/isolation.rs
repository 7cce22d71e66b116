//! What belongs to one owner does not exist for another.

use task_service::{change::Change, store::Effect, task::Task};

use crate::one::{Changed, One as _};
use crate::world::{World, retitled};

pub(crate) async fn another_owners_task_is_one_that_nobody_has(world: World) {
    let anna = world.somebody().await;
    let ben = world.somebody().await;
    let annas = world.task(anna, "Anna's").await;
    world.tick();

    let nobodys = world.new_id();
    for id in [annas.id, nobodys] {
        assert_eq!(world.get(ben, id).await, None);
        for change in [
            retitled("Ben's"),
            retitled("Anna's"),
            Change::completed(true),
            Change::Delete,
        ] {
            for etag in [None, Some(annas.etag()), Some("wrong".to_owned())] {
                for effect in [Effect::Stored, Effect::CheckedOnly] {
                    let mut edit = world.edit(id, change.clone());
                    edit.etag.clone_from(&etag);
                    let changed = world.store.change(ben, edit, effect.clone()).await;
                    assert_eq!(changed.expect("the store answers"), Changed::Missing);
                }
            }
        }
    }
    assert_eq!(world.list(ben).await, []);
    assert_eq!(world.list(anna).await, [annas]);
    assert_eq!(world.next_seq(ben).await, 1);
    assert_eq!(world.next_seq(anna).await, 2);
}

pub(crate) async fn equal_ids_are_different_tasks(world: World) {
    let anna = world.somebody().await;
    let ben = world.somebody().await;
    let annas = world.task(anna, "Anna's").await;
    let bens = world
        .stored(
            ben,
            Task {
                id: annas.id,
                ..world.draft("Ben's")
            },
        )
        .await;

    world.change(ben, world.edit(bens.id, retitled("still Ben's"))).await;
    assert_eq!(world.get(anna, annas.id).await, Some(annas.clone()));
    world.change(ben, world.edit(bens.id, Change::Delete)).await;
    assert_eq!(world.list(anna).await, [annas]);
    assert_eq!(world.list(ben).await, []);
}
