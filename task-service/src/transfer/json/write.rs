//! Our own JSON: `{"tasks": [...]}`, a task on each line, in the proto3 JSON of `holdfast.task.v1.Task`.

use serde::Serialize;

use crate::{
    due::Due,
    task::Priority,
    transfer::{Exported, moment},
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TaskMembers<'a> {
    id: String,
    title: &'a str,
    description: &'a str,
    completed: bool,
    priority: &'static str,
    tags: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<DueMembers<'a>>,
    create_time: String,
    update_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    complete_time: Option<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum DueMembers<'a> {
    Day {
        date: String,
    },
    #[serde(rename_all = "camelCase")]
    Moment {
        date_time: String,
        time_zone: &'a str,
    },
}

/// Appends the beginning of the file.
pub(in crate::transfer) fn begin(file: &mut Vec<u8>) {
    file.extend_from_slice(b"{\"tasks\":[");
}

/// Appends a task.
pub(in crate::transfer) fn task(task: &Exported, is_first: bool, file: &mut Vec<u8>) {
    file.extend_from_slice(if is_first { b"\n" } else { b",\n" });
    let content = &task.content;
    let members = TaskMembers {
        id: task.id.to_string(),
        title: &content.title,
        description: &content.description,
        completed: content.completed,
        priority: match content.priority {
            Priority::Low => "PRIORITY_LOW",
            Priority::Medium => "PRIORITY_MEDIUM",
            Priority::High => "PRIORITY_HIGH",
        },
        tags: &content.tags,
        due: content.due.as_ref().map(|due| match due {
            Due::Day(day) => DueMembers::Day { date: day.to_string() },
            Due::Moment { at, zone } => DueMembers::Moment {
                date_time: moment::rfc_3339(*at),
                time_zone: zone,
            },
        }),
        create_time: moment::rfc_3339(task.create_time),
        update_time: moment::rfc_3339(task.update_time),
        complete_time: task.complete_time.map(moment::rfc_3339),
    };
    #[expect(clippy::expect_used, reason = "texts and flags can be written, and a Vec takes all")]
    serde_json::to_writer(file, &members).expect("a task is written");
}

/// Appends the end of the file.
pub(in crate::transfer) fn end(file: &mut Vec<u8>) {
    file.extend_from_slice(b"\n]}\n");
}
