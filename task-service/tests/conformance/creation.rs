//! `create` and `get`.

use futures_util::future::join_all;
use platform::clock::Timestamp;
use task_service::{
    due::Due,
    store::Effect,
    task::{Content, Priority, Task},
};

use crate::one::{Changed, Created, One as _};
use crate::world::{World, retitled};

pub(crate) async fn a_task_comes_back_exactly_as_it_was_stored(world: World) {
    let anna = world.somebody().await;
    let text = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let day = |text: &str| Due::Day(text.parse().expect("a day"));
    let moment = |micros, zone: &str| Due::Moment {
        at: Timestamp::from_micros(micros),
        zone: zone.to_owned(),
    };
    let contents = [
        Content {
            title: "t".to_owned(),
            ..Content::default()
        },
        Content {
            title: "👩‍👩‍👧 'quoted' \"twice\" \\ % _ ; -- \u{202e}".to_owned(),
            description: " \r\n\ttwo\nlines\u{7f}\u{1}  ".to_owned(),
            completed: true,
            priority: Priority::High,
            tags: text(&["home", "two\nlines", "\\n", "😀", "%", "b", "a"]),
            due: Some(moment(1_767_225_600_000_001, "Europe/Berlin")),
        },
        Content {
            title: "low".to_owned(),
            priority: Priority::Low,
            due: Some(day("0001-01-01")),
            ..Content::default()
        },
        Content {
            title: "late".to_owned(),
            due: Some(day("9999-12-31")),
            ..Content::default()
        },
        Content {
            title: "midnight".to_owned(),
            due: Some(moment(1_767_225_600_000_000, "UTC")),
            ..Content::default()
        },
        Content {
            title: "before the epoch".to_owned(),
            due: Some(moment(-62_135_596_799_999_999, "Pacific/Auckland")),
            ..Content::default()
        },
    ];
    for (place, content) in (1..).zip(contents) {
        world.tick();
        let draft = Task::new(world.new_id(), content, world.now());
        let stored = world.stored(anna, draft.clone()).await;
        let expected = Task {
            version: 1,
            change_seq: place,
            ..draft
        };
        assert_eq!(stored, expected);
        assert_eq!(world.get(anna, stored.id).await, Some(expected.clone()));
        assert_eq!(world.list(anna).await.first(), Some(&expected));
    }
}

pub(crate) async fn an_id_is_taken_once_by_each_owner(world: World) {
    let anna = world.somebody().await;
    let ben = world.somebody().await;
    let first = world.task(anna, "first").await;
    let again = Task {
        id: first.id,
        ..world.draft("second")
    };
    for effect in [Effect::Stored, Effect::CheckedOnly] {
        let created = world.store.create(anna, again.clone(), effect.clone()).await;
        assert_eq!(created.expect("the store answers"), Created::IdTaken);
    }
    assert_eq!(world.get(anna, first.id).await, Some(first.clone()));

    world
        .change(anna, world.edit(first.id, task_service::change::Change::Delete))
        .await;
    let created = world.store.create(anna, again.clone(), Effect::Stored).await;
    assert_eq!(created.expect("the store answers"), Created::IdTaken);

    let bens = world.stored(ben, again).await;
    assert_eq!((bens.id, bens.change_seq), (first.id, 1));
}

pub(crate) async fn parallel_creations_of_one_id_make_one_task(world: World) {
    let anna = world.somebody().await;
    let id = world.new_id();
    let drafts = (0..50).map(|number| Task {
        id,
        ..world.draft(&number.to_string())
    });
    let created = join_all(drafts.map(|draft| world.store.create(anna, draft, Effect::Stored))).await;
    let made: Vec<Task> = created
        .into_iter()
        .filter_map(|created| match created.expect("the store answers") {
            Created::Task(task) => Some(task),
            _ => None,
        })
        .collect();
    assert_eq!(made.len(), 1);
    assert_eq!(world.list(anna).await, made);
    assert_eq!(world.next_seq(anna).await, 2);
}

pub(crate) async fn what_is_only_checked_is_not_created(world: World) {
    let anna = world.somebody().await;
    let draft = world.draft("checked");
    let checked = world.store.create(anna, draft.clone(), Effect::CheckedOnly).await;
    assert_eq!(checked.expect("the store answers"), Created::Task(draft.clone()));
    assert_eq!(draft.etag(), "");
    assert_eq!(world.get(anna, draft.id).await, None);
    let edit = world.edit(draft.id, retitled("new"));
    assert_eq!(world.change(anna, edit).await, Changed::Missing);
    assert_eq!(world.next_seq(anna).await, 1);
}
