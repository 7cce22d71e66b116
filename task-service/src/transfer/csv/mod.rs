//! CSV files (RFC 4180), with a header: our own columns, or those of Todoist's templates and backups.

mod own;
mod rows;
mod spoken_date;
mod tag_list;
mod todoist;
mod write;

use super::{
    draft::{Fault, Sink},
    fingerprint::Fingerprints,
};
use own::OwnColumns;
use rows::{Row, Rows};
use todoist::Todoist;

pub(super) use write::{begin, task};

/// Reads a CSV file.
#[derive(Default)]
pub(super) struct CsvReader {
    rows: Rows,
    table: Table,
}

/// What is known of the columns.
#[derive(Default)]
enum Table {
    #[default]
    Headless,
    Own(OwnColumns, Fingerprints),
    Todoist(Box<Todoist>),
}

impl CsvReader {
    pub(super) fn feed(&mut self, chunk: &[u8], out: Sink) -> Result<(), Fault> {
        let table = &mut self.table;
        self.rows.feed(chunk, &mut |row| table.row(row, out))
    }

    pub(super) fn finish(mut self, out: Sink) -> Result<(), Fault> {
        let table = &mut self.table;
        let line = self.rows.finish(&mut |row| table.row(row, out))?;
        match self.table {
            Table::Headless => Err(Fault {
                line,
                description: "is empty: it must begin with the names of its columns",
            }),
            Table::Own(..) => Ok(()),
            Table::Todoist(mut todoist) => {
                todoist.finish(out);
                Ok(())
            }
        }
    }

    #[cfg(test)]
    pub(super) fn kept_bytes(&self) -> usize {
        self.rows.kept_bytes()
            + match &self.table {
                Table::Headless => 0,
                Table::Own(_, fingerprints) => fingerprints.kept_bytes(),
                Table::Todoist(todoist) => todoist.kept_bytes(),
            }
    }
}

impl Table {
    fn row(&mut self, row: &Row, out: Sink) -> Result<(), Fault> {
        match self {
            Self::Headless => *self = Self::of_header(row)?,
            Self::Own(columns, fingerprints) => out(row.told(own::read(columns, row, fingerprints))),
            Self::Todoist(todoist) => todoist.row(row, out),
        }
        Ok(())
    }

    fn of_header(row: &Row) -> Result<Self, Fault> {
        let names = Header::read(row);
        if let Some(columns) = OwnColumns::find(&names) {
            Ok(Self::Own(columns, Fingerprints::default()))
        } else if let Some(todoist) = Todoist::find(&names) {
            Ok(Self::Todoist(Box::new(todoist)))
        } else {
            Err(Fault {
                line: row.line(),
                description: "must begin with the names of its columns, separated by commas, one of them title",
            })
        }
    }
}

/// The names of the columns.
struct Header(Vec<String>);

impl Header {
    fn read(row: &Row) -> Self {
        let names = row.fields().map(|name| name.trim().to_lowercase());
        Self(names.collect())
    }

    /// The place of a column; of several with that name, the first.
    fn find(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|known| known == name)
    }
}
