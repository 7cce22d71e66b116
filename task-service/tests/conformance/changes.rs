//! `change`.

use futures_util::future::join_all;
use task_service::{
    change::{Change, NewValues},
    due::Due,
    store::{Edit, Effect},
    task::{Content, Priority, Task},
};

use crate::one::{Changed, One as _};
use crate::world::{World, retitled};

pub(crate) async fn a_change_reaches_the_fields_it_names(world: World) {
    let anna = world.somebody().await;
    let before = world.task(anna, "before").await;
    let neighbour = world.task(anna, "neighbour").await;
    let due = Due::Day("2026-02-28".parse().expect("a day"));
    let steps = [
        NewValues {
            title: Some("after".to_owned()),
            ..NewValues::default()
        },
        NewValues {
            description: Some("more".to_owned()),
            priority: Some(Priority::High),
            ..NewValues::default()
        },
        NewValues {
            tags: Some(vec!["b".to_owned(), "a".to_owned()]),
            due: Some(Some(due)),
            completed: Some(true),
            ..NewValues::default()
        },
        NewValues {
            due: Some(None),
            tags: Some(Vec::new()),
            ..NewValues::default()
        },
    ];
    let mut expected = before;
    for values in steps {
        world.tick();
        expected = Task {
            content: values.applied_to(&expected.content),
            version: expected.version + 1,
            change_seq: expected.change_seq.max(2) + 1,
            update_time: world.now(),
            complete_time: expected.complete_time.or_else(|| values.completed.map(|_| world.now())),
            ..expected
        };
        let changed = world
            .change(anna, world.edit(expected.id, Change::Set(Box::new(values))))
            .await;
        assert_eq!(changed, Changed::Task(expected.clone()));
        assert_eq!(world.get(anna, expected.id).await, Some(expected.clone()));
    }
    assert_eq!(world.get(anna, neighbour.id).await, Some(neighbour));
}

pub(crate) async fn completion_has_a_time(world: World) {
    let anna = world.somebody().await;
    let task = world.task(anna, "to do").await;
    world.tick();
    let completed_at = world.now();
    world.change(anna, world.edit(task.id, Change::completed(true))).await;
    world.tick();
    let Changed::Task(still) = world.change(anna, world.edit(task.id, retitled("done"))).await else {
        panic!("it is there")
    };
    assert_eq!(still.complete_time, Some(completed_at));
    let Changed::Task(reopened) = world.change(anna, world.edit(task.id, Change::completed(false))).await else {
        panic!("it is there")
    };
    assert_eq!(reopened.complete_time, None);
    assert_eq!(world.get(anna, task.id).await, Some(reopened));
}

pub(crate) async fn what_changes_nothing_leaves_no_trace(world: World) {
    let anna = world.somebody().await;
    let content = Content {
        title: "same".to_owned(),
        tags: vec!["a".to_owned()],
        ..Content::default()
    };
    let task = Task::new(world.new_id(), content, world.now());
    let task = world.stored(anna, task).await;
    world.tick();
    let everything = NewValues {
        title: Some(task.content.title.clone()),
        description: Some(task.content.description.clone()),
        completed: Some(task.content.completed),
        priority: Some(task.content.priority),
        tags: Some(task.content.tags.clone()),
        due: Some(task.content.due.clone()),
    };
    for change in [
        Change::Set(Box::default()),
        Change::Set(Box::new(everything)),
        Change::completed(false),
    ] {
        assert_eq!(
            world.change(anna, world.edit(task.id, change)).await,
            Changed::Task(task.clone())
        );
    }
    assert_eq!(world.get(anna, task.id).await, Some(task));
    assert_eq!(world.next_seq(anna).await, 2);
}

