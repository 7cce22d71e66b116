//! What calls cost among few tasks and among a million, on each engine: 16 people at once, each after the other's answer.

use std::time::{Duration, Instant};

use platform::{
    configuration::DatabaseUrl,
    testing::{Workspace, address_of, empty_postgres_database, run_script},
};
use proto::{
    auth::v1::{RegisterRequest, auth_service_client::AuthServiceClient},
    task::v1::{
        CreateTaskRequest, GetTaskRequest, ListTasksRequest, Task, UpdateTaskRequest,
        task_service_client::TaskServiceClient,
    },
};
use sqlx::{Postgres, Sqlite};
use tokio::task::JoinSet;
use tonic::{Request, transport::Channel};

use crate::{
    PASSWORD, channel,
    process::{Process, command, run},
    quantile, start_on_postgres,
};

const PEOPLE: usize = 16;
/// With them there are 10,000.
const OTHERS: u32 = 9_984;
const MEASURED_FOR: Duration = Duration::from_secs(4);

#[derive(Clone)]
struct Person {
    id: String,
    access_token: String,
    tasks: TaskServiceClient<Channel>,
}

#[derive(Clone, Copy, Debug)]
enum Call {
    Get,
    List,
    Create,
    Update,
}

impl Person {
    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let value = format!("Bearer {}", self.access_token).parse().unwrap();
        request.metadata_mut().insert("authorization", value);
        request
    }

    async fn page(&mut self) -> Vec<Task> {
        let request = self.request(ListTasksRequest::default());
        self.tasks.list_tasks(request).await.unwrap().into_inner().tasks
    }

    async fn call(&mut self, call: Call, task: &Task, number: usize) {
        match call {
            Call::Get => {
                let request = self.request(GetTaskRequest { id: task.id.clone() });
                assert_eq!(self.tasks.get_task(request).await.unwrap().into_inner().id, task.id);
            }
            Call::List => assert_eq!(self.page().await.len(), 50),
            Call::Create => {
                let request = CreateTaskRequest {
                    task: Some(Task {
                        title: format!("Task {number}"),
                        ..Task::default()
                    }),
                    ..CreateTaskRequest::default()
                };
                self.tasks.create_task(self.request(request)).await.unwrap();
            }
            Call::Update => {
                let request = UpdateTaskRequest {
                    task: Some(Task {
                        id: task.id.clone(),
                        title: format!("Changed {number}"),
                        ..Task::default()
                    }),
                    ..UpdateTaskRequest::default()
                };
                self.tasks.update_task(self.request(request)).await.unwrap();
            }
        }
    }
}

async fn register(process: &Process) -> Vec<Person> {
    let mut people = Vec::new();
    for number in 0..PEOPLE {
        let request = RegisterRequest {
            email: format!("person{number}@example.com"),
            password: PASSWORD.to_owned(),
            display_name: String::new(),
        };
        let registered = AuthServiceClient::new(channel(process.auth)).register(request).await;
        let registered = registered.unwrap().into_inner();
        people.push(Person {
            id: registered.user.unwrap().id,
            access_token: registered.tokens.unwrap().access_token,
            tasks: TaskServiceClient::new(channel(process.task)),
        });
    }
    people
}

/// Each kind of call, by all of them at once.
async fn measure(people: &[Person], what: &str) {
    for call in [Call::Get, Call::List, Call::Create, Call::Update] {
        let mut workers = JoinSet::new();
        let began = Instant::now();
        for person in people {
            let mut person = person.clone();
            workers.spawn(async move {
                let page = person.page().await;
                let (mut latencies, began) = (Vec::new(), Instant::now());
                for number in 0.. {
                    let call_began = Instant::now();
                    person.call(call, &page[number % page.len()], number).await;
                    latencies.push(call_began.elapsed());
                    if began.elapsed() > MEASURED_FOR {
                        break;
                    }
                }
                latencies
            });
        }
        let mut latencies = workers.join_all().await.concat();
        let count = u32::try_from(latencies.len()).unwrap();
        println!(
            "{what}: {call:?} by {PEOPLE} at once: p50 {:.2?}, p99 {:.2?}, {:.0} calls a second",
            quantile(&mut latencies, 0.5),
            quantile(&mut latencies, 0.99),
            f64::from(count) / began.elapsed().as_secs_f64()
        );
    }
}

