//! The schema, step by step, and the opening of a database.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use platform::{
    configuration::DatabaseUrl,
    database::{Database, Engine, Migration, Schema, StoreError},
    entropy::Entropy,
    secret::Secret,
};
use sqlx::{Postgres, Sqlite};

use super::{Announcements, SqlAnnouncements, SqlTaskStore, TaskEngine, TaskStore, token_key, unfolded};
use crate::news::News;

/// The schema.
pub const SCHEMA: Schema = Schema {
    migrate_command: "task-service migrate",
    sqlite: &[
        Migration {
            version: 1,
            description: "tasks",
            sql: include_str!("../../migrations/sqlite/0001_tasks.sql"),
        },
        Migration {
            version: 2,
            description: "trash, requests",
            sql: include_str!("../../migrations/sqlite/0002_trash_requests.sql"),
        },
        Migration {
            version: 3,
            description: "search, sync, statistics",
            sql: include_str!("../../migrations/sqlite/0003_search_sync_statistics.sql"),
        },
    ],
    postgres: &[
        Migration {
            version: 1,
            description: "tasks",
            sql: include_str!("../../migrations/postgres/0001_tasks.sql"),
        },
        Migration {
            version: 2,
            description: "trash, requests",
            sql: include_str!("../../migrations/postgres/0002_trash_requests.sql"),
        },
        Migration {
            version: 3,
            description: "search, sync, statistics",
            sql: include_str!("../../migrations/postgres/0003_search_sync_statistics.sql"),
        },
    ],
    filled_by_migration: &["token_keys", "announcement_counter"],
};

/// Brings the schema of a database up to date and makes its token key.
pub async fn migrate(url: &DatabaseUrl, entropy: &dyn Entropy) -> Result<(), StoreError> {
    match url {
        DatabaseUrl::Sqlite(_) => Sqlite::migrate(url, &SCHEMA).await?,
        DatabaseUrl::Postgres(_) => Postgres::migrate(url, &SCHEMA).await?,
    }
    TaskDatabase::open(url, entropy).await?.close().await;
    Ok(())
}

/// The task database, open, whichever engine it is on.
pub struct TaskDatabase {
    /// The tasks.
    pub store: Arc<dyn TaskStore>,
    /// The key that seals tokens.
    pub token_key: Secret<32>,
    /// Whose tasks change.
    pub news: Arc<News>,
    /// What the processes on the database tell each other.
    pub announcements: Arc<dyn Announcements>,
    handle: Arc<dyn Handle>,
}

/// What is done with a database besides keeping tasks.
trait Handle: Send + Sync {
    fn ping(&self) -> BoxFuture<'_, Result<(), StoreError>>;
    fn close(&self) -> BoxFuture<'_, ()>;
}

impl<E: Engine> Handle for Database<E> {
    fn ping(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(Database::ping(self))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(Database::close(self))
    }
}

impl TaskDatabase {
    /// Opens the database and makes its token key if it has none.
    pub async fn open(url: &DatabaseUrl, entropy: &dyn Entropy) -> Result<Self, StoreError> {
        match url {
            // Only one process serves a file.
            DatabaseUrl::Sqlite(_) => {
                let database = Sqlite::open(url, &SCHEMA).await?;
                Self::over(database, News::within_the_process(), entropy).await
            }
            DatabaseUrl::Postgres(_) => {
                let database = Postgres::open(url, &SCHEMA).await?;
                Self::over(database, News::for_others_too(), entropy).await
            }
        }
    }

    async fn over<E: TaskEngine>(
        database: Database<E>,
        news: Arc<News>,
        entropy: &dyn Entropy,
    ) -> Result<Self, StoreError> {
        unfolded::fill(&database).await?;
        Ok(Self {
            store: Arc::new(SqlTaskStore::new(database.clone(), news.clone())),
            announcements: Arc::new(SqlAnnouncements(database.clone())),
            news,
            token_key: token_key(&database, entropy).await?,
            handle: Arc::new(database),
        })
    }

    /// Whether the database answers; for a readiness check, which outlives the borrow.
    pub fn ping(&self) -> BoxFuture<'static, Result<(), StoreError>> {
        let handle = self.handle.clone();
        Box::pin(async move { handle.ping().await })
    }

    /// Finishes the writes that were taken, then closes every connection.
    pub async fn close(&self) {
        self.handle.close().await;
    }
}
