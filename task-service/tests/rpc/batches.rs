//! Several requests at once.

use proto::task::v1::{
    BatchCompleteTasksRequest, BatchCreateTasksRequest, BatchDeleteTasksRequest, BatchUpdateTasksRequest,
    CompleteTaskRequest, CreateTaskRequest, DeleteTaskRequest, Task, UpdateTaskRequest,
};
use tonic::Code;

use crate::world::{World, assert_told, field_mask, titled};

fn create(title: &str) -> CreateTaskRequest {
    CreateTaskRequest {
        task: Some(titled(title)),
        ..CreateTaskRequest::default()
    }
}

fn complete(task: &Task) -> CompleteTaskRequest {
    CompleteTaskRequest {
        id: task.id.clone(),
        ..CompleteTaskRequest::default()
    }
}

fn delete(task: &Task) -> DeleteTaskRequest {
    DeleteTaskRequest {
        id: task.id.clone(),
        ..DeleteTaskRequest::default()
    }
}

fn retitle(task: &Task, title: &str) -> UpdateTaskRequest {
    UpdateTaskRequest {
        task: Some(Task {
            id: task.id.clone(),
            etag: task.etag.clone(),
            ..titled(title)
        }),
        update_mask: Some(field_mask(&["title"])),
        ..UpdateTaskRequest::default()
    }
}

fn titles(tasks: &[Task]) -> Vec<&str> {
    tasks.iter().map(|task| task.title.as_str()).collect()
}

#[tokio::test]
async fn a_batch_is_done_in_the_order_of_its_requests() {
    let world = World::start().await;
    let mut anna = world.somebody();
    let requests = (0..100).map(|number| create(&number.to_string())).collect();
    let batch = BatchCreateTasksRequest {
        requests,
        request_id: "once".to_owned(),
    };
    let created = anna
        .tasks
        .batch_create_tasks(batch.clone())
        .await
        .expect("created")
        .into_inner()
        .tasks;
    let expected: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    assert_eq!(titles(&created), expected);
    let again = anna
        .tasks
        .batch_create_tasks(batch)
        .await
        .expect("repeated")
        .into_inner()
        .tasks;
    assert_eq!(again, created);

    let requests = vec![retitle(&created[7], "seven"), retitle(&created[3], "three")];
    let batch = BatchUpdateTasksRequest {
        requests,
        ..BatchUpdateTasksRequest::default()
    };
    let updated = anna
        .tasks
        .batch_update_tasks(batch)
        .await
        .expect("updated")
        .into_inner()
        .tasks;
    assert_eq!(titles(&updated), ["seven", "three"]);

    let requests = vec![complete(&created[9]), complete(&created[8])];
    let batch = BatchCompleteTasksRequest {
        requests,
        ..BatchCompleteTasksRequest::default()
    };
    let completed = anna
        .tasks
        .batch_complete_tasks(batch)
        .await
        .expect("completed")
        .into_inner()
        .tasks;
    assert_eq!(titles(&completed), ["9", "8"]);
    assert!(completed.iter().all(|task| task.completed));

    let requests = created.iter().rev().map(delete).collect();
    let batch = BatchDeleteTasksRequest {
        requests,
        ..BatchDeleteTasksRequest::default()
    };
    let deleted = anna
        .tasks
        .batch_delete_tasks(batch)
        .await
        .expect("deleted")
        .into_inner()
        .tasks;
    assert_eq!(deleted.len(), 100);
    assert_eq!(deleted[99].id, created[0].id);
    assert_eq!(anna.list().await, []);
}

