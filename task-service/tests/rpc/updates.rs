//! UpdateTask: masks, etags, what is cleared.

use std::time::Duration;

use platform::clock::Clock as _;
use proto::task::v1::{Due, Priority, Task, UpdateTaskRequest};
use tonic::Code;

use crate::world::{Person, World, assert_told, titled};

async fn full_task(anna: &mut Person) -> Task {
    anna.create(Task {
        title: "title".to_owned(),
        description: "description".to_owned(),
        completed: true,
        priority: Priority::High.into(),
        tags: vec!["tag".to_owned()],
        due: Some(Due {
            date: "2026-01-31".to_owned(),
            ..Due::default()
        }),
        ..Task::default()
    })
    .await
}

/// Only the id, so everything else is not set.
fn bare(task: &Task) -> Task {
    Task {
        id: task.id.clone(),
        ..Task::default()
    }
}

#[tokio::test]
async fn without_a_mask_the_set_fields_change() {
    let world = World::start().await;
    let mut anna = world.somebody();
    let before = full_task(&mut anna).await;
    world.clock.advance(Duration::from_secs(1));
    let patch = Task {
        description: "new".to_owned(),
        tags: vec!["NEW".to_owned()],
        ..bare(&before)
    };
    let after = anna.update(patch, None).await.expect("updated");
    let expected = Task {
        description: "new".to_owned(),
        tags: vec!["new".to_owned()],
        update_time: Some(world.clock.now().into()),
        etag: after.etag.clone(),
        ..before.clone()
    };
    assert_eq!(after, expected);
    assert_ne!(after.etag, before.etag);
    assert_eq!(anna.update(bare(&before), None).await.expect("nothing is set"), after);
}

/// The path of a field, and how it looks when cleared.
type Clearing = (&'static str, fn(&mut Task));

#[tokio::test]
async fn a_named_field_that_is_not_set_is_cleared() {
    let world = World::start().await;
    let mut anna = world.somebody();
    let before = full_task(&mut anna).await;
    world.clock.advance(Duration::from_secs(1));
    let steps: [Clearing; 5] = [
        ("description", |task| task.description.clear()),
        ("completed", |task| {
            task.completed = false;
            task.complete_time = None;
        }),
        ("priority", |task| task.priority = Priority::Medium.into()),
        ("tags", |task| task.tags.clear()),
        ("due", |task| task.due = None),
    ];
    let mut expected = before.clone();
    expected.update_time = Some(world.clock.now().into());
    for (path, clear) in steps {
        let after = anna.update(bare(&before), Some(&[path])).await.expect("cleared");
        assert_ne!(after.etag, expected.etag);
        clear(&mut expected);
        expected.etag.clone_from(&after.etag);
        assert_eq!(after, expected, "{path}");
    }
    let refused = anna.update(bare(&before), Some(&["title"])).await;
    assert_told(refused, Code::InvalidArgument, "FIELD_INVALID", &["task.title"]);
    assert_eq!(anna.get(&before.id).await, expected);
}

#[tokio::test]
async fn a_star_replaces_all_fields() {
    let world = World::start().await;
    let mut anna = world.somebody();
    let before = full_task(&mut anna).await;
    let refused = anna.update(bare(&before), Some(&["*"])).await;
    assert_told(refused, Code::InvalidArgument, "FIELD_INVALID", &["task.title"]);
    let replacement = Task {
        title: "only a title".to_owned(),
        ..bare(&before)
    };
    let after = anna.update(replacement, Some(&["*"])).await.expect("replaced");
    let expected = Task {
        title: "only a title".to_owned(),
        priority: Priority::Medium.into(),
        create_time: before.create_time,
        update_time: after.update_time,
        etag: after.etag.clone(),
        ..bare(&before)
    };
    assert_eq!(after, expected);
}

#[tokio::test]
async fn an_empty_mask_and_output_only_paths_change_nothing() {
    let world = World::start().await;
    let mut anna = world.somebody();
    let before = full_task(&mut anna).await;
    world.clock.advance(Duration::from_secs(1));
    let patch = Task {
        create_time: Some(prost_types::Timestamp::default()),
        ..Task {
            id: before.id.clone(),
            ..titled("not named")
        }
    };
    let output_only = [
        "id",
        "create_time",
        "update_time",
        "complete_time",
        "delete_time",
        "purge_time",
        "etag",
    ];
    for mask in [&[][..], &output_only] {
        let after = anna.update(patch.clone(), Some(mask)).await.expect("nothing to do");
        assert_eq!(after, before);
    }
    // What is not named is not looked at.
    let patch = Task {
        title: "x".repeat(1000),
        description: "new".to_owned(),
        ..bare(&before)
    };
    assert!(anna.update(patch, Some(&["description"])).await.is_ok());
}

#[tokio::test]
async fn an_etag_that_is_set_must_match() {
    let world = World::start().await;
    let mut anna = world.somebody();
    let task = anna.create(titled("guarded")).await;
    let update = |title: &str, etag: &str| Task {
        id: task.id.clone(),
        etag: etag.to_owned(),
        ..titled(title)
    };
    let changed = anna.update(update("mine", &task.etag), None).await.expect("it matches");
    for mask in [None, Some(&["title"][..]), Some(&[]), Some(&["*"])] {
        let refused = anna.update(update("theirs", &task.etag), mask).await;
        assert_told(refused, Code::Aborted, "ETAG_MISMATCH", &[]);
    }
    let refused = anna
        .tasks
        .update_task(UpdateTaskRequest {
            request_id: String::new(),
            task: Some(update("theirs", &task.etag)),
            update_mask: None,
            validate_only: true,
        })
        .await;
    assert_told(refused, Code::Aborted, "ETAG_MISMATCH", &[]);
    assert_eq!(anna.get(&task.id).await, changed);
}
