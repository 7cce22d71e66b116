//! Import and export of a person's tasks as files: JSON, CSV and iCalendar.
//!
//! Nothing here touches the store, the clock or the wire. An [`Importer`] is fed bytes as they come and tells
//! [`Record`]s: a [`Draft`] of a task, or the [`Problem`] of its line. An [`Exporter`] appends tasks to a buffer that
//! its caller empties. Both keep one record at most, which in memory takes a small multiple of its 256 KiB (only while
//! it is read up to a hundred times that: JSON of many small objects), and an importer the hashes of up to 100,000 tasks
//! without ids.
//!
//! - [`Format`] — the formats, their media types and file names; `content_type` — which one an upload is in.
//! - `json` — our own form, and Vikunja's; `csv` — our own columns, and Todoist's; `calendar` — VTODO (RFC 5545).
//! - `draft` — what is told of a task; `fingerprint` — the identity of a task without an id.
//! - `moment` and `zone` — times, and where they are meant.
//!
//! A task keeps all its content on the way out and in again, in every format; iCalendar cuts the times of creation
//! and completion to the second. Text is passed on as it is: lengths and U+0000 are for the rules of tasks to
//! check, and so is the number of tags. In CSV a field may begin with `=`, `+`, `-` or `@`: a spreadsheet may take
//! it for a formula. To guard against that would change what comes back, so it is not done.

mod calendar;
mod content_type;
mod csv;
mod draft;
mod export;
mod fingerprint;
mod format;
mod import;
mod json;
mod moment;
mod zone;

#[cfg(test)]
mod tests;

pub use content_type::UnknownType;
pub use draft::{Draft, Identity, Problem, Record};
pub use export::{Exported, Exporter};
pub use format::Format;
pub use import::Importer;

/// A record that takes more bytes than this is refused, so that memory is bounded by one record.
const MAX_RECORD_BYTES: usize = 256 * 1024;
