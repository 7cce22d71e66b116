//! A write of one task, and what came of it.

use platform::database::StoreError;
use task_service::{
    owner::OwnerId,
    store::{Edit, Effect, Operation, Refusal, TaskStore, Written},
    task::Task,
};

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Task(Task),
    IdTaken,
    Missing,
    EtagMismatch,
    RequestIdReused,
    OwnerErased,
}

pub(crate) type Created = Outcome;
pub(crate) type Changed = Outcome;

/// Writes one task.
#[tonic::async_trait]
pub(crate) trait One {
    async fn create(&self, owner: OwnerId, task: Task, effect: Effect) -> Result<Outcome, StoreError>;
    async fn change(&self, owner: OwnerId, edit: Edit, effect: Effect) -> Result<Outcome, StoreError>;
}

#[tonic::async_trait]
impl One for dyn TaskStore {
    async fn create(&self, owner: OwnerId, task: Task, effect: Effect) -> Result<Outcome, StoreError> {
        one(self, owner, Operation::Create(Box::new(task)), effect).await
    }

    async fn change(&self, owner: OwnerId, edit: Edit, effect: Effect) -> Result<Outcome, StoreError> {
        one(self, owner, Operation::Change(edit), effect).await
    }
}

async fn one(
    store: &dyn TaskStore,
    owner: OwnerId,
    operation: Operation,
    effect: Effect,
) -> Result<Outcome, StoreError> {
    Ok(match store.write(owner, vec![operation], usize::MAX, effect).await? {
        Written::Tasks(mut tasks) => {
            assert_eq!(tasks.len(), 1, "one operation has one task");
            Outcome::Task(tasks.remove(0))
        }
        Written::Refused { index, refusal } => {
            assert_eq!(index, 0, "there is one operation");
            match refusal {
                Refusal::IdTaken => Outcome::IdTaken,
                Refusal::Missing => Outcome::Missing,
                Refusal::EtagMismatch => Outcome::EtagMismatch,
                Refusal::AnswerTooLarge => panic!("there is no limit"),
            }
        }
        Written::RequestIdReused => Outcome::RequestIdReused,
        Written::OwnerErased => Outcome::OwnerErased,
    })
}
