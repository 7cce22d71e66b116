//! What an owner with many tasks waits for, on each engine: pages, searches, statistics, a synchronisation, an export.

use std::time::{Duration, Instant};

use platform::{
    configuration::DatabaseUrl,
    testing::{Workspace, run_script},
};
use proto::{
    google::api::HttpBody,
    task::v1::{
        ExportTasksRequest, GetTaskStatsRequest, ListTasksRequest, SyncTasksRequest, Task,
        task_service_client::TaskServiceClient,
    },
};
use sqlx::{Postgres, Sqlite};
use tonic::{Request, transport::Channel};

use crate::{EMAIL, PASSWORD, bearer, channel, process::Process, quantile, register, start_on_postgres};

const TASKS: usize = 100_000;
const PARTS: usize = 4;
/// P13.
const SEARCH: Duration = Duration::from_millis(150);
const STATISTICS: Duration = Duration::from_millis(50);
const STATISTICS_OF_A_MILLION: Duration = Duration::from_millis(200);

const WORDS: [&str; 12] = [
    "Buy", "milk", "Call", "Zoë", "about", "the", "report", "Répair", "kitchen", "window", "before", "Friday",
];

/// Every fifth task is completed, every third has a due, every second a description.
fn file(numbers: std::ops::Range<usize>) -> String {
    let mut file = String::from("id,title,description,completed,priority,tags,due,create_time\n");
    for number in numbers {
        let word = |place: usize| WORDS[(number / (place * place + 1) + place) % WORDS.len()];
        let title: Vec<_> = (0..5).map(word).collect();
        let description = if number % 2 == 0 {
            title.repeat(3).join(" ")
        } else {
            String::new()
        };
        let due = match number % 3 {
            0 => format!(
                "20{:02}-{:02}-{:02}",
                20 + number % 12,
                1 + number % 12,
                1 + number % 28
            ),
            _ => String::new(),
        };
        let (title, completed, tag) = (title.join(" "), number % 5 == 0, word(1));
        let created = format!(
            "2020-01-01T{:02}:{:02}:{:02}.{:06}Z",
            number % 24,
            number % 60,
            number % 60,
            number
        );
        let line = format!("task {number},{title} {number},{description},{completed},MEDIUM,{tag},{due},{created}\n");
        file.push_str(&line);
    }
    file
}

struct Owner {
    access_token: String,
    tasks: TaskServiceClient<Channel>,
}

impl Owner {
    fn request<T>(&self, message: T) -> Request<T> {
        bearer(&self.access_token, message)
    }

    async fn import(&mut self, file: String) {
        let mut bodies = Vec::new();
        for part in file.as_bytes().chunks(64 * 1024) {
            bodies.push(HttpBody {
                content_type: "text/csv".to_owned(),
                data: part.to_vec(),
                ..HttpBody::default()
            });
        }
        let mut request = self.request(futures_util::stream::iter(bodies));
        request.set_timeout(Duration::from_mins(5));
        let summary = self.tasks.import_tasks(request).await.unwrap().into_inner();
        assert_eq!((summary.failed, summary.existing), (0, 0), "{summary:?}");
    }

    async fn list(&mut self, query: ListTasksRequest) -> Vec<Task> {
        let request = self.request(query);
        self.tasks.list_tasks(request).await.unwrap().into_inner().tasks
    }
}

/// The median of twenty, after one that does not count.
async fn median(mut call: impl AsyncFnMut()) -> Duration {
    call().await;
    let mut took = Vec::new();
    for _ in 0..20 {
        let began = Instant::now();
        call().await;
        took.push(began.elapsed());
    }
    quantile(&mut took, 0.5)
}

fn searched(search: &str) -> ListTasksRequest {
    ListTasksRequest {
        search: search.to_owned(),
        ..ListTasksRequest::default()
    }
}

fn filtered(filter: &str) -> ListTasksRequest {
    ListTasksRequest {
        filter: filter.to_owned(),
        ..ListTasksRequest::default()
    }
}

fn ordered(order_by: &str) -> ListTasksRequest {
    ListTasksRequest {
        order_by: order_by.to_owned(),
        ..ListTasksRequest::default()
    }
}

