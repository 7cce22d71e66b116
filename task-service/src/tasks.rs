//! The rules of tasks: what is checked, what is assumed, what changes.

use std::sync::Arc;

use platform::{
    clock::Clock,
    entropy::{Entropy, uuid_v7},
    secret::Secret,
};
use prost::Message;
use proto::task::v1 as wire;
use uuid::Uuid;

use crate::{
    change::{Change, NewValues},
    due::Due,
    error::TaskError,
    masks::{self, Field},
    owner::OwnerId,
    pages::{Cursor, Page, PageTokens, StateFilter},
    requests,
    store::{Changed, Created, Edit, Effect, TaskStore},
    task::{Content, Task},
    validation::{self, Violations},
};

const DEFAULT_PAGE_SIZE: usize = 50;
const MAX_PAGE_SIZE: usize = 1000;
/// A page ends early rather than exceed this: stock gRPC clients refuse 4 MiB.
const MAX_PAGE_BYTES: usize = 3 * 1024 * 1024;
/// How many tasks are read at a time: 1000 of the largest would take 45 MB.
const READ_AT_ONCE: usize = 100;

/// What people can do with their tasks.
pub struct Tasks {
    store: Arc<dyn TaskStore>,
    pages: PageTokens,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Tasks {
    /// The rules over a store. `token_key` seals page tokens; every replica has the same.
    pub fn new(
        store: Arc<dyn TaskStore>,
        token_key: &Secret<32>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            store,
            pages: PageTokens::new(token_key, entropy.clone()),
            clock,
            entropy,
        }
    }

    /// Creates a task, with the caller's id or a new one. Checked only, it is returned with an id, but
    /// without an etag.
    pub async fn create(&self, owner: OwnerId, mut request: wire::CreateTaskRequest) -> Result<Task, TaskError> {
        let mut violations = Violations::default();
        let request_id = std::mem::take(&mut request.request_id);
        let effect = if request.validate_only {
            Some(Effect::CheckedOnly)
        } else {
            requests::effect("CreateTask", &request_id, &request, &mut violations)
        };
        let draft = request.task.unwrap_or_default();
        let now = self.clock.now();
        let id = match draft.id.as_str() {
            "" => Some(uuid_v7(now, &*self.entropy)),
            chosen => validation::id("task.id", chosen, &mut violations),
        };
        let values = new_values(&draft, &masks::ALL, &mut violations);
        let (id, effect) = violations.accept(id.zip(effect))?;
        let task = Task::new(id, values.applied_to(&Content::default()), now);
        match self.store.create(owner, task, effect).await? {
            Created::Task(task) => Ok(task),
            Created::IdTaken => Err(TaskError::Exists),
            Created::RequestIdReused => Err(TaskError::RequestIdReused),
            Created::OwnerErased => Err(TaskError::OwnerErased),
        }
    }

    /// Returns a task, deleted ones too until they are purged.
    pub async fn get(&self, owner: OwnerId, id: &str) -> Result<Task, TaskError> {
        let found = self.store.get(owner, requested_id(id)?).await?;
        let now = self.clock.now();
        found.filter(|task| !task.is_purged(now)).ok_or(TaskError::NotFound)
    }

    /// A page of the tasks that are not deleted, newest first.
    pub async fn list(&self, owner: OwnerId, query: &wire::ListTasksRequest) -> Result<Page, TaskError> {
        let mut violations = Violations::default();
        let page_size = page_size(query.page_size, &mut violations);
        let state = state_filter(query.state, &mut violations);
        let after = match (query.page_token.as_str(), state) {
            ("", _) | (_, None) => Some(Cursor::START),
            (token, Some(state)) => self.pages.open(owner, state, token),
        };
        if after.is_none() {
            // A reason of its own, unless other fields are wrong too.
            if violations.is_empty() {
                return Err(TaskError::PageTokenInvalid);
            }
            violations.add("page_token", "is not a page token of this list");
        }
        let (page_size, state, after) = violations.accept(
            page_size
                .zip(state)
                .zip(after)
                .map(|((page_size, state), after)| (page_size, state, after)),
        )?;
        let (tasks, more) = self.read_page(owner, state, after, page_size).await?;
        let next_page_token = match tasks.last() {
            Some(last) if more => self.pages.seal(owner, state, Cursor::after(last)),
            _ => String::new(),
        };
        Ok(Page { tasks, next_page_token })
    }

    /// The tasks of a page, and whether more follow.
    async fn read_page(
        &self,
        owner: OwnerId,
        state: StateFilter,
        mut after: Cursor,
        page_size: usize,
    ) -> Result<(Vec<Task>, bool), TaskError> {
        let mut tasks = Vec::new();
        let mut bytes = 0;
        loop {
            // One more than the page holds tells whether another page follows.
            let wanted = (page_size + 1 - tasks.len()).min(READ_AT_ONCE);
            let read = self.store.list(owner, state, after, wanted).await?;
            let exhausted = read.len() < wanted;
            for task in read {
                bytes += task.encoded_bytes();
                let full = tasks.len() == page_size || bytes > MAX_PAGE_BYTES;
                if full {
                    return Ok((tasks, true));
                }
                after = Cursor::after(&task);
                tasks.push(task);
            }
            if exhausted {
                return Ok((tasks, false));
            }
        }
    }