pub(crate) async fn an_etag_must_match_exactly(world: World) {
    let anna = world.somebody().await;
    let task = world.task(anna, "guarded").await;
    let guarded = |etag: &str, change: Change| Edit {
        etag: Some(etag.to_owned()),
        ..world.edit(task.id, change)
    };
    let right = task.etag();
    for wrong in [
        "",
        "*",
        "0",
        "2",
        &format!("0{right}"),
        &format!(" {right}"),
        &format!("\"{right}\""),
    ] {
        for change in [
            retitled("new"),
            retitled("guarded"),
            Change::Set(Box::default()),
            Change::Delete,
        ] {
            assert_eq!(
                world.change(anna, guarded(wrong, change)).await,
                Changed::EtagMismatch,
                "{wrong}"
            );
        }
    }
    let Changed::Task(changed) = world.change(anna, guarded(&right, retitled("new"))).await else {
        panic!("the etag is right")
    };
    assert_ne!(changed.etag(), right);
    assert_eq!(
        world.change(anna, guarded(&right, retitled("newer"))).await,
        Changed::EtagMismatch
    );
    assert_eq!(world.next_seq(anna).await, 3);
}

pub(crate) async fn of_parallel_changes_none_is_lost(world: World) {
    let anna = world.somebody().await;
    let task = world.task(anna, "shared").await;
    let values = [
        NewValues {
            title: Some("changed".to_owned()),
            ..NewValues::default()
        },
        NewValues {
            description: Some("changed".to_owned()),
            ..NewValues::default()
        },
        NewValues {
            completed: Some(true),
            ..NewValues::default()
        },
        NewValues {
            priority: Some(Priority::High),
            ..NewValues::default()
        },
        NewValues {
            tags: Some(vec!["changed".to_owned()]),
            ..NewValues::default()
        },
    ];
    let edits = values.map(|values| world.edit(task.id, Change::Set(Box::new(values))));
    join_all(edits.map(|edit| world.change(anna, edit))).await;
    let after = world.get(anna, task.id).await.expect("it is there");
    assert_eq!(
        after.content,
        Content {
            title: "changed".to_owned(),
            description: "changed".to_owned(),
            completed: true,
            priority: Priority::High,
            tags: vec!["changed".to_owned()],
            due: None,
        }
    );
    assert_eq!((after.version, after.change_seq), (6, 6));
}

pub(crate) async fn of_parallel_changes_of_one_etag_one_wins(world: World) {
    let anna = world.somebody().await;
    let task = world.task(anna, "contested").await;
    let edits = (0..20).map(|number| Edit {
        etag: Some(task.etag()),
        ..world.edit(task.id, retitled(&number.to_string()))
    });
    let changed = join_all(edits.map(|edit| world.change(anna, edit))).await;
    let won: Vec<_> = changed
        .iter()
        .filter(|changed| matches!(changed, Changed::Task(_)))
        .collect();
    let lost = changed
        .iter()
        .filter(|changed| **changed == Changed::EtagMismatch)
        .count();
    assert_eq!((won.len(), lost), (1, 19));
    let after = world.get(anna, task.id).await.expect("it is there");
    assert_eq!(won, [&Changed::Task(after)]);
}

pub(crate) async fn what_is_only_checked_leaves_no_trace(world: World) {
    let anna = world.somebody().await;
    let task = world.task(anna, "as it was").await;
    world.tick();
    let checked = async |edit: Edit| {
        let changed = world.store.change(anna, edit, Effect::CheckedOnly).await;
        changed.expect("the store answers")
    };
    let Changed::Task(would_be) = checked(world.edit(task.id, retitled("as it would be"))).await else {
        panic!("it is there")
    };
    assert_eq!(would_be.content.title, "as it would be");
    assert_eq!((would_be.version, would_be.update_time), (2, world.now()));
    let guarded = Edit {
        etag: Some("wrong".to_owned()),
        ..world.edit(task.id, retitled("new"))
    };
    assert_eq!(checked(guarded).await, Changed::EtagMismatch);
    assert_eq!(world.get(anna, task.id).await, Some(task));
    assert_eq!(world.next_seq(anna).await, 2);
}

pub(crate) async fn a_toggle_undoes_itself(world: World) {
    let anna = world.somebody().await;
    let task = world.task(anna, "to and fro").await;
    for (completed, version) in [(true, 2), (false, 3), (true, 4)] {
        world.tick();
        let toggled = world.change(anna, world.edit(task.id, Change::Toggle)).await;
        let Changed::Task(toggled) = toggled else {
            panic!("not toggled: {toggled:?}")
        };
        assert_eq!((toggled.content.completed, toggled.version), (completed, version));
        assert_eq!(toggled.complete_time, completed.then_some(world.now()));
    }
}
