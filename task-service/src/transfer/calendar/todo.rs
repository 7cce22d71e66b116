//! A VTODO (RFC 5545, section 3.6.2).
//!
//! | theirs | ours |
//! |---|---|
//! | UID | identity |
//! | SUMMARY, DESCRIPTION, CATEGORIES | title, description, tags |
//! | STATUS COMPLETED or CANCELLED; without STATUS: COMPLETED, or PERCENT-COMPLETE 100 | completed |
//! | PRIORITY 1 to 4, 5 and 0, 6 to 9 | high, medium, low |
//! | DUE, CREATED, COMPLETED | due, create_time, complete_time |
//!
//! What this form cannot hold is in properties of our own, which count only where they do not contradict these, so
//! that a change by another program is not undone: X-HOLDFAST-TIME-ZONE, the zone of a DUE in UTC;
//! X-HOLDFAST-DUE, the same with microseconds; X-HOLDFAST-SUMMARY, -DESCRIPTION and -CATEGORIES, the same with
//! control characters, percent-encoded.

use super::{Line, Property, Zones, text, when::When};
use crate::{
    due::Due,
    task::Priority,
    transfer::{
        MAX_RECORD_BYTES,
        draft::{Draft, Identity, Problem, Record},
        fingerprint::Fingerprints,
        moment, zone,
    },
};

/// A VTODO that has begun.
pub(super) struct Todo {
    line: u64,
    bytes: usize,
    /// How many components are open in it: alarms.
    nested: u32,
    problem: Option<Problem>,
    said: Said,
}

/// What its properties say.
#[derive(Default)]
struct Said {
    uid: String,
    summary: String,
    description: String,
    /// The values, a line for each: as items they would take many times the memory.
    categories: String,
    status: String,
    percent: String,
    priority: String,
    due: Option<When>,
    created: Option<When>,
    completed: Option<When>,
    exact_summary: Option<String>,
    exact_description: Option<String>,
    exact_categories: Option<String>,
    exact_due: String,
    zone_name: String,
}

impl Todo {
    /// A VTODO whose BEGIN was just read.
    pub(super) fn new(line: u64) -> Self {
        Self {
            line,
            bytes: 0,
            nested: 0,
            problem: None,
            said: Said::default(),
        }
    }

    /// Reads a line of it; `name` is in capitals.
    pub(super) fn line(&mut self, name: &str, line: &Line) {
        self.bytes = self
            .bytes
            .saturating_add(line.bytes.map_or(MAX_RECORD_BYTES, <[u8]>::len) + 1);
        match name {
            "BEGIN" => self.nested = self.nested.saturating_add(1),
            "END" => self.nested = self.nested.saturating_sub(1),
            _ => {}
        }
        if self.bytes > MAX_RECORD_BYTES {
            self.refuse(Problem::too_large());
        } else if self.nested == 0
            && self.problem.is_none()
            && let Err(problem) = self.said.property(name, line)
        {
            self.refuse(problem);
        }
    }

    /// What it tells.
    pub(super) fn told(self, has_end: bool, zones: &Zones, fingerprints: &mut Fingerprints) -> Record {
        let problem = if has_end {
            self.problem
        } else {
            Some(Problem::whole("has no END:VTODO"))
        };
        Record {
            line: self.line,
            outcome: match problem {
                Some(problem) => Err(problem),
                None => self.said.draft(zones, fingerprints),
            },
        }
    }

    fn refuse(&mut self, problem: Problem) {
        self.problem.get_or_insert(problem);
        self.said = Said::default();
    }

    #[cfg(test)]
    pub(super) fn kept_bytes(&self) -> usize {
        let said = &self.said;
        let texts = [
            &said.uid,
            &said.summary,
            &said.description,
            &said.categories,
            &said.status,
            &said.percent,
            &said.priority,
            &said.exact_due,
            &said.zone_name,
        ];
        let exact = [&said.exact_summary, &said.exact_description, &said.exact_categories];
        texts
            .into_iter()
            .chain(exact.into_iter().flatten())
            .map(String::capacity)
            .sum::<usize>()
            + [&said.due, &said.created, &said.completed]
                .into_iter()
                .flatten()
                .map(When::kept_bytes)
                .sum::<usize>()
    }
}

