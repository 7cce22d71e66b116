//! Several requests at once: all of them, or none.

use proto::task::v1 as wire;

use crate::{
    change::Change,
    error::TaskError,
    owner::OwnerId,
    pages::MAX_PAGE_BYTES,
    requests,
    store::{Effect, Operation, Written},
    task::Task,
    tasks::{Tasks, in_one_order},
    validation::Violations,
};

const MAX_REQUESTS: usize = 100;

impl Tasks {
    /// Creates tasks.
    pub async fn batch_create(
        &self,
        owner: OwnerId,
        mut request: wire::BatchCreateTasksRequest,
    ) -> Result<Vec<Task>, TaskError> {
        let mut violations = Violations::default();
        let request_id = std::mem::take(&mut request.request_id);
        let effect = requests::effect("BatchCreateTasks", &request_id, &request, &mut violations);
        let operations = each(request.requests, &mut violations, |request, violations| {
            alone(&request.request_id, request.validate_only, violations);
            self.creation(request, violations)
        });
        self.write_all(owner, violations.accept(operations.zip(effect))?).await
    }

    /// Changes tasks.
    pub async fn batch_update(
        &self,
        owner: OwnerId,
        mut request: wire::BatchUpdateTasksRequest,
    ) -> Result<Vec<Task>, TaskError> {
        let mut violations = Violations::default();
        let request_id = std::mem::take(&mut request.request_id);
        request.requests.iter_mut().for_each(in_one_order);
        let effect = requests::effect("BatchUpdateTasks", &request_id, &request, &mut violations);
        let operations = each(request.requests, &mut violations, |request, violations| {
            alone(&request.request_id, request.validate_only, violations);
            self.update_of(request, violations)
        });
        self.write_all(owner, violations.accept(operations.zip(effect))?).await
    }

    /// Puts tasks into the trash.
    pub async fn batch_delete(
        &self,
        owner: OwnerId,
        mut request: wire::BatchDeleteTasksRequest,
    ) -> Result<Vec<Task>, TaskError> {
        let mut violations = Violations::default();
        let request_id = std::mem::take(&mut request.request_id);
        let effect = requests::effect("BatchDeleteTasks", &request_id, &request, &mut violations);
        let operations = each(request.requests, &mut violations, |request, violations| {
            alone(&request.request_id, false, violations);
            self.edit(&request.id, &request.etag, Change::Delete, violations)
        });
        self.write_all(owner, violations.accept(operations.zip(effect))?).await
    }

    /// Marks tasks as completed.
    pub async fn batch_complete(
        &self,
        owner: OwnerId,
        mut request: wire::BatchCompleteTasksRequest,
    ) -> Result<Vec<Task>, TaskError> {
        let mut violations = Violations::default();
        let request_id = std::mem::take(&mut request.request_id);
        let effect = requests::effect("BatchCompleteTasks", &request_id, &request, &mut violations);
        let operations = each(request.requests, &mut violations, |request, violations| {
            alone(&request.request_id, false, violations);
            self.edit(&request.id, &request.etag, Change::completed(true), violations)
        });
        self.write_all(owner, violations.accept(operations.zip(effect))?).await
    }

    async fn write_all(&self, owner: OwnerId, asked: (Vec<Operation>, Effect)) -> Result<Vec<Task>, TaskError> {
        let (operations, effect) = asked;
        match self.store.write(owner, operations, MAX_PAGE_BYTES, effect).await? {
            Written::Tasks(tasks) => Ok(tasks),
            Written::Refused { index, refusal } => Err(TaskError::InBatch(index, Box::new(refusal.into()))),
            Written::RequestIdReused => Err(TaskError::RequestIdReused),
            Written::OwnerErased => Err(TaskError::OwnerErased),
        }
    }
}

/// What each request asks for.
fn each<R>(
    requests: Vec<R>,
    violations: &mut Violations,
    mut operation: impl FnMut(R, &mut Violations) -> Option<Operation>,
) -> Option<Vec<Operation>> {
    if requests.is_empty() || requests.len() > MAX_REQUESTS {
        violations.add("requests", format!("must be 1 to {MAX_REQUESTS}"));
        return None;
    }
    let mut operations = Vec::with_capacity(requests.len());
    for (index, request) in requests.into_iter().enumerate() {
        violations.within(&format!("requests[{index}]"));
        operations.extend(operation(request, violations));
    }
    violations.within_request();
    Some(operations)
}

/// A request of a batch is not repeated, nor checked, by itself.
fn alone(request_id: &str, validate_only: bool, violations: &mut Violations) {
    if !request_id.is_empty() {
        violations.add("request_id", "is only for the whole batch");
    }
    if validate_only {
        violations.add("validate_only", "is not for batches");
    }
}
