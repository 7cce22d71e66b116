//! Our own iCalendar: a VTODO for each task (RFC 5545, section 3.6.2), with what that form cannot hold in properties
//! of our own; see `todo`.
//!
//! DUE is in UTC, because a local time would need a description of its zone (VTIMEZONE) before the tasks, when they
//! are not known yet. A calendar without a task has no component, which the RFC does not foresee; programs take it.

use super::text;
use crate::{
    due::Due,
    task::Priority,
    transfer::{Exported, moment, zone},
};

/// A line is folded so that none has more octets (RFC 5545, section 3.1).
const MAX_LINE_BYTES: usize = 75;

/// Appends the beginning of the calendar.
pub(in crate::transfer) fn begin(file: &mut Vec<u8>) {
    line("BEGIN", "VCALENDAR", file);
    line("VERSION", "2.0", file);
    line("PRODID", "-//Holdfast//Tasks//EN", file);
}

/// Appends the end of the calendar.
pub(in crate::transfer) fn end(file: &mut Vec<u8>) {
    line("END", "VCALENDAR", file);
}

/// Appends a task.
pub(in crate::transfer) fn task(task: &Exported, file: &mut Vec<u8>) {
    let content = &task.content;
    line("BEGIN", "VTODO", file);
    line("UID", &task.id.to_string(), file);
    // Without a METHOD this is the time of the last change too (RFC 5545, section 3.8.7.2).
    line("DTSTAMP", &moment::basic(task.update_time), file);
    line("CREATED", &moment::basic(task.create_time), file);
    line("LAST-MODIFIED", &moment::basic(task.update_time), file);
    texts("SUMMARY", std::slice::from_ref(&content.title), file);
    if !content.description.is_empty() {
        texts("DESCRIPTION", std::slice::from_ref(&content.description), file);
    }
    if !content.tags.is_empty() {
        texts("CATEGORIES", &content.tags, file);
    }
    let priority = match content.priority {
        Priority::High => "1",
        Priority::Medium => "5",
        Priority::Low => "9",
    };
    line("PRIORITY", priority, file);
    if let Some(due) = &content.due {
        write_due(due, file);
    }
    if content.completed {
        line("STATUS", "COMPLETED", file);
        line("PERCENT-COMPLETE", "100", file);
    } else {
        line("STATUS", "NEEDS-ACTION", file);
    }
    if let Some(at) = task.complete_time {
        line("COMPLETED", &moment::basic(at), file);
    }
    line("END", "VTODO", file);
}

fn write_due(due: &Due, file: &mut Vec<u8>) {
    match due {
        Due::Day(day) => line("DUE;VALUE=DATE", &moment::basic_day(*day), file),
        Due::Moment { at, zone } => {
            line("DUE", &moment::basic(*at), file);
            if moment::whole_second(*at) != *at {
                line("X-HOLDFAST-DUE", &moment::rfc_3339(*at), file);
            }
            if zone != zone::UTC {
                line("X-HOLDFAST-TIME-ZONE", zone, file);
            }
        }
    }
}

/// Appends a list of texts; once more in a property of our own if they have characters that such a text cannot hold.
fn texts(name: &str, texts: &[String], file: &mut Vec<u8>) {
    let printable: Vec<String> = texts.iter().map(|text| text::printable(text)).collect();
    line(name, &list(&printable), file);
    if printable != texts {
        let exact: Vec<String> = texts.iter().map(|text| text::percent_encoded(text)).collect();
        line(&format!("X-HOLDFAST-{name}"), &list(&exact), file);
    }
}

fn list(texts: &[String]) -> String {
    let mut value = String::new();
    for (place, text) in texts.iter().enumerate() {
        if place > 0 {
            value.push(',');
        }
        text::escape(text, &mut value);
    }
    value
}

/// Appends a content line, folded between characters.
fn line(name: &str, value: &str, file: &mut Vec<u8>) {
    let mut room = MAX_LINE_BYTES;
    for character in name.chars().chain([':']).chain(value.chars()) {
        let bytes = character.len_utf8();
        if bytes > room {
            file.extend_from_slice(b"\r\n ");
            room = MAX_LINE_BYTES - 1;
        }
        room -= bytes;
        file.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
    file.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_folded_between_characters() {
        let mut file = Vec::new();
        line("SUMMARY", &"é😀".repeat(100), &mut file);
        let text = String::from_utf8(file).expect("folded between characters");
        assert!(text.split("\r\n").all(|line| line.len() <= MAX_LINE_BYTES));
        assert!(text.split("\r\n").count() > 8);
        assert_eq!(text.replace("\r\n ", ""), format!("SUMMARY:{}\r\n", "é😀".repeat(100)));
    }
}
