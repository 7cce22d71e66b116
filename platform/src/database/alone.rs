//! Statements that stand alone, on `SQLite`: as few ways as possible to the thread of the connection and back.

use std::{collections::HashMap, fmt::Write as _};

use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr, Sqlite, SqliteConnection};

use super::{Connection, Job, Record, Statement, sqlite::run, statement::statement_of, write::Alone};

/// How many run as one string of statements.
const TOGETHER: usize = 8;

/// The texts of statements, with what is around them, by the place of the statement in the program.
#[derive(Default)]
pub(super) struct Texts(HashMap<usize, Text>);

#[derive(Clone)]
struct Text {
    /// As a whole transaction.
    transaction: SqlStr,
    /// Within one.
    savepoint: SqlStr,
    /// Several, whose savepoint is still open in the end.
    together: SqlStr,
}

impl Texts {
    fn of(&mut self, sql: &'static str) -> &Text {
        self.0.entry(sql.as_ptr().addr()).or_insert_with(|| {
            let mut together = "SAVEPOINT operation".to_owned();
            let parameters = parameters(sql);
            for number in 0..TOGETHER {
                together.push(';');
                write_numbered(&mut together, sql, number * parameters);
            }
            // Each piece is a `&'static str` or the number of a parameter.
            Text {
                transaction: AssertSqlSafe(format!("BEGIN IMMEDIATE;{sql};COMMIT")).into_sql_str(),
                savepoint: AssertSqlSafe(format!("SAVEPOINT operation;{sql};RELEASE operation")).into_sql_str(),
                together: AssertSqlSafe(together).into_sql_str(),
            }
        })
    }
}

/// The pieces of a text between its parameters, each after the first with the number before it.
fn pieces(sql: &str) -> impl Iterator<Item = (usize, &str)> {
    sql.split('$').skip(1).map(|piece| {
        let digits = piece.find(|character: char| !character.is_ascii_digit());
        let (number, text) = piece.split_at(digits.unwrap_or(piece.len()));
        (number.parse().unwrap_or(0), text)
    })
}

/// How many parameters it has.
fn parameters(sql: &str) -> usize {
    pieces(sql).map(|(number, _)| number).max().unwrap_or(0)
}

/// Writes it with its parameters counted from later on.
fn write_numbered(text: &mut String, sql: &str, offset: usize) {
    text.push_str(sql.split('$').next().unwrap_or_default());
    for (number, piece) in pieces(sql) {
        // A string takes everything that is written.
        write!(text, "${}{piece}", number + offset).ok();
    }
}

/// Runs one as a transaction. It fails by itself, or is on disk.
pub(super) async fn transaction(
    connection: &mut SqliteConnection,
    alone: &mut Alone<Sqlite>,
    texts: &mut Texts,
) -> Result<(), sqlx::Error> {
    let text = texts.of(alone.sql()).transaction.clone();
    let rows = run_all(connection, bound(text, [&*alone])).await;
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
    let rows = run_all(connection, bound(text, [&*alone])).await;
    if rows.is_err() {
        undo(connection).await;
    }
    alone.returned(rows);
}

/// Runs those that a group begins with, as long as they are of one text and enough, and returns how many. If one of them fails
/// or changes nothing, none was run.
pub(super) async fn together(
    connection: &mut SqliteConnection,
    group: &mut [Box<dyn Job<Sqlite>>],
    texts: &mut Texts,
) -> Result<usize, sqlx::Error> {
    let mut done = 0;
    for chunk in group.chunks_exact_mut(TOGETHER) {
        let alone: Option<Vec<_>> = chunk.iter_mut().map(|job| job.alone()).collect();
        let Some(mut alone) = alone else { break };
        let sql = alone[0].sql();
        if alone.iter().any(|alone| !std::ptr::eq(alone.sql(), sql)) {
            break;
        }
        let statement = bound(texts.of(sql).together.clone(), alone.iter().map(|alone| &**alone));
        let rows = run_all(connection, statement).await;
        let rows = match rows {
            Ok(rows) if rows.len() == TOGETHER => rows,
            Ok(_) | Err(_) => {
                undo(connection).await;
                break;
            }
        };
        run(connection, "RELEASE operation").await?;
        for (alone, row) in alone.iter_mut().zip(rows) {
            alone.returned(Ok(vec![row]));
        }
        done += TOGETHER;
    }
    Ok(done)
}

fn bound<'a>(text: SqlStr, all: impl IntoIterator<Item = &'a Alone<Sqlite>>) -> Statement<Sqlite> {
    all.into_iter()
        .fold(statement_of(text), |statement, alone| alone.add_values(statement))
}

async fn run_all(
    connection: &mut SqliteConnection,
    statement: Statement<Sqlite>,
) -> Result<Vec<Record<Sqlite>>, sqlx::Error> {
    statement.all(&mut Connection::new(connection, true)).await
}

/// There is a savepoint if something was cut off between its statements.
async fn undo(connection: &mut SqliteConnection) {
    run(connection, "ROLLBACK TO operation").await.ok();
    run(connection, "RELEASE operation").await.ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_counted_on() {
        let sql = "INSERT INTO a VALUES ($1, $12, $2); SELECT $1";
        assert_eq!(parameters(sql), 12);
        let mut text = String::new();
        write_numbered(&mut text, sql, 12);
        assert_eq!(text, "INSERT INTO a VALUES ($13, $24, $14); SELECT $13");
    }
}
