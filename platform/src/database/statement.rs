//! A statement and its arguments, and the rows it returns.

use super::{Bind, Column, Engine};

/// What an operation speaks through: a connection to the database, for as long as the operation lasts.
pub struct Connection<'c, E: Engine> {
    driver: &'c mut E::Connection,
    named: bool,
}

impl<'c, E: Engine> Connection<'c, E> {
    /// `named` where the session stays ours after the operation: then each statement is prepared once and kept.
    pub(super) fn new(driver: &'c mut E::Connection, named: bool) -> Self {
        Self { driver, named }
    }

    /// The connection itself, for what is no [`Statement`].
    pub fn driver(&mut self) -> &mut E::Connection {
        self.driver
    }
}

/// A SQL statement with its arguments. The text is fixed when the program is compiled; values come only
/// through [`Statement::bind`].
#[must_use]
pub struct Statement<E: Engine> {
    sql: &'static str,
    arguments: Result<E::Arguments, sqlx::Error>,
}

/// A statement without arguments yet. Parameters are `$1`, `$2`, ...
pub fn statement<E: Engine>(sql: &'static str) -> Statement<E> {
    Statement {
        sql,
        arguments: Ok(E::Arguments::default()),
    }
}

impl<E: Engine> Statement<E> {
    /// The next parameter.
    pub fn bind(mut self, value: impl Bind) -> Self {
        if let Ok(arguments) = &mut self.arguments
            && let Err(error) = E::bind(arguments, value)
        {
            self.arguments = Err(error);
        }
        self
    }

    /// Runs it: all rows.
    pub async fn all(self, connection: &mut Connection<'_, E>) -> Result<Vec<Record<E>>, sqlx::Error> {
        let rows = E::fetch(connection.driver, connection.named, traced(self.sql), self.arguments?).await?;
        Ok(rows.into_iter().map(Record).collect())
    }

    /// Runs it: the first row, if there is one.
    pub async fn first(self, connection: &mut Connection<'_, E>) -> Result<Option<Record<E>>, sqlx::Error> {
        Ok(
            E::fetch_first(connection.driver, connection.named, traced(self.sql), self.arguments?)
                .await?
                .map(Record),
        )
    }

    /// Runs it: the first row; a statement that returns none is a mistake of ours.
    pub async fn one(self, connection: &mut Connection<'_, E>) -> Result<Record<E>, sqlx::Error> {
        self.first(connection).await?.ok_or(sqlx::Error::RowNotFound)
    }

    /// Runs it: how many rows it changed.
    pub async fn execute(self, connection: &mut Connection<'_, E>) -> Result<u64, sqlx::Error> {
        E::execute(connection.driver, connection.named, traced(self.sql), self.arguments?).await
    }
}

/// `HOLDFAST_LOG=holdfast::sql=trace` shows each statement; arguments never.
fn traced(sql: &'static str) -> &'static str {
    tracing::trace!(target: "holdfast::sql", sql);
    sql
}

/// A row.
pub struct Record<E: Engine>(E::Row);

impl<E: Engine> Record<E> {
    /// A column by name.
    pub fn get<T: Column>(&self, name: &str) -> Result<T, sqlx::Error> {
        E::column(&self.0, name)
    }
}
