//! Statements that stand alone, on `SQLite`: each is one way to the thread of the connection and back.

use std::collections::HashMap;

use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr, Sqlite, SqliteConnection};

use super::{Connection, Record, sqlite::run, statement::statement_of, write::Alone};

/// The texts of statements, with what is around them, by the place of the statement in the program.
#[derive(Default)]
pub(super) struct Texts(HashMap<usize, Text>);

#[derive(Clone)]
struct Text {
    /// As a whole transaction.
    transaction: SqlStr,
    /// Within one.
    savepoint: SqlStr,
}

impl Texts {
    fn of(&mut self, sql: &'static str) -> &Text {
        self.0.entry(sql.as_ptr().addr()).or_insert_with(|| {
            // It is a `&'static str`.
            Text {
                transaction: AssertSqlSafe(format!("BEGIN IMMEDIATE;{sql};COMMIT")).into_sql_str(),
                savepoint: AssertSqlSafe(format!("SAVEPOINT operation;{sql};RELEASE operation")).into_sql_str(),
            }
        })
    }
}

/// Runs one as a transaction. It fails by itself, or is on disk.
pub(super) async fn transaction(
    connection: &mut SqliteConnection,
    alone: &mut Alone<Sqlite>,
    texts: &mut Texts,
) -> Result<(), sqlx::Error> {
    let text = texts.of(alone.sql()).transaction.clone();
    let rows = run_all(connection, text, alone).await;
    let has_failed = rows.is_err();
    alone.returned(rows);
    if has_failed {
        // It has ended if its COMMIT failed.
        run(connection, "ROLLBACK").await.ok();
    }
    Ok(())
}

/// Runs one within a transaction.
pub(super) async fn savepoint(connection: &mut SqliteConnection, alone: &mut Alone<Sqlite>, texts: &mut Texts) {
    let text = texts.of(alone.sql()).savepoint.clone();
    let rows = run_all(connection, text, alone).await;
    if rows.is_err() {
        // There is a savepoint if it was cut off between its statements.
        run(connection, "ROLLBACK TO operation").await.ok();
        run(connection, "RELEASE operation").await.ok();
    }
    alone.returned(rows);
}

async fn run_all(
    connection: &mut SqliteConnection,
    text: SqlStr,
    alone: &mut Alone<Sqlite>,
) -> Result<Vec<Record<Sqlite>>, sqlx::Error> {
    let statement = alone.add_values(statement_of(text));
    statement.all(&mut Connection::new(connection, true)).await
}
