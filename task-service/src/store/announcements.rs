//! What the processes on one database tell each other, in SQL: whose tasks changed.
//!
//! LISTEN and NOTIFY would be lost in a pooler, and a NOTIFY within each write would queue all commits behind each other.

use platform::database::{Connection, Database, Engine, StoreError, statement};
use uuid::Uuid;

/// How many announcements are kept for those who have not read them yet; a process makes some ten a second at most.
const KEPT: i64 = 10_000;
/// How many are read at a time.
const READ_AT_ONCE: i64 = 100;

const TAKE_NUMBER: &str = "
    UPDATE announcement_counter SET last_announcement = last_announcement + 1 WHERE counter_id = 1
    RETURNING last_announcement";

const ANNOUNCE: &str = "INSERT INTO announcements (announcement, owners) VALUES ($1, $2)";

const FORGET: &str = "DELETE FROM announcements WHERE announcement <= $1";

const LAST: &str = "SELECT last_announcement FROM announcement_counter WHERE counter_id = 1";

const AFTER: &str = "
    SELECT announcement, owners FROM announcements WHERE announcement > $1 ORDER BY announcement LIMIT $2";

/// The announcements of a database.
///
/// Every implementation must keep these promises:
/// - Announcements must be read in the order in which they were committed, none left out.
/// - What is announced holds owners' ids and nothing else.
#[tonic::async_trait]
pub trait Announcements: Send + Sync + 'static {
    /// Must tell the other processes that the tasks of these owners changed.
    async fn announce(&self, owners: Vec<Uuid>) -> Result<(), StoreError>;

    /// Must return the number of the last announcement.
    async fn last(&self) -> Result<i64, StoreError>;

    /// Must return the owners that were announced after that one, and the number of the last that was read.
    async fn after(&self, announcement: i64) -> Result<(i64, Vec<Uuid>), StoreError>;
}

/// Announcements in a database of any engine.
pub struct SqlAnnouncements<E: Engine>(pub(super) Database<E>);

#[tonic::async_trait]
impl<E: Engine> Announcements for SqlAnnouncements<E> {
    async fn announce(&self, owners: Vec<Uuid>) -> Result<(), StoreError> {
        self.0
            .write(move |connection| Box::pin(announce::<E>(connection, owners.clone())))
            .await
    }

    async fn last(&self) -> Result<i64, StoreError> {
        self.0
            .read(|connection| {
                Box::pin(async move {
                    let row = statement::<E>(LAST).one(connection).await?;
                    row.get("last_announcement")
                })
            })
            .await
    }

    async fn after(&self, announcement: i64) -> Result<(i64, Vec<Uuid>), StoreError> {
        self.0
            .read(move |connection| Box::pin(after::<E>(connection, announcement)))
            .await
    }
}

async fn announce<E: Engine>(connection: &mut Connection<'_, E>, owners: Vec<Uuid>) -> Result<(), sqlx::Error> {
    let owners: Vec<u8> = owners.iter().flat_map(|owner| *owner.as_bytes()).collect();
    let row = statement::<E>(TAKE_NUMBER).one(connection).await?;
    let announcement: i64 = row.get("last_announcement")?;
    let announce = statement::<E>(ANNOUNCE).bind(announcement).bind(owners);
    announce.execute(connection).await?;
    let forget = statement::<E>(FORGET).bind(announcement - KEPT);
    forget.execute(connection).await.map(drop)
}

async fn after<E: Engine>(
    connection: &mut Connection<'_, E>,
    announcement: i64,
) -> Result<(i64, Vec<Uuid>), sqlx::Error> {
    let after = statement::<E>(AFTER).bind(announcement).bind(READ_AT_ONCE);
    let mut last = announcement;
    let mut owners = Vec::new();
    for row in after.all(connection).await? {
        last = row.get("announcement")?;
        let bytes: Vec<u8> = row.get("owners")?;
        owners.extend(bytes.as_chunks().0.iter().copied().map(Uuid::from_bytes));
    }
    Ok((last, owners))
}
