//! The formats of a file of tasks.

/// A format of a file of tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON (RFC 8259): tasks as the API returns them.
    Json,
    /// Comma-separated values (RFC 4180), with a header.
    Csv,
    /// iCalendar (RFC 5545), a VTODO for each task.
    Calendar,
}

impl Format {
    /// The media type of an export.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Calendar => "text/calendar; charset=utf-8",
        }
    }

    /// What a person's browser may call the file of an export.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Json => "tasks.json",
            Self::Csv => "tasks.csv",
            Self::Calendar => "tasks.ics",
        }
    }
}
