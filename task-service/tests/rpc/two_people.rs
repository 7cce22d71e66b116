//! Another person's task is answered, byte for byte, as one that never existed.

use proto::task::v1::{
    CompleteTaskRequest, DeleteTaskRequest, GetTaskRequest, ReopenTaskRequest, Task, UpdateTaskRequest,
};
use tonic::{Code, Status};

use crate::world::{Person, World, field_mask, titled, told};

/// Every way to name a task, with and without its etag.
async fn every_way_to_reach(person: &mut Person, id: &str, etag: &str) -> Vec<Status> {
    let client = &mut person.tasks;
    let id = || id.to_owned();
    let mut answers = vec![client.get_task(GetTaskRequest { id: id() }).await];
    for etag in ["", etag, "wrong"].map(str::to_owned) {
        for (mask, validate_only) in [
            (None, false),
            (Some(field_mask(&[])), false),
            (Some(field_mask(&["title"])), true),
            (Some(field_mask(&["*"])), false),
        ] {
            let task = Some(Task {
                id: id(),
                etag: etag.clone(),
                ..titled("taken over")
            });
            let update = UpdateTaskRequest {
                request_id: String::new(),
                task,
                update_mask: mask,
                validate_only,
            };
            answers.push(client.update_task(update).await);
        }
        let complete = CompleteTaskRequest {
            request_id: String::new(),
            id: id(),
            etag: etag.clone(),
        };
        answers.push(client.complete_task(complete).await);
        let reopen = ReopenTaskRequest {
            request_id: String::new(),
            id: id(),
            etag: etag.clone(),
        };
        answers.push(client.reopen_task(reopen).await);
        answers.push(
            client
                .delete_task(DeleteTaskRequest {
                    id: id(),
                    etag,
                    request_id: String::new(),
                })
                .await,
        );
    }
    answers
        .into_iter()
        .map(|answer| answer.expect_err("it is not theirs"))
        .collect()
}

#[tokio::test]
async fn the_others_task_is_as_if_it_never_existed() {
    let world = World::start().await;
    let (mut anna, mut ben) = (world.somebody(), world.somebody());
    let live = anna.create(titled("Anna's")).await;
    let gone = anna.create(titled("Anna's, deleted")).await;
    let delete = DeleteTaskRequest {
        request_id: String::new(),
        id: gone.id.clone(),
        etag: String::new(),
    };
    let gone = anna.tasks.delete_task(delete).await.expect("deleted").into_inner();
    let bens = ben.create(titled("Ben's")).await;

    let nobodys = "0198c0de-0000-4000-8000-00000000abcd";
    let missing = every_way_to_reach(&mut ben, nobodys, &live.etag).await;
    for task in [&live, &gone] {
        let foreign = every_way_to_reach(&mut ben, &task.id, &task.etag).await;
        assert_eq!(foreign.len(), missing.len());
        for (foreign, missing) in foreign.iter().zip(&missing) {
            assert_eq!(told(foreign), (Code::NotFound, "TASK_NOT_FOUND".to_owned(), vec![]));
            assert_eq!(foreign.code(), missing.code());
            assert_eq!(foreign.message().as_bytes(), missing.message().as_bytes());
            assert_eq!(foreign.details(), missing.details());
            let names = |status: &Status| {
                let mut names: Vec<String> = status.metadata().as_ref().keys().map(ToString::to_string).collect();
                names.sort();
                names
            };
            assert_eq!(names(foreign), names(missing));
        }
    }
    assert_eq!(ben.list().await, [bens]);
    assert_eq!(anna.list().await, std::slice::from_ref(&live));
    assert_eq!(anna.get(&live.id).await, live);
    assert_eq!(anna.get(&gone.id).await, gone);
}

#[tokio::test]
async fn every_change_to_a_deleted_task_is_not_found() {
    let world = World::start().await;
    let mut anna = world.somebody();
    let task = anna.create(titled("gone")).await;
    let delete = DeleteTaskRequest {
        request_id: String::new(),
        id: task.id.clone(),
        etag: String::new(),
    };
    let gone = anna.tasks.delete_task(delete).await.expect("deleted").into_inner();
    let update = |etag: &str| Task {
        id: task.id.clone(),
        etag: etag.to_owned(),
        ..titled("back")
    };
    let mut answers = Vec::new();
    for etag in ["", gone.etag.as_str(), "wrong"] {
        answers.push(anna.update(update(etag), None).await);
        answers.push(anna.update(update(etag), Some(&[])).await);
        let (id, etag) = (task.id.clone(), etag.to_owned());
        let complete = CompleteTaskRequest {
            request_id: String::new(),
            id: id.clone(),
            etag: etag.clone(),
        };
        answers.push(
            anna.tasks
                .complete_task(complete)
                .await
                .map(tonic::Response::into_inner),
        );
        let reopen = ReopenTaskRequest {
            request_id: String::new(),
            id: id.clone(),
            etag: etag.clone(),
        };
        answers.push(anna.tasks.reopen_task(reopen).await.map(tonic::Response::into_inner));
        let delete = DeleteTaskRequest {
            id,
            etag,
            request_id: String::new(),
        };
        answers.push(anna.tasks.delete_task(delete).await.map(tonic::Response::into_inner));
    }
    for answer in answers {
        crate::world::assert_told(answer, Code::NotFound, "TASK_NOT_FOUND", &[]);
    }
    assert_eq!(anna.get(&task.id).await, gone);
}
