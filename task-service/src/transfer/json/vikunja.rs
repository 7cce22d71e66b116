//! A task of Vikunja's, as its export and its API write it.
//!
//! | theirs | ours |
//! |---|---|
//! | `id` | identity `vikunja:<id>` |
//! | the title of its project, `labels[].title` | tags |
//! | `description`, `comments[].comment` | the description, as plain text |
//! | `done`, `done_at` | completed |
//! | `due_date` | due, as a moment in UTC: the export has no names of zones |
//! | `priority` 0, 1 and 2, 3, 4 and more | medium, low, medium, high |
//!
//! Reminders, repetitions, relations, attachments, assignees, colours, progress, start and end are left out.

use platform::clock::Timestamp;
use serde_json::Value;

use super::{html, members::Members};
use crate::{
    due::Due,
    task::Priority,
    transfer::{
        draft::{Draft, Identity, Problem, tag_of_group},
        fingerprint::Fingerprints,
        moment, zone,
    },
};

/// Go's zero time: no time.
const NONE: &str = "0001-01-01T00:00:00Z";

/// Reads a task of a project.
pub(super) fn read(
    members: &Members,
    project: Option<&str>,
    fingerprints: &mut Fingerprints,
) -> Result<Draft, Problem> {
    let title = members.text(&["title"], "title")?;
    let due = time(members, "due_date", "due")?;
    let complete_time = time(members, "done_at", "complete_time")?;
    let completed = members.flag(&["done"], "completed")?.unwrap_or(complete_time.is_some());
    let mut tags: Vec<String> = project
        .map(tag_of_group)
        .filter(|tag| !tag.is_empty())
        .into_iter()
        .collect();
    for label in members.list(&["labels"], "tags")? {
        let label = label.get("title").and_then(Value::as_str);
        tags.push(label.ok_or_else(|| Problem::of("tags", "must have titles"))?.to_owned());
    }
    let description = description(members)?;
    let priority = priority(members)?;
    let create_time = time(members, "created", "create_time")?;
    let identity = match members.value(&["id"]).and_then(Value::as_i64) {
        Some(id) => Identity::External(format!("vikunja:{id}")),
        None => fingerprints.next(&[title, &description])?,
    };
    Ok(Draft {
        identity,
        title: title.to_owned(),
        description,
        completed,
        priority,
        tags,
        due: due.map(|at| Due::Moment {
            at,
            zone: zone::UTC.to_owned(),
        }),
        create_time,
        complete_time: complete_time.filter(|_| completed),
    })
}

fn description(members: &Members) -> Result<String, Problem> {
    let mut text = html::plain_text(members.text(&["description"], "description")?);
    for comment in members.list(&["comments"], "description")? {
        let comment = comment.get("comment").and_then(Value::as_str).unwrap_or_default();
        let comment = html::plain_text(comment);
        if !comment.is_empty() && !text.is_empty() {
            text.push_str("\n\n");
        }
        text.push_str(&comment);
    }
    Ok(text)
}

fn priority(members: &Members) -> Result<Priority, Problem> {
    let Some(value) = members.value(&["priority"]) else {
        return Ok(Priority::default());
    };
    match value.as_i64() {
        Some(1 | 2) => Ok(Priority::Low),
        Some(4..) => Ok(Priority::High),
        Some(_) => Ok(Priority::Medium),
        None => Err(Problem::of("priority", "must be a whole number")),
    }
}

fn time(members: &Members, name: &str, field: &'static str) -> Result<Option<Timestamp>, Problem> {
    match members.text(&[name], field)? {
        "" | NONE => Ok(None),
        text => {
            let at = moment::read_moment(text);
            at.map(Some)
                .ok_or_else(|| Problem::of(field, "must be an RFC 3339 date-time of the years 0001 to 9999"))
        }
    }
}
