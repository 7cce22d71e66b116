//! holdfast.task.v1.TaskService.

use platform::verification::Caller;
use proto::task::v1::{self as wire, task_service_server::TaskService};
use tonic::{Request, Response, Status};

use crate::{
    due::Due,
    owner::OwnerId,
    task::{Priority, Task},
    tasks::Tasks,
};

/// The service over the rules.
pub(crate) struct TaskRpc {
    tasks: Tasks,
}

impl TaskRpc {
    pub(crate) fn new(tasks: Tasks) -> Self {
        Self { tasks }
    }
}

#[tonic::async_trait]
impl TaskService for TaskRpc {
    async fn create_task(&self, request: Request<wire::CreateTaskRequest>) -> Result<Response<wire::Task>, Status> {
        let (owner, request) = owned(request)?;
        let task = self.tasks.create(owner, request).await?;
        Ok(Response::new(encode(task)))
    }

    async fn get_task(&self, request: Request<wire::GetTaskRequest>) -> Result<Response<wire::Task>, Status> {
        let (owner, request) = owned(request)?;
        let task = self.tasks.get(owner, &request.id).await?;
        Ok(Response::new(encode(task)))
    }

    async fn list_tasks(
        &self,
        request: Request<wire::ListTasksRequest>,
    ) -> Result<Response<wire::ListTasksResponse>, Status> {
        let (owner, request) = owned(request)?;
        let page = self.tasks.list(owner, &request).await?;
        Ok(Response::new(wire::ListTasksResponse {
            tasks: page.tasks.into_iter().map(encode).collect(),
            next_page_token: page.next_page_token,
        }))
    }

    async fn update_task(&self, request: Request<wire::UpdateTaskRequest>) -> Result<Response<wire::Task>, Status> {
        let (owner, request) = owned(request)?;
        let task = self.tasks.update(owner, request).await?;
        Ok(Response::new(encode(task)))
    }

    async fn delete_task(&self, request: Request<wire::DeleteTaskRequest>) -> Result<Response<wire::Task>, Status> {
        let (owner, request) = owned(request)?;
        let task = self.tasks.delete(owner, request).await?;
        Ok(Response::new(encode(task)))
    }

    async fn complete_task(&self, request: Request<wire::CompleteTaskRequest>) -> Result<Response<wire::Task>, Status> {
        let (owner, request) = owned(request)?;
        let task = self.tasks.complete(owner, request).await?;
        Ok(Response::new(encode(task)))
    }

    async fn reopen_task(&self, request: Request<wire::ReopenTaskRequest>) -> Result<Response<wire::Task>, Status> {
        let (owner, request) = owned(request)?;
        let task = self.tasks.reopen(owner, request).await?;
        Ok(Response::new(encode(task)))
    }

    async fn toggle_task(&self, request: Request<wire::ToggleTaskRequest>) -> Result<Response<wire::Task>, Status> {
        let (owner, request) = owned(request)?;
        let task = self.tasks.toggle(owner, request).await?;
        Ok(Response::new(encode(task)))
    }

    async fn undelete_task(&self, request: Request<wire::UndeleteTaskRequest>) -> Result<Response<wire::Task>, Status> {
        let (owner, request) = owned(request)?;
        let task = self.tasks.undelete(owner, request).await?;
        Ok(Response::new(encode(task)))
    }
}

/// Whose tasks the request is about, and what it asks.
fn owned<T>(request: Request<T>) -> Result<(OwnerId, T), Status> {
    let owner = OwnerId::of(Caller::of(&request)?);
    Ok((owner, request.into_inner()))
}

fn encode(task: Task) -> wire::Task {
    let priority = match task.content.priority {
        Priority::Low => wire::Priority::Low,
        Priority::Medium => wire::Priority::Medium,
        Priority::High => wire::Priority::High,
    };
    wire::Task {
        id: task.id.to_string(),
        etag: task.etag(),
        purge_time: task.purge_time().map(Into::into),
        title: task.content.title,
        description: task.content.description,
        completed: task.content.completed,
        priority: priority.into(),
        tags: task.content.tags,
        due: task.content.due.map(encode_due),
        create_time: Some(task.create_time.into()),
        update_time: Some(task.update_time.into()),
        complete_time: task.complete_time.map(Into::into),
        delete_time: task.delete_time.map(Into::into),
    }
}

fn encode_due(due: Due) -> wire::Due {
    match due {
        // Written as RFC 3339 full-date.
        Due::Day(day) => wire::Due {
            date: day.to_string(),
            ..wire::Due::default()
        },
        Due::Moment { at, zone } => wire::Due {
            date_time: Some(at.into()),
            time_zone: zone,
            ..wire::Due::default()
        },
    }
}

#[cfg(test)]
mod tests {
    use platform::clock::Timestamp;
    use prost::Message as _;
    use uuid::Uuid;

    use super::*;
    use crate::task::Content;

    #[test]
    fn no_task_takes_more_bytes_than_a_page_reckons_with() {
        let late = Timestamp::from_micros(253_402_300_799_999_999);
        let early = Timestamp::from_micros(-62_135_596_799_999_999);
        for (tag, zone, at) in [
            ("😀".repeat(50), "America/Argentina/ComodRivadavia", late),
            ("x".to_owned(), "UTC", early),
        ] {
            let task = Task {
                id: Uuid::max(),
                content: Content {
                    title: "😀".repeat(200),
                    description: "😀".repeat(10_000),
                    completed: true,
                    priority: Priority::High,
                    tags: vec![tag; 20],
                    due: Some(Due::Moment {
                        at,
                        zone: zone.to_owned(),
                    }),
                },
                version: i64::MAX,
                change_seq: i64::MAX,
                create_time: at,
                update_time: at,
                complete_time: Some(at),
                delete_time: Some(at),
            };
            let reckoned = task.encoded_bytes();
            let list = wire::ListTasksResponse {
                tasks: vec![encode(task)],
                next_page_token: String::new(),
            };
            assert!(list.encoded_len() <= reckoned, "{} > {reckoned}", list.encoded_len());
        }
    }
}
