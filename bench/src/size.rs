//! P8, P13: whether calls cost the same among very many tasks, and what a person with very many waits for.

use std::{
    error::Error,
    time::{Duration, Instant},
};

use proto::task::v1::{GetTaskRequest, GetTaskStatsRequest, ListTasksRequest, Task, UpdateTaskRequest};

use crate::{
    cluster::{Cluster, Person, TaskClient},
    cores,
    figures::{CALLERS, CONNECTIONS, PAGE, ratios},
    limits::echo,
    load::{Effort, closed},
    postgres::Postgres,
    reads,
    report::Report,
    seed::{Size, seed},
};

const SMALL: Size = Size {
    tasks: 10_000,
    owners: 100,
};
/// Whose tasks are called for, among all the others'.
const PEOPLE: usize = 64;

#[derive(Clone, Copy)]
enum Call {
    Get,
    Page,
    Update,
}

/// On both engines.
pub(crate) async fn measure(report: &mut Report, effort: Effort, server: &Postgres) -> Result<(), Box<dyn Error>> {
    for (engine, server) in [("SQLite", None), ("PostgreSQL", Some(server))] {
        flat(report, effort, engine, server).await?;
        for tasks in effort.tasks_of_one {
            of_one(report, effort, engine, server, *tasks).await?;
        }
    }
    Ok(())
}

async fn flat(
    report: &mut Report,
    effort: Effort,
    engine: &str,
    server: Option<&Postgres>,
) -> Result<(), Box<dyn Error>> {
    let large = Size {
        tasks: effort.tasks_of_all,
        owners: effort.tasks_of_all / 100,
    };
    let mut figures = Vec::new();
    for size in [SMALL, large] {
        let (cluster, people, bytes) = seeded(server, size, PEOPLE).await?;
        report.figure(
            &format!("a task on disk, {engine}, {} tasks", size.tasks),
            "bytes",
            &[bytes],
        );
        let mut of_size = Vec::new();
        for call in [Call::Get, Call::Page, Call::Update] {
            let mut costs = Vec::new();
            for _ in 0..effort.rounds {
                costs.push(called(effort, call, &cluster, &people).await?);
            }
            of_size.push(costs);
        }
        figures.push(of_size);
    }
    for (place, name) in ["GetTask", "ListTasks of 50", "UpdateTask"].into_iter().enumerate() {
        let (small, large_costs) = (&figures[0][place], &figures[1][place]);
        report.figure(&format!("{name}, {engine}, {} tasks", SMALL.tasks), "us", small);
        report.figure(&format!("{name}, {engine}, {} tasks", large.tasks), "us", large_costs);
        let name = format!("{name}, {engine}: {} tasks to {}", large.tasks, SMALL.tasks);
        report.budget("P8", &name, "times", &ratios(large_costs, small), 1.3);
    }
    Ok(())
}

/// Services over so many tasks, people who have their part of them, and how many bytes a task takes.
async fn seeded(
    server: Option<&Postgres>,
    size: Size,
    people: usize,
) -> Result<(Cluster, Vec<Person>, f64), Box<dyn Error>> {
    let mut cluster = Cluster::start(cores::SERVING, server).await?;
    let mut known = Vec::new();
    for number in 0..people {
        known.push(cluster.person(&format!("person{number}"), 0).await?);
    }
    let ids: Vec<&str> = known.iter().map(|person| &*person.id).collect();
    cluster.stop_tasks();
    let bytes = seed(&cluster.task_database, size, &ids).await?;
    cluster.start_tasks()?;
    Ok((cluster, known, bytes))
}

/// The CPU time of a call, in microseconds.
async fn called(effort: Effort, call: Call, cluster: &Cluster, people: &[Person]) -> Result<f64, Box<dyn Error>> {
    let connections = cluster.connections().await?;
    let mut callers = Vec::new();
    for (number, person) in people.iter().enumerate() {
        let mut tasks: TaskClient = connections[number % CONNECTIONS].clone();
        let listed = tasks.list_tasks(person.request(ListTasksRequest::default())?).await?;
        let id = listed.into_inner().tasks.swap_remove(PAGE / 2).id;
        callers.push((tasks, person, id));
    }
    // Each caller is another person at every call, so that all of their tasks are called for.
    let turns: Vec<_> = (0..CALLERS)
        .map(|first| std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(first)))
        .collect();
    let outcome = closed(effort, &[&cluster.task], &turns, async |turn| {
        let turn = turn.fetch_add(CALLERS, std::sync::atomic::Ordering::Relaxed);
        let (tasks, person, id) = &callers[turn % callers.len()];
        let (mut tasks, id) = (tasks.clone(), id.clone());
        match call {
            Call::Get => drop(tasks.get_task(person.request(GetTaskRequest { id })?).await?),
            Call::Page => drop(tasks.list_tasks(person.request(ListTasksRequest::default())?).await?),
            Call::Update => {
                let task = Task {
                    id,
                    title: format!("Buy milk, for the {turn}th time"),
                    ..Task::default()
                };
                let update = UpdateTaskRequest {
                    task: Some(task),
                    update_mask: Some(prost_types::FieldMask {
                        paths: vec!["title".to_owned()],
                    }),
                    ..UpdateTaskRequest::default()
                };
                tasks.update_task(person.request(update)?).await?;
            }
        }
        Ok(())
    })
    .await?;
    Ok(outcome.cpu)
}

/// Somebody with very many tasks.
async fn of_one(
    report: &mut Report,
    effort: Effort,
    engine: &str,
    server: Option<&Postgres>,
    tasks: u64,
) -> Result<(), Box<dyn Error>> {
    let (cluster, people, _) = seeded(server, Size { tasks, owners: 1 }, 1).await?;
    let person = &people[0];
    let of_million = tasks >= 1_000_000;
    let mut service = cluster.connections().await?.swap_remove(0);
    let (mut search, mut statistics) = (Vec::new(), Vec::new());
    for round in 0..effort.rounds.max(5) {
        // A number that a single task has, far from the newest.
        let wanted = ListTasksRequest {
            search: format!("number {}", tasks / 3 + round as u64),
            ..ListTasksRequest::default()
        };
        let began = Instant::now();
        let found = service.list_tasks(person.request(wanted)?).await?.into_inner();
        search.push(milliseconds(began.elapsed()));
        if found.tasks.len() != 1 {
            return Err("the search did not find its task".into());
        }
        let began = Instant::now();
        let told = service
            .get_task_stats(person.request(GetTaskStatsRequest::default())?)
            .await?;
        statistics.push(milliseconds(began.elapsed()));
        if u64::try_from(told.into_inner().total)? != tasks {
            return Err("the statistics do not count the tasks".into());
        }
    }
    let name = |what: &str| format!("{what}, {engine}, {tasks} tasks of one person");
    if of_million {
        report.figure(&name("search"), "ms", &search);
    } else {
        report.budget("P13", &name("search"), "ms", &search, 150.0);
    }
    let most = if of_million { 200.0 } else { 50.0 };
    report.budget("P13", &name("statistics"), "ms", &statistics, most);
    let (echo, address) = echo()?;
    let (mut whole, mut parts) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        let page = reads::page(effort, &echo, &address, &cluster, person).await?;
        whole.push(page.whole);
        parts.push(page.bare + page.statement);
    }
    let name = name("page, to the sum of its parts");
    report.budget("P13", &name, "times", &ratios(&whole, &parts), 1.3);
    Ok(())
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
