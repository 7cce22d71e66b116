//! The move of a whole database from `SQLite` to `PostgreSQL`: every row of every table, in one transaction, counted
//! and compared before it is committed.
//!
//! Tables and columns are those of the target's catalogue, so a new one needs no line here. A row travels in the
//! binary format of COPY, which is also the format in which `PostgreSQL` gives it back; both sides are compared by it.

use std::{collections::BTreeSet, fmt, fs::OpenOptions, io::ErrorKind, path::Path, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use futures_util::TryStreamExt as _;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, Row as _, SqliteConnection, ValueRef as _,
    postgres::{PgRow, PgValueFormat},
    query, raw_sql,
    sqlite::{SqliteConnectOptions, SqliteLockingMode, SqliteRow},
};

use super::{
    DataError, Engine as _, ServiceDatabase, StoreError,
    migrations::{AppliedStep, check_version},
    postgres,
    sqlite::is_busy,
    value::POSTGRES_EPOCH_MICROS,
};
use crate::configuration::{DatabasePooler, DatabaseUrl};

/// The start of a stream of COPY in the binary format: signature, flags, no extension.
const COPY_HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// Its end.
const COPY_TRAILER: &[u8] = &(-1_i16).to_be_bytes();
/// How long the file is waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);
/// So much is sent at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// What a table holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSummary {
    /// The table.
    pub table: String,
    /// How many rows.
    pub rows: u64,
    /// The sum of the SHA-256 of each row: equal rows in any order have the same.
    pub checksum: [u64; 4],
}

impl fmt::Display for TableSummary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.checksum;
        write!(
            formatter,
            "{}: {} rows, checksum {a:016x}{b:016x}{c:016x}{d:016x}",
            self.table, self.rows
        )
    }
}

/// What an import came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Imported {
    /// The rows are there now.
    Now(Vec<TableSummary>),
    /// Exactly these rows were there before.
    Before(Vec<TableSummary>),
}

/// A database that is about to be moved: both sides are checked, and nobody can write to either.
pub struct Import {
    source: SqliteConnection,
    target: PgConnection,
    tables: Vec<Table>,
    wanted: Vec<TableSummary>,
    found: Vec<TableSummary>,
}

impl Import {
    /// Checks the `SQLite` file, which must be whole, of this schema and used by nobody, and the database, which must be
    /// on `PostgreSQL`, migrated, and empty or hold these rows already. Neither is changed.
    pub async fn prepare(database: &ServiceDatabase, from: &Path) -> Result<Self, DataError> {
        let DatabaseUrl::Postgres(url) = &database.url else {
            return Err(DataError::Refused(format!(
                "the {} database is on SQLite: set HOLDFAST_{}_DATABASE_URL to the PostgreSQL database that is to be filled",
                database.name,
                database.name.to_uppercase()
            )));
        };
        if url.pooler == DatabasePooler::Transaction {
            return Err(StoreError::MigrationNeedsSession.into());
        }
        let mut source = open_source(from, database).await?;
        sqlx::Postgres::open(&database.url, database.schema)
            .await?
            .close()
            .await;
        let mut target = postgres::options(url).connect().await?;
        // Without time limits: the transaction waits while the source is read.
        raw_sql(postgres::UNLIMITED).execute(&mut target).await?;
        raw_sql("SET lock_timeout = '3s'; BEGIN").execute(&mut target).await?;
        let tables = tables(&mut target).await?;
        same_tables(&mut source, &tables).await?;
        for table in &tables {
            let lock = format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", quoted(&table.name));
            raw_sql(AssertSqlSafe(lock)).execute(&mut target).await?;
        }
        let mut wanted = Vec::new();
        for table in &tables {
            wanted.push(summary_of_source(&mut source, table).await?);
        }
        let found = summaries(&mut target, &tables).await?;
        let filled = &database.schema.filled_by_migration;
        let strange = found
            .iter()
            .find(|found| found.rows > 0 && !filled.contains(&&*found.table));
        if let Some(strange) = strange.filter(|_| found != wanted) {
            return Err(DataError::Refused(format!(
                "the {} database on PostgreSQL is not empty: {} has {} rows. Make it anew and migrate it",
                database.name, strange.table, strange.rows
            )));
        }
        Ok(Self {
            source,
            target,
            tables,
            wanted,
            found,
        })
    }

