//! Requests that have their effect once.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use platform::clock::Timestamp;
use task_service::{
    change::Change,
    due::Due,
    owner::OwnerId,
    store::{Edit, Effect, Erased, Purged, REMEMBERED, RequestId},
    task::{Content, Priority, Task},
};

use crate::one::{Changed, Created, One as _};
use crate::world::{World, retitled};

/// A request of that id that asks something of that number.
fn once(id: &str, asks: u8) -> Effect {
    Effect::Once(RequestId {
        id: id.to_owned(),
        digest: [asks; 32],
    })
}

async fn create(world: &World, owner: OwnerId, task: Task, effect: Effect) -> Created {
    world
        .store
        .create(owner, task, effect)
        .await
        .expect("the store answers")
}

async fn change(world: &World, owner: OwnerId, edit: Edit, effect: Effect) -> Changed {
    world
        .store
        .change(owner, edit, effect)
        .await
        .expect("the store answers")
}

pub(crate) async fn of_parallel_repetitions_one_has_its_effect(world: World) {
    let anna = world.somebody().await;
    let world = Arc::new(world);
    // Each would make a task of its own id.
    let calls = (0..50).map(|_| create(&world, anna, world.draft("once"), once("first", 1)));
    let answers = join_all(calls).await;
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    let Created::Task(task) = &answers[0] else {
        panic!("not created: {answers:?}")
    };
    assert_eq!(world.list(anna).await, std::slice::from_ref(task));
    assert_eq!(world.next_seq(anna).await, 2, "repetitions use no number");
}

pub(crate) async fn a_repetition_gets_the_first_outcome_whatever_came_after(mut world: World) {
    let (anna, ben) = (world.somebody().await, world.somebody().await);
    let content = Content {
        title: "all of it".to_owned(),
        description: "\"quoted\"\n😀".to_owned(),
        completed: true,
        priority: Priority::High,
        tags: vec!["home".to_owned(), "a, b".to_owned()],
        due: Some(Due::Moment {
            at: Timestamp::from_micros(-1),
            zone: "Europe/Berlin".to_owned(),
        }),
    };
    let draft = Task::new(world.new_id(), content, world.now());
    let created = create(&world, anna, draft.clone(), once("create", 1)).await;
    world.tick();
    let toggle = || world.edit(draft.id, Change::Toggle);
    let toggled = change(&world, anna, toggle(), once("toggle", 2)).await;
    world.tick();
    let later = change(&world, anna, world.edit(draft.id, retitled("later")), Effect::Stored).await;
    assert!(matches!(later, Changed::Task(_)));
    world.reopen().await;
    assert_eq!(create(&world, anna, draft.clone(), once("create", 1)).await, created);
    let again = change(&world, anna, world.edit(draft.id, Change::Toggle), once("toggle", 2)).await;
    assert_eq!(again, toggled);
    assert_eq!(
        world.get(anna, draft.id).await.map(|task| task.content.title),
        Some("later".to_owned())
    );
    // Another person's requests are others.
    assert_eq!(
        change(&world, ben, world.edit(draft.id, Change::Toggle), once("toggle", 2)).await,
        Changed::Missing
    );
    assert!(matches!(
        create(&world, ben, world.draft("Ben's"), once("create", 9)).await,
        Created::Task(_)
    ));
}

pub(crate) async fn an_id_means_one_request(world: World) {
    let anna = world.somebody().await;
    let task = world.task(anna, "as it was").await;
    let retitle = |title: &str| world.edit(task.id, retitled(title));
    assert!(matches!(
        change(&world, anna, retitle("first"), once("id", 1)).await,
        Changed::Task(_)
    ));
    assert_eq!(
        change(&world, anna, retitle("second"), once("id", 2)).await,
        Changed::RequestIdReused
    );
    assert_eq!(
        create(&world, anna, world.draft("third"), once("id", 3)).await,
        Created::RequestIdReused
    );
    assert_eq!(world.list(anna).await.len(), 1);
    assert_eq!(world.next_seq(anna).await, 3);
}

pub(crate) async fn a_refusal_is_not_remembered(world: World) {
    let anna = world.somebody().await;
    let draft = world.draft("not there yet");
    let complete = || world.edit(draft.id, Change::completed(true));
    assert_eq!(change(&world, anna, complete(), once("id", 1)).await, Changed::Missing);
    world.stored(anna, draft.clone()).await;
    assert_eq!(
        create(&world, anna, draft.clone(), once("other", 1)).await,
        Created::IdTaken
    );
    assert!(matches!(
        change(&world, anna, complete(), once("id", 1)).await,
        Changed::Task(_)
    ));
    // What changes nothing is a success, and remembered.
    let unchanged = change(&world, anna, complete(), once("third", 1)).await;
    change(&world, anna, world.edit(draft.id, Change::Toggle), Effect::Stored).await;
    assert_eq!(change(&world, anna, complete(), once("third", 1)).await, unchanged);
}

pub(crate) async fn requests_are_remembered_for_a_day_and_then_forgotten(world: World) {
    let anna = world.somebody().await;
    let task = world.task(anna, "to and fro").await;
    let toggle = async |effect| match change(&world, anna, world.edit(task.id, Change::Toggle), effect).await {
        Changed::Task(task) => task.content.completed,
        other => panic!("not toggled: {other:?}"),
    };
    assert!(toggle(once("id", 1)).await);
    world.clock.advance(REMEMBERED.saturating_sub(Duration::from_micros(1)));
    assert!(toggle(once("id", 1)).await);
    assert_eq!(world.store.purge(world.now()).await.ok(), Some(Purged::Nothing));
    world.tick();
    assert!(!toggle(once("id", 1)).await, "a new request");
    assert!(!toggle(once("id", 1)).await);
    assert_eq!(world.store.purge(world.now()).await.ok(), Some(Purged::Some));
    assert!(!toggle(once("id", 1)).await, "the newer one is still remembered");
    world.clock.advance(REMEMBERED);
    assert_eq!(world.store.purge(world.now()).await.ok(), Some(Purged::Some));
    assert_eq!(world.store.purge(world.now()).await.ok(), Some(Purged::Nothing));
}

pub(crate) async fn an_erased_owner_leaves_no_request(world: World) {
    let anna = world.somebody().await;
    create(&world, anna, world.draft("once"), once("id", 1)).await;
    assert_eq!(
        world.store.erase(anna, world.now()).await.ok(),
        Some(Erased::Completely)
    );
    assert_eq!(
        create(&world, anna, world.draft("once"), once("id", 1)).await,
        Created::OwnerErased
    );
}
