//! A database that is busy, breaks its connections or goes away: callers hear UNAVAILABLE and nothing else, and the
//! same replicas serve again afterwards.

use std::sync::Arc;

use platform::{
    database::{Database, StoreError},
    testing::postgres_database,
};
use proto::task::v1::Task;
use sqlx::{Executor as _, Postgres, raw_sql};
use tokio::{
    sync::{mpsc, oneshot},
    task::{JoinHandle, JoinSet},
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::{
    proxy::Proxy,
    world::{Person, REPLICAS, World, numbers, refresh},
};

/// One of each way to the databases.
const KINDS: usize = 7;

#[tokio::test]
async fn statements_cut_off_on_postgres_answer_unavailable() {
    let world = Arc::new(World::start().await);
    let someone = Someone::new(&world).await;
    let locks = [
        Lock::take(&world.auth_database, "LOCK TABLE accounts, sessions").await,
        Lock::take(&world.task_database, "LOCK TABLE tasks, owner_state").await,
    ];
    let mut calls = JoinSet::new();
    for replica in 0..REPLICAS {
        for kind in 0..KINDS {
            let (world, someone) = (world.clone(), someone.clone());
            calls.spawn(async move { someone.call(&world, kind, replica).await });
        }
    }
    // 4 kinds of each replica wait for tasks, 3 for accounts.
    waiting(&world.task_database, 4 * REPLICAS).await;
    waiting(&world.auth_database, 3 * REPLICAS).await;
    for database in [&world.task_database, &world.auth_database] {
        assert!(terminate_waiting(database).await > 0);
    }
    for answer in calls.join_all().await {
        assert_unavailable(&answer.unwrap_err());
    }
    for lock in locks {
        lock.release().await;
    }
    someone.is_served_by_all(&world).await;
}

#[tokio::test]
async fn broken_connections_to_postgres_are_replaced_under_load() {
    const WORKERS: usize = 12;
    const BREAKS: usize = 6;
    const CALLS_BETWEEN: usize = 40;
    let world = Arc::new(World::start().await);
    let someone = Someone::new(&world).await;
    let (answers, mut answered) = mpsc::unbounded_channel();
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        let (world, someone, answers) = (world.clone(), someone.clone(), answers.clone());
        workers.spawn(async move {
            for number in worker.. {
                let answer = someone.call(&world, number, number / KINDS).await;
                // The last break ends the load.
                if answers.send(answer).is_err() {
                    break;
                }
            }
        });
    }
    for _ in 0..BREAKS {
        let mut good = 0;
        while good < CALLS_BETWEEN {
            match answered.recv().await.unwrap() {
                Ok(()) => good += 1,
                Err(status) => assert_unavailable(&status),
            }
        }
        for database in [&world.task_database, &world.auth_database] {
            assert!(terminate(database).await > 0, "there was nothing to break");
        }
        // What was answered meanwhile says nothing of the time after.
        while let Ok(answer) = answered.try_recv() {
            answer.unwrap_or_else(|status| assert_unavailable(&status));
        }
    }
    drop(answered);
    workers.join_all().await;
    // Those that break while nobody uses them are never noticed.
    for database in [&world.task_database, &world.auth_database] {
        terminate(database).await;
    }
    someone.is_served_by_all(&world).await;
}

/// 16 connections, all waiting, and as many calls again that get none.
#[tokio::test]
async fn an_exhausted_pool_on_postgres_answers_unavailable() {
    let world = Arc::new(World::start().await);
    let someone = Someone::new(&world).await;
    let lock = Lock::take(&world.task_database, "LOCK TABLE tasks, owner_state").await;
    let mut calls = JoinSet::new();
    for number in 0..32 {
        let (world, someone) = (world.clone(), someone.clone());
        // Kinds 0 to 3 need the tasks; all of them at the first replica.
        calls.spawn(async move { someone.call(&world, number % 4, 0).await });
    }
    for answer in calls.join_all().await {
        assert_unavailable(&answer.unwrap_err());
    }
    lock.release().await;
    someone.is_served_by_all(&world).await;
}

