//! Deleted tasks.

use task_service::{
    change::Change,
    store::{Changed, Edit},
    task::Task,
};

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
