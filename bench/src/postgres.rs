//! A PostgreSQL of its own, which waits for the disk.

use std::{cell::Cell, collections::HashMap, error::Error, fs, process::Command};

use sqlx::{Connection as _, Executor as _, PgConnection};

/// A server, which ends with this process.
pub(crate) struct Postgres {
    directory: String,
    databases: Cell<usize>,
}

impl Postgres {
    /// Starts it, on the core of the load.
    pub(crate) fn start() -> Result<Self, Box<dyn Error>> {
        let told = tempfile::NamedTempFile::new()?;
        let started = Command::new("scripts/postgres-for-tests")
            .env("NEXTEST_ENV", told.path())
            .env("TEST_POSTGRES_FSYNC", "on")
            .status()?;
        let told = fs::read_to_string(told.path())?;
        let told: HashMap<&str, &str> = told.lines().filter_map(|line| line.split_once('=')).collect();
        match told.get("TEST_POSTGRES_DIRECTORY") {
            Some(directory) if started.success() => Ok(Self {
                directory: (*directory).to_owned(),
                databases: Cell::new(0),
            }),
            _ => Err("PostgreSQL could not be started".into()),
        }
    }

    /// A new database in it: its address.
    pub(crate) async fn database(&self) -> Result<String, Box<dyn Error>> {
        self.databases.set(self.databases.get() + 1);
        let name = format!("bench_{}", self.databases.get());
        let mut server = PgConnection::connect(&self.address("postgres")).await?;
        server
            .execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .await?;
        Ok(self.address(&name))
    }

    /// Where its socket is.
    pub(crate) fn directory(&self) -> &str {
        &self.directory
    }

    fn address(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}", self.directory)
    }
}