#[tokio::test]
async fn of_a_batch_with_a_fault_nothing_is_done_and_the_request_is_named() {
    let world = World::start().await;
    let (mut anna, mut ben) = (world.somebody(), world.somebody());
    let kept = anna.create(titled("kept")).await;
    let bens = ben.create(titled("Ben's")).await;
    let stale = UpdateTaskRequest {
        task: Some(Task {
            etag: "stale".to_owned(),
            ..kept.clone()
        }),
        ..retitle(&kept, "changed")
    };
    let taken = CreateTaskRequest {
        task: Some(kept.clone()),
        ..CreateTaskRequest::default()
    };

    let requests = vec![create("undone"), taken];
    let batch = BatchCreateTasksRequest {
        requests,
        ..BatchCreateTasksRequest::default()
    };
    let answer = anna.tasks.batch_create_tasks(batch).await;
    assert_told(answer, Code::AlreadyExists, "TASK_EXISTS", &["requests[1]"]);
    let requests = vec![retitle(&kept, "undone"), stale];
    let batch = BatchUpdateTasksRequest {
        requests,
        ..BatchUpdateTasksRequest::default()
    };
    let answer = anna.tasks.batch_update_tasks(batch).await;
    assert_told(answer, Code::Aborted, "ETAG_MISMATCH", &["requests[1]"]);
    let requests = vec![delete(&kept), delete(&bens)];
    let batch = BatchDeleteTasksRequest {
        requests,
        ..BatchDeleteTasksRequest::default()
    };
    let answer = anna.tasks.batch_delete_tasks(batch).await;
    assert_told(answer, Code::NotFound, "TASK_NOT_FOUND", &["requests[1]"]);
    let requests = vec![complete(&kept), complete(&bens)];
    let batch = BatchCompleteTasksRequest {
        requests,
        ..BatchCompleteTasksRequest::default()
    };
    let answer = anna.tasks.batch_complete_tasks(batch).await;
    assert_told(answer, Code::NotFound, "TASK_NOT_FOUND", &["requests[1]"]);

    assert_eq!(anna.list().await, [kept]);
    assert_eq!(ben.list().await, [bens]);
}

#[tokio::test]
async fn a_batch_is_checked_whole() {
    let world = World::start().await;
    let mut anna = world.somebody();
    for (requests, fields) in [
        (vec![], &["requests"][..]),
        (vec![create("x"); 101], &["requests"]),
        (
            vec![create("good"), create(""), create("good"), create(&"x".repeat(201))],
            &["requests[1].task.title", "requests[3].task.title"],
        ),
        (
            vec![
                CreateTaskRequest {
                    request_id: "own".to_owned(),
                    ..create("x")
                },
                CreateTaskRequest {
                    validate_only: true,
                    ..create("x")
                },
            ],
            &["requests[0].request_id", "requests[1].validate_only"],
        ),
    ] {
        let batch = BatchCreateTasksRequest {
            requests,
            request_id: String::new(),
        };
        let answer = anna.tasks.batch_create_tasks(batch).await;
        assert_told(answer, Code::InvalidArgument, "FIELD_INVALID", fields);
    }
    let batch = BatchUpdateTasksRequest {
        requests: vec![UpdateTaskRequest {
            update_mask: Some(field_mask(&["owner"])),
            ..UpdateTaskRequest::default()
        }],
        request_id: "two words".to_owned(),
    };
    let answer = anna.tasks.batch_update_tasks(batch).await;
    let fields = ["request_id", "requests[0].task.id", "requests[0].update_mask"];
    assert_told(answer, Code::InvalidArgument, "FIELD_INVALID", &fields);
    assert_eq!(anna.list().await, []);
}

/// Each fits by itself, and so does the request; all in one answer would be refused by stock clients.
#[tokio::test]
async fn a_batch_that_does_not_fit_an_answer_is_not_done() {
    let world = World::start().await;
    let mut anna = world.somebody();
    let mut tasks = Vec::new();
    for number in 0..90 {
        let task = Task {
            description: "😀".repeat(10_000),
            ..titled(&number.to_string())
        };
        tasks.push(anna.create(task).await);
    }
    let requests = tasks.iter().map(complete).collect();
    let batch = BatchCompleteTasksRequest {
        requests,
        ..BatchCompleteTasksRequest::default()
    };
    let answer = anna.tasks.batch_complete_tasks(batch).await;
    assert_told(answer, Code::ResourceExhausted, "MESSAGE_TOO_LARGE", &["requests[78]"]);
    assert_eq!(anna.get(&tasks[0].id).await, tasks[0]);
}
