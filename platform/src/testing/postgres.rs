//! Databases of the run's own PostgreSQL and its poolers (`scripts/postgres-for-tests`).

use std::env;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Postgres, raw_sql};
use uuid::Uuid;

use crate::{
    configuration::{DatabasePooler, DatabaseUrl, PostgresUrl},
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

/// The same database through a PgBouncer that gives each transaction any of four sessions, and is known to do so.
///
/// # Panics
/// As [`postgres_database`].
pub fn through_pooler(url: &DatabaseUrl) -> DatabaseUrl {
    by_way_of(url, "transaction", DatabasePooler::Transaction)
}

/// The same database through a PgBouncer that gives each connection a session.
///
/// # Panics
/// As [`postgres_database`].
pub fn through_session_pooler(url: &DatabaseUrl) -> DatabaseUrl {
    by_way_of(url, "session", DatabasePooler::None)
}

#[expect(clippy::expect_used, reason = "a test cannot go on without it")]
fn by_way_of(url: &DatabaseUrl, mode: &str, pooler: DatabasePooler) -> DatabaseUrl {
    let address = format!("{}/{mode}", self::url(&name_of(url)));
    let mut url = PostgresUrl::parse(&address).expect("the address is one");
    url.pooler = pooler;
    DatabaseUrl::Postgres(url)
}

/// The same database over TCP at a name or address of this machine, with parameters of its own, as a new role. The
/// server insists on TLS and is certified for `localhost` by the authority in `TEST_POSTGRES_AUTHORITY`.
///
/// # Panics
/// As [`postgres_database`].
#[expect(clippy::expect_used, reason = "a test cannot go on without it")]
pub async fn over_tcp(url: &DatabaseUrl, host: &str, parameters: &str) -> DatabaseUrl {
    let (role, database) = (unused_name(), name_of(url));
    let port = env::var("TEST_POSTGRES_PORT").expect("the tests run under cargo nextest, which starts a server");
    let mut server = PgConnection::connect(&self::url("postgres"))
        .await
        .expect("the server answers");
    let create = AssertSqlSafe(format!("CREATE ROLE {role} LOGIN SUPERUSER PASSWORD '{role}'"));
    raw_sql(create).execute(&mut server).await.expect("the role is made");
    let address = format!("postgres://{role}:{role}@{host}:{port}/{database}?{parameters}");
    DatabaseUrl::Postgres(PostgresUrl::parse(&address).expect("the address is one"))
}

/// The address of a database of a test, for the environment of a process.
///
/// # Panics
/// If it is a file.
pub fn address_of(url: &DatabaseUrl) -> String {
    let DatabaseUrl::Postgres(_) = url else {
        unreachable!("only PostgreSQL has addresses")
    };
    self::url(&name_of(url))
}

#[expect(clippy::expect_used, reason = "a test cannot go on without it")]
fn name_of(url: &DatabaseUrl) -> String {
    let DatabaseUrl::Postgres(url) = url else {
        unreachable!("only PostgreSQL names its databases")
    };
    let options = url.options();
    options.get_database().expect("tests name their database").to_owned()
}

fn unused_name() -> String {
    let id: Uuid = uuid_v4(&SystemEntropy);
    format!("test_{}", id.simple())
}

#[expect(clippy::expect_used, reason = "a test cannot go on without it")]
async fn create(server: &mut PgConnection, name: &str, template: &str) {
    // Names cannot be parameters; these two are made above, of letters and digits.
    let create = AssertSqlSafe(format!("CREATE DATABASE {name} TEMPLATE {template}"));
    raw_sql(create).execute(server).await.expect("the database is made");
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
