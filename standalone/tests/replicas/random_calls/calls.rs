//! A call, and what comes of it.

use std::time::Duration;

use proto::{
    google::api::HttpBody,
    task::v1::{
        BatchCompleteTasksRequest, BatchCreateTasksRequest, BatchDeleteTasksRequest, BatchUpdateTasksRequest,
        CompleteTaskRequest, CreateTaskRequest, DeleteTaskRequest, GetTaskRequest, GetTaskStatsRequest,
        ImportTasksResponse, ReopenTaskRequest, SyncTasksRequest, Task, TaskStats, ToggleTaskRequest,
        UndeleteTaskRequest, UpdateTaskRequest, task_service_client::TaskServiceClient,
    },
};
use tonic::{Code, Status, transport::Channel};
use tonic_types::StatusExt as _;

use super::{files::File, lists::Listing, numbers::Numbers, services::Person};

/// Nobody comes to have so many tasks.
const ENDLESS: usize = 1000;

/// What somebody asks for. Lists and synchronisations are walked to their end.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Call {
    Create(CreateTaskRequest),
    Get(GetTaskRequest),
    List(Box<Listing>),
    Update(UpdateTaskRequest),
    Delete(DeleteTaskRequest),
    Undelete(UndeleteTaskRequest),
    Complete(CompleteTaskRequest),
    Reopen(ReopenTaskRequest),
    Toggle(ToggleTaskRequest),
    BatchCreate(BatchCreateTasksRequest),
    BatchUpdate(BatchUpdateTasksRequest),
    BatchDelete(BatchDeleteTasksRequest),
    BatchComplete(BatchCompleteTasksRequest),
    Stats(GetTaskStatsRequest),
    Sync(SyncTasksRequest),
    Import(File),
}

/// What is answered.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    /// The tasks that were read or written.
    Tasks(Vec<Task>),
    /// Page by page, and the token with which to go on, if there is one.
    Pages(Vec<Vec<Task>>, String),
    Stats(TaskStats),
    Imported(ImportTasksResponse),
}

/// What is refused, and how it is told.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Refusal {
    pub(super) code: Code,
    pub(super) reason: String,
    /// In the order of the alphabet.
    pub(super) fields: Vec<String>,
    /// Everything that is told, to be compared.
    pub(super) bytes: (String, Vec<u8>),
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    Answered(Answer),
    Refused(Refusal),
    /// It was cut off: perhaps it had its effect, or will have it.
    Unknown,
}

impl Call {
    /// Its request id; empty if it has none.
    pub(super) fn request_id(&self) -> &str {
        match self {
            Self::Create(request) => &request.request_id,
            Self::Update(request) => &request.request_id,
            Self::Delete(request) => &request.request_id,
            Self::Undelete(request) => &request.request_id,
            Self::Complete(request) => &request.request_id,
            Self::Reopen(request) => &request.request_id,
            Self::Toggle(request) => &request.request_id,
            Self::BatchCreate(request) => &request.request_id,
            Self::BatchUpdate(request) => &request.request_id,
            Self::BatchDelete(request) => &request.request_id,
            Self::BatchComplete(request) => &request.request_id,
            Self::Get(_) | Self::List(_) | Self::Stats(_) | Self::Sync(_) | Self::Import(_) => "",
        }
    }

    pub(super) fn is_batch(&self) -> bool {
        matches!(
            self,
            Self::BatchCreate(_) | Self::BatchUpdate(_) | Self::BatchDelete(_) | Self::BatchComplete(_)
        )
    }

    /// Whether it only asks what would come of it.
    pub(super) fn is_tried_only(&self) -> bool {
        match self {
            Self::Create(request) => request.validate_only,
            Self::Update(request) => request.validate_only,
            _ => false,
        }
    }
}

impl Answer {
    /// Every task in it.
    pub(super) fn tasks(&self) -> Vec<&Task> {
        match self {
            Self::Tasks(tasks) => tasks.iter().collect(),
            Self::Pages(pages, _) => pages.iter().flatten().collect(),
            Self::Stats(_) | Self::Imported(_) => Vec::new(),
        }
    }
}

impl Refusal {
    fn of(status: &Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info().unwrap_or_else(|| panic!("{status:?}"));
        assert_eq!(info.domain, "holdfast");
        let violations = details.bad_request().map_or(&[][..], |bad| &bad.field_violations);
        let mut fields: Vec<_> = violations.iter().map(|violation| violation.field.clone()).collect();
        fields.sort();
        Self {
            code: status.code(),
            reason: info.reason.clone(),
            fields,
            bytes: (status.message().to_owned(), status.details().to_vec()),
        }
    }
}

