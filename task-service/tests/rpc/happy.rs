//! Every method, as it is meant to be used.

use std::time::Duration;

use platform::{
    clock::Clock as _,
    entropy::{SystemEntropy, uuid_v4},
};
use proto::task::v1::{
    CompleteTaskRequest, CreateTaskRequest, DeleteTaskRequest, Due, GetTaskRequest, ListTasksRequest, Priority,
    ReopenTaskRequest, Task, TaskState, ToggleTaskRequest, UndeleteTaskRequest, UpdateTaskRequest,
};
use tonic::Code;
use uuid::Uuid;

use crate::world::{World, assert_told, field_mask, titled};

#[tokio::test]
async fn a_task_is_created_with_defaults() {
    let world = World::start().await;
    let mut anna = world.somebody();
    let task = anna.create(titled("  buy milk\n")).await;
    let now = Some(world.clock.now().into());
    assert_eq!(
        task,
        Task {
            id: task.id.clone(),
            title: "buy milk".to_owned(),
            priority: Priority::Medium.into(),
            create_time: now,
            update_time: now,
            etag: task.etag.clone(),
            ..Task::default()
        }
    );
    assert_eq!(Uuid::try_parse(&task.id).expect("a UUID").get_version_num(), 7);
    assert_ne!(task.etag, "");
    assert_eq!(anna.get(&task.id).await, task);
    assert_eq!(anna.get(&task.id.to_uppercase()).await, task);
    assert_eq!(anna.list().await, [task]);
}

#[tokio::test]
async fn a_task_is_created_with_everything() {
    let world = World::start().await;
    let mut anna = world.somebody();
    let chosen = "0198C0DE-0000-7000-8000-00000000ABCD";
    let moment = prost_types::Timestamp {
        seconds: 1_800_000_000,
        nanos: 123_456_789,
    };
    let given = Task {
        id: chosen.to_owned(),
        title: "everything".to_owned(),
        description: "  as it is  ".to_owned(),
        completed: true,
        priority: Priority::High.into(),
        tags: ["Home", "work ", "HOME"].map(str::to_owned).to_vec(),
        due: Some(Due {
            date_time: Some(moment),
            time_zone: "europe/berlin".to_owned(),
            ..Due::default()
        }),
        // Only the service sets these.
        create_time: Some(moment),
        update_time: Some(moment),
        complete_time: Some(moment),
        delete_time: Some(moment),
        purge_time: Some(moment),
        etag: "mine".to_owned(),
    };
    let task = anna.create(given.clone()).await;
    let now = Some(world.clock.now().into());
    assert_eq!(
        task,
        Task {
            id: chosen.to_lowercase(),
            tags: ["home", "work"].map(str::to_owned).to_vec(),
            due: Some(Due {
                date_time: Some(prost_types::Timestamp {
                    nanos: 123_456_000,
                    ..moment
                }),
                time_zone: "Europe/Berlin".to_owned(),
                ..Due::default()
            }),
            create_time: now,
            update_time: now,
            complete_time: now,
            delete_time: None,
            purge_time: None,
            etag: task.etag.clone(),
            ..given
        }
    );
    assert_eq!(anna.get(&task.id).await, task);
    // What was read can be sent back without changing anything.
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(anna.update(task.clone(), Some(&["*"])).await.expect("the same"), task);
    assert_eq!(anna.update(task.clone(), None).await.expect("the same"), task);
}

#[tokio::test]
async fn a_day_is_kept_as_a_day() {
    let world = World::start().await;
    let mut anna = world.somebody();
    let due = Some(Due {
        date: "2028-02-29".to_owned(),
        ..Due::default()
    });
    let task = anna
        .create(Task {
            due: due.clone(),
            ..titled("leap")
        })
        .await;
    assert_eq!(task.due, due);
    assert_eq!(anna.get(&task.id).await.due, due);
}

#[tokio::test]
async fn completing_and_reopening_are_idempotent() {
    let world = World::start().await;
    let mut anna = world.somebody();
    let task = anna.create(titled("to do")).await;
    world.clock.advance(Duration::from_secs(1));
    let completed_at = Some(world.clock.now().into());

    let complete = |etag: &str| CompleteTaskRequest {
        request_id: String::new(),
        id: task.id.clone(),
        etag: etag.to_owned(),
    };
    let completed = anna
        .tasks
        .complete_task(complete(&task.etag))
        .await
        .expect("done")
        .into_inner();
    assert!(completed.completed);
    assert_eq!(completed.complete_time, completed_at);
    assert_ne!(completed.etag, task.etag);
    world.clock.advance(Duration::from_secs(1));
    let again = anna.tasks.complete_task(complete("")).await.expect("done").into_inner();
    assert_eq!(again, completed);

    let reopen = ReopenTaskRequest {
        request_id: String::new(),
        id: task.id.clone(),
        etag: String::new(),
    };
    let reopened = anna.tasks.reopen_task(reopen.clone()).await.expect("open").into_inner();
    assert_eq!((reopened.completed, reopened.complete_time), (false, None));
    world.clock.advance(Duration::from_secs(1));
    let again = anna.tasks.reopen_task(reopen).await.expect("open").into_inner();
    assert_eq!(again, reopened);
    assert_eq!(anna.get(&task.id).await, reopened);
}

