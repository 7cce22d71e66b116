//! P2, P3: what GetTask and ListTasks of 50 cost beside the bare call and the bare statement.

use std::error::Error;

use proto::task::v1::{GetTaskRequest, ListTasksRequest};

use crate::{
    cluster::{Cluster, Person, TaskClient, binary, connections},
    cores,
    figures::{CALLERS, PAGE, median},
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
pub(crate) async fn measure(report: &mut Report, effort: Effort) -> Result<(), Box<dyn Error>> {
    cores::stay_on(cores::LOADING)?;
    let server = Postgres::start()?;
    for (engine, server) in [("SQLite", None), ("PostgreSQL", Some(&server))] {
        let cluster = Cluster::start(server).await?;
        let person = cluster.person("ada", TASKS).await?;
        let mut command = cores::on(cores::SERVING, binary("bench")?);
        let mut echo = Running::start(command.args(["echo", "127.0.0.1:0"]))?;
        let echo_address = format!("http://{}", echo.address()?);
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
            let (bare, statement, whole) = (median(bare), median(statement), median(whole));
            report.figure(&format!("{name}: bare tonic"), "us", bare);
            report.figure(&format!("{name}, {engine}: bare sqlx"), "us", statement);
            report.figure(&format!("{name}, {engine}"), "us", whole);
            report.figure(&format!("{name}, {engine}"), "calls/s on a core", median(rate));
            report.budget(
                id,
                &format!("{name}, {engine}: to the sum of its parts"),
                "times",
                whole / (bare + statement),
                most,
            );
        }
    }
    Ok(())
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
    closed(effort, server, &callers, async |(mut tasks, id)| {
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
    let mut command = cores::on(cores::SERVING, binary("bench")?);
    let arguments = ["statements", name, &cluster.task_database, &person.id, &milliseconds];
    let mut reading = Running::start(command.args(arguments))?;
    let told = reading.line()?;
    let (count, cpu) = told.trim().split_once(' ').ok_or("the statements were not counted")?;
    Ok(cpu.parse::<f64>()? / count.parse::<f64>()?)
}