    /// Copies everything, compares it, and commits it: all of it, or nothing.
    pub async fn run(mut self) -> Result<Imported, DataError> {
        if self.found == self.wanted {
            return Ok(Imported::Before(self.wanted));
        }
        for found in self.found.iter().filter(|found| found.rows > 0) {
            let clear = format!("DELETE FROM {}", quoted(&found.table));
            raw_sql(AssertSqlSafe(clear)).execute(&mut self.target).await?;
        }
        for table in &self.tables {
            copy(&mut self.source, &mut self.target, table).await?;
        }
        let copied = summaries(&mut self.target, &self.tables).await?;
        if copied != self.wanted {
            return Err(DataError::Refused(format!(
                "the copy differs from its source, so it was undone: {:?} became {copied:?}",
                self.wanted
            )));
        }
        raw_sql("COMMIT").execute(&mut self.target).await?;
        // Without statistics the first queries of a large table are planned badly.
        raw_sql("ANALYZE").execute(&mut self.target).await?;
        self.target.close().await?;
        Ok(Imported::Now(self.wanted))
    }
}

/// The file alone with us, if it can be written at all: whoever has it open could go on writing to what was left behind.
async fn open_source(path: &Path, database: &ServiceDatabase) -> Result<SqliteConnection, DataError> {
    let refused = |problem: String| DataError::Refused(format!("{}: {problem}", path.display()));
    let writable = match OpenOptions::new().write(true).open(path) {
        Ok(_) => true,
        Err(error) if [ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem].contains(&error.kind()) => false,
        Err(error) => return Err(refused(error.to_string())),
    };
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    if !writable && Path::new(&log).metadata().is_ok_and(|log| log.len() > 0) {
        return Err(refused(
            "has a write-ahead log, which can be read only where it can be written: copy both".to_owned(),
        ));
    }
    let options = SqliteConnectOptions::new().filename(path).busy_timeout(BUSY_TIMEOUT);
    let (options, begin) = if writable {
        (options.locking_mode(SqliteLockingMode::Exclusive), "BEGIN IMMEDIATE")
    } else {
        (options.read_only(true).immutable(true), "BEGIN")
    };
    let opened = async {
        let mut source = options.connect().await?;
        raw_sql(begin).execute(&mut source).await?;
        Ok(source)
    };
    let mut source = opened.await.map_err(|error: sqlx::Error| {
        if is_busy(&error) {
            refused("is in use: stop Holdfast first".to_owned())
        } else {
            refused(error.to_string())
        }
    })?;
    let check = raw_sql("PRAGMA integrity_check").fetch_one(&mut source).await;
    let verdict: String = check
        .and_then(|row| row.try_get(0))
        .map_err(|error| refused(error.to_string()))?;
    if verdict != "ok" {
        return Err(refused(format!("is damaged: {verdict}")));
    }
    let steps = "SELECT version, checksum FROM _sqlx_migrations WHERE success ORDER BY version";
    let Ok(steps) = raw_sql(steps).fetch_all(&mut source).await else {
        return Err(refused(format!("is no {} database of Holdfast", database.name)));
    };
    let steps: Result<Vec<_>, sqlx::Error> = steps
        .iter()
        .map(|step| {
            Ok(AppliedStep {
                version: step.try_get("version")?,
                checksum: step.try_get("checksum")?,
            })
        })
        .collect();
    check_version(database.schema.sqlite, &steps?, database.schema.migrate_command)
        .map_err(|error| refused(error.to_string()))?;
    Ok(source)
}

/// A table of the target.
struct Table {
    name: String,
    columns: Vec<Column>,
}

struct Column {
    name: String,
    kind: Kind,
}

/// The types that the schemas use.
#[derive(Clone, Copy)]
enum Kind {
    Uuid,
    Text,
    Bytes,
    Boolean,
    SmallInteger,
    Integer,
    Time,
}

impl Kind {
    fn of(postgres_type: &str) -> Option<Self> {
        Some(match postgres_type {
            "uuid" => Self::Uuid,
            "text" => Self::Text,
            "bytea" => Self::Bytes,
            "boolean" => Self::Boolean,
            "smallint" => Self::SmallInteger,
            "bigint" => Self::Integer,
            "timestamp with time zone" => Self::Time,
            _ => return None,
        })
    }

