//! iCalendar files (RFC 5545): each VTODO is a task.
//!
//! Events, journals and alarms are left out, and so are the repetitions of a task (RRULE): it is imported once. An
//! occurrence of one that was changed by itself (RECURRENCE-ID) is refused, because it would be a second task with
//! the same UID.
//!
//! The content lines are read here. The crates for iCalendar (icalendar, calcard, ical) read whole texts, know no
//! lines to tell an error by, and bring chrono, two of them a second copy of all time zones; what is left for them
//! once the lines are unfolded and bounded is to divide a line into name, parameters and value.

mod lines;
mod property;
mod text;
mod todo;
mod when;
mod write;

use std::collections::HashMap;

use super::{
    draft::{Fault, Sink},
    fingerprint::Fingerprints,
};
use lines::{Line, Lines};
use property::{Property, name_of};
use todo::Todo;

pub(super) use write::{begin, end, task};

/// So many time zones of a file are known by other names than those of IANA, each of at most so many bytes.
const MAX_ZONES: usize = 64;
const MAX_ZONE_BYTES: usize = 256;

/// Reads an iCalendar file.
#[derive(Default)]
pub(super) struct CalendarReader {
    lines: Lines,
    state: State,
}

#[derive(Default)]
struct State {
    begun: bool,
    /// Whether a calendar has begun that has not ended, and where.
    open: Option<u64>,
    todo: Option<Box<Todo>>,
    zones: Zones,
    zone: Option<ZoneNames>,
    fingerprints: Fingerprints,
}

/// What the file says of its time zones before the tasks.
#[derive(Default)]
struct Zones {
    /// The zone of times that name none (X-WR-TIMEZONE).
    default: Option<String>,
    /// IANA names (X-LIC-LOCATION) by the names that the file has for them.
    locations: HashMap<String, String>,
}

/// A VTIMEZONE that has begun.
#[derive(Default)]
struct ZoneNames {
    id: Option<String>,
    location: Option<String>,
}

impl CalendarReader {
    pub(super) fn feed(&mut self, chunk: &[u8], out: Sink) -> Result<(), Fault> {
        let state = &mut self.state;
        self.lines.feed(chunk, &mut |line| state.line(line, out))
    }

    pub(super) fn finish(mut self, out: Sink) -> Result<(), Fault> {
        let state = &mut self.state;
        let last = self.lines.finish(&mut |line| state.line(line, out))?;
        state.end_todo(false, out);
        if !state.begun {
            return Err(Fault {
                line: last,
                description: "is empty: it must begin with BEGIN:VCALENDAR",
            });
        }
        state.open.map_or(Ok(()), |line| {
            Err(Fault {
                line,
                description: "has no END:VCALENDAR: the end of the file is missing",
            })
        })
    }

    #[cfg(test)]
    pub(super) fn kept_bytes(&self) -> usize {
        let todo = self.state.todo.as_ref().map_or(0, |todo| todo.kept_bytes());
        self.lines.kept_bytes() + todo + self.state.fingerprints.kept_bytes()
    }
}

impl State {
    fn line(&mut self, line: &Line, out: Sink) -> Result<(), Fault> {
        let name = line.bytes.and_then(name_of).unwrap_or_default().to_ascii_uppercase();
        let component = match name.as_str() {
            "BEGIN" | "END" => Property::read(line).map(|property| property.value.trim().to_ascii_uppercase()),
            _ => None,
        };
        let component = component.unwrap_or_default();
        if !self.begun && (name.as_str(), component.as_str()) != ("BEGIN", "VCALENDAR") {
            return Err(Fault {
                line: line.number,
                description: "must begin with BEGIN:VCALENDAR",
            });
        }
        match (name.as_str(), component.as_str()) {
            ("BEGIN", "VCALENDAR") => {
                self.end_todo(false, out);
                self.begun = true;
                self.open = Some(line.number);
                self.zones = Zones::default();
            }
            ("END", "VCALENDAR") => {
                self.end_todo(false, out);
                self.open = None;
            }
            // A task cannot hold another: the one before has lost its end.
            ("BEGIN", "VTODO") => {
                self.end_todo(false, out);
                self.todo = Some(Box::new(Todo::new(line.number)));
            }
            ("END", "VTODO") => self.end_todo(true, out),
            (name, _) => match &mut self.todo {
                Some(todo) => todo.line(name, line),
                None => self.around(name, &component, line),
            },
        }
        Ok(())
    }

    /// A line outside of all tasks.
    fn around(&mut self, name: &str, component: &str, line: &Line) {
        let short = |text: String| (text.len() <= MAX_ZONE_BYTES).then_some(text);
        let value = || Property::read(line).and_then(|property| short(text::unescaped(property.value.trim())));
        match (name, component) {
            ("X-WR-TIMEZONE", _) => self.zones.default = value(),
            ("BEGIN", "VTIMEZONE") => self.zone = Some(ZoneNames::default()),
            ("END", "VTIMEZONE") => {
                let names = self.zone.take().unwrap_or_default();
                if let (Some(id), Some(location), true) =
                    (names.id, names.location, self.zones.locations.len() < MAX_ZONES)
                {
                    self.zones.locations.insert(id, location);
                }
            }
            ("TZID", _) => {
                if let Some(zone) = &mut self.zone {
                    zone.id = value();
                }
            }
            ("X-LIC-LOCATION", _) => {
                if let Some(zone) = &mut self.zone {
                    zone.location = value();
                }
            }
            _ => {}
        }
    }

    fn end_todo(&mut self, has_end: bool, out: Sink) {
        if let Some(todo) = self.todo.take() {
            out(todo.told(has_end, &self.zones, &mut self.fingerprints));
        }
    }
}
