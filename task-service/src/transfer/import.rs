//! Reading a file as it comes.

use super::{
    Format, calendar::CalendarReader, content_type, csv::CsvReader, draft::Fault, draft::Problem, draft::Record,
    draft::Sink, json::JsonReader,
};

/// What some programs put before a text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = &[0xef, 0xbb, 0xbf];

/// Reads one file, in chunks of any size.
///
/// A bad record is told with its line, and reading goes on behind it. A file that is not of its format is told as a
/// last record with a problem; nothing follows it.
pub struct Importer {
    reader: Reader,
    /// How many bytes of a byte order mark were seen; `None` behind the place where one may stand.
    mark: Option<usize>,
    given_up: bool,
}

enum Reader {
    Json(Box<JsonReader>),
    Csv(Box<CsvReader>),
    Calendar(Box<CalendarReader>),
}

impl Importer {
    /// The importer of files of a media type, or why there is none.
    pub fn for_type(content_type: &str) -> Result<Self, super::UnknownType> {
        content_type::format_of(content_type).map(Self::new)
    }

    /// The importer of files of a format.
    pub fn new(format: Format) -> Self {
        let reader = match format {
            Format::Json => Reader::Json(Box::default()),
            Format::Csv => Reader::Csv(Box::default()),
            Format::Calendar => Reader::Calendar(Box::default()),
        };
        Self {
            reader,
            mark: Some(0),
            given_up: false,
        }
    }

    /// Reads the next bytes of the file and tells the records that end in them.
    pub fn feed(&mut self, chunk: &[u8], out: &mut impl FnMut(Record)) {
        let rest = self.behind_mark(chunk, out);
        self.read(rest, out);
    }

    /// Reads the end of the file and tells the records that it ends.
    pub fn finish(mut self, out: &mut impl FnMut(Record)) {
        self.end_of_mark(out);
        if self.given_up {
            return;
        }
        let end = match self.reader {
            Reader::Json(reader) => reader.finish(),
            Reader::Csv(reader) => reader.finish(out),
            Reader::Calendar(reader) => reader.finish(out),
        };
        if let Err(fault) = end {
            out(told(&fault));
        }
    }

    /// Whether the file turned out not to be of its format: feeding the rest of it tells nothing more.
    pub fn has_given_up(&self) -> bool {
        self.given_up
    }

    fn read(&mut self, chunk: &[u8], out: Sink) {
        if self.given_up {
            return;
        }
        let end = match &mut self.reader {
            Reader::Json(reader) => reader.feed(chunk, out),
            Reader::Csv(reader) => reader.feed(chunk, out),
            Reader::Calendar(reader) => reader.feed(chunk, out),
        };
        if let Err(fault) = end {
            self.given_up = true;
            out(told(&fault));
        }
    }

    /// The chunk without what is left of a byte order mark.
    fn behind_mark<'a>(&mut self, mut chunk: &'a [u8], out: Sink) -> &'a [u8] {
        while let (Some(seen), Some((first, rest))) = (self.mark, chunk.split_first()) {
            if BYTE_ORDER_MARK.get(seen) != Some(first) {
                self.end_of_mark(out);
                break;
            }
            chunk = rest;
            self.mark = (seen + 1 < BYTE_ORDER_MARK.len()).then_some(seen + 1);
        }
        chunk
    }

    /// Reads what began as a byte order mark and was none.
    fn end_of_mark(&mut self, out: Sink) {
        if let Some(begun) = self.mark.take().and_then(|seen| BYTE_ORDER_MARK.get(..seen)) {
            self.read(begun, out);
        }
    }

    /// How many bytes it keeps between two chunks.
    #[cfg(test)]
    pub(super) fn kept_bytes(&self) -> usize {
        match &self.reader {
            Reader::Json(reader) => reader.kept_bytes(),
            Reader::Csv(reader) => reader.kept_bytes(),
            Reader::Calendar(reader) => reader.kept_bytes(),
        }
    }
}

fn told(fault: &Fault) -> Record {
    Record {
        line: fault.line,
        outcome: Err(Problem::whole(fault.description)),
    }
}
