//! `change_seq`: strictly increasing for each owner, without gaps.

use futures_util::future::join_all;
use task_service::{
    change::Change,
    store::{Edit, Effect},
    task::Task,
};

use crate::one::{Created, One as _};
use crate::world::{World, retitled};

pub(crate) async fn a_hundred_parallel_creations_leave_no_gap(world: World) {
    let anna = world.somebody().await;
    let mut seqs: Vec<i64> = join_all((0..100).map(|number| {
        let draft = world.draft(&number.to_string());
        world.stored(anna, draft)
    }))
    .await
    .iter()
    .map(|task| task.change_seq)
    .collect();
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=100).collect::<Vec<_>>());
    assert_eq!(world.list(anna).await.len(), 100);
}

pub(crate) async fn a_hundred_owners_each_begin_at_one(world: World) {
    let owners = join_all((0..100).map(|_| world.somebody())).await;
    let tasks = join_all(owners.iter().map(|owner| world.stored(*owner, world.draft("first")))).await;
    assert!(tasks.iter().all(|task| task.change_seq == 1));
}

pub(crate) async fn refusals_use_no_number(world: World) {
    let anna = world.somebody().await;
    let task = world.task(anna, "first").await;
    // Refused and accepted changes, all at once.
    let refused = (0..50).map(|number| match number % 4 {
        0 => world.edit(world.new_id(), retitled("missing")),
        1 => Edit {
            etag: Some("wrong".to_owned()),
            ..world.edit(task.id, retitled("mismatched"))
        },
        2 => world.edit(task.id, Change::Set(Box::default())),
        _ => world.edit(task.id, Change::completed(false)),
    });
    let refused = join_all(refused.map(|edit| world.change(anna, edit)));
    let taken = join_all((0..10).map(|_| {
        let again = Task {
            id: task.id,
            ..world.draft("again")
        };
        world.store.create(anna, again, Effect::Stored)
    }));
    let made = join_all((0..20).map(|_| world.stored(anna, world.draft("made"))));
    let (_, taken, made) = tokio::join!(refused, taken, made);
    assert!(taken.iter().all(|created| matches!(created, Ok(Created::IdTaken))));
    let mut seqs: Vec<i64> = made.iter().map(|task| task.change_seq).collect();
    seqs.sort_unstable();
    assert_eq!(seqs, (2..=21).collect::<Vec<_>>());
}
