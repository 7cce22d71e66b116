//! Content lines (RFC 5545, section 3.1): unfolded, each with the line of the file where it begins.

use crate::transfer::{MAX_RECORD_BYTES, draft::Fault};

/// A content line.
pub(super) struct Line<'a> {
    /// Where it begins.
    pub(super) number: u64,
    /// What it says; `None` if that takes more than 256 KiB.
    pub(super) bytes: Option<&'a [u8]>,
}

/// Takes the lines that end.
pub(super) type LineSink<'a> = &'a mut dyn FnMut(&Line) -> Result<(), Fault>;

/// Finds the content lines. Line breaks are CRLF or LF; empty lines are none.
pub(super) struct Lines {
    bytes: Vec<u8>,
    too_large: bool,
    /// Where what was read began.
    begin: u64,
    line: u64,
    /// Whether a line break was read last: a space behind it makes both nothing.
    at_break: bool,
}

impl Default for Lines {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            too_large: false,
            begin: 1,
            line: 1,
            at_break: false,
        }
    }
}

impl Lines {
    pub(super) fn feed(&mut self, chunk: &[u8], each: LineSink) -> Result<(), Fault> {
        for byte in chunk {
            if std::mem::take(&mut self.at_break) {
                if matches!(byte, b' ' | b'\t') {
                    continue;
                }
                self.end(each)?;
            }
            if *byte == b'\n' {
                self.line += 1;
                self.at_break = true;
                if self.bytes.last() == Some(&b'\r') {
                    self.bytes.pop();
                }
            } else if self.bytes.len() == MAX_RECORD_BYTES {
                self.too_large = true;
            } else {
                self.bytes.push(*byte);
            }
        }
        Ok(())
    }

    /// Reads the end of the file; returns its last line.
    pub(super) fn finish(&mut self, each: LineSink) -> Result<u64, Fault> {
        self.end(each)?;
        Ok(self.line)
    }

    fn end(&mut self, each: LineSink) -> Result<(), Fault> {
        let number = std::mem::replace(&mut self.begin, self.line);
        let too_large = std::mem::take(&mut self.too_large);
        if !self.bytes.is_empty() {
            each(&Line {
                number,
                bytes: (!too_large).then_some(self.bytes.as_slice()),
            })?;
        }
        self.bytes.clear();
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn kept_bytes(&self) -> usize {
        self.bytes.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_are_undone_even_within_a_character() {
        let file = b"A:1\r\n\r\nB:caf\xc3\r\n \xa9\n\t au\n  lait\nC:3";
        for size in 1..file.len() {
            let mut lines = Lines::default();
            let mut found = Vec::new();
            let mut each = |line: &Line| {
                let bytes = line.bytes.unwrap_or_default();
                found.push((line.number, String::from_utf8_lossy(bytes).into_owned()));
                Ok(())
            };
            for chunk in file.chunks(size) {
                lines.feed(chunk, &mut each).expect("no fault");
            }
            assert_eq!(lines.finish(&mut each).expect("no fault"), 7);
            let expected = [(1, "A:1"), (3, "B:café au lait"), (7, "C:3")];
            assert_eq!(found, expected.map(|(line, text)| (line, text.to_owned())), "{size}");
        }
    }
}
