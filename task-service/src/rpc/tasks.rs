//! holdfast.task.v1.TaskService.

use std::sync::Arc;

use futures_util::stream::{BoxStream, StreamExt as _};
use platform::verification::Caller;
use proto::{
    google::api::HttpBody,
    task::v1::{self as wire, task_service_server::TaskService},
};
use tonic::{Request, Response, Status, Streaming};

use crate::{
    due::Due,
    imports::Summary,
    owner::OwnerId,
    store::Statistics,
    task::{Priority, Task},
    tasks::Tasks,
    watch::{Told, Watching},
};

/// The service over the rules.
pub(crate) struct TaskRpc {
    tasks: Arc<Tasks>,
    watching: Watching,
}

impl TaskRpc {
    pub(crate) fn new(watching: Watching) -> Self {
        Self {
            tasks: watching.tasks.clone(),
            watching,
        }
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
            tasks: encode_all(page.tasks),
            next_page_token: page.next_page_token,
            etag: page.etag,
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

    async fn batch_create_tasks(
        &self,
        request: Request<wire::BatchCreateTasksRequest>,
    ) -> Result<Response<wire::BatchCreateTasksResponse>, Status> {
        let (owner, request) = owned(request)?;
        let tasks = encode_all(self.tasks.batch_create(owner, request).await?);
        Ok(Response::new(wire::BatchCreateTasksResponse { tasks }))
    }

    async fn batch_update_tasks(
        &self,
        request: Request<wire::BatchUpdateTasksRequest>,
    ) -> Result<Response<wire::BatchUpdateTasksResponse>, Status> {
        let (owner, request) = owned(request)?;
        let tasks = encode_all(self.tasks.batch_update(owner, request).await?);
        Ok(Response::new(wire::BatchUpdateTasksResponse { tasks }))
    }

    async fn batch_delete_tasks(
        &self,
        request: Request<wire::BatchDeleteTasksRequest>,
    ) -> Result<Response<wire::BatchDeleteTasksResponse>, Status> {
        let (owner, request) = owned(request)?;
        let tasks = encode_all(self.tasks.batch_delete(owner, request).await?);
        Ok(Response::new(wire::BatchDeleteTasksResponse { tasks }))
    }

    async fn batch_complete_tasks(
        &self,
        request: Request<wire::BatchCompleteTasksRequest>,
    ) -> Result<Response<wire::BatchCompleteTasksResponse>, Status> {
        let (owner, request) = owned(request)?;
        let tasks = encode_all(self.tasks.batch_complete(owner, request).await?);
        Ok(Response::new(wire::BatchCompleteTasksResponse { tasks }))
    }

    async fn get_task_stats(
        &self,
        request: Request<wire::GetTaskStatsRequest>,
    ) -> Result<Response<wire::TaskStats>, Status> {
        let (owner, request) = owned(request)?;
        let statistics = self.tasks.statistics(owner, &request).await?;
        Ok(Response::new(encode_statistics(statistics)))
    }

    async fn sync_tasks(
        &self,
        request: Request<wire::SyncTasksRequest>,
    ) -> Result<Response<wire::SyncTasksResponse>, Status> {
        let (owner, request) = owned(request)?;
        let page = self.tasks.sync(owner, &request).await?;
        Ok(Response::new(wire::SyncTasksResponse {
            tasks: encode_all(page.tasks),
            next_page_token: page.next_page_token,
            next_sync_token: page.next_sync_token,
        }))
    }

    type WatchTasksStream = BoxStream<'static, Result<wire::WatchTasksResponse, Status>>;

    async fn watch_tasks(
        &self,
        request: Request<wire::WatchTasksRequest>,
    ) -> Result<Response<Self::WatchTasksStream>, Status> {
        let caller = Caller::of(&request)?;
        let told = self.watching.watch(caller, &request.get_ref().sync_token).await?;
        let messages = told.map(|told| told.map(encode_told).map_err(Status::from));
        Ok(Response::new(messages.boxed()))
    }

    type ExportTasksStream = BoxStream<'static, Result<HttpBody, Status>>;

    async fn export_tasks(
        &self,
        request: Request<wire::ExportTasksRequest>,
    ) -> Result<Response<Self::ExportTasksStream>, Status> {
        let (owner, request) = owned(request)?;
        let export = self.tasks.export(owner, &request)?;
        let bodies = export.parts.map(move |part| {
            Ok(HttpBody {
                content_type: export.content_type.to_owned(),
                data: part?,
                extensions: Vec::new(),
            })
        });
        Ok(Response::new(bodies.boxed()))
    }

    async fn import_tasks(
        &self,
        request: Request<Streaming<HttpBody>>,
    ) -> Result<Response<wire::ImportTasksResponse>, Status> {
        let (owner, mut bodies) = owned(request)?;
        let first = bodies.message().await?.unwrap_or_default();
        let mut import = self.tasks.import(owner, &first.content_type)?;
        import.feed(&first.data).await?;
        while let Some(body) = bodies.message().await? {
            import.feed(&body.data).await?;
        }
        let summary = import.finish().await?;
        Ok(Response::new(encode_summary(summary)))
    }
}

fn encode_summary(summary: Summary) -> wire::ImportTasksResponse {
    let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    wire::ImportTasksResponse {
        created: number(summary.created),
        existing: number(summary.existing),
        failed: number(summary.failed),
        errors: summary
            .problems
            .into_iter()
            .map(|(line, problem)| wire::ImportError {
                line: i32::try_from(line).unwrap_or(i32::MAX),
                field: problem.field.unwrap_or_default().to_owned(),
                description: problem.description,
            })
            .collect(),
    }
}

fn encode_all(tasks: Vec<Task>) -> Vec<wire::Task> {
    tasks.into_iter().map(encode).collect()
}

fn encode_told(told: Told) -> wire::WatchTasksResponse {
    use wire::watch_tasks_response::Event;
    wire::WatchTasksResponse {
        event: told.task.map(|task| match task.delete_time {
            None => Event::Task(encode(task)),
            Some(_) => Event::Tombstone(encode(task)),
        }),
        sync_token: told.sync_token,
    }
}

/// Nobody has more tasks than the numbers can say.
fn encode_statistics(statistics: Statistics) -> wire::TaskStats {
    let number = |count: i64| i32::try_from(count).unwrap_or(i32::MAX);
    wire::TaskStats {
        total: number(statistics.total),
        active: number(statistics.total - statistics.completed),
        completed: number(statistics.completed),
        overdue: number(statistics.overdue),
        due_today: number(statistics.due_today),
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
                ..wire::ListTasksResponse::default()
            };
            assert!(list.encoded_len() <= reckoned, "{} > {reckoned}", list.encoded_len());
        }
    }
}
