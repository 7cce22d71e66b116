//! Schema migrations, embedded.

use sqlx::{
    SqlSafeStr as _,
    migrate::{MigrationType, Migrator},
};

use super::StoreError;

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

/// The same steps for each engine.
#[derive(Clone, Copy, Debug)]
pub struct Schema {
    /// The command that brings it up to date, as it is typed.
    pub migrate_command: &'static str,
    /// The steps on `SQLite`.
    pub sqlite: &'static [Migration],
    /// The steps on `PostgreSQL`.
    pub postgres: &'static [Migration],
    /// The tables in which the command leaves rows of its own; whatever is imported takes their place.
    pub filled_by_migration: &'static [&'static str],
}

/// A step that a database has taken, as sqlx keeps it.
pub(super) struct AppliedStep {
    pub(super) version: i64,
    pub(super) checksum: Vec<u8>,
}

impl Schema {
    /// The schema as it was at that version.
    ///
    /// # Panics
    /// If there was none.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn at(&self, version: usize) -> Self {
        Self {
            sqlite: &self.sqlite[..version],
            postgres: &self.postgres[..version],
            ..*self
        }
    }
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

/// Whether a database has taken exactly the steps that this binary knows.
pub(super) fn check_version(
    steps: &'static [Migration],
    applied: &[AppliedStep],
    migrate_command: &'static str,
) -> Result<(), StoreError> {
    let migrator = migrator(steps);
    let found = applied.iter().map(|step| step.version).max().unwrap_or(0);
    let wanted = migrator.iter().map(|step| step.version).max().unwrap_or(0);
    if found < wanted {
        return Err(StoreError::SchemaBehind {
            found,
            wanted,
            migrate_command,
        });
    }
    if found > wanted {
        return Err(StoreError::SchemaAhead { found, wanted });
    }
    let changed = migrator.iter().any(|step| {
        let same = |applied: &AppliedStep| applied.version == step.version && *applied.checksum == *step.checksum;
        !applied.iter().any(same)
    });
    if changed {
        return Err(StoreError::SchemaChanged { version: found });
    }
    Ok(())
}