/// Returns the id of the owner.
async fn measure(engine: &str, process: &Process) -> String {
    let registered = register(process).await;
    let mut owner = Owner {
        access_token: registered.tokens.as_ref().unwrap().access_token.clone(),
        tasks: TaskServiceClient::new(channel(process.task)),
    };
    owner.import(file(0..100)).await;
    let few = median(async || assert_eq!(owner.list(ListTasksRequest::default()).await.len(), 50)).await;
    println!("{engine}: a page of 50 of 100 tasks: {few:.2?}");
    let began = Instant::now();
    for part in 0..PARTS {
        let from = (part * TASKS / PARTS).max(100);
        owner.import(file(from..(part + 1) * TASKS / PARTS)).await;
    }
    println!("{engine}: {TASKS} tasks imported in {:.1?}", began.elapsed());
    // The import took longer than a token lives, perhaps.
    owner.access_token = crate::login(process, EMAIL, PASSWORD).await;

    let many = median(async || assert_eq!(owner.list(ListTasksRequest::default()).await.len(), 50)).await;
    println!("{engine}: a page of 50 of {TASKS} tasks: {many:.2?}");
    let mut searches = Vec::new();
    for (what, query, found) in [
        ("a search for what is everywhere", searched("repair ZOE"), 50),
        ("a search for one task", searched("99999"), 1),
        ("a search for nothing", searched("nowhere at all"), 0),
        ("a filter for nothing", filtered("tags:nowhere OR title:nowhere"), 0),
        ("a filter for some", filtered("-tags:milk due < 2024-01-01"), 50),
    ] {
        let took = median(async || assert_eq!(owner.list(query.clone()).await.len(), found, "{what}")).await;
        println!("{engine}: {what}: {took:.2?}");
        searches.push(took);
    }
    for order in [
        "created",
        "updated desc",
        "due",
        "due desc",
        "priority desc",
        "title",
        "title desc",
    ] {
        let query = ordered(order);
        let took = median(async || assert_eq!(owner.list(query.clone()).await.len(), 50)).await;
        println!("{engine}: a page of 50 by {order}: {took:.2?}");
    }
    let statistics = median(async || {
        let request = owner.request(GetTaskStatsRequest::default());
        let counts = owner.tasks.get_task_stats(request).await.unwrap().into_inner();
        assert_eq!(usize::try_from(counts.total).unwrap(), TASKS);
        assert!(counts.overdue > 10_000, "{counts:?}");
    })
    .await;
    println!("{engine}: statistics: {statistics:.2?}");
    let sync = median(async || {
        let request = owner.request(SyncTasksRequest {
            page_size: 100,
            ..SyncTasksRequest::default()
        });
        owner.tasks.sync_tasks(request).await.unwrap();
    })
    .await;
    println!("{engine}: a page of 100 of a first synchronisation: {sync:.2?}");
    for format in ["json", "csv", "ics"] {
        let (began, mut bytes) = (Instant::now(), 0);
        let request = ExportTasksRequest {
            format: format.to_owned(),
        };
        let request = owner.request(request);
        let mut bodies = owner.tasks.export_tasks(request).await.unwrap().into_inner();
        while let Some(body) = bodies.message().await.unwrap() {
            bytes += body.data.len();
        }
        println!(
            "{engine}: {bytes} bytes of {format} exported in {:.1?}",
            began.elapsed()
        );
    }
    assert!(searches.iter().all(|took| *took < SEARCH), "a search takes too long");
    assert!(statistics < STATISTICS, "statistics take too long");
    registered.user.unwrap().id
}

/// The rest of a million by SQL, half of them due long ago; and the statistics of all.
fn rest_of_a_million(on_sqlite: bool, owner: &str) -> String {
    let (series, owner, id, from, due, no) = if on_sqlite {
        (
            "(WITH RECURSIVE numbers (n) AS (SELECT 100001 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1000000)
              SELECT n FROM numbers)",
            format!("x'{}'", owner.replace('-', "")),
            "randomblob(16)",
            "1700000000000000 + n * 1000000",
            "iif(n % 2 = 0, 1600000000000000 + n * 1000000, NULL)",
            "0",
        )
    } else {
        (
            "(SELECT generate_series(100001, 1000000) AS n)",
            format!("'{owner}'::uuid"),
            "gen_random_uuid()",
            "to_timestamp(1700000000 + n)",
            "CASE WHEN n % 2 = 0 THEN to_timestamp(1600000000 + n) END",
            "false",
        )
    };
    let analyze = if on_sqlite { "" } else { "; ANALYZE tasks" };
    format!(
        "INSERT INTO tasks (owner_id, task_id, version, change_seq, title, description, completed, priority, tags,
                            due_time, create_time, update_time, folded_title, folded_description)
         SELECT {owner}, {id}, 1, n, 'Task ' || n, '', {no}, 2, '', {due}, {from}, {from}, 'task ' || n, ''
         FROM {series} AS numbers;
         UPDATE owner_state SET next_seq = 1000001, task_count = 1000000 WHERE owner_id = {owner}{analyze}"
    )
}

async fn measure_a_million(engine: &str, process: &Process) {
    let mut owner = Owner {
        access_token: crate::login(process, EMAIL, PASSWORD).await,
        tasks: TaskServiceClient::new(channel(process.task)),
    };
    let page = median(async || assert_eq!(owner.list(ListTasksRequest::default()).await.len(), 50)).await;
    println!("{engine}: a page of 50 of a million tasks: {page:.2?}");
    let statistics = median(async || {
        let request = owner.request(GetTaskStatsRequest::default());
        let counts = owner.tasks.get_task_stats(request).await.unwrap().into_inner();
        assert!(counts.total == 1_000_000 && counts.overdue > 450_000, "{counts:?}");
    })
    .await;
    println!("{engine}: statistics of a million: {statistics:.2?}");
    assert!(statistics < STATISTICS_OF_A_MILLION, "statistics take too long");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_of_a_hundred_thousand_tasks_on_sqlite() {
    let workspace = Workspace::new();
    let process = Process::start(workspace.path());
    let owner = measure("SQLite", &process).await;
    let url = DatabaseUrl::Sqlite(workspace.path().join("task.db"));
    run_script::<Sqlite>(&url, rest_of_a_million(true, &owner)).await;
    measure_a_million("SQLite", &process).await;
    process.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_of_a_hundred_thousand_tasks_on_postgres() {
    let workspace = Workspace::new();
    let (process, task) = start_on_postgres(&workspace).await;
    let owner = measure("PostgreSQL", &process).await;
    run_script::<Postgres>(&task, rest_of_a_million(false, &owner)).await;
    measure_a_million("PostgreSQL", &process).await;
    process.kill();
}
