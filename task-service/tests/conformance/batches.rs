//! `write` of several operations, and `import`.

use task_service::{
    change::Change,
    store::{Effect, Imported, Operation, Refusal, RequestId, Written},
    task::Task,
};

use crate::world::{World, retitled};

fn create(task: &Task) -> Operation {
    Operation::Create(Box::new(task.clone()))
}

fn once(id: &str) -> Effect {
    Effect::Once(RequestId {
        id: id.to_owned(),
        digest: [1; 32],
    })
}

pub(crate) async fn a_batch_is_done_in_its_order(world: World) {
    let anna = world.somebody().await;
    let drafts = [world.draft("one"), world.draft("two"), world.draft("three")];
    let operations = vec![
        create(&drafts[0]),
        create(&drafts[1]),
        Operation::Change(world.edit(drafts[0].id, retitled("changed"))),
        // Changes nothing, so it takes no number.
        Operation::Change(world.edit(drafts[0].id, retitled("changed"))),
        create(&drafts[2]),
    ];
    let written = world.store.write(anna, operations, usize::MAX, Effect::Stored).await;
    let Ok(Written::Tasks(tasks)) = written else {
        panic!("{written:?}");
    };
    let told: Vec<_> = tasks
        .iter()
        .map(|task| (task.content.title.as_str(), task.version, task.change_seq))
        .collect();
    assert_eq!(
        told,
        [
            ("one", 1, 1),
            ("two", 1, 2),
            ("changed", 2, 3),
            ("changed", 2, 3),
            ("three", 1, 4)
        ]
    );
    assert_eq!(world.next_seq(anna).await, 5);
}

pub(crate) async fn of_a_batch_that_is_refused_nothing_is_done(world: World) {
    let (anna, ben) = (world.somebody().await, world.somebody().await);
    let kept = world.task(anna, "kept").await;
    let bens = world.task(ben, "another's").await;
    let edit = |id, change| Operation::Change(world.edit(id, change));
    let mut stale = world.edit(kept.id, retitled("changed"));
    stale.etag = Some("no etag".to_owned());
    for (last, refusal) in [
        (create(&kept), Refusal::IdTaken),
        (edit(bens.id, Change::Delete), Refusal::Missing),
        (Operation::Change(stale), Refusal::EtagMismatch),
    ] {
        let draft = world.draft("undone");
        for effect in [Effect::Stored, once("refused"), Effect::CheckedOnly] {
            let operations = vec![
                create(&draft),
                edit(kept.id, Change::completed(true)),
                edit(kept.id, Change::Delete),
                last.clone(),
            ];
            // A check does not see what came of the ones before; only the last is refused either way.
            let written = world.store.write(anna, operations, usize::MAX, effect).await;
            let Ok(Written::Refused {
                index: 3,
                refusal: found,
            }) = written
            else {
                panic!("{written:?}");
            };
            assert!(found == refusal || found == Refusal::Missing, "{found:?}");
            assert_eq!(world.get(anna, draft.id).await, None);
            assert_eq!(world.get(anna, kept.id).await, Some(kept.clone()));
        }
    }
    // Neither remembered nor counted.
    let again = world
        .store
        .write(anna, vec![create(&world.draft("new"))], usize::MAX, once("refused"))
        .await;
    assert!(matches!(again, Ok(Written::Tasks(tasks)) if tasks[0].change_seq == 2));
}

pub(crate) async fn a_batch_too_large_to_answer_is_not_done(world: World) {
    let anna = world.somebody().await;
    let drafts = [world.draft("one"), world.draft("two")];
    let operations = || drafts.iter().map(create).collect::<Vec<_>>();
    let limit = drafts[0].encoded_bytes() + drafts[1].encoded_bytes();
    let refused = world.store.write(anna, operations(), limit - 1, Effect::Stored).await;
    let too_large = Written::Refused {
        index: 1,
        refusal: Refusal::AnswerTooLarge,
    };
    assert_eq!(refused.expect("the store answers"), too_large);
    assert_eq!(world.list(anna).await, []);
    let done = world.store.write(anna, operations(), limit, Effect::Stored).await;
    assert!(matches!(done, Ok(Written::Tasks(tasks)) if tasks[1].change_seq == 2));
}

pub(crate) async fn a_repeated_batch_gets_the_first_outcome(world: World) {
    let anna = world.somebody().await;
    let operations: Vec<_> = ["one", "two"].map(|title| create(&world.draft(title))).into();
    let first = world
        .store
        .write(anna, operations.clone(), usize::MAX, once("batch"))
        .await;
    let first = first.expect("the store answers");
    assert!(matches!(&first, Written::Tasks(tasks) if tasks.len() == 2));
    let again = world.store.write(anna, operations, usize::MAX, once("batch")).await;
    assert_eq!(again.expect("the store answers"), first);
    assert_eq!(world.list(anna).await.len(), 2);
}

pub(crate) async fn an_import_creates_what_is_not_there(world: World) {
    let anna = world.somebody().await;
    let kept = world.task(anna, "kept").await;
    let gone = world.task(anna, "in the trash").await;
    world.change(anna, world.edit(gone.id, Change::Delete)).await;
    let again = |task: &Task| Task::new(task.id, world.draft("imported").content, world.now());
    let new = [world.draft("new"), world.draft("newer")];
    let imported = || {
        vec![
            new[0].clone(),
            again(&kept),
            again(&gone),
            new[1].clone(),
            new[1].clone(),
        ]
    };
    for created in [2, 0] {
        let done = world.store.import(anna, imported()).await;
        assert_eq!(done.expect("the store answers"), Imported::Tasks { created });
    }
    assert_eq!(world.get(anna, kept.id).await, Some(kept));
    let seqs = [
        world.get(anna, new[0].id).await.expect("it is there").change_seq,
        world.get(anna, new[1].id).await.expect("it is there").change_seq,
        world.next_seq(anna).await,
    ];
    assert_eq!(seqs, [4, 5, 6]);
    while world.store.erase(anna, world.now()).await.expect("the store answers") == task_service::store::Erased::InPart
    {
    }
    let late = world.store.import(anna, vec![world.draft("late")]).await;
    assert_eq!(late.expect("the store answers"), Imported::OwnerErased);
}
