//! Very many tasks, written straight into a database that nothing serves meanwhile.

use std::error::Error;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _, SqliteConnection, raw_sql};

/// How many tasks to write, and of how many owners, whose tasks were made in turn.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) tasks: u64,
    pub(crate) owners: u64,
}

/// Writes them; the first owners are these people. Indexes are built when all is there, which takes a tenth of the time.
/// Returns how many bytes a task takes, with its part of the indexes.
pub(crate) async fn seed(url: &str, size: Size, people: &[&str]) -> Result<f64, Box<dyn Error>> {
    let Size { tasks, owners } = size;
    println!("      {tasks} tasks of {owners} owners are being written");
    if url.starts_with("sqlite:") {
        let mut database = SqliteConnection::connect(url).await?;
        let indexes =
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'tasks' AND sql IS NOT NULL";
        let indexes = raw_sql(indexes).fetch_all(&mut database).await?;
        let mut script = vec!["PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000; BEGIN".to_owned()];
        for index in &indexes {
            script.push(format!("DROP INDEX {}", index.try_get::<String, _>("name")?));
        }
        script.push(format!(
            "WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {tasks} - 1)
             INSERT INTO tasks (owner_id, task_id, version, change_seq, title, description, completed, priority, tags,
                                create_time, update_time, complete_time, due_time, folded_title, folded_description)
             SELECT unhex(printf('%032x', n % {owners})), unhex(printf('%032x', n)), 1, n / {owners} + 1,
                    'Buy milk number ' || n, 'two litres, and oats', n / {owners} % 2, 3, char(10) || 'home' || char(10),
                    1700000000000000 + n * 1000, 1700000000000000,
                    iif(n / {owners} % 2 = 1, 1700000000000000, NULL),
                    iif(n / {owners} % 3 = 0, 1700000000000000 + n * 1000, NULL), 'buy milk number ' || n,
                    'two litres, and oats'
             FROM numbers;
             WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {owners} - 1)
             INSERT INTO owner_state (owner_id, next_seq, task_count, completed_count)
             SELECT unhex(printf('%032x', n)), {each} + 1, {each}, {each} / 2 FROM numbers",
            each = tasks / owners
        ));
        for (number, person) in people.iter().enumerate() {
            let person = person.replace('-', "");
            for table in ["tasks", "owner_state"] {
                script.push(format!(
                    "UPDATE {table} SET owner_id = unhex('{person}') WHERE owner_id = unhex(printf('%032x', {number}))"
                ));
            }
        }
        for index in &indexes {
            script.push(index.try_get("sql")?);
        }
        script.push("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)".to_owned());
        raw_sql(AssertSqlSafe(script.join(";"))).execute(&mut database).await?;
        let bytes = "SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size";
        let bytes: i64 = raw_sql(bytes).fetch_one(&mut database).await?.try_get("bytes")?;
        database.close().await?;
        return Ok(each(bytes, tasks));
    }
    let mut database = PgConnection::connect(url).await?;
    let indexes = "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'tasks' AND indexname <> 'tasks_pkey'";
    let indexes = raw_sql(indexes).fetch_all(&mut database).await?;
    let mut script = vec!["SET synchronous_commit = off; SET maintenance_work_mem = '512MB'; BEGIN".to_owned()];
    for index in &indexes {
        script.push(format!("DROP INDEX {}", index.try_get::<String, _>("indexname")?));
    }
    script.push(format!(
        "INSERT INTO tasks (owner_id, task_id, version, change_seq, title, description, completed, priority, tags,
                            create_time, update_time, complete_time, due_time, folded_title, folded_description)
         SELECT lpad(to_hex(n % {owners}), 32, '0')::uuid, lpad(to_hex(n), 32, '0')::uuid, 1, n / {owners} + 1,
                'Buy milk number ' || n, 'two litres, and oats', n / {owners} % 2 = 1, 3, E'\\nhome\\n',
                to_timestamp(1700000000 + n * 0.001), to_timestamp(1700000000),
                CASE WHEN n / {owners} % 2 = 1 THEN to_timestamp(1700000000) END,
                CASE WHEN n / {owners} % 3 = 0 THEN to_timestamp(1700000000 + n * 0.001) END, 'buy milk number ' || n,
                'two litres, and oats'
         FROM generate_series(0, {tasks} - 1) AS n;
         INSERT INTO owner_state (owner_id, next_seq, task_count, completed_count)
         SELECT lpad(to_hex(n), 32, '0')::uuid, {each} + 1, {each}, {each} / 2 FROM generate_series(0, {owners} - 1) AS n",
        each = tasks / owners
    ));
    for (number, person) in people.iter().enumerate() {
        for table in ["tasks", "owner_state"] {
            script.push(format!(
                "UPDATE {table} SET owner_id = '{person}' WHERE owner_id = lpad(to_hex({number}), 32, '0')::uuid"
            ));
        }
    }
    for index in &indexes {
        script.push(index.try_get("indexdef")?);
    }
    script.push("COMMIT".to_owned());
    raw_sql(AssertSqlSafe(script.join(";"))).execute(&mut database).await?;
    raw_sql("VACUUM ANALYZE tasks, owner_state")
        .execute(&mut database)
        .await?;
    let bytes = "SELECT pg_total_relation_size('tasks') AS bytes";
    let bytes: i64 = raw_sql(bytes).fetch_one(&mut database).await?.try_get("bytes")?;
    database.close().await?;
    Ok(each(bytes, tasks))
}

#[expect(clippy::cast_precision_loss, reason = "it is not that much")]
fn each(bytes: i64, tasks: u64) -> f64 {
    bytes as f64 / tasks as f64
}
