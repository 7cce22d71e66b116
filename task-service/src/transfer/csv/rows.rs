//! The rows of a CSV file as it comes.

use csv_core::{ReadFieldResult, Reader};

use crate::transfer::{
    MAX_RECORD_BYTES,
    draft::{Draft, Fault, Problem, Record},
};

/// Columns behind this one are not looked at.
const MAX_FIELDS: usize = 256;

/// Takes the rows that end.
pub(super) type RowSink<'a> = &'a mut dyn FnMut(&Row) -> Result<(), Fault>;

/// A row of a table.
#[derive(Default)]
pub(super) struct Row {
    line: u64,
    begun: bool,
    bytes: Vec<u8>,
    /// Where the fields end in the bytes.
    ends: Vec<usize>,
    flaw: Option<Flaw>,
}

#[derive(Clone, Copy)]
enum Flaw {
    TooLarge,
    QuoteOpen,
}

impl Row {
    /// Where it begins.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// What the row tells.
    pub(super) fn told(&self, outcome: Result<Draft, Problem>) -> Record {
        Record {
            line: self.line,
            outcome,
        }
    }

    /// Why nothing can be read from it, if that is so.
    pub(super) fn check(&self) -> Result<(), Problem> {
        match self.flaw {
            None => Ok(()),
            Some(Flaw::TooLarge) => Err(Problem::too_large()),
            Some(Flaw::QuoteOpen) => Err(Problem::whole("has a quotation mark that is never closed")),
        }
    }

    /// The text in a column; empty if there is none.
    pub(super) fn text(&self, column: Option<usize>, field: &'static str) -> Result<&str, Problem> {
        let bytes = column.and_then(|column| self.field(column)).unwrap_or_default();
        str::from_utf8(bytes).map_err(|_| Problem::of(field, "must be in UTF-8"))
    }

    /// All fields; empty ones for those that are not text.
    pub(super) fn fields(&self) -> impl Iterator<Item = &str> {
        let fields = (0..self.ends.len()).filter_map(|column| self.field(column));
        fields.map(|bytes| str::from_utf8(bytes).unwrap_or_default())
    }

    fn field(&self, column: usize) -> Option<&[u8]> {
        let begin = match column.checked_sub(1) {
            None => 0,
            Some(before) => *self.ends.get(before)?,
        };
        self.bytes.get(begin..*self.ends.get(column)?)
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.flaw.is_some() {
            return;
        }
        if self.bytes.len() + bytes.len() > MAX_RECORD_BYTES {
            self.flaw = Some(Flaw::TooLarge);
            self.bytes = Vec::new();
        } else {
            self.bytes.extend_from_slice(bytes);
        }
    }

    fn end_field(&mut self) {
        if self.ends.len() < MAX_FIELDS {
            self.ends.push(self.bytes.len());
        }
    }

    fn clear(&mut self) {
        self.begun = false;
        self.bytes.clear();
        self.ends.clear();
        self.flaw = None;
    }
}

/// Finds the rows.
pub(super) struct Rows {
    reader: Reader,
    row: Row,
    line: u64,
}

impl Default for Rows {
    fn default() -> Self {
        let mut reader = Reader::new();
        // Lest it take what begins its first bytes for a byte order mark, which depends on where a chunk ends. The
        // file's own mark is gone already.
        reader.read_field(b"\n", &mut []);
        Self {
            reader,
            row: Row::default(),
            line: 1,
        }
    }
}

impl Rows {
    /// Reads the next bytes; empty lines are no rows.
    pub(super) fn feed(&mut self, mut chunk: &[u8], each: RowSink) -> Result<(), Fault> {
        let mut piece = [0; 4096];
        loop {
            if !self.row.begun {
                let content = chunk.iter().position(|byte| !matches!(byte, b'\r' | b'\n'));
                let blank = content.unwrap_or(chunk.len());
                chunk = self.pass(chunk, blank);
            }
            // To the reader, no bytes are the end of the file.
            if chunk.is_empty() {
                return Ok(());
            }
            if !self.row.begun {
                self.row.begun = true;
                self.row.line = self.line;
            }
            let (result, read, written) = self.reader.read_field(chunk, &mut piece);
            chunk = self.pass(chunk, read);
            self.row.keep(piece.get(..written).unwrap_or_default());
            self.end_field(&result, each)?;
        }
    }

    /// Reads the end of the file; returns its last line.
    pub(super) fn finish(&mut self, each: RowSink) -> Result<u64, Fault> {
        if self.row.begun {
            let mut piece = [0; 1];
            // A line break ends every row but one whose quotation mark is open: there it is text.
            let (result, _, _) = self.reader.read_field(b"\n", &mut piece);
            if matches!(result, ReadFieldResult::Field { record_end: true }) {
                self.end_field(&result, each)?;
            } else {
                self.row.flaw = self.row.flaw.or(Some(Flaw::QuoteOpen));
                each(&self.row)?;
            }
        }
        Ok(self.line)
    }

    fn end_field(&mut self, result: &ReadFieldResult, each: RowSink) -> Result<(), Fault> {
        if let ReadFieldResult::Field { record_end } = *result {
            self.row.end_field();
            if record_end {
                each(&self.row)?;
                self.row.clear();
            }
        }
        Ok(())
    }

    /// What is behind so many bytes.
    fn pass<'a>(&mut self, chunk: &'a [u8], count: usize) -> &'a [u8] {
        let (passed, rest) = chunk.split_at_checked(count).unwrap_or((chunk, &[]));
        self.line += passed.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
        rest
    }

    #[cfg(test)]
    pub(super) fn kept_bytes(&self) -> usize {
        self.row.bytes.capacity() + self.row.ends.capacity() * size_of::<usize>() + size_of::<Reader>()
    }
}
