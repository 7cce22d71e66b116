//! `changes`, `position`, and what is announced.

use std::time::Duration;

use futures_util::future::join_all;
use task_service::{
    change::Change,
    store::{Changes, Effect, Position, Purged},
    task::KEPT_IN_TRASH,
};

use crate::{
    one::One as _,
    world::{World, retitled},
};

pub(crate) async fn what_changed_comes_once_in_the_order_of_its_last_change(world: World) {
    let (anna, ben) = (world.somebody().await, world.somebody().await);
    let nothing = Changes {
        tasks: vec![],
        read_seq: 0,
        purged_seq: 0,
    };
    assert_eq!(world.store.changes(anna, 0, 10).await.ok(), Some(nothing));
    let mut tasks = Vec::new();
    for title in ["one", "two", "three", "four"] {
        tasks.push(world.task(anna, title).await);
        world.task(ben, "another's").await;
    }
    world.change(anna, world.edit(tasks[1].id, retitled("changed"))).await;
    world.change(anna, world.edit(tasks[0].id, Change::Delete)).await;
    let told = async |after, limit| {
        let changes = world
            .store
            .changes(anna, after, limit)
            .await
            .expect("the store answers");
        assert_eq!((changes.read_seq, changes.purged_seq), (6, 0));
        let tasks = changes.tasks.into_iter();
        tasks
            .map(|task| (task.content.title, task.change_seq, task.delete_time.is_some()))
            .collect::<Vec<_>>()
    };
    let all = [
        ("three".to_owned(), 3, false),
        ("four".to_owned(), 4, false),
        ("changed".to_owned(), 5, false),
        ("one".to_owned(), 6, true),
    ];
    for after in 0..3 {
        assert_eq!(told(after, 10).await, all);
    }
    assert_eq!(told(0, 2).await, all[..2]);
    assert_eq!(told(4, 2).await, all[2..]);
    assert_eq!(told(6, 2).await, []);
}

/// Whoever reads up to the end and goes on from there misses nothing, whatever is written meanwhile.
pub(crate) async fn a_follower_beside_writers_misses_nothing(world: World) {
    let anna = world.somebody().await;
    let writers = join_all((0..60).map(async |number: usize| {
        let task = world.draft(&number.to_string());
        let id = task.id;
        world
            .store
            .create(anna, task, Effect::Stored)
            .await
            .expect("the store answers");
        let edit = world.edit(id, Change::completed(true));
        world
            .store
            .change(anna, edit, Effect::Stored)
            .await
            .expect("the store answers");
    }));
    let follower = async {
        let (mut seq, mut told) = (0, std::collections::HashMap::new());
        while seq < 120 {
            let changes = world.store.changes(anna, seq, 7).await.expect("the store answers");
            let exhausted = changes.tasks.len() < 7;
            for task in changes.tasks {
                assert!(task.change_seq > seq, "in order");
                seq = task.change_seq;
                told.insert(task.id, task);
            }
            if exhausted {
                seq = seq.max(changes.read_seq);
            }
            tokio::task::yield_now().await;
        }
        told
    };
    let (_, told) = tokio::join!(writers, follower);
    let listed = world.list(anna).await;
    assert_eq!((listed.len(), told.len()), (60, 60));
    for task in listed {
        assert_eq!(told.get(&task.id), Some(&task));
    }
}

pub(crate) async fn what_was_purged_is_told_by_the_position(world: World) {
    let anna = world.somebody().await;
    let position = async || world.store.position(anna).await.expect("the store answers");
    let at = |last_seq, purged_seq| Position { last_seq, purged_seq };
    assert_eq!(position().await, at(0, 0));
    let tasks = [world.task(anna, "first").await, world.task(anna, "second").await];
    for task in &tasks {
        world.change(anna, world.edit(task.id, Change::Delete)).await;
        world.clock.advance(Duration::from_hours(24));
    }
    world.task(anna, "stays").await;
    assert_eq!(position().await, at(5, 0));
    world
        .clock
        .advance(KEPT_IN_TRASH.saturating_sub(Duration::from_hours(48)));
    while world.store.purge(world.now()).await.expect("the store answers") == Purged::Some {}
    assert_eq!(position().await, at(5, 3));
    world.clock.advance(Duration::from_hours(24));
    while world.store.purge(world.now()).await.expect("the store answers") == Purged::Some {}
    assert_eq!(position().await, at(5, 4));
    let changes = world.store.changes(anna, 2, 10).await.expect("the store answers");
    assert_eq!((changes.tasks.len(), changes.read_seq, changes.purged_seq), (1, 5, 4));
}

pub(crate) async fn announcements_are_heard_in_their_order(world: World) {
    let announcements = &world.database.announcements;
    let start = announcements.last().await.expect("the store answers");
    assert_eq!(announcements.after(start).await.ok(), Some((start, vec![])));
    let ids: Vec<_> = (0..40).map(|_| world.new_id()).collect();
    let (mut heard, mut last) = (Vec::new(), start);
    let writers = join_all(ids.iter().map(async |id| {
        announcements.announce(vec![*id, *id]).await.expect("the store answers");
    }));
    let reader = async {
        while heard.len() < 80 {
            let (read, owners) = announcements.after(last).await.expect("the store answers");
            assert!(read >= last, "in order");
            last = read;
            heard.extend(owners);
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(writers, reader);
    heard.sort();
    heard.dedup();
    let mut expected = ids;
    expected.sort();
    assert_eq!(heard, expected);
    assert_eq!(announcements.last().await.ok(), Some(last));
}
