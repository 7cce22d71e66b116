//! What a case acts in: a new database, and people who may act on it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use platform::{
    clock::{Clock as _, Timestamp},
    configuration::DatabaseUrl,
    entropy::{SystemEntropy, uuid_v4},
    testing::{ManualClock, TestIssuer, Workspace, postgres_database, through_pooler},
    verification::{KeyRing, Verifier},
};
use task_service::{
    change::{Change, NewValues},
    owner::OwnerId,
    query::Query,
    store::{Edit, Effect, SCHEMA, TaskDatabase, TaskStore},
    task::{Content, Task},
};
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::one::{Changed, Created, One as _};

const ISSUER: &str = "http://issuer.test";

/// Where the cases run.
pub(crate) trait TestDatabase {
    /// A new database, in the workspace if it is a file.
    async fn database(workspace: &Workspace) -> DatabaseUrl;
}

pub(crate) struct Sqlite;

impl TestDatabase for Sqlite {
    async fn database(workspace: &Workspace) -> DatabaseUrl {
        workspace.sqlite("task.db")
    }
}

pub(crate) struct Postgres;

impl TestDatabase for Postgres {
    async fn database(_: &Workspace) -> DatabaseUrl {
        postgres_database(&SCHEMA).await
    }
}

/// `HOLDFAST_DATABASE_POOLER=transaction`.
pub(crate) struct PooledPostgres;

impl TestDatabase for PooledPostgres {
    async fn database(_: &Workspace) -> DatabaseUrl {
        through_pooler(&postgres_database(&SCHEMA).await)
    }
}

/// A database of its own for one case.
pub(crate) struct World {
    pub(crate) store: Arc<dyn TaskStore>,
    pub(crate) clock: ManualClock,
    pub(crate) url: DatabaseUrl,
    pub(crate) database: TaskDatabase,
    issuer: TestIssuer,
    verifier: OnceCell<Verifier>,
    next_id: AtomicU32,
    _workspace: Workspace,
}

impl World {
    pub(crate) async fn open<D: TestDatabase>() -> Self {
        let workspace = Workspace::new();
        let url = D::database(&workspace).await;
        let database = TaskDatabase::open(&url, &SystemEntropy)
            .await
            .expect("the database opens");
        Self {
            store: database.store.clone(),
            clock: ManualClock::new(),
            url,
            database,
            issuer: TestIssuer::new(ISSUER, "key"),
            verifier: OnceCell::new(),
            next_id: AtomicU32::new(1),
            _workspace: workspace,
        }
    }

    /// Closes the database as a shutdown does, and opens it as the next start does.
    pub(crate) async fn reopen(&mut self) {
        self.database.close().await;
        self.database = TaskDatabase::open(&self.url, &SystemEntropy)
            .await
            .expect("the database opens again");
        self.store = self.database.store.clone();
    }

    /// A person of that id. There is no other way to an `OwnerId` than a verified token.
    pub(crate) async fn owner_of(&self, subject: Uuid) -> OwnerId {
        let keys = async || {
            let clock = Arc::new(ManualClock::new());
            Verifier::new(ISSUER, Arc::new(KeyRing::new(self.issuer.clone())), clock)
        };
        let verifier = self.verifier.get_or_init(keys).await;
        let token = self.issuer.token(subject, Uuid::nil(), ManualClock::new().now());
        OwnerId::of(&verifier.verify(&token).await.expect("the token is good"))
    }

    /// Somebody new.
    pub(crate) async fn somebody(&self) -> OwnerId {
        self.owner_of(uuid_v4(&SystemEntropy)).await
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn tick(&self) {
        self.clock.advance(Duration::from_micros(1));
    }

    /// Not in the order of time.
    pub(crate) fn new_id(&self) -> Uuid {
        let number = self.next_id.fetch_add(1, Ordering::Relaxed);
        Uuid::from_u128(u128::from(number.reverse_bits()) << 64)
    }

    /// A task that is not stored.
    pub(crate) fn draft(&self, title: &str) -> Task {
        let content = Content {
            title: title.to_owned(),
            ..Content::default()
        };
        Task::new(self.new_id(), content, self.now())
    }

    /// A stored task.
    pub(crate) async fn task(&self, owner: OwnerId, title: &str) -> Task {
        self.stored(owner, self.draft(title)).await
    }

    pub(crate) async fn stored(&self, owner: OwnerId, task: Task) -> Task {
        match self.store.create(owner, task, Effect::Stored).await {
            Ok(Created::Task(task)) => task,
            other => panic!("not created: {other:?}"),
        }
    }

    pub(crate) async fn get(&self, owner: OwnerId, id: Uuid) -> Option<Task> {
        self.store.get(owner, id).await.expect("the store answers")
    }

    pub(crate) async fn list(&self, owner: OwnerId) -> Vec<Task> {
        let everything = Query::everything();
        let all = self.store.list(owner, &everything, None, 1000).await;
        all.expect("the store answers").tasks
    }

    pub(crate) fn edit(&self, id: Uuid, change: Change) -> Edit {
        Edit {
            id,
            etag: None,
            change,
            now: self.now(),
        }
    }

    pub(crate) async fn change(&self, owner: OwnerId, edit: Edit) -> Changed {
        let changed = self.store.change(owner, edit, Effect::Stored).await;
        changed.expect("the store answers")
    }

    /// The next change_seq that the owner would get.
    pub(crate) async fn next_seq(&self, owner: OwnerId) -> i64 {
        self.task(owner, "to learn the number").await.change_seq
    }
}

/// A change of the title.
pub(crate) fn retitled(title: &str) -> Change {
    Change::Set(Box::new(NewValues {
        title: Some(title.to_owned()),
        ..NewValues::default()
    }))
}
