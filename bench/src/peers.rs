//! P11: the same operations over REST by a FastAPI service on the same PostgreSQL, and accounts by Better Auth.

use std::{env, error::Error, time::Duration};

use http::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    cluster::{Cluster, PASSWORD},
    cores,
    figures::{CALLERS, PAGE, ratios},
    load::{Effort, Outcome, closed},
    postgres::Postgres,
    report::Report,
    rest::RestClient,
    running::Running,
};

/// Python, with what `bench/peers/fastapi/requirements.txt` names.
const FASTAPI: &str = "FASTAPI_PYTHON";
/// A directory with what `bench/peers/better-auth/package.json` names.
const BETTER_AUTH: &str = "BETTER_AUTH";
/// Until a peer answers.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is called, and how much less of the CPU it is to take.
const CALLS: [(Call, &str, f64); 4] = [
    (Call::Get, "get", 15.0),
    (Call::Page, "page of 50", 8.0),
    (Call::Create, "create", 8.0),
    (Call::Refresh, "refresh", 8.0),
];

#[derive(Clone, Copy)]
enum Call {
    Get,
    Page,
    Create,
    Refresh,
}

/// How one of the two speaks.
struct Dialect {
    register: &'static str,
    /// Where the tokens are in what comes back.
    tokens: fn(&Value) -> &Value,
    access_token: &'static str,
    refresh_token: &'static str,
    refresh: &'static str,
    tasks: &'static str,
    task: Value,
}

/// Somebody at one of the two.
#[derive(Clone)]
struct Caller {
    client: RestClient,
    task: String,
    refresh_token: std::sync::Arc<tokio::sync::Mutex<String>>,
}

/// Both peers.
pub(crate) async fn measure(report: &mut Report, effort: Effort, server: &Postgres) -> Result<(), Box<dyn Error>> {
    fastapi(report, effort, server).await?;
    better_auth(report, effort).await
}

async fn fastapi(report: &mut Report, effort: Effort, server: &Postgres) -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::start(cores::SERVING, Some(server)).await?;
    let (gateway, address) = cluster.gateway(cores::SERVING)?;
    let ours = Dialect {
        register: "/v1/auth/register",
        tokens: |answer| &answer["tokens"],
        access_token: "accessToken",
        refresh_token: "refreshToken",
        refresh: "/v1/auth/refresh",
        tasks: "/v1/tasks",
        task: json!({"title": "Buy milk", "description": "two litres, and oats", "priority": "PRIORITY_HIGH",
            "tags": ["home", "shop"], "due": {"date": "2026-12-24"}}),
    };
    let database = server.database().await?;
    let python = env::var(FASTAPI).map_err(|_| format!("{FASTAPI} is not set; scripts/bench peers sets it"))?;
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut command = cores::on(cores::SERVING, python);
    command
        .args([
            "-m",
            "uvicorn",
            "app:app",
            "--app-dir",
            "bench/peers/fastapi",
            "--loop",
            "uvloop",
            "--http",
            "httptools",
        ])
        .args([
            "--log-level",
            "error",
            "--no-access-log",
            "--timeout-keep-alive",
            "600",
            "--port",
            &port.to_string(),
        ])
        .env("DATABASE_URL", database.split('?').next().unwrap_or_default())
        .env("DATABASE_HOST", server.directory());
    let peer = Running::start(&mut command)?;
    let peer_address = format!("127.0.0.1:{port}");
    listening(&peer_address).await?;
    let theirs = Dialect {
        register: "/register",
        tokens: |answer| answer,
        access_token: "access_token",
        refresh_token: "refresh_token",
        refresh: "/refresh",
        tasks: "/tasks",
        task: json!({"title": "Buy milk", "description": "two litres, and oats", "priority": 3, "tags": ["home", "shop"],
            "due": "2026-12-24"}),
    };
    let our_callers = callers(&address, &ours).await?;
    let their_callers = callers(&peer_address, &theirs).await?;
    for (call, name, least) in CALLS {
        let (mut ours_cost, mut theirs_cost) = (Vec::new(), Vec::new());
        for _ in 0..effort.rounds {
            let processes = [&gateway, &cluster.task, &cluster.auth];
            let called = called(effort, &processes, call, &ours, &our_callers).await?;
            report.latencies(&format!("REST, {name}, Holdfast"), &called.latencies);
            ours_cost.push(called.cpu);
            let called = self::called(effort, &[&peer], call, &theirs, &their_callers).await?;
            report.latencies(&format!("REST, {name}, FastAPI"), &called.latencies);
            theirs_cost.push(called.cpu);
        }
        report.figure(&format!("REST, {name}, Holdfast's three processes"), "us", &ours_cost);
        report.figure(&format!("REST, {name}, FastAPI"), "us", &theirs_cost);
        let name = format!("REST, {name}: FastAPI to Holdfast");
        report.floor("P11", &name, "times", &ratios(&theirs_cost, &ours_cost), least);
    }
    Ok(())
}

