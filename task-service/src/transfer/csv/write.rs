//! Our own table (RFC 4180).

use csv_core::{QuoteStyle, Terminator, Writer, WriterBuilder};

use super::tag_list;
use crate::{
    due::Due,
    task::Priority,
    transfer::{Exported, moment},
};

const COLUMNS: &[&str] = &[
    "id",
    "title",
    "description",
    "completed",
    "priority",
    "tags",
    "due",
    "due_time_zone",
    "create_time",
    "update_time",
    "complete_time",
];

/// Appends the header.
pub(in crate::transfer) fn begin(file: &mut Vec<u8>) {
    row(COLUMNS, file);
}

/// Appends a task.
pub(in crate::transfer) fn task(task: &Exported, file: &mut Vec<u8>) {
    let content = &task.content;
    let (due, zone) = match &content.due {
        None => (String::new(), ""),
        Some(Due::Day(day)) => (day.to_string(), ""),
        Some(Due::Moment { at, zone }) => (moment::rfc_3339(*at), zone.as_str()),
    };
    row(
        &[
            &task.id.to_string(),
            &content.title,
            &content.description,
            if content.completed { "true" } else { "false" },
            match content.priority {
                Priority::Low => "low",
                Priority::Medium => "medium",
                Priority::High => "high",
            },
            &tag_list::write(&content.tags),
            &due,
            zone,
            &moment::rfc_3339(task.create_time),
            &moment::rfc_3339(task.update_time),
            &task.complete_time.map(moment::rfc_3339).unwrap_or_default(),
        ],
        file,
    );
}

fn row(fields: &[&str], file: &mut Vec<u8>) {
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .quote_style(QuoteStyle::Necessary)
        .build();
    for (place, field) in fields.iter().enumerate() {
        if place > 0 {
            append(file, 0, |room| writer.delimiter(room).1);
        }
        append(file, field.len(), |room| writer.field(field.as_bytes(), room).2);
    }
    append(file, 0, |room| Writer::terminator(&mut writer, room).1);
}

/// Appends what a step of the writer writes. Every byte of a field takes at most two, and so do its quotation marks
/// and a line break.
fn append(file: &mut Vec<u8>, field_bytes: usize, step: impl FnOnce(&mut [u8]) -> usize) {
    let begin = file.len();
    file.resize(begin + 2 * field_bytes + 4, 0);
    let written = step(file.get_mut(begin..).unwrap_or_default());
    file.truncate(begin + written);
}
