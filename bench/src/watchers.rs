//! P10: what idle watchers take, and how soon very many of one person hear of a change.

use std::{error::Error, time::Duration};

use futures_util::future::try_join_all;
use proto::task::v1::{
    CreateTaskRequest, WatchTasksRequest, WatchTasksResponse, task_service_client::TaskServiceClient,
};
use tokio::{sync::mpsc, time::Instant};
use tonic::Streaming;

use crate::{
    cluster::{Cluster, Person, connect},
    cores,
    figures::task,
    load::Effort,
    report::Report,
};

/// How many watch of one person, each.
const OF_ONE: usize = 1_000;
/// How many share a connection.
const A_CONNECTION: usize = 100;
const PEOPLE: usize = 10;
/// Until nothing of the beginning goes on.
const SETTLED: Duration = Duration::from_secs(3);

/// On embedded SQLite.
pub(crate) async fn measure(report: &mut Report, effort: Effort) -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::start(cores::SERVING, None).await?;
    let mut people = Vec::new();
    for number in 0..PEOPLE {
        people.push(cluster.person(&format!("watcher{number}"), 10).await?);
    }
    let before = cluster.task.memory_kib("VmRSS")?;
    let mut watching = Vec::new();
    for person in &people {
        watching.push(watch(&cluster, person).await?);
    }
    tokio::time::sleep(SETTLED).await;
    let after = cluster.task.memory_kib("VmRSS")?;
    #[expect(clippy::cast_precision_loss, reason = "it is not that much")]
    let each = after.saturating_sub(before) as f64 / (PEOPLE * OF_ONE) as f64;
    report.budget("P10", "10,000 idle watchers, each", "KiB", &[each], 20.0);

    let (told, mut heard) = mpsc::unbounded_channel();
    for mut stream in watching.swap_remove(0) {
        let told = told.clone();
        tokio::spawn(async move {
            while let Ok(Some(message)) = stream.message().await {
                if message.event.is_some() && told.send(()).is_err() {
                    break;
                }
            }
        });
    }
    let mut service = TaskServiceClient::new(connect(&cluster.task_address).await?);
    let mut milliseconds = Vec::new();
    for number in 0..effort.rounds {
        let request = CreateTaskRequest {
            task: Some(task(number)),
            ..CreateTaskRequest::default()
        };
        let began = Instant::now();
        service.create_task(people[0].request(request)?).await?;
        for _ in 0..OF_ONE {
            tokio::time::timeout(Duration::from_secs(10), heard.recv()).await?;
        }
        milliseconds.push(began.elapsed().as_secs_f64() * 1e3);
    }
    let name = "a change, until all 1,000 watchers of one person have it";
    report.budget("P10", name, "ms", &milliseconds, 200.0);
    Ok(())
}

/// Streams that have told their beginning.
async fn watch(cluster: &Cluster, person: &Person) -> Result<Vec<Streaming<WatchTasksResponse>>, Box<dyn Error>> {
    let mut streams = Vec::new();
    for _ in 0..OF_ONE / A_CONNECTION {
        let client = TaskServiceClient::new(connect(&cluster.task_address).await?);
        let opened = (0..A_CONNECTION).map(|_| {
            let mut client = client.clone();
            async move {
                let request = person.request(WatchTasksRequest::default())?;
                let mut stream = client.watch_tasks(request).await?.into_inner();
                stream.message().await?;
                Ok::<_, Box<dyn Error>>(stream)
            }
        });
        streams.extend(try_join_all(opened).await?);
    }
    Ok(streams)
}
