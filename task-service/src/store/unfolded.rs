//! Fills the columns that are searched, in a database of before they were there.

use platform::database::{Connection, Database, Engine, StoreError, statement};
use uuid::Uuid;

use crate::folding::fold;

/// How many tasks are filled in one transaction.
const AT_ONCE: usize = 500;

/// Of all owners: it holds no task.
const FIRST_OWNER: &str = "SELECT unfolded_owner FROM unfolded LIMIT 1";

const FORGET_OWNER: &str = "DELETE FROM unfolded WHERE unfolded_owner = $1";

const UNFOLDED: &str = "
    SELECT task_id, title, description FROM tasks WHERE owner_id = $1 AND folded_title IS NULL LIMIT $2";

/// Not a change of the task: its version and change_seq stay.
const FILL: &str = "
    UPDATE tasks SET folded_title = $3, folded_description = $4
    WHERE owner_id = $1 AND task_id = $2 AND title = $5 AND description = $6";

/// Fills everything. Can be cut off, and done from many places at once.
pub(super) async fn fill<E: Engine>(database: &Database<E>) -> Result<(), StoreError> {
    let left = database
        .read(|connection| Box::pin(first_owner::<E>(connection)))
        .await?;
    if left.is_none() {
        return Ok(());
    }
    tracing::info!("the tasks are made ready to be searched");
    while database
        .write(|connection| Box::pin(fill_some::<E>(connection)))
        .await?
    {}
    Ok(())
}

async fn first_owner<E: Engine>(connection: &mut Connection<'_, E>) -> Result<Option<Uuid>, sqlx::Error> {
    let row = statement::<E>(FIRST_OWNER).first(connection).await?;
    row.map(|row| row.get("unfolded_owner")).transpose()
}

/// Whether anything was left to do.
async fn fill_some<E: Engine>(connection: &mut Connection<'_, E>) -> Result<bool, sqlx::Error> {
    let Some(owner) = first_owner::<E>(connection).await? else {
        return Ok(false);
    };
    let limit = i64::try_from(AT_ONCE).unwrap_or(i64::MAX);
    let unfolded = statement::<E>(UNFOLDED).bind(owner).bind(limit);
    let rows = unfolded.all(connection).await?;
    for row in &rows {
        let title: String = row.get("title")?;
        let description: String = row.get("description")?;
        let fill = statement::<E>(FILL)
            .bind(owner)
            .bind(row.get::<Uuid>("task_id")?)
            .bind(fold(&title))
            .bind(fold(&description))
            .bind(title)
            .bind(description);
        fill.execute(connection).await?;
    }
    if rows.len() < AT_ONCE {
        let forget = statement::<E>(FORGET_OWNER).bind(owner);
        forget.execute(connection).await?;
    }
    Ok(true)
}
