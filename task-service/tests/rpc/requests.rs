//! Requests with an id. What is remembered, and for how long, stands in the conformance tests of the store.

use proto::task::v1::{
    CompleteTaskRequest, CreateTaskRequest, DeleteTaskRequest, ReopenTaskRequest, Task, ToggleTaskRequest,
    UndeleteTaskRequest, UpdateTaskRequest,
};
use tonic::Code;

use crate::world::{World, assert_told, field_mask, titled};

fn create(title: &str, request_id: &str) -> CreateTaskRequest {
    CreateTaskRequest {
        task: Some(titled(title)),
        request_id: request_id.to_owned(),
        validate_only: false,
    }
}

#[tokio::test]
async fn a_repeated_request_has_its_effect_once() {
    let world = World::start().await;
    let mut anna = world.somebody();
    let task = anna
        .tasks
        .create_task(create("once", "create"))
        .await
        .expect("made")
        .into_inner();
    let id = task.id.clone();
    let update = UpdateTaskRequest {
        task: Some(Task {
            id: id.clone(),
            etag: task.etag.clone(),
            ..titled("changed")
        }),
        update_mask: Some(field_mask(&["title"])),
        request_id: "update".to_owned(),
        validate_only: false,
    };
    let toggle = ToggleTaskRequest {
        id: id.clone(),
        request_id: "toggle".to_owned(),
    };
    let delete = DeleteTaskRequest {
        id: id.clone(),
        request_id: "delete".to_owned(),
        ..DeleteTaskRequest::default()
    };
    let undelete = UndeleteTaskRequest {
        id: id.clone(),
        request_id: "undelete".to_owned(),
    };
    let reopen = ReopenTaskRequest {
        id: id.clone(),
        request_id: "reopen".to_owned(),
        ..ReopenTaskRequest::default()
    };
    let complete = CompleteTaskRequest {
        id: id.clone(),
        request_id: "complete".to_owned(),
        ..CompleteTaskRequest::default()
    };
    let mut rounds = Vec::new();
    for _ in 0..2 {
        // The etag of the update is stale the second time, and the task is deleted when it is deleted again.
        rounds.push([
            anna.tasks
                .create_task(create("once", "create"))
                .await
                .expect("made")
                .into_inner(),
            anna.tasks
                .update_task(update.clone())
                .await
                .expect("changed")
                .into_inner(),
            anna.tasks
                .toggle_task(toggle.clone())
                .await
                .expect("toggled")
                .into_inner(),
            anna.tasks
                .delete_task(delete.clone())
                .await
                .expect("deleted")
                .into_inner(),
            anna.tasks
                .undelete_task(undelete.clone())
                .await
                .expect("back")
                .into_inner(),
            anna.tasks.reopen_task(reopen.clone()).await.expect("open").into_inner(),
            anna.tasks
                .complete_task(complete.clone())
                .await
                .expect("done")
                .into_inner(),
        ]);
    }
    assert_eq!(rounds[0], rounds[1]);
    assert_eq!(rounds[0][0], task);
    assert_eq!(anna.list().await, [rounds[0][6].clone()]);
}

#[tokio::test]
async fn an_id_that_asked_something_else_is_refused() {
    let world = World::start().await;
    let (mut anna, mut ben) = (world.somebody(), world.somebody());
    let task = anna
        .tasks
        .create_task(create("first", "id"))
        .await
        .expect("made")
        .into_inner();
    let other = anna.tasks.create_task(create("second", "id")).await;
    assert_told(other, Code::InvalidArgument, "REQUEST_ID_REUSED", &["request_id"]);
    // The same fields, of another method.
    let complete = |request_id: &str| CompleteTaskRequest {
        id: task.id.clone(),
        request_id: request_id.to_owned(),
        ..CompleteTaskRequest::default()
    };
    let reopen = ReopenTaskRequest {
        id: task.id.clone(),
        request_id: "done".to_owned(),
        ..ReopenTaskRequest::default()
    };
    anna.tasks.complete_task(complete("done")).await.expect("done");
    let other = anna.tasks.reopen_task(reopen).await;
    assert_told(other, Code::InvalidArgument, "REQUEST_ID_REUSED", &["request_id"]);
    // Ids are each person's own.
    ben.tasks.create_task(create("second", "id")).await.expect("made");
    assert_eq!(anna.list().await.len(), 1);
}

#[tokio::test]
async fn an_id_is_short_and_printable() {
    let world = World::start().await;
    let mut anna = world.somebody();
    let longest = "x".repeat(64);
    let made = anna.tasks.create_task(create("made", &longest)).await;
    let made = made.expect("made").into_inner();
    for bad in [&*"x".repeat(65), "with space", "\u{fc}", "line\nfeed", "\0"] {
        let refused = anna.tasks.create_task(create("refused", bad)).await;
        assert_told(refused, Code::InvalidArgument, "FIELD_INVALID", &["request_id"]);
        let tried = CreateTaskRequest {
            validate_only: true,
            ..create("tried", bad)
        };
        let refused = anna.tasks.create_task(tried).await;
        assert_told(refused, Code::InvalidArgument, "FIELD_INVALID", &["request_id"]);
        let tried = UpdateTaskRequest {
            task: Some(made.clone()),
            request_id: bad.to_owned(),
            validate_only: true,
            ..UpdateTaskRequest::default()
        };
        let refused = anna.tasks.update_task(tried).await;
        assert_told(refused, Code::InvalidArgument, "FIELD_INVALID", &["request_id"]);
        let toggle = ToggleTaskRequest {
            id: "nonsense".to_owned(),
            request_id: bad.to_owned(),
        };
        let refused = anna.tasks.toggle_task(toggle).await;
        assert_told(refused, Code::InvalidArgument, "FIELD_INVALID", &["id", "request_id"]);
    }
    assert_eq!(anna.list().await.len(), 1);
}

/// A mask made of the keys of a JSON object comes in any order.
#[tokio::test]
async fn the_order_of_a_mask_makes_no_other_request() {
    let world = World::start().await;
    let mut anna = world.somebody();
    let task = anna.create(titled("old")).await;
    let mut answers = Vec::new();
    for paths in [["title", "description"], ["description", "title"]] {
        let request = UpdateTaskRequest {
            task: Some(Task {
                id: task.id.clone(),
                ..titled("new")
            }),
            update_mask: Some(field_mask(&paths)),
            request_id: "one".to_owned(),
            validate_only: false,
        };
        answers.push(
            anna.tasks
                .update_task(request)
                .await
                .expect("it is updated")
                .into_inner(),
        );
    }
    assert_eq!(answers[0], answers[1]);
}
