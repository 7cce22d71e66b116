//! P4: how many tasks are created in a second, each on disk before it is acknowledged, beside what the engine can take.

use std::{error::Error, fs, process::Command};

use proto::task::v1::CreateTaskRequest;

use crate::{
    cluster::{Cluster, Person},
    cores,
    figures::{CALLERS, ratios, task},
    limits::measured,
    load::{Effort, Outcome, closed},
    postgres::Postgres,
    report::Report,
};

/// At once, on SQLite: as many as share a commit.
const MANY: usize = 64;

/// On both engines.
pub(crate) async fn measure(report: &mut Report, effort: Effort, server: &Postgres) -> Result<(), Box<dyn Error>> {
    let milliseconds = effort.length.as_millis().to_string();
    let cluster = Cluster::start(cores::SERVING, None).await?;
    let people = people(&cluster, MANY).await?;
    let (mut ours, mut cpu, mut batches, mut batches_cpu) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        let numbers = measured(&["writes", "insert", &cluster.task_database, &milliseconds])?;
        let [count, cpu_time, microseconds] = numbers[..] else {
            return Err("the rows were not counted".into());
        };
        batches.push(count * 1e6 / microseconds);
        batches_cpu.push(cpu_time / count);
        let created = create(effort, &cluster, &people).await?;
        ours.push(created.rate);
        cpu.push(created.cpu);
        report.latencies("CreateTask, 64 at once, SQLite", &created.latencies);
    }
    report.figure("CreateTask, 64 at once, SQLite", "us", &cpu);
    report.figure("bare sqlx, 64 rows a transaction, SQLite", "us a row", &batches_cpu);
    report.figure("CreateTask, 64 at once, SQLite", "calls/s", &ours);
    report.figure("bare sqlx, 64 rows a transaction, SQLite", "rows/s", &batches);
    let name = "CreateTask, 64 at once, SQLite: to bare batches";
    report.floor("P4", name, "times", &ratios(&ours, &batches), 0.7);

    let cluster = Cluster::start(cores::SERVING, Some(server)).await?;
    let people = self::people(&cluster, CALLERS).await?;
    let (mut ours, mut cpu, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        bare.push(pgbench(effort, &cluster)?);
        let created = create(effort, &cluster, &people).await?;
        ours.push(created.rate);
        cpu.push(created.cpu);
        report.latencies("CreateTask, 16 at once, PostgreSQL", &created.latencies);
    }
    report.figure("CreateTask, 16 at once, PostgreSQL", "us", &cpu);
    report.figure("CreateTask, 16 at once, PostgreSQL", "calls/s", &ours);
    report.figure("pgbench, the same statement, 16 clients", "rows/s", &bare);
    let name = "CreateTask, 16 at once, PostgreSQL: to pgbench";
    report.floor("P4", name, "times", &ratios(&ours, &bare), 0.6);
    Ok(())
}

async fn people(cluster: &Cluster, count: usize) -> Result<Vec<Person>, Box<dyn Error>> {
    let mut people = Vec::new();
    for number in 0..count {
        people.push(cluster.person(&format!("writer{number}"), 0).await?);
    }
    Ok(people)
}

/// Each person creates tasks, one after the other.
async fn create(effort: Effort, cluster: &Cluster, people: &[Person]) -> Result<Outcome, Box<dyn Error>> {
    let connections = cluster.connections().await?;
    let callers: Vec<_> = people
        .iter()
        .enumerate()
        .map(|(number, person)| (connections[number % connections.len()].clone(), person))
        .collect();
    closed(effort, &[&cluster.task], &callers, async |(mut tasks, person)| {
        let request = CreateTaskRequest {
            task: Some(task(17)),
            ..CreateTaskRequest::default()
        };
        tasks.create_task(person.request(request)?).await?;
        Ok(())
    })
    .await
}

/// What the service does for one task, as one statement.
const INSERT: &str = "
\\set owner random(1, 1000)
WITH taken AS (INSERT INTO owner_state (owner_id, next_seq) VALUES (lpad(to_hex(:owner::bigint), 32, '0')::uuid, 2) ON \
     CONFLICT (owner_id) DO UPDATE SET next_seq = owner_state.next_seq + 1 RETURNING owner_id, next_seq) INSERT INTO tasks \
     (owner_id, task_id, version, change_seq, title, description, completed, priority, tags, due_time, create_time, \
     update_time, folded_title, folded_description) SELECT owner_id, gen_random_uuid(), 1, next_seq, 'Buy milk number 17', \
     'two litres, and oats', FALSE, 3, E'\\nhome\\nshop\\n', now(), now(), now(), 'buy milk number 17', 'two litres, and \
     oats' FROM taken;
";

/// Rows in a second, by PostgreSQL's own load generator, on the core that otherwise serves.
fn pgbench(effort: Effort, cluster: &Cluster) -> Result<f64, Box<dyn Error>> {
    let script = tempfile::NamedTempFile::new()?;
    fs::write(script.path(), INSERT)?;
    let clients = CALLERS.to_string();
    let told = cores::on(cores::SERVING, pgbench_program()?)
        .args(["--no-vacuum", "--protocol=prepared", "--client", &clients, "--time"])
        .arg(effort.length.as_secs().max(1).to_string())
        .arg("--file")
        .arg(script.path())
        .arg(&cluster.task_database)
        .output()?;
    let said = String::from_utf8_lossy(&told.stdout).into_owned();
    let rate = said
        .lines()
        .find_map(|line| line.strip_prefix("tps = ")?.split(' ').next());
    let rate = rate.ok_or_else(|| format!("pgbench: {said}{}", String::from_utf8_lossy(&told.stderr)))?;
    Ok(rate.parse()?)
}

/// Debian puts it beside the server.
fn pgbench_program() -> Result<std::path::PathBuf, Box<dyn Error>> {
    let found = Command::new("sh")
        .args([
            "-c",
            "command -v pgbench || ls -d /usr/lib/postgresql/*/bin/pgbench | tail -n 1",
        ])
        .output()?;
    let path = String::from_utf8(found.stdout)?;
    let path = path.trim();
    if path.is_empty() {
        return Err("pgbench is not installed; it comes with the PostgreSQL server".into());
    }
    Ok(path.into())
}
