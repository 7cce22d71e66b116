//! P6, P7: what signing in and refreshing cost beside hashing, and beside the bare call and the guarded step of a session.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::future::join_all;
use proto::{
    auth::v1::{LoginRequest, RefreshRequest, auth_service_client::AuthServiceClient},
    task::v1::GetTaskRequest,
};
use tokio::sync::Mutex;
use tonic::{Code, transport::Channel};

use crate::{
    cluster::{Cluster, PASSWORD, Person, connect, connections},
    cores,
    figures::{CALLERS, CONNECTIONS, ratios},
    limits::{echo, measured},
    load::{Effort, Outcome, closed},
    postgres::Postgres,
    reads::get,
    report::Report,
};

/// So many are offered at once.
const FLOOD: usize = 200;
/// How many call for tasks meanwhile.
const READERS: usize = 4;

/// On both engines.
pub(crate) async fn measure(report: &mut Report, effort: Effort, server: &Postgres) -> Result<(), Box<dyn Error>> {
    for (engine, server) in [("SQLite", None), ("PostgreSQL", Some(server))] {
        let cluster = Cluster::start(cores::SERVING, server).await?;
        let mut people = Vec::new();
        for number in 0..2 * CALLERS {
            people.push(cluster.person(&format!("person{number}"), 10).await?);
        }
        logins(report, effort, engine, &cluster).await?;
        flood(report, effort, engine, &cluster, &people[0]).await?;
        refreshes(report, effort, engine, &cluster, people).await?;
    }
    Ok(())
}

async fn logins(report: &mut Report, effort: Effort, engine: &str, cluster: &Cluster) -> Result<(), Box<dyn Error>> {
    let milliseconds = effort.length.as_millis().to_string();
    let accounts = account_connections(cluster).await?;
    let callers: Vec<_> = (0..CALLERS)
        .map(|number| (accounts[number % accounts.len()].clone(), number))
        .collect();
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        let numbers = measured(&["hashing", &milliseconds])?;
        let [count, microseconds] = numbers[..] else {
            return Err("the hashes were not counted".into());
        };
        bare.push(count * 1e6 / microseconds);
        let signed_in = closed(effort, &[&cluster.auth], &callers, async |(mut accounts, number)| {
            accounts.login(login(number)).await?;
            Ok(())
        })
        .await?;
        ours.push(signed_in.rate);
        report.latencies(&format!("Login, {engine}"), &signed_in.latencies);
    }
    report.figure("bare hashing", "hashes/s on a core", &bare);
    report.figure(&format!("Login, {engine}"), "calls/s on a core", &ours);
    let name = format!("Login, {engine}: to bare hashing");
    report.floor("P6", &name, "times", &ratios(&ours, &bare), 0.95);
    Ok(())
}

fn login(number: usize) -> LoginRequest {
    LoginRequest {
        email: format!("person{number}@example.com"),
        password: PASSWORD.to_owned(),
    }
}

/// How much longer calls for tasks take while very many sign in at once.
async fn flood(
    report: &mut Report,
    effort: Effort,
    engine: &str,
    cluster: &Cluster,
    person: &Person,
) -> Result<(), Box<dyn Error>> {
    let accounts = account_connections(cluster).await?;
    let mut slower = Vec::new();
    for _ in 0..effort.rounds {
        let calm = read(effort, cluster, person).await?;
        let over = Arc::new(AtomicBool::new(false));
        let attempts = (0..FLOOD).map(|number| {
            let (mut accounts, over) = (accounts[number % accounts.len()].clone(), over.clone());
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    match accounts.login(login(number % (2 * CALLERS))).await {
                        Ok(_) => {}
                        // What does not fit is refused, and comes again.
                        Err(refused) if refused.code() == Code::ResourceExhausted => {
                            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                        }
                        Err(failed) => return Err(failed),
                    }
                }
                Ok(())
            })
        });
        let attempts: Vec<_> = attempts.collect();
        let flooded = read(effort, cluster, person).await?;
        over.store(true, Ordering::Relaxed);
        for attempt in join_all(attempts).await {
            attempt??;
        }
        report.latencies(&format!("GetTask, {engine}, nobody signs in"), &calm.latencies);
        report.latencies(&format!("GetTask, {engine}, 200 sign in"), &flooded.latencies);
        let [calm, flooded] = [calm, flooded].map(|outcome| outcome.latencies.value_at_quantile(0.99));
        #[expect(clippy::cast_precision_loss, reason = "no call takes that long")]
        slower.push(flooded as f64 / calm as f64);
    }
    let name = format!("GetTask, {engine}, p99 while 200 sign in");
    report.budget("P6", &name, "times", &slower, 2.0);
    Ok(())
}

async fn read(effort: Effort, cluster: &Cluster, person: &Person) -> Result<Outcome, Box<dyn Error>> {
    let mut connections = cluster.connections().await?;
    let listed = connections[0]
        .list_tasks(person.request(proto::task::v1::ListTasksRequest::default())?)
        .await?;
    let id = listed.into_inner().tasks.swap_remove(0).id;
    let callers: Vec<_> = (0..READERS)
        .map(|number| connections[number % CONNECTIONS].clone())
        .collect();
    closed(effort, &[&cluster.task], &callers, async |mut tasks| {
        tasks
            .get_task(person.request(GetTaskRequest { id: id.clone() })?)
            .await?;
        Ok(())
    })
    .await
}

async fn refreshes(
    report: &mut Report,
    effort: Effort,
    engine: &str,
    cluster: &Cluster,
    people: Vec<Person>,
) -> Result<(), Box<dyn Error>> {
    let milliseconds = effort.length.as_millis().to_string();
    let accounts = account_connections(cluster).await?;
    let reader = people[0].clone();
    let callers: Vec<_> = people
        .into_iter()
        .take(CALLERS)
        .enumerate()
        .map(|(number, person)| {
            (
                accounts[number % accounts.len()].clone(),
                Arc::new(Mutex::new(person.refresh_token)),
            )
        })
        .collect();
    let (mut whole, mut parts) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        let (server, address) = echo()?;
        let bare = get(effort, &server, connections(&address).await?, &reader).await?;
        let numbers = measured(&["writes", "move", &cluster.auth_database, &milliseconds])?;
        let [count, cpu, _] = numbers[..] else {
            return Err("the steps were not counted".into());
        };
        parts.push(bare.cpu + cpu / count);
        let refreshed = closed(effort, &[&cluster.auth], &callers, async |(mut accounts, token)| {
            // Nobody else has it.
            let mut token = token.lock().await;
            let request = RefreshRequest {
                refresh_token: token.clone(),
            };
            let tokens = accounts.refresh(request).await?.into_inner().tokens;
            *token = tokens.ok_or("no tokens")?.refresh_token;
            Ok(())
        })
        .await?;
        whole.push(refreshed.cpu);
        report.latencies(&format!("Refresh, {engine}"), &refreshed.latencies);
    }
    report.figure(
        &format!("Refresh, {engine}: bare tonic and one guarded UPDATE"),
        "us",
        &parts,
    );
    report.figure(&format!("Refresh, {engine}"), "us", &whole);
    let name = format!("Refresh, {engine}: to the sum of its parts");
    report.budget("P7", &name, "times", &ratios(&whole, &parts), 1.5);
    Ok(())
}

async fn account_connections(cluster: &Cluster) -> Result<Vec<AuthServiceClient<Channel>>, Box<dyn Error>> {
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(AuthServiceClient::new(connect(&cluster.auth_address).await?));
    }
    Ok(clients)
}
