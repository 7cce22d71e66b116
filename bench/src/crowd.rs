//! What very many people notice: that nobody is refused, that verification takes no time, that signing in, refreshing and
//! signing out answer soon while half of what is possible is asked for.

use std::{
    error::Error,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use hdrhistogram::Histogram;
use http::Method;
use proto::{
    auth::v1::{LoginRequest, LogoutRequest, RefreshRequest, auth_service_client::AuthServiceClient},
    task::v1::GetTaskRequest,
};

use crate::{
    cluster::{Cluster, PASSWORD, connect},
    cores,
    figures::{CALLERS, CONNECTIONS, task},
    load::{Effort, closed, open},
    postgres::Postgres,
    report::Report,
    rest::RestClient,
};

/// On both engines.
pub(crate) async fn measure(report: &mut Report, effort: Effort, server: &Postgres) -> Result<(), Box<dyn Error>> {
    for (engine, server) in [("SQLite", None), ("PostgreSQL", Some(server))] {
        let cluster = Cluster::start(cores::SERVING, server).await?;
        verification(report, effort, engine, &cluster).await?;
        comings_and_goings(report, effort, engine, &cluster).await?;
    }
    Ok(())
}

/// Everybody calls at once; a call that is refused ends it.
async fn verification(
    report: &mut Report,
    effort: Effort,
    engine: &str,
    cluster: &Cluster,
) -> Result<(), Box<dyn Error>> {
    let mut connections = cluster.connections().await?;
    let mut callers = Vec::new();
    for number in 0..effort.people {
        let person = cluster.person(&format!("person{number}"), 0).await?;
        let connection = &mut connections[number % CONNECTIONS];
        let request = proto::task::v1::CreateTaskRequest {
            task: Some(task(number)),
            ..proto::task::v1::CreateTaskRequest::default()
        };
        let created = connection.create_task(person.request(request)?).await?.into_inner();
        callers.push((connection.clone(), person, created.id));
    }
    let long = Effort {
        length: effort.people_call_for,
        ..effort
    };
    let called = closed(long, &[&cluster.task], &callers, async |(mut tasks, person, id)| {
        tasks.get_task(person.request(GetTaskRequest { id })?).await?;
        Ok(())
    })
    .await?;
    let name = format!("GetTask by {} people at once, {engine}", effort.people);
    report.figure(&name, "calls/s on a core", &[called.rate]);
    report.latencies(&name, &called.latencies);
    let metrics = RestClient::connect(&cluster.task_admin, "").await?;
    let metrics = metrics.call(Method::GET, "/metrics", None).await?;
    let metrics = String::from_utf8(metrics.to_vec())?;
    let told = |beginning: &str| {
        let mut lines = metrics.lines().filter(|line| line.starts_with(beginning));
        lines.find_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
    };
    let all = told("token_verification_seconds_count").ok_or("verifications are not counted")?;
    let within = metrics
        .lines()
        .filter(|line| line.starts_with("token_verification_seconds_bucket") && line.contains("le=\"0.001\""))
        .find_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .ok_or("verifications are not told by their time")?;
    let name = format!("verifications within 1 ms, {engine}");
    report.floor("people", &name, "of 1", &[within / all], 0.99);
    Ok(())
}

/// People sign in, refresh and sign out, half as often as they could.
async fn comings_and_goings(
    report: &mut Report,
    effort: Effort,
    engine: &str,
    cluster: &Cluster,
) -> Result<(), Box<dyn Error>> {
    let mut accounts = Vec::new();
    for _ in 0..CONNECTIONS {
        accounts.push(AuthServiceClient::new(connect(&cluster.auth_address).await?));
    }
    let callers: Vec<_> = (0..effort.people)
        .map(|number| {
            (
                accounts[number % accounts.len()].clone(),
                format!("person{number}@example.com"),
            )
        })
        .collect();
    let login = |email| LoginRequest {
        email,
        password: PASSWORD.to_owned(),
    };
    let most = closed(
        effort,
        &[&cluster.auth],
        &callers[..CALLERS],
        async |(mut accounts, email)| {
            accounts.login(login(email)).await?;
            Ok(())
        },
    )
    .await?;
    let later = [Mutex::new(Histogram::<u64>::new(3)?), Mutex::new(Histogram::new(3)?)];
    let record = |histogram: &Mutex<Histogram<u64>>, began: Instant| {
        let microseconds = u64::try_from(began.elapsed().as_micros())?;
        histogram
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .record(microseconds)?;
        Ok::<_, Box<dyn Error>>(())
    };
    let length = effort.length.max(std::time::Duration::from_secs(5));
    let signed_in = Mutex::new(Histogram::<u64>::new(3)?);
    let (_, failed) = open(length, most.rate / 2.0, &callers, async |(mut accounts, email)| {
        let began = Instant::now();
        let tokens = accounts
            .login(login(email))
            .await?
            .into_inner()
            .tokens
            .ok_or("no tokens")?;
        record(&signed_in, began)?;
        let began = Instant::now();
        let request = RefreshRequest {
            refresh_token: tokens.refresh_token,
        };
        let tokens = accounts
            .refresh(request)
            .await?
            .into_inner()
            .tokens
            .ok_or("no tokens")?;
        record(&later[0], began)?;
        let began = Instant::now();
        let request = LogoutRequest {
            refresh_token: tokens.refresh_token,
        };
        accounts.logout(request).await?;
        record(&later[1], began)
    })
    .await?;
    if failed > 0 {
        return Err(format!("{failed} of those who came failed").into());
    }
    let [refreshed, signed_out] = later;
    for (name, latencies) in [("Login", signed_in), ("Refresh", refreshed), ("Logout", signed_out)] {
        let latencies = latencies.into_inner().unwrap_or_else(PoisonError::into_inner);
        let name = format!("{name} at half of what is possible, {engine}");
        report.latencies(&name, &latencies);
        #[expect(clippy::cast_precision_loss, reason = "no call takes that long")]
        let p99 = latencies.value_at_quantile(0.99) as f64 / 1e3;
        report.budget("people", &format!("{name}, p99"), "ms", &[p99], 500.0);
    }
    Ok(())
}