    /// The bytes of a value, as `PostgreSQL` sends and receives them.
    fn value(self, row: &SqliteRow, column: usize) -> Result<Option<Vec<u8>>, sqlx::Error> {
        let misfit = || sqlx::Error::Decode(format!("a number of column {column} is out of range").into());
        Ok(match self {
            Self::Uuid | Self::Bytes => row.try_get(column)?,
            Self::Text => row.try_get::<Option<String>, _>(column)?.map(String::into_bytes),
            Self::Boolean | Self::SmallInteger | Self::Integer | Self::Time => {
                let Some(number) = row.try_get::<Option<i64>, _>(column)? else {
                    return Ok(None);
                };
                Some(match self {
                    Self::Boolean => vec![u8::try_from(number).map_err(|_| misfit())?],
                    Self::SmallInteger => i16::try_from(number).map_err(|_| misfit())?.to_be_bytes().into(),
                    Self::Time => {
                        let micros = number.checked_sub(POSTGRES_EPOCH_MICROS).ok_or_else(misfit)?;
                        micros.to_be_bytes().into()
                    }
                    _ => number.to_be_bytes().into(),
                })
            }
        })
    }
}

/// Those that are referred to before those that refer to them.
async fn tables(target: &mut PgConnection) -> Result<Vec<Table>, DataError> {
    let columns = "
        SELECT relname::text AS table_name, attname::text AS column_name, format_type(atttypid, atttypmod) AS type
        FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
        WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND relname <> '_sqlx_migrations'
          AND attnum > 0 AND NOT attisdropped
        ORDER BY relname, attnum";
    let mut tables: Vec<Table> = Vec::new();
    for row in raw_sql(columns).fetch_all(&mut *target).await? {
        let (table, name, kind): (String, String, String) = (
            row.try_get("table_name")?,
            row.try_get("column_name")?,
            row.try_get("type")?,
        );
        let kind = Kind::of(&kind)
            .ok_or_else(|| DataError::Refused(format!("{table}.{name} is of a type that is not known here: {kind}")))?;
        if tables.last().is_none_or(|last| last.name != table) {
            tables.push(Table {
                name: table,
                columns: Vec::new(),
            });
        }
        if let Some(last) = tables.last_mut() {
            last.columns.push(Column { name, kind });
        }
    }
    let references = "
        SELECT referring.relname::text AS referring, referred.relname::text AS referred
        FROM pg_constraint JOIN pg_class AS referring ON referring.oid = conrelid
                           JOIN pg_class AS referred ON referred.oid = confrelid
        WHERE contype = 'f' AND conrelid <> confrelid AND connamespace = current_schema()::regnamespace";
    let mut references: Vec<(String, String)> = raw_sql(references)
        .fetch_all(target)
        .await?
        .iter()
        .map(|row| Ok((row.try_get("referring")?, row.try_get("referred")?)))
        .collect::<Result<_, sqlx::Error>>()?;
    let mut ordered = Vec::new();
    while !tables.is_empty() {
        let free = |table: &Table| !references.iter().any(|(referring, _)| *referring == table.name);
        let Some(next) = tables.iter().position(free) else {
            return Err(DataError::Refused(
                "the tables refer to each other in a circle".to_owned(),
            ));
        };
        let next = tables.remove(next);
        references.retain(|(_, referred)| *referred != next.name);
        ordered.push(next);
    }
    Ok(ordered)
}

/// Nothing may stay behind.
async fn same_tables(source: &mut SqliteConnection, tables: &[Table]) -> Result<(), DataError> {
    let names = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
                 AND name <> '_sqlx_migrations'";
    for row in raw_sql(names).fetch_all(&mut *source).await? {
        let name: String = row.try_get("name")?;
        let columns = query("SELECT name FROM pragma_table_info($1)").bind(&name);
        let columns = columns.fetch_all(&mut *source).await?;
        let columns: Result<BTreeSet<String>, _> = columns.iter().map(|row| row.try_get("name")).collect();
        let table = tables.iter().find(|table| table.name == name);
        let known = table.map(|table| table.columns.iter().map(|column| column.name.clone()).collect());
        if known != Some(columns?) {
            return Err(DataError::Refused(format!(
                "the table {name} is not the same on both engines"
            )));
        }
    }
    Ok(())
}

