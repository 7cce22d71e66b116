//! P2, P3: what GetTask and ListTasks of 50 cost beside the bare call and the bare statement.

use std::error::Error;

use proto::task::v1::{GetTaskRequest, ListTasksRequest};

use crate::{
    cluster::{Cluster, Person, TaskClient, connections},
    cores,
    figures::{CALLERS, PAGE, ratios},
    limits::{echo, measured},
    load::{Effort, Outcome, closed},
    postgres::Postgres,
    report::Report,
    running::Running,
};

/// More than a page, so that the index is one.
const TASKS: usize = 1_000;

#[derive(Clone, Copy)]
enum Read {
    Get,
    Page,
}

/// Both reads, on both engines.
pub(crate) async fn measure(report: &mut Report, effort: Effort, server: &Postgres) -> Result<(), Box<dyn Error>> {
    for (engine, server) in [("SQLite", None), ("PostgreSQL", Some(server))] {
        let cluster = Cluster::start(cores::SERVING, server).await?;
        let person = cluster.person("ada", TASKS).await?;
        let (echo, echo_address) = echo()?;
        for (read, id, name, most) in [
            (Read::Get, "P2", "GetTask", 1.25),
            (Read::Page, "P3", "ListTasks of 50", 1.3),
        ] {
            let (mut bare, mut statement, mut whole, mut rate) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            for _ in 0..effort.rounds {
                let called = call(read, effort, &echo, connections(&echo_address).await?, &person).await?;
                bare.push(called.cpu);
                statement.push(statements(read, effort, &cluster, &person)?);
                let called = call(read, effort, &cluster.task, cluster.connections().await?, &person).await?;
                whole.push(called.cpu);
                rate.push(called.rate);
                let latencies = called.latencies;
                report.latencies(&format!("{name}, {engine}"), &latencies);
            }
            let parts: Vec<f64> = bare
                .iter()
                .zip(&statement)
                .map(|(bare, statement)| bare + statement)
                .collect();
            report.figure(&format!("{name}: bare tonic"), "us", &bare);
            report.figure(&format!("{name}, {engine}: bare sqlx"), "us", &statement);
            report.figure(&format!("{name}, {engine}"), "us", &whole);
            report.figure(&format!("{name}, {engine}"), "calls/s on a core", &rate);
            let name = format!("{name}, {engine}: to the sum of its parts");
            report.budget(id, &name, "times", &ratios(&whole, &parts), most);
        }
    }
    Ok(())
}

/// Has the tasks of a page got one by one.
pub(crate) async fn get(
    effort: Effort,
    server: &Running,
    connections: Vec<TaskClient>,
    person: &Person,
) -> Result<Outcome, Box<dyn Error>> {
    call(Read::Get, effort, server, connections, person).await
}

/// The CPU times of a page, in microseconds.
pub(crate) struct Page {
    pub(crate) bare: f64,
    pub(crate) statement: f64,
    pub(crate) whole: f64,
}

/// A page, by the bare service, by the bare statement, and by task-service.
pub(crate) async fn page(
    effort: Effort,
    echo: &Running,
    echo_address: &str,
    cluster: &Cluster,
    person: &Person,
) -> Result<Page, Box<dyn Error>> {
    let bare = call(Read::Page, effort, echo, connections(echo_address).await?, person).await?;
    let whole = call(Read::Page, effort, &cluster.task, cluster.connections().await?, person).await?;
    Ok(Page {
        bare: bare.cpu,
        statement: statements(Read::Page, effort, cluster, person)?,
        whole: whole.cpu,
    })
}

async fn call(
    read: Read,
    effort: Effort,
    server: &Running,
    connections: Vec<TaskClient>,
    person: &Person,
) -> Result<Outcome, Box<dyn Error>> {
    let mut first = connections[0].clone();
    let listed = first.list_tasks(person.request(ListTasksRequest::default())?).await?;
    let ids: Vec<String> = listed.into_inner().tasks.into_iter().map(|task| task.id).collect();
    let callers: Vec<_> = (0..CALLERS)
        .map(|number| {
            (
                connections[number % connections.len()].clone(),
                ids[number % ids.len()].clone(),
            )
        })
        .collect();
    closed(effort, &[server], &callers, async |(mut tasks, id)| {
        match read {
            Read::Get => {
                tasks.get_task(person.request(GetTaskRequest { id })?).await?;
            }
            Read::Page => {
                let page = tasks.list_tasks(person.request(ListTasksRequest::default())?).await?;
                if page.into_inner().tasks.len() != PAGE {
                    return Err("a page is not full".into());
                }
            }
        }
        Ok(())
    })
    .await
}

/// The CPU time of the bare statement, in microseconds.
fn statements(read: Read, effort: Effort, cluster: &Cluster, person: &Person) -> Result<f64, Box<dyn Error>> {
    let name = match read {
        Read::Get => "get",
        Read::Page => "page",
    };
    let milliseconds = effort.length.as_millis().to_string();
    let numbers = measured(&["statements", name, &cluster.task_database, &person.id, &milliseconds])?;
    let [count, cpu] = numbers[..] else {
        return Err("the statements were not counted".into());
    };
    Ok(cpu / count)
}
