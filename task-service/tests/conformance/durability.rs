//! What was acknowledged stays.

use platform::entropy::SystemEntropy;
use task_service::{change::Change, store::TaskDatabase};

use crate::world::{World, retitled};

pub(crate) async fn what_was_acknowledged_is_there_after_reopening(mut world: World) {
    let anna = world.somebody().await;
    for title in ["kept", "changed", "deleted"] {
        world.tick();
        let task = world.task(anna, title).await;
        match title {
            "changed" => drop(world.change(anna, world.edit(task.id, retitled("other"))).await),
            "deleted" => drop(world.change(anna, world.edit(task.id, Change::Delete)).await),
            _ => {}
        }
    }
    let before = world.list(anna).await;
    assert_eq!(before.len(), 2);
    world.reopen().await;
    assert_eq!(world.list(anna).await, before);
    assert_eq!(world.next_seq(anna).await, 6);
}

pub(crate) async fn the_token_key_is_made_once(world: World) {
    let open = async || {
        let database = TaskDatabase::open(&world.url, &SystemEntropy).await.expect("it opens");
        let key = *database.token_key.expose();
        database.close().await;
        key
    };
    let (first, second) = tokio::join!(open(), open());
    assert_eq!(first, second);
    assert_eq!(first, open().await);
    assert_ne!(first, [0; 32]);
}
