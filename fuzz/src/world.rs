//! A person with a few tasks in a database.

use std::sync::Arc;

use platform::{
    entropy::{Entropy, SystemEntropy},
    testing::{ManualClock, Workspace},
};
use proto::task::v1 as wire;
use task_service::{
    error::TaskError,
    fuzzing,
    owner::OwnerId,
    pages::Page,
    store::{TaskDatabase, migrate},
    tasks::Tasks,
};
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

/// What lists and synchronisations are asked of.
pub struct World {
    runtime: Runtime,
    /// The rules.
    pub tasks: Tasks,
    /// Whose they are.
    pub owner: OwnerId,
    /// How many she has.
    pub count: usize,
    _workspace: Workspace,
}

/// Every random number is the same, so that every finding can be repeated.
struct NoEntropy;

impl Entropy for NoEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(7);
    }
}

impl World {
    /// A new one.
    #[expect(clippy::new_without_default, reason = "it is a database")]
    pub fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let workspace = Workspace::new();
        let url = workspace.sqlite("task.db");
        let database = runtime.block_on(async {
            migrate(&url, &SystemEntropy).await.expect("it is migrated");
            TaskDatabase::open(&url, &SystemEntropy).await.expect("it opens")
        });
        let clock = Arc::new(ManualClock::new());
        let tasks = Tasks::new(database.store.clone(), &database.token_key, clock, Arc::new(NoEntropy));
        let mut world = Self {
            runtime,
            tasks,
            owner: fuzzing::owner(Uuid::from_u128(1)),
            count: 0,
            _workspace: workspace,
        };
        world.fill();
        world
    }

    fn fill(&mut self) {
        let day = |date: &str| wire::Due {
            date: date.to_owned(),
            ..wire::Due::default()
        };
        let moment = |seconds, zone: &str| wire::Due {
            date_time: Some(prost_types::Timestamp { seconds, nanos: 0 }),
            time_zone: zone.to_owned(),
            ..wire::Due::default()
        };
        let tasks = [
            ("milk", "", "", 0, None),
            ("Größe", "milk", "home", 1, Some(day("2026-01-01"))),
            ("grosse", "a b", "home,work", 2, Some(day("9999-12-31"))),
            ("100% \\ _", "%_\\", "%,_", 3, Some(day("0001-01-01"))),
            ("a", "a", "a", 3, Some(moment(1_767_225_600, "Europe/Berlin"))),
            ("A", "É", "é", 0, Some(moment(1_767_225_600, "UTC"))),
            (
                "'\"(a OR b)",
                "NOT",
                "a.b",
                1,
                Some(moment(-62_135_596_800, "Pacific/Apia")),
            ),
            ("z", "", "", 2, Some(moment(253_402_300_799, "Pacific/Kiritimati"))),
        ];
        for (number, (title, description, tags, priority, due)) in tasks.into_iter().enumerate() {
            let task = wire::Task {
                id: Uuid::from_u128(number as u128 + 1).to_string(),
                title: title.to_owned(),
                description: description.to_owned(),
                completed: number % 2 == 1,
                priority,
                tags: tags
                    .split(',')
                    .filter(|tag| !tag.is_empty())
                    .map(str::to_owned)
                    .collect(),
                due,
                ..wire::Task::default()
            };
            let request = wire::CreateTaskRequest {
                task: Some(task),
                ..wire::CreateTaskRequest::default()
            };
            self.runtime
                .block_on(self.tasks.create(self.owner, request))
                .expect("a task is created");
            self.count += 1;
        }
        let first = wire::DeleteTaskRequest {
            id: Uuid::from_u128(1).to_string(),
            ..wire::DeleteTaskRequest::default()
        };
        self.runtime
            .block_on(self.tasks.delete(self.owner, first))
            .expect("it is deleted");
    }

    /// A page of a list.
    pub fn list(&self, request: &wire::ListTasksRequest) -> Result<Page, TaskError> {
        self.runtime.block_on(self.tasks.list(self.owner, request))
    }

    /// How many tasks are on a page of what changed.
    pub fn sync(&self, request: &wire::SyncTasksRequest) -> Result<usize, TaskError> {
        let page = self.runtime.block_on(self.tasks.sync(self.owner, request))?;
        Ok(page.tasks.len())
    }
}