impl Said {
    fn property(&mut self, name: &str, line: &Line) -> Result<(), Problem> {
        let text = |property: &Property| text::unescaped(property.value);
        let exact = |property: &Property| text::percent_decoded(&text::unescaped(property.value));
        match name {
            "UID" => text(&read(line)?).trim().clone_into(&mut self.uid),
            "SUMMARY" => self.summary = text(&read(line)?),
            "DESCRIPTION" => self.description = text(&read(line)?),
            "CATEGORIES" => {
                self.categories.push_str(read(line)?.value);
                self.categories.push('\n');
            }
            "STATUS" => self.status = read(line)?.value.trim().to_ascii_uppercase(),
            "PERCENT-COMPLETE" => read(line)?.value.trim().clone_into(&mut self.percent),
            "PRIORITY" => read(line)?.value.trim().clone_into(&mut self.priority),
            "DUE" => self.due = Some(When::of(&read(line)?)),
            "CREATED" => self.created = Some(When::of(&read(line)?)),
            "COMPLETED" => self.completed = Some(When::of(&read(line)?)),
            "RECURRENCE-ID" => {
                return Err(Problem::whole(
                    "must not be one occurrence of a task that repeats (RECURRENCE-ID)",
                ));
            }
            "X-HOLDFAST-SUMMARY" => self.exact_summary = Some(exact(&read(line)?)),
            "X-HOLDFAST-DESCRIPTION" => self.exact_description = Some(exact(&read(line)?)),
            "X-HOLDFAST-CATEGORIES" => self.exact_categories = Some(read(line)?.value.to_owned()),
            "X-HOLDFAST-DUE" => read(line)?.value.clone_into(&mut self.exact_due),
            "X-HOLDFAST-TIME-ZONE" => read(line)?.value.clone_into(&mut self.zone_name),
            "" => {
                return Err(Problem::whole(format!(
                    "must hold a property in each line, which line {} is not",
                    line.number
                )));
            }
            _ => {}
        }
        Ok(())
    }

    fn draft(self, zones: &Zones, fingerprints: &mut Fingerprints) -> Result<Draft, Problem> {
        let completed = self.is_completed();
        let priority = self.priority()?;
        let due = self.due(zones)?;
        // Some programs write the year 0000 where they do not know it.
        let create_time = self
            .created
            .as_ref()
            .and_then(|at| at.moment("create_time", zones).ok());
        let complete_time = match &self.completed {
            Some(at) if completed => Some(at.moment("complete_time", zones)?),
            _ => None,
        };
        let identity = if let Some(identity) = Identity::of_id(&self.uid) {
            identity
        } else {
            let due = self.due.as_ref().map_or("", When::said);
            let created = self.created.as_ref().map_or("", When::said);
            fingerprints.next(&[&self.summary, &self.description, due, created])?
        };
        let tags = tags(&self.categories, self.exact_categories.as_deref());
        Ok(Draft {
            identity,
            title: exact_or_printable(self.exact_summary, self.summary),
            description: exact_or_printable(self.exact_description, self.description),
            completed,
            priority,
            tags,
            due,
            create_time,
            complete_time,
        })
    }

    fn is_completed(&self) -> bool {
        match self.status.as_str() {
            // What was cancelled is not to be done any more.
            "COMPLETED" | "CANCELLED" => true,
            "" => self.completed.is_some() || self.percent == "100",
            _ => false,
        }
    }

    fn priority(&self) -> Result<Priority, Problem> {
        match self.priority.as_str() {
            "" | "0" | "5" => Ok(Priority::Medium),
            "1" | "2" | "3" | "4" => Ok(Priority::High),
            "6" | "7" | "8" | "9" => Ok(Priority::Low),
            _ => Err(Problem::of("priority", "must be 0 to 9")),
        }
    }

    fn due(&self, zones: &Zones) -> Result<Option<Due>, Problem> {
        let Some(when) = &self.due else {
            return Ok(None);
        };
        let due = match when.due("due", zones)? {
            Due::Moment { at, zone } if zone == zone::UTC => Due::Moment {
                at: moment::read_moment(&self.exact_due)
                    .filter(|exact| moment::whole_second(*exact) == at)
                    .unwrap_or(at),
                zone: zone::iana(&self.zone_name).unwrap_or(zone),
            },
            other => other,
        };
        Ok(Some(due))
    }
}

fn read<'a>(line: &Line<'a>) -> Result<Property<'a>, Problem> {
    Property::read(line).ok_or_else(|| {
        if line.bytes.is_some_and(|bytes| str::from_utf8(bytes).is_err()) {
            Problem::not_text()
        } else {
            Problem::whole(format!(
                "must hold a property in each line, which line {} is not",
                line.number
            ))
        }
    })
}

/// The tags of CATEGORIES, a line for each value, and of what is exact of them.
fn tags(categories: &str, exact: Option<&str>) -> Vec<String> {
    let printable: Vec<String> = categories
        .split_terminator('\n')
        .flat_map(text::list_items)
        .map(text::unescaped)
        .collect();
    let exact = exact.map(|exact| {
        let items = text::list_items(exact).map(|item| text::percent_decoded(&text::unescaped(item)));
        items.collect::<Vec<_>>()
    });
    let agrees = |exact: &Vec<String>| {
        exact
            .iter()
            .map(|item| text::printable(item))
            .eq(printable.iter().map(String::as_str))
    };
    let mut tags = exact.filter(agrees).unwrap_or(printable);
    tags.retain(|tag| !tag.trim().is_empty());
    tags
}

fn exact_or_printable(exact: Option<String>, printable: String) -> String {
    exact
        .filter(|exact| text::printable(exact) == printable)
        .unwrap_or(printable)
}
