//! Deleted tasks.

use std::time::Duration;

use futures_util::future::join_all;
use task_service::{
    change::Change,
    owner::OwnerId,
    store::{Edit, Erased, Purged},
    task::{KEPT_IN_TRASH, Task},
};

use crate::one::Changed;
use crate::world::{World, retitled};

pub(crate) async fn a_deleted_task_can_only_be_read(world: World) {
    let anna = world.somebody().await;
    let kept = world.task(anna, "kept").await;
    let task = world.task(anna, "deleted").await;
    world.tick();
    let expected = Task {
        version: 2,
        change_seq: 3,
        update_time: world.now(),
        delete_time: Some(world.now()),
        ..task.clone()
    };
    let guarded = Edit {
        etag: Some(task.etag()),
        ..world.edit(task.id, Change::Delete)
    };
    assert_eq!(world.change(anna, guarded).await, Changed::Task(expected.clone()));
    world.tick();

    let changes = [
        Change::Toggle,
        retitled("new"),
        retitled("deleted"),
        Change::Set(Box::default()),
        Change::completed(true),
        Change::Delete,
    ];
    for change in changes {
        for etag in [None, Some(expected.etag()), Some("wrong".to_owned())] {
            let edit = Edit {
                etag,
                ..world.edit(task.id, change.clone())
            };
            assert_eq!(world.change(anna, edit).await, Changed::Missing);
        }
    }
    assert_eq!(world.get(anna, task.id).await, Some(expected));
    assert_eq!(world.list(anna).await, [kept]);
    assert_eq!(world.next_seq(anna).await, 4);
}

const SECOND: Duration = Duration::from_secs(1);

async fn deleted(world: &World, owner: OwnerId, title: &str) -> Task {
    let task = world.task(owner, title).await;
    match world.change(owner, world.edit(task.id, Change::Delete)).await {
        Changed::Task(task) => task,
        other => panic!("not deleted: {other:?}"),
    }
}

/// Everything that is due, and how many steps it took.
async fn purge(world: &World) -> usize {
    let mut steps = 0;
    while world.store.purge(world.now()).await.expect("the store answers") == Purged::Some {
        steps += 1;
    }
    steps
}

pub(crate) async fn a_deleted_task_comes_back_as_it_was(world: World) {
    let (anna, ben) = (world.somebody().await, world.somebody().await);
    let task = world.task(anna, "thrown away").await;
    let gone = world.change(anna, world.edit(task.id, Change::Delete)).await;
    world.tick();
    let undelete = || world.edit(task.id, Change::Undelete);
    assert_eq!(world.change(ben, undelete()).await, Changed::Missing);
    let guarded = Edit {
        etag: Some("1".to_owned()),
        ..undelete()
    };
    assert_eq!(world.change(anna, guarded).await, Changed::EtagMismatch);
    let expected = Task {
        version: 3,
        change_seq: 3,
        update_time: world.now(),
        ..task.clone()
    };
    assert_ne!(gone, Changed::Task(expected.clone()));
    assert_eq!(world.change(anna, undelete()).await, Changed::Task(expected.clone()));
    world.tick();
    // What is not in the trash stays as it is.
    assert_eq!(world.change(anna, undelete()).await, Changed::Task(expected.clone()));
    assert_eq!(world.list(anna).await, [expected]);
    assert_eq!(world.next_seq(anna).await, 4);
}

pub(crate) async fn what_was_deleted_for_thirty_days_is_purged_and_nothing_else(world: World) {
    let (anna, ben) = (world.somebody().await, world.somebody().await);
    let kept = world.task(anna, "kept").await;
    let old = deleted(&world, anna, "old").await;
    let restored = deleted(&world, anna, "restored").await;
    world.change(anna, world.edit(restored.id, Change::Undelete)).await;
    let bens = deleted(&world, ben, "Ben's").await;
    world.clock.advance(SECOND);
    let young = deleted(&world, anna, "young").await;
    assert_eq!(purge(&world).await, 0, "nothing is due yet");
    world
        .clock
        .advance(KEPT_IN_TRASH.saturating_sub(SECOND + Duration::from_micros(1)));
    assert_eq!(purge(&world).await, 0);
    // At that moment it can be had back no more, purged or not.
    world.tick();
    let late = world.change(anna, world.edit(old.id, Change::Undelete)).await;
    assert_eq!(late, Changed::Missing);
    assert_eq!(purge(&world).await, 2, "of two owners");
    assert_eq!(world.get(anna, old.id).await, None);
    assert_eq!(world.get(ben, bens.id).await, None);
    assert!(world.get(anna, young.id).await.is_some());
    let live: Vec<_> = world.list(anna).await.into_iter().map(|task| task.id).collect();
    assert!(live.contains(&kept.id) && live.contains(&restored.id));
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(purge(&world).await, 1);
    assert_eq!(world.get(anna, young.id).await, None);
    world.clock.advance(KEPT_IN_TRASH);
    assert_eq!(purge(&world).await, 0, "nothing is left to look at");
    // The id is free again.
    let again = Task::new(old.id, old.content.clone(), world.now());
    assert_eq!(world.stored(anna, again).await.version, 1);
}

pub(crate) async fn much_is_purged_in_bounded_steps(world: World) {
    let anna = world.somebody().await;
    let mut tasks = Vec::new();
    // Not all at once: each waits for a connection for a few seconds only.
    for _ in 0..12 {
        let some = join_all((0..50).map(|_| world.task(anna, "one of many"))).await;
        let delete = |task: &Task| world.change(anna, world.edit(task.id, Change::Delete));
        join_all(some.iter().map(delete)).await;
        tasks.extend(some);
    }
    world.clock.advance(KEPT_IN_TRASH);
    assert_eq!(purge(&world).await, 2);
    assert_eq!(world.get(anna, tasks[0].id).await, None);
    assert_eq!(world.get(anna, tasks[599].id).await, None);
}

pub(crate) async fn an_erased_owner_leaves_nothing_to_purge(world: World) {
    let anna = world.somebody().await;
    deleted(&world, anna, "thrown away").await;
    assert_eq!(
        world.store.erase(anna, world.now()).await.ok(),
        Some(Erased::Completely)
    );
    world.clock.advance(KEPT_IN_TRASH);
    assert_eq!(purge(&world).await, 0);
}
