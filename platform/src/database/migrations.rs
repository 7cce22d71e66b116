//! Schema migrations, embedded.

use sqlx::{
    SqlSafeStr as _,
    migrate::{MigrationType, Migrator},
};

/// One step of a schema. Steps are never changed once released; sqlx compares their checksums.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Its place in the order.
    pub version: i64,
    /// What it does, in a few words.
    pub description: &'static str,
    /// Its SQL.
    pub sql: &'static str,
}

/// The migrator of some steps.
pub(super) fn migrator(migrations: &'static [Migration]) -> Migrator {
    let steps = migrations.iter().map(|step| {
        sqlx::migrate::Migration::new(
            step.version,
            step.description.into(),
            MigrationType::Simple,
            step.sql.into_sql_str(),
            false,
        )
    });
    Migrator::with_migrations(steps.collect())
}