    /// Changes the fields that the mask names.
    pub async fn update(&self, owner: OwnerId, mut request: wire::UpdateTaskRequest) -> Result<Task, TaskError> {
        let mut violations = Violations::default();
        let request_id = std::mem::take(&mut request.request_id);
        let effect = if request.validate_only {
            Some(Effect::CheckedOnly)
        } else {
            requests::effect("UpdateTask", &request_id, &request, &mut violations)
        };
        let task = request.task.unwrap_or_default();
        let id = validation::id("task.id", &task.id, &mut violations);
        let fields = masks::fields(request.update_mask.as_ref(), &task, &mut violations);
        let values = new_values(&task, &fields, &mut violations);
        let (id, effect) = violations.accept(id.zip(effect))?;
        self.change(owner, id, &task.etag, Change::Set(Box::new(values)), effect)
            .await
    }

    /// Marks a task as completed.
    pub async fn complete(&self, owner: OwnerId, mut request: wire::CompleteTaskRequest) -> Result<Task, TaskError> {
        let request_id = std::mem::take(&mut request.request_id);
        let (id, effect) = checked("CompleteTask", &request_id, &request.id, &request)?;
        self.change(owner, id, &request.etag, Change::completed(true), effect)
            .await
    }

    /// Marks a task as not completed.
    pub async fn reopen(&self, owner: OwnerId, mut request: wire::ReopenTaskRequest) -> Result<Task, TaskError> {
        let request_id = std::mem::take(&mut request.request_id);
        let (id, effect) = checked("ReopenTask", &request_id, &request.id, &request)?;
        self.change(owner, id, &request.etag, Change::completed(false), effect)
            .await
    }

    /// Completes an active task, reopens a completed one.
    pub async fn toggle(&self, owner: OwnerId, mut request: wire::ToggleTaskRequest) -> Result<Task, TaskError> {
        let request_id = std::mem::take(&mut request.request_id);
        let (id, effect) = checked("ToggleTask", &request_id, &request.id, &request)?;
        self.change(owner, id, "", Change::Toggle, effect).await
    }

    /// Deletes a task: from now on it can be read by its id, but is not listed and cannot be changed.
    pub async fn delete(&self, owner: OwnerId, mut request: wire::DeleteTaskRequest) -> Result<Task, TaskError> {
        let request_id = std::mem::take(&mut request.request_id);
        let (id, effect) = checked("DeleteTask", &request_id, &request.id, &request)?;
        self.change(owner, id, &request.etag, Change::Delete, effect).await
    }

    /// Takes a task out of the trash.
    pub async fn undelete(&self, owner: OwnerId, mut request: wire::UndeleteTaskRequest) -> Result<Task, TaskError> {
        let request_id = std::mem::take(&mut request.request_id);
        let (id, effect) = checked("UndeleteTask", &request_id, &request.id, &request)?;
        self.change(owner, id, "", Change::Undelete, effect).await
    }

    async fn change(
        &self,
        owner: OwnerId,
        id: Uuid,
        etag: &str,
        change: Change,
        effect: Effect,
    ) -> Result<Task, TaskError> {
        let edit = Edit {
            id,
            etag: (!etag.is_empty()).then(|| etag.to_owned()),
            change,
            now: self.clock.now(),
        };
        match self.store.change(owner, edit, effect).await? {
            Changed::Task(task) => Ok(task),
            Changed::Missing => Err(TaskError::NotFound),
            Changed::EtagMismatch => Err(TaskError::EtagMismatch),
            Changed::RequestIdReused => Err(TaskError::RequestIdReused),
            Changed::OwnerErased => Err(TaskError::OwnerErased),
        }
    }
}

/// The id and the effect of a request that has no other field to check.
fn checked(method: &str, request_id: &str, id: &str, asked: &impl Message) -> Result<(Uuid, Effect), TaskError> {
    let mut violations = Violations::default();
    let id = validation::id("id", id, &mut violations);
    let effect = requests::effect(method, request_id, asked, &mut violations);
    violations.accept(id.zip(effect))
}

/// The id of a request that has no other field to check.
fn requested_id(text: &str) -> Result<Uuid, TaskError> {
    let mut violations = Violations::default();
    let id = validation::id("id", text, &mut violations);
    violations.accept(id)
}

/// The values that a client sent for some fields. A field that is not set gets its default; a value that is
/// refused stays out, and the violations say why.
fn new_values(task: &wire::Task, fields: &[Field], violations: &mut Violations) -> NewValues {
    let mut values = NewValues::default();
    for field in fields {
        match field {
            Field::Title => values.title = validation::title(&task.title, violations),
            Field::Description => values.description = validation::description(&task.description, violations),
            Field::Completed => values.completed = Some(task.completed),
            Field::Priority => values.priority = validation::priority(task.priority, violations),
            Field::Tags => values.tags = validation::tags(&task.tags, violations),
            Field::Due => values.due = Some(task.due.as_ref().and_then(|due| Due::parse(due, violations))),
        }
    }
    values
}

fn page_size(asked: i32, violations: &mut Violations) -> Option<usize> {
    match usize::try_from(asked) {
        Ok(0) => Some(DEFAULT_PAGE_SIZE),
        Ok(asked) => Some(asked.min(MAX_PAGE_SIZE)),
        Err(_) => {
            violations.add("page_size", "must not be negative");
            None
        }
    }
}

fn state_filter(number: i32, violations: &mut Violations) -> Option<StateFilter> {
    match wire::TaskState::try_from(number) {
        Ok(wire::TaskState::Unspecified) => Some(StateFilter::Any),
        Ok(wire::TaskState::Active) => Some(StateFilter::Active),
        Ok(wire::TaskState::Completed) => Some(StateFilter::Completed),
        Err(_) => {
            violations.add("state", "must be a TaskState");
            None
        }
    }
}
