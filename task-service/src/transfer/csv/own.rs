//! Our own columns, and a table that a person wrote with some of them.
//!
//! | column | what it holds |
//! |---|---|
//! | `id` | a UUID; another text is another program's id; empty: the task is known by what it says |
//! | `title` | the only one that must be there |
//! | `completed` | `true`, `false`; also yes, no, x, 1, 0; empty: whether there is a `complete_time` |
//! | `priority` | `low`, `medium`, `high`, also with `PRIORITY_` before it; empty: medium |
//! | `tags` | see `tag_list` |
//! | `due` | a day, or a time with an offset, or a time without one in the zone of `due_time_zone` |
//! | `due_time_zone` | an IANA name; empty: UTC |
//! | `create_time`, `complete_time` | RFC 3339 |
//!
//! `description` is a text; `update_time` is written only.

use platform::clock::Timestamp;

use super::{Header, Row, tag_list};
use crate::{
    due::Due,
    task::Priority,
    transfer::{
        draft::{Draft, Identity, Problem, quoted},
        fingerprint::Fingerprints,
        moment::{self, Said},
        zone,
    },
};

/// Where our columns are.
pub(super) struct OwnColumns {
    id: Option<usize>,
    title: usize,
    description: Option<usize>,
    completed: Option<usize>,
    priority: Option<usize>,
    tags: Option<usize>,
    due: Option<usize>,
    due_time_zone: Option<usize>,
    create_time: Option<usize>,
    complete_time: Option<usize>,
}

impl OwnColumns {
    /// Finds them; `None` if there is no title.
    pub(super) fn find(header: &Header) -> Option<Self> {
        Some(Self {
            title: header.find("title")?,
            id: header.find("id"),
            description: header.find("description"),
            completed: header.find("completed"),
            priority: header.find("priority"),
            tags: header.find("tags"),
            due: header.find("due"),
            due_time_zone: header.find("due_time_zone"),
            create_time: header.find("create_time"),
            complete_time: header.find("complete_time"),
        })
    }
}

/// Reads a task.
pub(super) fn read(columns: &OwnColumns, row: &Row, fingerprints: &mut Fingerprints) -> Result<Draft, Problem> {
    row.check()?;
    let title = row.text(Some(columns.title), "title")?;
    let description = row.text(columns.description, "description")?;
    let due_said = row.text(columns.due, "due")?.trim();
    let zone_name = row.text(columns.due_time_zone, "due.time_zone")?.trim();
    let due = read_due(due_said, zone_name)?;
    let complete_time = time(row, columns.complete_time, "complete_time")?;
    let completed = flag(row.text(columns.completed, "completed")?)?.unwrap_or(complete_time.is_some());
    let priority = priority(row.text(columns.priority, "priority")?)?;
    let tags = tag_list::read(row.text(columns.tags, "tags")?);
    let create_time = time(row, columns.create_time, "create_time")?;
    // Last: a record that is refused must not count among the equal ones.
    let identity = match Identity::of_id(row.text(columns.id, "id")?.trim()) {
        Some(identity) => identity,
        None => fingerprints.next(&[title, description, due_said, zone_name])?,
    };
    Ok(Draft {
        identity,
        title: title.to_owned(),
        description: description.to_owned(),
        completed,
        priority,
        tags,
        due,
        create_time,
        complete_time: complete_time.filter(|_| completed),
    })
}

fn flag(text: &str) -> Result<Option<bool>, Problem> {
    match text.trim().to_ascii_lowercase().as_str() {
        "" => Ok(None),
        "true" | "yes" | "x" | "1" => Ok(Some(true)),
        "false" | "no" | "0" => Ok(Some(false)),
        _ => Err(Problem::of("completed", "must be true or false")),
    }
}

fn priority(text: &str) -> Result<Priority, Problem> {
    let name = text.trim().to_ascii_lowercase();
    match name.strip_prefix("priority_").unwrap_or(&name) {
        "" | "unspecified" => Ok(Priority::default()),
        "low" => Ok(Priority::Low),
        "medium" => Ok(Priority::Medium),
        "high" => Ok(Priority::High),
        _ => Err(Problem::of("priority", "must be low, medium or high")),
    }
}

fn time(row: &Row, column: Option<usize>, field: &'static str) -> Result<Option<Timestamp>, Problem> {
    let text = row.text(column, field)?.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let at = moment::read_moment(text);
    at.map(Some).ok_or_else(|| {
        Problem::of(
            field,
            "must be an RFC 3339 date-time with an offset, of the years 0001 to 9999",
        )
    })
}

fn read_due(text: &str, zone_name: &str) -> Result<Option<Due>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    let zone = if zone_name.is_empty() {
        zone::UTC.to_owned()
    } else {
        zone::iana(zone_name).ok_or_else(|| {
            Problem::of(
                "due.time_zone",
                format!(
                    "must be a time zone of the IANA database, which {} is not",
                    quoted(zone_name)
                ),
            )
        })?
    };
    let at = match moment::read(text) {
        Some(Said::Day(_)) if !zone_name.is_empty() => {
            return Err(Problem::of("due.time_zone", "is only for a due with a time of day"));
        }
        Some(Said::Day(day)) => return Ok(Some(Due::Day(day))),
        Some(Said::Local(local)) => moment::in_zone(local, &zone),
        Some(Said::Moment(at)) => Some(at),
        None => None,
    };
    let due = at.map(|at| Due::Moment { at, zone });
    due.map(Some).ok_or_else(|| {
        Problem::of(
            "due",
            format!(
                "must be a day, as YYYY-MM-DD, or an RFC 3339 date-time, which {} is not",
                quoted(text)
            ),
        )
    })
}