impl Table {
    /// Every row, with the columns in the order of the catalogue.
    fn select(&self) -> AssertSqlSafe<String> {
        AssertSqlSafe(format!("SELECT {} FROM {}", self.column_list(), quoted(&self.name)))
    }

    fn column_list(&self) -> String {
        let columns: Vec<String> = self.columns.iter().map(|column| quoted(&column.name)).collect();
        columns.join(", ")
    }

    fn row_of_source(&self, row: &SqliteRow) -> Result<Vec<u8>, sqlx::Error> {
        let values = self.columns.iter().enumerate();
        tuple(
            self.columns.len(),
            values.map(|(index, column)| column.kind.value(row, index)),
        )
    }

    fn row_of_target(&self, row: &PgRow) -> Result<Vec<u8>, sqlx::Error> {
        let values = (0..self.columns.len()).map(|index| {
            let value = row.try_get_raw(index)?;
            if value.is_null() {
                return Ok(None);
            }
            if value.format() != PgValueFormat::Binary {
                return Err(sqlx::Error::Decode("a value did not come in the binary format".into()));
            }
            value
                .as_bytes()
                .map(|bytes| Some(bytes.to_vec()))
                .map_err(sqlx::Error::Decode)
        });
        tuple(self.columns.len(), values)
    }
}

/// A name of the catalogue, as it stands in a statement.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A row in the binary format of COPY: the number of values, then each with its length.
fn tuple(
    columns: usize,
    values: impl Iterator<Item = Result<Option<Vec<u8>>, sqlx::Error>>,
) -> Result<Vec<u8>, sqlx::Error> {
    let too_long = |_| sqlx::Error::Encode("a row is too long for COPY".into());
    let mut tuple = i16::try_from(columns).map_err(too_long)?.to_be_bytes().to_vec();
    for value in values {
        match value? {
            None => tuple.extend_from_slice(&(-1_i32).to_be_bytes()),
            Some(value) => {
                tuple.extend_from_slice(&i32::try_from(value.len()).map_err(too_long)?.to_be_bytes());
                tuple.extend_from_slice(&value);
            }
        }
    }
    Ok(tuple)
}

impl TableSummary {
    fn empty(table: &Table) -> Self {
        Self {
            table: table.name.clone(),
            rows: 0,
            checksum: [0; 4],
        }
    }

    fn add(&mut self, tuple: &[u8]) {
        self.rows += 1;
        let hash = digest(&SHA256, tuple);
        for (sum, word) in self.checksum.iter_mut().zip(hash.as_ref().chunks_exact(8)) {
            *sum = sum.wrapping_add(word.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)));
        }
    }
}

async fn summary_of_source(source: &mut SqliteConnection, table: &Table) -> Result<TableSummary, DataError> {
    let mut summary = TableSummary::empty(table);
    let mut rows = query(table.select()).fetch(source);
    while let Some(row) = rows.try_next().await? {
        summary.add(&table.row_of_source(&row)?);
    }
    Ok(summary)
}

async fn summaries(target: &mut PgConnection, tables: &[Table]) -> Result<Vec<TableSummary>, DataError> {
    let mut summaries = Vec::new();
    for table in tables {
        let mut summary = TableSummary::empty(table);
        let mut rows = query(table.select()).fetch(&mut *target);
        while let Some(row) = rows.try_next().await? {
            summary.add(&table.row_of_target(&row)?);
        }
        summaries.push(summary);
    }
    Ok(summaries)
}

async fn copy(source: &mut SqliteConnection, target: &mut PgConnection, table: &Table) -> Result<(), DataError> {
    let copy = format!(
        "COPY {} ({}) FROM STDIN (FORMAT binary)",
        quoted(&table.name),
        table.column_list()
    );
    let mut sink = target.copy_in_raw(&copy).await?;
    let mut chunk = COPY_HEADER.to_vec();
    let mut rows = query(table.select()).fetch(source);
    while let Some(row) = rows.try_next().await? {
        chunk.append(&mut table.row_of_source(&row)?);
        if chunk.len() >= CHUNK_BYTES {
            sink.send(&*chunk).await?;
            chunk.clear();
        }
    }
    chunk.extend_from_slice(COPY_TRAILER);
    sink.send(&*chunk).await?;
    sink.finish().await?;
    Ok(())
}