/// 100 tasks for each of these owners, whom a SELECT names.
fn insert_on_sqlite(owners: &str) -> String {
    format!(
        "CREATE TEMP TABLE owners AS {owners};
         WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 100)
         INSERT INTO tasks (owner_id, task_id, version, change_seq, title, description, completed, priority, tags,
                            create_time, update_time)
         SELECT owner_id, randomblob(16), 1, n, 'Task ' || n, 'Something to do', 0, 2, '',
                1700000000000000 + n * 1000000, 1700000000000000 FROM numbers, owners;
         INSERT INTO owner_state (owner_id, next_seq) SELECT owner_id, 101 FROM owners;
         DROP TABLE owners"
    )
}

fn insert_on_postgres(owners: &str) -> String {
    format!(
        "CREATE TEMP TABLE owners AS {owners};
         INSERT INTO tasks (owner_id, task_id, version, change_seq, title, description, completed, priority, tags,
                            create_time, update_time)
         SELECT owner_id, gen_random_uuid(), 1, n, 'Task ' || n, 'Something to do', false, 2, '',
                to_timestamp(1700000000 + n), to_timestamp(1700000000) FROM generate_series(1, 100) AS n, owners;
         INSERT INTO owner_state (owner_id, next_seq) SELECT owner_id, 101 FROM owners;
         ANALYZE tasks, owner_state;
         DROP TABLE owners"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_million_tasks_on_sqlite() {
    let workspace = Workspace::new();
    let process = Process::start(workspace.path());
    let people = register(&process).await;
    let url = DatabaseUrl::Sqlite(workspace.path().join("task.db"));
    let ids: Vec<String> = people
        .iter()
        .map(|person| format!("(x'{}')", person.id.replace('-', "")))
        .collect();
    let ids = format!("SELECT column1 AS owner_id FROM (VALUES {})", ids.join(", "));
    run_script::<Sqlite>(&url, insert_on_sqlite(&ids)).await;
    measure(&people, "SQLite, 1,600 tasks of 16").await;
    let others = format!(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {OTHERS})
         SELECT randomblob(16) AS owner_id FROM numbers"
    );
    run_script::<Sqlite>(&url, insert_on_sqlite(&others)).await;
    measure(&people, "SQLite, a million of 10,000").await;
    process.kill();
}

/// `scripts/soak` starts a server that waits for the disk.
#[tokio::test(flavor = "multi_thread")]
async fn a_million_tasks_on_postgres() {
    let workspace = Workspace::new();
    let (process, task) = start_on_postgres(&workspace).await;
    let people = register(&process).await;
    let ids: Vec<String> = people.iter().map(|person| format!("('{}'::uuid)", person.id)).collect();
    let ids = format!("SELECT column1 AS owner_id FROM (VALUES {}) AS ids", ids.join(", "));
    run_script::<Postgres>(&task, insert_on_postgres(&ids)).await;
    measure(&people, "PostgreSQL, 1,600 tasks of 16").await;
    let others = format!("SELECT gen_random_uuid() AS owner_id FROM generate_series(1, {OTHERS})");
    run_script::<Postgres>(&task, insert_on_postgres(&others)).await;
    measure(&people, "PostgreSQL, a million of 10,000").await;
    process.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_million_tasks_move_to_postgres() {
    let workspace = Workspace::new();
    assert!(run(command(workspace.path()).arg("migrate")).status.success());
    let others = format!(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {OTHERS})
         SELECT randomblob(16) AS owner_id FROM numbers"
    );
    let url = DatabaseUrl::Sqlite(workspace.path().join("task.db"));
    run_script::<Sqlite>(&url, insert_on_sqlite(&others)).await;

    let (auth, task) = (empty_postgres_database().await, empty_postgres_database().await);
    let on_postgres = || {
        let mut command = command(workspace.path());
        command.env("HOLDFAST_AUTH_DATABASE_URL", address_of(&auth));
        command.env("HOLDFAST_TASK_DATABASE_URL", address_of(&task));
        command
    };
    assert!(run(on_postgres().arg("migrate")).status.success());
    let began = Instant::now();
    let imported = run(on_postgres().arg("import-database").arg(workspace.path()));
    assert!(imported.status.success(), "{imported:?}");
    let told = String::from_utf8_lossy(&imported.stdout);
    assert!(told.contains(&format!("task tasks: {} rows", OTHERS * 100)), "{told}");
    println!("{} tasks moved in {:.1?}", OTHERS * 100, began.elapsed());
}
