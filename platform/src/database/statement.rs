//! A statement and its arguments, and the rows it returns.

use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};

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

/// A SQL statement with its arguments. The text, or each piece of it, is fixed when the program is compiled; values come
/// only as parameters.
#[must_use]
pub struct Statement<E: Engine> {
    sql: SqlStr,
    arguments: Result<E::Arguments, sqlx::Error>,
    /// How many there are.
    parameters: usize,
    /// Whether the text is always the same, so that it is worth keeping it prepared.
    fixed: bool,
}

/// A statement without arguments yet. Parameters are `$1`, `$2`, ...
pub fn statement<E: Engine>(sql: &'static str) -> Statement<E> {
    statement_of(SqlStr::from_static(sql))
}

/// The same, of a text that was put together once.
pub(super) fn statement_of<E: Engine>(sql: SqlStr) -> Statement<E> {
    Statement {
        sql,
        arguments: Ok(E::Arguments::default()),
        parameters: 0,
        fixed: true,
    }
}

/// A statement whose text depends on what is asked: a fixed beginning, and fixed pieces and parameters after it.
#[must_use]
pub struct Assembly<E: Engine> {
    sql: String,
    beginning: Statement<E>,
}

impl<E: Engine> Assembly<E> {
    /// A piece of the text.
    pub fn text(&mut self, piece: &'static str) {
        self.sql.push_str(piece);
    }

    /// A value, as the next parameter.
    pub fn value(&mut self, value: impl Bind) {
        self.beginning.add(value);
        self.sql.push('$');
        self.sql.push_str(&self.beginning.parameters.to_string());
    }

    /// The whole.
    pub fn statement(self) -> Statement<E> {
        Statement {
            // Every piece is a `&'static str` or the number of a parameter.
            sql: AssertSqlSafe(self.sql).into_sql_str(),
            fixed: false,
            ..self.beginning
        }
    }
}

impl<E: Engine> Statement<E> {
    /// The next parameter.
    pub fn bind(mut self, value: impl Bind) -> Self {
        self.add(value);
        self
    }

    fn add(&mut self, value: impl Bind) {
        self.parameters += 1;
        if let Ok(arguments) = &mut self.arguments
            && let Err(error) = E::bind(arguments, value)
        {
            self.arguments = Err(error);
        }
    }

    /// Goes on with it piece by piece.
    pub fn extend(self) -> Assembly<E> {
        Assembly {
            sql: self.sql.as_str().to_owned(),
            beginning: self,
        }
    }

    /// Runs it: all rows.
    pub async fn all(self, connection: &mut Connection<'_, E>) -> Result<Vec<Record<E>>, sqlx::Error> {
        let named = connection.named && self.fixed;
        let rows = E::fetch(connection.driver, named, traced(self.sql), self.arguments?).await?;
        Ok(rows.into_iter().map(Record).collect())
    }

    /// Runs it: the first row, if there is one.
    pub async fn first(self, connection: &mut Connection<'_, E>) -> Result<Option<Record<E>>, sqlx::Error> {
        let named = connection.named && self.fixed;
        let first = E::fetch_first(connection.driver, named, traced(self.sql), self.arguments?).await?;
        Ok(first.map(Record))
    }

    /// Runs it: the first row; a statement that returns none is a mistake of ours.
    pub async fn one(self, connection: &mut Connection<'_, E>) -> Result<Record<E>, sqlx::Error> {
        self.first(connection).await?.ok_or(sqlx::Error::RowNotFound)
    }

    /// Runs it: how many rows it changed.
    pub async fn execute(self, connection: &mut Connection<'_, E>) -> Result<u64, sqlx::Error> {
        let named = connection.named && self.fixed;
        E::execute(connection.driver, named, traced(self.sql), self.arguments?).await
    }
}

/// `HOLDFAST_LOG=holdfast::sql=trace` shows each statement; arguments never.
fn traced(sql: SqlStr) -> SqlStr {
    tracing::trace!(target: "holdfast::sql", sql = sql.as_str());
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
