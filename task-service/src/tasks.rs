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
    pages::MAX_PAGE_BYTES,
    requests,
    store::{Edit, Effect, Operation, TaskStore, Written},
    task::{Content, Task},
    tokens::Tokens,
    validation::{self, Violations},
};

/// What people can do with their tasks.
pub struct Tasks {
    pub(crate) store: Arc<dyn TaskStore>,
    pub(crate) tokens: Tokens,
    pub(crate) clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Tasks {
    /// The rules over a store. `token_key` seals tokens; every replica has the same.
    pub fn new(
        store: Arc<dyn TaskStore>,
        token_key: &Secret<32>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            store,
            tokens: Tokens::new(token_key, entropy.clone()),
            clock,
            entropy,
        }
    }

    /// Creates a task, with the caller's id or a new one. Checked only, it is returned with an id, but
    /// without an etag.
    pub async fn create(&self, owner: OwnerId, mut request: wire::CreateTaskRequest) -> Result<Task, TaskError> {
        let mut violations = Violations::default();
        let request_id = std::mem::take(&mut request.request_id);
        let effect = requests::effect("CreateTask", &request_id, &request, &mut violations);
        let effect = effect.map(|effect| or_checked(effect, request.validate_only));
        let creation = self.creation(request, &mut violations);
        self.write_one(owner, violations.accept(creation.zip(effect))?).await
    }

    /// Returns a task, deleted ones too until they are purged.
    pub async fn get(&self, owner: OwnerId, id: &str) -> Result<Task, TaskError> {
        let found = self.store.get(owner, requested_id(id)?).await?;
        let now = self.clock.now();
        found.filter(|task| !task.is_purged(now)).ok_or(TaskError::NotFound)
    }

    /// Changes the fields that the mask names.
    pub async fn update(&self, owner: OwnerId, mut request: wire::UpdateTaskRequest) -> Result<Task, TaskError> {
        let mut violations = Violations::default();
        let request_id = std::mem::take(&mut request.request_id);
        in_one_order(&mut request);
        let effect = requests::effect("UpdateTask", &request_id, &request, &mut violations);
        let effect = effect.map(|effect| or_checked(effect, request.validate_only));
        let update = self.update_of(request, &mut violations);
        self.write_one(owner, violations.accept(update.zip(effect))?).await
    }

    /// Marks a task as completed.
    pub async fn complete(&self, owner: OwnerId, mut request: wire::CompleteTaskRequest) -> Result<Task, TaskError> {
        let request_id = std::mem::take(&mut request.request_id);
        let asked = ("CompleteTask", request_id.as_str(), &request);
        self.change(owner, &request.id, &request.etag, Change::completed(true), asked)
            .await
    }

    /// Marks a task as not completed.
    pub async fn reopen(&self, owner: OwnerId, mut request: wire::ReopenTaskRequest) -> Result<Task, TaskError> {
        let request_id = std::mem::take(&mut request.request_id);
        let asked = ("ReopenTask", request_id.as_str(), &request);
        self.change(owner, &request.id, &request.etag, Change::completed(false), asked)
            .await
    }

    /// Completes an active task, reopens a completed one.
    pub async fn toggle(&self, owner: OwnerId, mut request: wire::ToggleTaskRequest) -> Result<Task, TaskError> {
        let request_id = std::mem::take(&mut request.request_id);
        let asked = ("ToggleTask", request_id.as_str(), &request);
        self.change(owner, &request.id, "", Change::Toggle, asked).await
    }

    /// Deletes a task: from now on it can be read by its id, but is not listed and cannot be changed.
    pub async fn delete(&self, owner: OwnerId, mut request: wire::DeleteTaskRequest) -> Result<Task, TaskError> {
        let request_id = std::mem::take(&mut request.request_id);
        let asked = ("DeleteTask", request_id.as_str(), &request);
        self.change(owner, &request.id, &request.etag, Change::Delete, asked)
            .await
    }

    /// Takes a task out of the trash.
    pub async fn undelete(&self, owner: OwnerId, mut request: wire::UndeleteTaskRequest) -> Result<Task, TaskError> {
        let request_id = std::mem::take(&mut request.request_id);
        let asked = ("UndeleteTask", request_id.as_str(), &request);
        self.change(owner, &request.id, "", Change::Undelete, asked).await
    }

    /// A change that a request asks for which has no other field to check. `asked` is the method, the id of the request,
    /// and the request without it.
    async fn change(
        &self,
        owner: OwnerId,
        id: &str,
        etag: &str,
        change: Change,
        asked: (&str, &str, &impl Message),
    ) -> Result<Task, TaskError> {
        let mut violations = Violations::default();
        let edit = self.edit(id, etag, change, &mut violations);
        let (method, request_id, request) = asked;
        let effect = requests::effect(method, request_id, request, &mut violations);
        self.write_one(owner, violations.accept(edit.zip(effect))?).await
    }

    /// What a request to create a task asks for.
    pub(crate) fn creation(&self, request: wire::CreateTaskRequest, violations: &mut Violations) -> Option<Operation> {
        let draft = request.task.unwrap_or_default();
        let now = self.clock.now();
        let id = match draft.id.as_str() {
            "" => Some(uuid_v7(now, &*self.entropy)),
            chosen => validation::id("task.id", chosen, violations),
        };
        let values = new_values(&draft, &masks::ALL, violations);
        let task = Task::new(id?, values.applied_to(&Content::default()), now);
        Some(Operation::Create(Box::new(task)))
    }

    /// What a request to update a task asks for.
    pub(crate) fn update_of(&self, request: wire::UpdateTaskRequest, violations: &mut Violations) -> Option<Operation> {
        let task = request.task.unwrap_or_default();
        let id = validation::id("task.id", &task.id, violations);
        let fields = masks::fields(request.update_mask.as_ref(), &task, violations);
        let values = new_values(&task, &fields, violations);
        Some(self.edit_of(id?, &task.etag, Change::Set(Box::new(values))))
    }

    /// The change of a task by its id.
    pub(crate) fn edit(&self, id: &str, etag: &str, change: Change, violations: &mut Violations) -> Option<Operation> {
        let id = validation::id("id", id, violations)?;
        Some(self.edit_of(id, etag, change))
    }

    fn edit_of(&self, id: Uuid, etag: &str, change: Change) -> Operation {
        Operation::Change(Edit {
            id,
            etag: (!etag.is_empty()).then(|| etag.to_owned()),
            change,
            now: self.clock.now(),
        })
    }

    async fn write_one(&self, owner: OwnerId, asked: (Operation, Effect)) -> Result<Task, TaskError> {
        let (operation, effect) = asked;
        match self.store.write(owner, vec![operation], MAX_PAGE_BYTES, effect).await? {
            Written::Tasks(tasks) => tasks.into_iter().next().ok_or(TaskError::NotFound),
            Written::Refused { refusal, .. } => Err(refusal.into()),
            Written::RequestIdReused => Err(TaskError::RequestIdReused),
            Written::OwnerErased => Err(TaskError::OwnerErased),
        }
    }
}

/// The effect of a request, or nothing but a check if that is all it asks for.
fn or_checked(effect: Effect, validate_only: bool) -> Effect {
    if validate_only { Effect::CheckedOnly } else { effect }
}

/// The order of its paths means nothing: a repetition may have another.
pub(crate) fn in_one_order(request: &mut wire::UpdateTaskRequest) {
    if let Some(mask) = &mut request.update_mask {
        mask.paths.sort_unstable();
    }
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