#[tokio::test]
async fn a_deleted_task_can_still_be_read() {
    let mut world = World::start().await;
    let mut anna = world.somebody();
    let task = anna.create(titled("mistake")).await;
    world.clock.advance(Duration::from_secs(1));
    let delete = DeleteTaskRequest {
        request_id: String::new(),
        id: task.id.clone(),
        etag: task.etag.clone(),
    };
    let deleted = anna.tasks.delete_task(delete).await.expect("deleted").into_inner();
    let now = Some(world.clock.now().into());
    assert_eq!(
        deleted,
        Task {
            delete_time: now,
            purge_time: Some(world.clock.now().plus(Duration::from_hours(30 * 24)).into()),
            update_time: now,
            etag: deleted.etag.clone(),
            ..task.clone()
        }
    );
    assert_eq!(anna.list().await, []);
    world.restart().await;
    let mut anna = crate::world::Person {
        tasks: world.client(&anna.token),
        token: anna.token,
    };
    assert_eq!(anna.get(&task.id).await, deleted);
}

/// What is in the trash comes back, until it has been there for thirty days: then it is gone, purged or not.
#[tokio::test]
async fn a_deleted_task_comes_back_for_thirty_days() {
    let world = World::start().await;
    let (anna, ben) = (uuid_v4(&SystemEntropy), uuid_v4(&SystemEntropy));
    let task = world.person(anna).create(titled("mistake")).await;
    let delete = DeleteTaskRequest {
        request_id: String::new(),
        id: task.id.clone(),
        etag: String::new(),
    };
    let undelete = UndeleteTaskRequest {
        id: task.id.clone(),
        request_id: String::new(),
    };
    world
        .person(anna)
        .tasks
        .delete_task(delete.clone())
        .await
        .expect("deleted");
    world
        .clock
        .advance(Duration::from_hours(30 * 24) - Duration::from_micros(1));
    // Her tokens are new ones by now.
    let (mut anna_later, mut ben) = (world.person(anna), world.person(ben));
    assert_told(
        ben.tasks.undelete_task(undelete.clone()).await,
        Code::NotFound,
        "TASK_NOT_FOUND",
        &[],
    );
    let back = anna_later
        .tasks
        .undelete_task(undelete.clone())
        .await
        .expect("back")
        .into_inner();
    assert_eq!((back.delete_time, back.purge_time), (None, None));
    assert_eq!(anna_later.list().await, std::slice::from_ref(&back));
    let again = anna_later
        .tasks
        .undelete_task(undelete.clone())
        .await
        .expect("unchanged")
        .into_inner();
    assert_eq!(again, back);

    anna_later.tasks.delete_task(delete).await.expect("deleted");
    world.clock.advance(Duration::from_hours(30 * 24));
    let mut too_late = world.person(anna);
    let refused = too_late.tasks.undelete_task(undelete).await;
    assert_told(refused, Code::NotFound, "TASK_NOT_FOUND", &[]);
    let get = GetTaskRequest { id: task.id };
    assert_told(
        too_late.tasks.get_task(get).await,
        Code::NotFound,
        "TASK_NOT_FOUND",
        &[],
    );
}

#[tokio::test]
async fn a_toggle_changes_what_is_done() {
    let world = World::start().await;
    let mut anna = world.somebody();
    let task = anna.create(titled("to and fro")).await;
    let toggle = ToggleTaskRequest {
        id: task.id.clone(),
        request_id: String::new(),
    };
    for completed in [true, false, true] {
        let toggled = anna
            .tasks
            .toggle_task(toggle.clone())
            .await
            .expect("toggled")
            .into_inner();
        assert_eq!(
            (toggled.completed, toggled.complete_time.is_some()),
            (completed, completed)
        );
    }
    for id in ["", "nonsense"] {
        let toggle = ToggleTaskRequest {
            id: id.to_owned(),
            request_id: String::new(),
        };
        assert_told(
            anna.tasks.toggle_task(toggle).await,
            Code::InvalidArgument,
            "FIELD_INVALID",
            &["id"],
        );
    }
}

#[tokio::test]
async fn lists_are_filtered_by_state() {
    let world = World::start().await;
    let mut anna = world.somebody();
    let mut ids = Vec::new();
    for (title, completed) in [("one", false), ("two", true), ("three", false)] {
        world.clock.advance(Duration::from_secs(1));
        ids.insert(
            0,
            anna.create(Task {
                completed,
                ..titled(title)
            })
            .await
            .id,
        );
    }
    let [three, two, one] = &ids[..] else {
        panic!("three tasks")
    };
    for (state, expected) in [
        (TaskState::Unspecified, vec![three, two, one]),
        (TaskState::Active, vec![three, one]),
        (TaskState::Completed, vec![two]),
    ] {
        let request = ListTasksRequest {
            state: state.into(),
            ..ListTasksRequest::default()
        };
        let page = anna.tasks.list_tasks(request).await.expect("a page").into_inner();
        assert_eq!(page.tasks.iter().map(|task| &task.id).collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn what_is_only_validated_is_not_done() {
    let world = World::start().await;
    let mut anna = world.somebody();
    let request = CreateTaskRequest {
        request_id: String::new(),
        task: Some(titled("never made")),
        validate_only: true,
    };
    let would_be = anna.tasks.create_task(request).await.expect("valid").into_inner();
    assert_eq!((would_be.title.as_str(), would_be.etag.as_str()), ("never made", ""));
    assert!(Uuid::try_parse(&would_be.id).is_ok());
    assert!(would_be.create_time.is_some());
    assert_eq!(anna.list().await, []);

    let task = anna.create(titled("made")).await;
    let request = UpdateTaskRequest {
        request_id: String::new(),
        task: Some(Task {
            id: task.id.clone(),
            ..titled("never changed")
        }),
        update_mask: Some(field_mask(&["title"])),
        validate_only: true,
    };
    let would_be = anna.tasks.update_task(request).await.expect("valid").into_inner();
    assert_eq!(would_be.title, "never changed");
    assert_eq!(anna.get(&task.id).await, task);
}
