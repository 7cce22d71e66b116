//! Tasks by generated clients; the rules themselves are tested in task-service.

use proto::task::v1::{
    CompleteTaskRequest, DeleteTaskRequest, GetTaskRequest, ListTasksRequest, Priority, ReopenTaskRequest, Task,
    TaskState, UpdateTaskRequest,
};
use tonic::Code;

use crate::world::{World, assert_refused};

#[tokio::test]
async fn a_task_lives_from_creation_to_deletion() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let mut tasks = world.tasks.clone();
    let created = ada.create(&world, "  Buy milk ").await;
    assert_eq!((&*created.title, created.priority()), ("Buy milk", Priority::Medium));

    let change = Task {
        id: created.id.clone(),
        title: "Buy oat milk".to_owned(),
        ..Task::default()
    };
    let update = UpdateTaskRequest {
        task: Some(change),
        ..UpdateTaskRequest::default()
    };
    let updated = tasks.update_task(ada.request(update)).await.unwrap().into_inner();
    assert_eq!(
        (&*updated.title, updated.create_time),
        ("Buy oat milk", created.create_time)
    );
    assert_ne!(updated.etag, created.etag);

    let stale = DeleteTaskRequest {
        request_id: String::new(),
        id: created.id.clone(),
        etag: created.etag,
    };
    assert_refused(
        tasks.delete_task(ada.request(stale)).await,
        Code::Aborted,
        "ETAG_MISMATCH",
    );
    let complete = CompleteTaskRequest {
        request_id: String::new(),
        id: created.id.clone(),
        etag: updated.etag,
    };
    let completed = tasks.complete_task(ada.request(complete)).await.unwrap().into_inner();
    assert!(completed.completed && completed.complete_time.is_some());
    let list = ListTasksRequest {
        state: TaskState::Completed.into(),
        ..ListTasksRequest::default()
    };
    assert_eq!(
        tasks.list_tasks(ada.request(list)).await.unwrap().into_inner().tasks,
        [completed]
    );
    let reopen = ReopenTaskRequest {
        id: created.id.clone(),
        ..ReopenTaskRequest::default()
    };
    let reopened = tasks.reopen_task(ada.request(reopen)).await.unwrap().into_inner();
    assert!(!reopened.completed && reopened.complete_time.is_none());

    let delete = DeleteTaskRequest {
        request_id: String::new(),
        id: created.id.clone(),
        etag: String::new(),
    };
    let deleted = tasks.delete_task(ada.request(delete)).await.unwrap().into_inner();
    assert!(deleted.delete_time.is_some());
    let list = tasks
        .list_tasks(ada.request(ListTasksRequest::default()))
        .await
        .unwrap()
        .into_inner();
    assert!(list.tasks.is_empty());
    let get = GetTaskRequest { id: created.id };
    assert_eq!(tasks.get_task(ada.request(get)).await.unwrap().into_inner(), deleted);
    world.end().await;
}

#[tokio::test]
async fn pages_hold_each_task_once() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let mut expected = Vec::new();
    for number in 0..25 {
        expected.push(ada.create(&world, &format!("Task {number}")).await.id);
    }
    expected.reverse();
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListTasksRequest {
            page_size: 10,
            page_token,
            ..ListTasksRequest::default()
        };
        let page = world
            .tasks
            .clone()
            .list_tasks(ada.request(request))
            .await
            .unwrap()
            .into_inner();
        found.extend(page.tasks.into_iter().map(|task| task.id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(found, expected);
    world.end().await;
}
