//! A statement and its arguments, and the rows it returns.

use super::{Bind, Column, Engine};

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
    pub async fn all(self, connection: &mut E::Connection) -> Result<Vec<Record<E>>, sqlx::Error> {
        let rows = E::fetch(connection, traced(self.sql), self.arguments?).await?;
        Ok(rows.into_iter().map(Record).collect())
    }

    /// Runs it: the first row, if there is one.
    pub async fn first(self, connection: &mut E::Connection) -> Result<Option<Record<E>>, sqlx::Error> {
        Ok(E::fetch_first(connection, traced(self.sql), self.arguments?)
            .await?
            .map(Record))
    }

    /// Runs it: the first row; a statement that returns none is a mistake of ours.
    pub async fn one(self, connection: &mut E::Connection) -> Result<Record<E>, sqlx::Error> {
        self.first(connection).await?.ok_or(sqlx::Error::RowNotFound)
    }

    /// Runs it: how many rows it changed.
    pub async fn execute(self, connection: &mut E::Connection) -> Result<u64, sqlx::Error> {
        E::execute(connection, traced(self.sql), self.arguments?).await
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
