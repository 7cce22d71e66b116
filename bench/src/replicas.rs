//! P12: whether a second replica makes calls dearer.

use std::error::Error;

use proto::task::v1::{GetTaskRequest, ListTasksRequest};

use crate::{
    cluster::{Cluster, Person, TaskClient, connections},
    cores,
    figures::{CALLERS, ratios},
    load::{Effort, closed},
    postgres::Postgres,
    report::Report,
    running::Running,
};

const TASKS: usize = 100;

/// On PostgreSQL; `SQLite` has one.
pub(crate) async fn measure(report: &mut Report, effort: Effort, server: &Postgres) -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::start(cores::SERVING, Some(server)).await?;
    let person = cluster.person("ada", TASKS).await?;
    let (second, second_address, _) = cluster.replica()?;
    let first_connections = cluster.connections().await?;
    let second_connections = connections(&second_address).await?;
    let both: Vec<TaskClient> = first_connections.iter().chain(&second_connections).cloned().collect();
    let (mut one, mut two) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        one.push(call(effort, &[&cluster.task, &second], &first_connections, &person).await?);
        two.push(call(effort, &[&cluster.task, &second], &both, &person).await?);
    }
    report.figure("GetTask, PostgreSQL, one replica", "us", &one);
    report.figure("GetTask, PostgreSQL, two replicas", "us", &two);
    report.budget("P12", "GetTask, two replicas to one", "times", &ratios(&two, &one), 1.1);
    Ok(())
}

/// The CPU time of a call, of all replicas, in microseconds.
async fn call(
    effort: Effort,
    servers: &[&Running],
    connections: &[TaskClient],
    person: &Person,
) -> Result<f64, Box<dyn Error>> {
    let listed = connections[0]
        .clone()
        .list_tasks(person.request(ListTasksRequest::default())?)
        .await?;
    let id = listed.into_inner().tasks.swap_remove(0).id;
    let callers: Vec<_> = (0..CALLERS)
        .map(|number| connections[number % connections.len()].clone())
        .collect();
    let called = closed(effort, servers, &callers, async |mut tasks| {
        tasks
            .get_task(person.request(GetTaskRequest { id: id.clone() })?)
            .await?;
        Ok(())
    })
    .await?;
    Ok(called.cpu)
}
