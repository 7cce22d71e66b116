//! Statistics in SQL: two numbers that every write keeps, and two counts in an index of what is due.

use platform::database::{Connection, Engine, statement};

use super::{Days, Statistics};
use crate::owner::OwnerId;

const COUNTS: &str = "SELECT task_count, completed_count FROM owner_state WHERE owner_id = $1";

/// Up to the later end of today: of days, or of moments.
const DUE: &str = "
    SELECT count(CASE WHEN due_zone IS NULL THEN CASE WHEN due_time < $3 THEN 1 END
                      ELSE CASE WHEN due_time < $4 THEN 1 END END) AS overdue,
           count(CASE WHEN due_zone IS NULL THEN CASE WHEN due_time >= $3 AND due_time < $5 THEN 1 END
                      ELSE CASE WHEN due_time >= $6 AND due_time < $7 THEN 1 END END) AS due_today
    FROM tasks
    WHERE owner_id = $1 AND delete_time IS NULL AND completed = FALSE AND due_time IS NOT NULL AND due_time < $2";

pub(super) async fn statistics<E: Engine>(
    connection: &mut Connection<'_, E>,
    owner: OwnerId,
    days: Days,
) -> Result<Statistics, sqlx::Error> {
    let Some(counts) = statement::<E>(COUNTS).bind(owner.as_uuid()).first(connection).await? else {
        return Ok(Statistics::default());
    };
    let Days { now, today, tomorrow } = days;
    let due = statement::<E>(DUE)
        .bind(owner.as_uuid())
        .bind(tomorrow.day.max(tomorrow.moment).max(now))
        .bind(today.day)
        .bind(now)
        .bind(tomorrow.day)
        .bind(today.moment)
        .bind(tomorrow.moment);
    let due = due.one(connection).await?;
    Ok(Statistics {
        total: counts.get("task_count")?,
        completed: counts.get("completed_count")?,
        overdue: due.get("overdue")?,
        due_today: due.get("due_today")?,
    })
}
