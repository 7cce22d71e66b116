//! TLS to PostgreSQL: a server that does not prove its name is not spoken to.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::env;

use platform::{
    database::{Engine as _, Migration, Schema, StoreError, statement},
    testing::{over_tcp, postgres_database},
};
use sqlx::Postgres;

const SCHEMA: Schema = Schema {
    migrate_command: "tls-test migrate",
    sqlite: &[],
    postgres: &[Migration {
        version: 1,
        description: "nothing",
        sql: "CREATE TABLE nothing (nothing BIGINT)",
    }],
    filled_by_migration: &[],
};

/// Whether the server says that the connection is encrypted.
async fn encrypted(host: &str, parameters: &str) -> Result<bool, StoreError> {
    let url = over_tcp(&postgres_database(&SCHEMA).await, host, parameters).await;
    let database = Postgres::open(&url, &SCHEMA).await?;
    let read = database.read(|connection| {
        Box::pin(async move {
            let select = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
            statement::<Postgres>(select).one(connection).await?.get("ssl")
        })
    });
    let encrypted = read.await?;
    database.close().await;
    Ok(encrypted)
}

fn authority() -> String {
    format!("sslrootcert={}", env::var("TEST_POSTGRES_AUTHORITY").unwrap())
}

#[tokio::test]
async fn postgres_is_reached_by_its_verified_name() {
    let parameters = format!("sslmode=verify-full&{}", authority());
    assert!(encrypted("localhost", &parameters).await.unwrap());
}

#[tokio::test]
async fn postgres_by_another_name_is_refused() {
    let full = format!("sslmode=verify-full&{}", authority());
    let refused = encrypted("127.0.0.1", &full).await.unwrap_err();
    assert!(refused.to_string().contains("certificate"), "{refused}");
    // The name was all that was wrong.
    let authority_only = format!("sslmode=verify-ca&{}", authority());
    assert!(encrypted("127.0.0.1", &authority_only).await.unwrap());
}

#[tokio::test]
async fn postgres_certified_by_nobody_known_is_refused() {
    let refused = encrypted("localhost", "sslmode=verify-full").await.unwrap_err();
    assert!(refused.to_string().contains("certificate"), "{refused}");
}

/// What the tests above are worth: the server does not speak without TLS.
#[tokio::test]
async fn postgres_without_tls_is_refused_by_the_server() {
    assert!(encrypted("localhost", "sslmode=disable").await.is_err());
}
