//! The tables that Todoist writes: a template of a project, or a part of a backup.
//!
//! | theirs | ours |
//! |---|---|
//! | `CONTENT` of a `task` | the title, without its `@label` words |
//! | these, and the section above | tags |
//! | `DESCRIPTION`, and the `note` rows below | the description |
//! | `PRIORITY` 1 and 2, 3 and 4 | high, medium: 4 is what a task has of which nothing was said |
//! | `DATE` in the zone of `TIMEZONE` | due; what means no certain day stays in the description as `Due: ...` |
//! | `DEADLINE` | due if there is no other, else in the description as `Deadline: ...` |
//!
//! Who wrote a task and who is to do it, how long it takes, and which task it is a part of are left out. The tables
//! hold open tasks only, and no ids.

use super::{Header, Row, spoken_date};
use crate::{
    due::Due,
    task::Priority,
    transfer::{
        MAX_RECORD_BYTES,
        draft::{Draft, Problem, Record, Sink, tag_of_group},
        fingerprint::Fingerprints,
        moment::{self, Said},
        zone,
    },
};

/// Reads the rows behind Todoist's header.
pub(super) struct Todoist {
    kind: usize,
    content: usize,
    description: Option<usize>,
    priority: Option<usize>,
    date: Option<usize>,
    timezone: Option<usize>,
    deadline: Option<usize>,
    section: String,
    /// The last task, whose notes may follow. Its labels are still in its title: each by itself would take many times
    /// the memory.
    last: Option<Record>,
    fingerprints: Fingerprints,
}

impl Todoist {
    /// The columns; `None` if it is another table.
    pub(super) fn find(header: &Header) -> Option<Self> {
        Some(Self {
            kind: header.find("type")?,
            content: header.find("content")?,
            description: header.find("description"),
            priority: header.find("priority"),
            date: header.find("date"),
            timezone: header.find("timezone"),
            deadline: header.find("deadline"),
            section: String::new(),
            last: None,
            fingerprints: Fingerprints::default(),
        })
    }

    /// Reads a row; tells the task before it if it is complete.
    pub(super) fn row(&mut self, row: &Row, out: Sink) {
        let kind = row.check().and_then(|()| row.text(Some(self.kind), "type"));
        match kind.map(|kind| kind.trim().to_ascii_lowercase()).as_deref() {
            Ok("task") => {
                self.finish(out);
                let read = self.read(row);
                self.last = Some(row.told(read));
            }
            Ok("note") => self.note(row, out),
            Ok("section") => {
                self.finish(out);
                match row.text(Some(self.content), "tags") {
                    Ok(section) => self.section = tag_of_group(section),
                    Err(problem) => out(row.told(Err(problem))),
                }
            }
            // Empty rows, and kinds that later versions may have.
            Ok(_) => {}
            Err(problem) => {
                self.finish(out);
                out(row.told(Err(problem.clone())));
            }
        }
    }

    /// Tells the last task.
    pub(super) fn finish(&mut self, out: Sink) {
        if let Some(mut last) = self.last.take() {
            if let Ok(draft) = &mut last.outcome {
                let (title, mut tags) = without_labels(&draft.title);
                tags.append(&mut draft.tags);
                draft.title = title;
                draft.tags = tags;
            }
            out(last);
        }
    }

    fn read(&mut self, row: &Row) -> Result<Draft, Problem> {
        let content = row.text(Some(self.content), "title")?;
        let description = row.text(self.description, "description")?;
        let date = row.text(self.date, "due")?.trim();
        let timezone = row.text(self.timezone, "due.time_zone")?.trim();
        let deadline = row.text(self.deadline, "due")?.trim();
        let priority = priority(row.text(self.priority, "priority")?)?;
        let section = Some(self.section.clone()).filter(|section| !section.is_empty());
        let due = read_due(date, timezone);
        let mut text = description.to_owned();
        if due.is_none() && !date.is_empty() {
            append(&mut text, &format!("Due: {date}"));
        }
        let deadline_due = read_due(deadline, timezone).filter(|_| date.is_empty());
        if deadline_due.is_none() && !deadline.is_empty() {
            append(&mut text, &format!("Deadline: {deadline}"));
        }
        let said = [content, description, date, timezone, deadline, self.section.as_str()];
        Ok(Draft {
            identity: self.fingerprints.next(&said)?,
            title: content.to_owned(),
            description: text,
            completed: false,
            priority,
            tags: section.into_iter().collect(),
            due: due.or(deadline_due),
            create_time: None,
            complete_time: None,
        })
    }

    /// Adds a note to the task above it. A task that takes too much with its notes is refused as one that does
    /// without.
    fn note(&mut self, row: &Row, out: Sink) {
        let note = row.text(Some(self.content), "description");
        match (note, &mut self.last) {
            (Ok(note), Some(last)) => {
                let Ok(draft) = &mut last.outcome else { return };
                append(&mut draft.description, note);
                if draft.description.len() > MAX_RECORD_BYTES {
                    last.outcome = Err(Problem::too_large());
                }
            }
            (Ok(_), None) => out(row.told(Err(Problem::whole("is a note of no task")))),
            (Err(problem), _) => out(row.told(Err(problem))),
        }
    }

    #[cfg(test)]
    pub(super) fn kept_bytes(&self) -> usize {
        let last = self.last.as_ref().and_then(|last| last.outcome.as_ref().ok());
        let texts = last.map_or(0, |draft| draft.description.capacity() + draft.title.capacity());
        let tags = last.map_or(0, |draft| draft.tags.capacity() * size_of::<String>());
        texts + tags + self.section.capacity() + self.fingerprints.kept_bytes()
    }
}

/// The title without its `@label` words, and these; a title of nothing else keeps them.
fn without_labels(content: &str) -> (String, Vec<String>) {
    let (labels, words): (Vec<&str>, Vec<&str>) = content
        .split_whitespace()
        .partition(|word| word.strip_prefix('@').is_some_and(|label| !label.is_empty()));
    let tags = labels
        .iter()
        .filter_map(|label| label.strip_prefix('@'))
        .map(str::to_owned);
    let title = if labels.is_empty() || words.is_empty() {
        content.to_owned()
    } else {
        words.join(" ")
    };
    (title, tags.collect())
}

fn priority(text: &str) -> Result<Priority, Problem> {
    match text.trim() {
        "1" | "2" => Ok(Priority::High),
        "3" | "4" | "" => Ok(Priority::Medium),
        _ => Err(Problem::of("priority", "must be 1, 2, 3 or 4")),
    }
}

/// `None` also for what is no certain day, and for a time of day in a zone that has no IANA name.
fn read_due(text: &str, timezone: &str) -> Option<Due> {
    let zone = if timezone.is_empty() {
        Some(zone::UTC.to_owned())
    } else {
        zone::iana(timezone)
    };
    match spoken_date::read(text)? {
        Said::Day(day) => Some(Due::Day(day)),
        Said::Local(local) => {
            let zone = zone?;
            let at = moment::in_zone(local, &zone)?;
            Some(Due::Moment { at, zone })
        }
        Said::Moment(at) => Some(Due::Moment {
            at,
            zone: zone.unwrap_or_else(|| zone::UTC.to_owned()),
        }),
    }
}

fn append(text: &mut String, more: &str) {
    if !text.is_empty() && !more.is_empty() {
        text.push_str("\n\n");
    }
    text.push_str(more);
}
