//! Databases of the run's own PostgreSQL (`scripts/postgres-for-tests`).

use std::env;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Postgres};
use uuid::Uuid;

use crate::{
    configuration::{DatabaseUrl, PostgresUrl},
    database::{Engine as _, Schema},
    entropy::{SystemEntropy, uuid_v4},
};

/// Any number will do; it keeps two tests from making the same template.
const TEMPLATE_LOCK: i64 = 7_295_117;

/// A new database with a schema, copied from a template that the first to ask for it makes.
///
/// # Panics
/// If there is no server: a test that needs one fails, it is not skipped.
#[expect(clippy::expect_used, reason = "a test cannot go on without it")]
pub async fn postgres_database(schema: &Schema) -> DatabaseUrl {
    let mut server = PgConnection::connect(&url("postgres"))
        .await
        .expect("the server answers");
    let template = format!(
        "template_{}",
        schema
            .migrate_command
            .replace(|letter: char| !letter.is_alphanumeric(), "_")
    );
    let lock = sqlx::query("SELECT pg_advisory_lock($1)").bind(TEMPLATE_LOCK);
    lock.execute(&mut server).await.expect("the lock is taken");
    let found = sqlx::query("SELECT 1 FROM pg_database WHERE datname = $1").bind(&template);
    if found
        .fetch_optional(&mut server)
        .await
        .expect("the catalogue answers")
        .is_none()
    {
        create(&mut server, &template, "template0").await;
        Postgres::migrate(&database_url(&template), schema)
            .await
            .expect("the template is migrated");
    }
    let name = unused_name();
    create(&mut server, &name, &template).await;
    server.close().await.expect("the lock is given back");
    database_url(&name)
}

/// A new database without a schema.
///
/// # Panics
/// As [`postgres_database`].
#[expect(clippy::expect_used, reason = "a test cannot go on without it")]
pub async fn empty_postgres_database() -> DatabaseUrl {
    let mut server = PgConnection::connect(&url("postgres"))
        .await
        .expect("the server answers");
    let name = unused_name();
    create(&mut server, &name, "template0").await;
    database_url(&name)
}

fn unused_name() -> String {
    let id: Uuid = uuid_v4(&SystemEntropy);
    format!("test_{}", id.simple())
}

#[expect(clippy::expect_used, reason = "a test cannot go on without it")]
async fn create(server: &mut PgConnection, name: &str, template: &str) {
    // Names cannot be parameters; these two are made above, of letters and digits.
    let create = AssertSqlSafe(format!("CREATE DATABASE {name} TEMPLATE {template}"));
    sqlx::raw_sql(create)
        .execute(server)
        .await
        .expect("the database is made");
}

#[expect(clippy::expect_used, reason = "a test cannot go on without it")]
fn url(database: &str) -> String {
    let directory =
        env::var("TEST_POSTGRES_DIRECTORY").expect("the tests run under cargo nextest, which starts a server");
    format!("postgres://postgres@localhost/{database}?host={directory}")
}

#[expect(clippy::expect_used, reason = "a test cannot go on without it")]
fn database_url(name: &str) -> DatabaseUrl {
    DatabaseUrl::Postgres(PostgresUrl::parse(&url(name)).expect("the address is one"))
}