/// Makes a call, at a replica or, page by page, at any.
pub(super) async fn make(
    person: &Person,
    replica: usize,
    numbers: &mut Numbers,
    call: &Call,
    patience: Option<Duration>,
) -> Outcome {
    let answer = match call {
        Call::List(listing) => list(person, numbers, listing, patience).await,
        Call::Sync(request) => synchronise(person, numbers, request, patience).await,
        _ => one(person, &mut person.tasks_at(replica), call, patience).await,
    };
    match answer {
        Ok(answer) => {
            for task in answer.tasks() {
                person.assert_own(&format!("{task:?}"));
                assert!(task.title.starts_with(person.name), "{task:?}");
            }
            Outcome::Answered(answer)
        }
        Err(status) if patience.is_some() && matches!(status.code(), Code::Cancelled | Code::DeadlineExceeded) => {
            Outcome::Unknown
        }
        Err(status) => {
            person.assert_own(&format!("{} {}", status, String::from_utf8_lossy(status.details())));
            Outcome::Refused(Refusal::of(&status))
        }
    }
}

async fn one(
    person: &Person,
    tasks: &mut TaskServiceClient<Channel>,
    call: &Call,
    patience: Option<Duration>,
) -> Result<Answer, Status> {
    macro_rules! call {
        ($method:ident, $request:expr) => {
            tasks
                .$method(person.request($request.clone(), patience))
                .await?
                .into_inner()
        };
    }
    Ok(match call {
        Call::Create(request) => Answer::Tasks(vec![call!(create_task, request)]),
        Call::Get(request) => Answer::Tasks(vec![call!(get_task, request)]),
        Call::Update(request) => Answer::Tasks(vec![call!(update_task, request)]),
        Call::Delete(request) => Answer::Tasks(vec![call!(delete_task, request)]),
        Call::Undelete(request) => Answer::Tasks(vec![call!(undelete_task, request)]),
        Call::Complete(request) => Answer::Tasks(vec![call!(complete_task, request)]),
        Call::Reopen(request) => Answer::Tasks(vec![call!(reopen_task, request)]),
        Call::Toggle(request) => Answer::Tasks(vec![call!(toggle_task, request)]),
        Call::BatchCreate(request) => Answer::Tasks(call!(batch_create_tasks, request).tasks),
        Call::BatchUpdate(request) => Answer::Tasks(call!(batch_update_tasks, request).tasks),
        Call::BatchDelete(request) => Answer::Tasks(call!(batch_delete_tasks, request).tasks),
        Call::BatchComplete(request) => Answer::Tasks(call!(batch_complete_tasks, request).tasks),
        Call::Stats(request) => Answer::Stats(call!(get_task_stats, request)),
        Call::Import(file) => {
            let mut bodies: Vec<_> = file
                .data
                .as_bytes()
                .chunks(50)
                .map(|data| HttpBody {
                    data: data.to_vec(),
                    ..HttpBody::default()
                })
                .collect();
            file.content_type.clone_into(&mut bodies[0].content_type);
            Answer::Imported(call!(import_tasks, futures_util::stream::iter(bodies)))
        }
        Call::List(_) | Call::Sync(_) => unreachable!("they have pages"),
    })
}

async fn list(
    person: &Person,
    numbers: &mut Numbers,
    listing: &Listing,
    patience: Option<Duration>,
) -> Result<Answer, Status> {
    let (mut request, mut pages) = (listing.request.clone(), Vec::new());
    loop {
        let mut tasks = person.tasks_at(numbers.below(person.replicas()));
        let answer = tasks.list_tasks(person.request(request.clone(), patience)).await?;
        let page = answer.into_inner();
        pages.push(page.tasks);
        assert!(pages.len() < ENDLESS, "{request:?} does not end");
        if page.next_page_token.is_empty() {
            return Ok(Answer::Pages(pages, String::new()));
        }
        request.page_token = page.next_page_token;
    }
}

async fn synchronise(
    person: &Person,
    numbers: &mut Numbers,
    request: &SyncTasksRequest,
    patience: Option<Duration>,
) -> Result<Answer, Status> {
    let (mut request, mut pages) = (request.clone(), Vec::new());
    loop {
        let mut tasks = person.tasks_at(numbers.below(person.replicas()));
        let answer = tasks.sync_tasks(person.request(request.clone(), patience)).await?;
        let page = answer.into_inner();
        pages.push(page.tasks);
        assert!(pages.len() < ENDLESS, "{request:?} does not end");
        assert_ne!(page.next_page_token.is_empty(), page.next_sync_token.is_empty());
        if page.next_page_token.is_empty() {
            return Ok(Answer::Pages(pages, page.next_sync_token));
        }
        request.page_token = page.next_page_token;
    }
}