#[tokio::test]
async fn postgres_may_go_away_and_come_back() {
    let (auth, task) = (&auth_service::store::SCHEMA, &task_service::store::SCHEMA);
    let (auth_url, task_url) = (postgres_database(auth).await, postgres_database(task).await);
    let proxy = Proxy::start();
    let (near_auth, near_task) = (proxy.to(&auth_url, auth).await, proxy.to(&task_url, task).await);
    let world = Arc::new(World::over(&auth_url, &task_url, &near_auth, &near_task).await);
    let someone = Someone::new(&world).await;
    for _ in 0..2 {
        someone.is_served_by_all(&world).await;
        proxy.cut();
        let mut calls = JoinSet::new();
        for replica in 0..REPLICAS {
            for kind in 0..KINDS {
                let (world, someone) = (world.clone(), someone.clone());
                calls.spawn(async move { someone.call(&world, kind, replica).await });
            }
        }
        for answer in calls.join_all().await {
            assert_unavailable(&answer.unwrap_err());
        }
        proxy.restore();
    }
    someone.is_served_by_all(&world).await;
}

/// Somebody with a session and a task, who can do everything.
#[derive(Clone)]
struct Someone {
    person: Person,
    /// Signs in again and again; the person's own session would have to make room at last.
    visitor: Person,
    task: Task,
}

impl Someone {
    async fn new(world: &World) -> Self {
        let person = world.person("ada").await;
        let task = Task {
            // Whoever changes it last wins.
            etag: String::new(),
            ..person.create(world.tasks(), "old").await.unwrap()
        };
        let visitor = world.person("visitor").await;
        let someone = Self { person, visitor, task };
        // Every replica of task-service gets the keys now; they are no part of this.
        someone.is_served_by_all(world).await;
        someone
    }

    async fn call(&self, world: &World, kind: usize, replica: usize) -> Result<(), Status> {
        let (person, tasks, auth) = (&self.person, world.tasks_at(replica), world.auth_at(replica));
        match kind % KINDS {
            0 => person.create(tasks, "new").await.map(drop),
            1 => person.get(tasks, &self.task.id).await.map(drop),
            2 => person.list(tasks, 10, "").await.map(drop),
            3 => person.retitle(tasks, &self.task, "other").await.map(drop),
            // The clock stands still: the first token gives the same successor again and again.
            4 => refresh(auth, &person.tokens.refresh_token).await.map(drop),
            5 => person.session(auth).await.map(drop),
            _ => self.visitor.login(auth).await.map(drop),
        }
    }

    async fn is_served_by_all(&self, world: &World) {
        for replica in 0..REPLICAS {
            for kind in 0..KINDS {
                let answer = self.call(world, kind, replica).await;
                answer.unwrap_or_else(|status| panic!("kind {kind} at {replica}: {status:?}"));
            }
        }
    }
}

#[track_caller]
fn assert_unavailable(status: &Status) {
    let details = status.get_error_details();
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    assert!(
        details.error_info().is_some() && details.retry_info().is_some(),
        "{status:?}"
    );
}

/// Ends the server's side of all other connections to a database, and waits until it has.
async fn terminate(database: &Database<Postgres>) -> usize {
    // Materialized: the condition that ends a connection must be the last to be looked at.
    let sql = "WITH others AS MATERIALIZED (
                   SELECT pid FROM pg_stat_activity
                   WHERE datname = current_database() AND pid <> pg_backend_pid())
               SELECT pid::bigint FROM others WHERE pg_terminate_backend(pid, 10000)";
    numbers(database, sql).await.len()
}

/// The same of those that wait for a lock.
async fn terminate_waiting(database: &Database<Postgres>) -> usize {
    let sql = "WITH waiting AS MATERIALIZED (
                   SELECT pid FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock')
               SELECT pid::bigint FROM waiting WHERE pg_terminate_backend(pid, 10000)";
    numbers(database, sql).await.len()
}

/// Returns when that many statements wait for a lock.
async fn waiting(database: &Database<Postgres>, wanted: usize) {
    let sql = "SELECT pid::bigint FROM pg_stat_activity
               WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while numbers(database, sql).await.len() < wanted {}
}

/// Tables that nobody else can read or write.
struct Lock {
    release: oneshot::Sender<()>,
    held: JoinHandle<Result<(), StoreError>>,
}

impl Lock {
    async fn take(database: &Database<Postgres>, sql: &'static str) -> Self {
        let (release, released) = oneshot::channel();
        let (take, taken) = oneshot::channel();
        let database = database.clone();
        let held = tokio::spawn(async move {
            let hold = database.read(move |connection| {
                Box::pin(async move {
                    connection.driver().execute(raw_sql("BEGIN")).await?;
                    connection.driver().execute(raw_sql(sql)).await?;
                    take.send(()).ok();
                    released.await.ok();
                    connection.driver().execute(raw_sql("ROLLBACK")).await.map(drop)
                })
            });
            hold.await
        });
        taken.await.unwrap();
        Self { release, held }
    }

    async fn release(self) {
        self.release.send(()).unwrap();
        self.held.await.unwrap().unwrap();
    }
}
