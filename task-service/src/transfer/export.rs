//! Writing a file task by task.

use platform::clock::Timestamp;
use uuid::Uuid;

use super::{Format, calendar, csv, json};
use crate::task::Content;

/// What an export tells of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Unique among the tasks of its owner.
    pub id: Uuid,
    /// What the person says of it.
    pub content: Content,
    /// When it was created.
    pub create_time: Timestamp,
    /// When it was changed last.
    pub update_time: Timestamp,
    /// When it was completed, if it is.
    pub complete_time: Option<Timestamp>,
}

/// Writes one file: its beginning, its tasks, its end. What it appends to the buffer is complete: the buffer can be
/// sent and emptied after each call.
pub struct Exporter {
    format: Format,
    has_tasks: bool,
}

impl Exporter {
    /// The exporter of a file of a format.
    pub fn new(format: Format) -> Self {
        Self {
            format,
            has_tasks: false,
        }
    }

    /// The media type of the file.
    pub fn content_type(&self) -> &'static str {
        self.format.content_type()
    }

    /// What the file may be called.
    pub fn file_name(&self) -> &'static str {
        self.format.file_name()
    }

    /// Appends the beginning of the file.
    pub fn begin(&mut self, file: &mut Vec<u8>) {
        match self.format {
            Format::Json => json::begin(file),
            Format::Csv => csv::begin(file),
            Format::Calendar => calendar::begin(file),
        }
    }

    /// Appends a task.
    pub fn task(&mut self, task: &Exported, file: &mut Vec<u8>) {
        match self.format {
            Format::Json => json::task(task, !self.has_tasks, file),
            Format::Csv => csv::task(task, file),
            Format::Calendar => calendar::task(task, file),
        }
        self.has_tasks = true;
    }

    /// Appends the end of the file.
    pub fn end(&mut self, file: &mut Vec<u8>) {
        match self.format {
            Format::Json => json::end(file),
            Format::Csv => {}
            Format::Calendar => calendar::end(file),
        }
    }
}