/// Until something listens.
async fn listening(address: &str) -> Result<(), Box<dyn Error>> {
    let until = Instant::now() + PATIENCE;
    while tokio::net::TcpStream::connect(address).await.is_err() {
        if Instant::now() > until {
            return Err(format!("nothing listens at {address}").into());
        }
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// As many people as call at once, each with more tasks than a page has.
async fn callers(address: &str, dialect: &Dialect) -> Result<Vec<Caller>, Box<dyn Error>> {
    let mut callers = Vec::new();
    for number in 0..CALLERS {
        let nobody = RestClient::connect(address, "").await?;
        let person = json!({"email": format!("peer{number}@example.com"), "password": PASSWORD});
        let registered = json_of(&nobody, dialect.register, person).await?;
        let tokens = (dialect.tokens)(&registered);
        let [access_token, refresh_token] = [dialect.access_token, dialect.refresh_token]
            .map(|name| tokens[name].as_str().unwrap_or_default().to_owned());
        let client = RestClient::connect(address, &format!("Bearer {access_token}")).await?;
        let mut task = Value::Null;
        for _ in 0..PAGE + 10 {
            task = json_of(&client, dialect.tasks, dialect.task.clone()).await?;
        }
        callers.push(Caller {
            client,
            task: format!("{}/{}", dialect.tasks, task["id"].as_str().ok_or("a task has an id")?),
            refresh_token: std::sync::Arc::new(tokio::sync::Mutex::new(refresh_token)),
        });
    }
    Ok(callers)
}

async fn json_of(client: &RestClient, path: &str, body: Value) -> Result<Value, Box<dyn Error>> {
    let answer = client.call(Method::POST, path, Some(body)).await?;
    Ok(serde_json::from_slice(&answer)?)
}

async fn called(
    effort: Effort,
    processes: &[&Running],
    call: Call,
    dialect: &Dialect,
    callers: &[Caller],
) -> Result<Outcome, Box<dyn Error>> {
    // Their pages have 50 by default, ours too.
    closed(effort, processes, callers, async |caller: Caller| {
        match call {
            Call::Get => drop(caller.client.call(Method::GET, &caller.task, None).await?),
            Call::Page => drop(caller.client.call(Method::GET, dialect.tasks, None).await?),
            Call::Create => drop(json_of(&caller.client, dialect.tasks, dialect.task.clone()).await?),
            Call::Refresh => {
                // Nobody else has it.
                let mut token = caller.refresh_token.lock().await;
                let refreshed =
                    json_of(&caller.client, dialect.refresh, json!({dialect.refresh_token: *token})).await?;
                let tokens = (dialect.tokens)(&refreshed);
                tokens[dialect.refresh_token]
                    .as_str()
                    .ok_or("no refresh token")?
                    .clone_into(&mut token);
            }
        }
        Ok(())
    })
    .await
}

/// What it takes to tell whose a session is, and to sign in.
async fn better_auth(report: &mut Report, effort: Effort) -> Result<(), Box<dyn Error>> {
    let directory =
        env::var(BETTER_AUTH).map_err(|_| format!("{BETTER_AUTH} is not set; scripts/bench peers sets it"))?;
    let mut command = cores::on(cores::SERVING, "node");
    let began = Instant::now();
    let mut peer = Running::start(command.arg("server.mjs").current_dir(directory))?;
    let address = peer.address()?.to_string();
    report.figure("Better Auth, start", "ms", &[began.elapsed().as_secs_f64() * 1e3]);
    let origin = format!("http://{address}");
    let nobody = RestClient::connect(&address, "")
        .await?
        .with_header("origin", &origin)?;
    let person = json!({"email": "ada@example.com", "password": PASSWORD, "name": "Ada"});
    let registered = nobody
        .answer(Method::POST, "/api/auth/sign-up/email", Some(person.clone()))
        .await?;
    let cookie = registered.headers().get("set-cookie").ok_or("no session")?.to_str()?;
    let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
    let mut callers = Vec::new();
    for _ in 0..CALLERS {
        let client = RestClient::connect(&address, "").await?;
        callers.push(client.with_header("origin", &origin)?.with_header("cookie", &cookie)?);
    }
    let (mut sessions, mut sign_ins) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        let told = closed(effort, &[&peer], &callers, async |client: RestClient| {
            client.call(Method::GET, "/api/auth/get-session", None).await?;
            Ok(())
        })
        .await?;
        sessions.push(told.cpu);
        let signed_in = closed(effort, &[&peer], &callers, async |client: RestClient| {
            client
                .call(Method::POST, "/api/auth/sign-in/email", Some(person.clone()))
                .await?;
            Ok(())
        })
        .await?;
        sign_ins.push(signed_in.cpu);
    }
    report.figure("Better Auth in memory, get-session", "us", &sessions);
    report.figure("Better Auth in memory, sign-in", "us", &sign_ins);
    #[expect(clippy::cast_precision_loss, reason = "it is not that much")]
    let memory = peer.memory_kib("VmRSS")? as f64 / 1024.0;
    report.figure("Better Auth in memory, resident", "MiB", &[memory]);

    let cluster = Cluster::start(cores::SERVING, None).await?;
    let (gateway, address) = cluster.gateway(cores::SERVING)?;
    let person = cluster.person("ada", 0).await?;
    let mut callers = Vec::new();
    for _ in 0..CALLERS {
        callers.push(RestClient::connect(&address, &person.bearer).await?);
    }
    let mut ours = Vec::new();
    for _ in 0..effort.rounds {
        let told = closed(
            effort,
            &[&gateway, &cluster.auth],
            &callers,
            async |client: RestClient| {
                client.call(Method::GET, "/v1/auth/session", None).await?;
                Ok(())
            },
        )
        .await?;
        ours.push(told.cpu);
    }
    report.figure("Holdfast on SQLite, GET /v1/auth/session", "us", &ours);
    Ok(())
}
