//! A task in the proto3 JSON of `holdfast.task.v1.Task`.

use platform::clock::Timestamp;
use serde_json::Value;

use super::members::Members;
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

/// Reads a task. Members are found under both names that proto3 JSON knows; unknown ones are ignored.
pub(super) fn read(members: &Members, fingerprints: &mut Fingerprints) -> Result<Draft, Problem> {
    if !members.text(&["deleteTime", "delete_time"], "delete_time")?.is_empty() {
        return Err(Problem::of("delete_time", "must not be set: the task is deleted"));
    }
    let title = members.text(&["title"], "title")?;
    let description = members.text(&["description"], "description")?;
    let due = members.value(&["due"]);
    let complete_time = time(members, &["completeTime", "complete_time"], "complete_time")?;
    let completed = members
        .flag(&["completed"], "completed")?
        .unwrap_or(complete_time.is_some());
    let tags = members.list(&["tags"], "tags")?;
    let tags = tags.iter().map(tag).collect::<Result<_, _>>()?;
    let priority = priority(members)?;
    let create_time = time(members, &["createTime", "create_time"], "create_time")?;
    let due_said = due.map(Value::to_string).unwrap_or_default();
    let due = due.map(read_due).transpose()?;
    // Last: a record that is refused must not count among the equal ones.
    let identity = match Identity::of_id(members.text(&["id"], "id")?) {
        Some(identity) => identity,
        None => fingerprints.next(&[title, description, &due_said])?,
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

fn priority(members: &Members) -> Result<Priority, Problem> {
    let name = match members.value(&["priority"]) {
        None => "PRIORITY_UNSPECIFIED",
        Some(Value::String(name)) => name,
        Some(Value::Number(number)) => match number.as_i64() {
            Some(0) => "PRIORITY_UNSPECIFIED",
            Some(1) => "PRIORITY_LOW",
            Some(2) => "PRIORITY_MEDIUM",
            Some(3) => "PRIORITY_HIGH",
            _ => "",
        },
        Some(_) => "",
    };
    match name {
        "PRIORITY_UNSPECIFIED" => Ok(Priority::default()),
        "PRIORITY_LOW" => Ok(Priority::Low),
        "PRIORITY_MEDIUM" => Ok(Priority::Medium),
        "PRIORITY_HIGH" => Ok(Priority::High),
        _ => Err(Problem::of(
            "priority",
            "must be PRIORITY_LOW, PRIORITY_MEDIUM or PRIORITY_HIGH",
        )),
    }
}

fn tag(value: &Value) -> Result<String, Problem> {
    let text = value.as_str().map(str::to_owned);
    text.ok_or_else(|| Problem::of("tags", "must be strings"))
}

fn time(members: &Members, names: &[&str], field: &'static str) -> Result<Option<Timestamp>, Problem> {
    let text = members.text(names, field)?;
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

fn read_due(value: &Value) -> Result<Due, Problem> {
    let members: Members =
        Members::of(value).ok_or_else(|| Problem::of("due", "must be an object with a date or a dateTime"))?;
    let date = members.text(&["date"], "due.date")?;
    let at = time(&members, &["dateTime", "date_time"], "due.date_time")?;
    let zone_name = members.text(&["timeZone", "time_zone"], "due.time_zone")?;
    match (date, at) {
        ("", None) => Err(Problem::of("due", "must have a date or a dateTime")),
        ("", Some(at)) if zone_name.is_empty() => Ok(Due::Moment {
            at,
            zone: zone::UTC.to_owned(),
        }),
        ("", Some(at)) => {
            let zone = zone::iana(zone_name).ok_or_else(|| zone_unknown(zone_name))?;
            Ok(Due::Moment { at, zone })
        }
        (_, None) if !zone_name.is_empty() => Err(Problem::of("due.time_zone", "is only for a dateTime")),
        (date, None) => match moment::read(date) {
            Some(Said::Day(day)) => Ok(Due::Day(day)),
            _ => Err(Problem::of("due.date", "must be a day of the calendar, as YYYY-MM-DD")),
        },
        (_, Some(_)) => Err(Problem::of("due", "must not have both a date and a dateTime")),
    }
}

fn zone_unknown(name: &str) -> Problem {
    Problem::of(
        "due.time_zone",
        format!(
            "must be a time zone of the IANA database, which {} is not",
            quoted(name)
        ),
    )
}
