//! Small files to import.

use proto::task::v1::{ImportError, ImportTasksResponse, Priority, Task};
use serde_json::json;

/// A file, and what is in it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct File {
    pub(super) content_type: &'static str,
    pub(super) data: String,
    /// Records without an id have titles that nothing else has; those that cannot be used have none.
    pub(super) records: Vec<Task>,
}

impl File {
    pub(super) fn json(records: Vec<Task>) -> Self {
        let written = records.iter().map(|task| {
            let due = task.due.as_ref().map(|due| {
                let at = due
                    .date_time
                    .map(|at| jiff::Timestamp::new(at.seconds, at.nanos).unwrap());
                match at {
                    None => json!({"date": due.date}),
                    Some(at) => json!({"dateTime": at.to_string(), "timeZone": due.time_zone}),
                }
            });
            let record = json!({
                "id": task.id, "title": task.title, "description": task.description, "completed": task.completed,
                "priority": priority(task), "tags": task.tags, "due": due,
            });
            record.to_string()
        });
        // One on each line.
        let written: Vec<_> = written.collect();
        Self {
            content_type: "application/json",
            data: format!("{{\"tasks\": [\n{}\n]}}", written.join(",\n")),
            records,
        }
    }

    /// Tags and moments are left out.
    pub(super) fn csv(mut records: Vec<Task>) -> Self {
        let mut data = "id,title,description,completed,priority,due\n".to_owned();
        for task in &mut records {
            task.tags.clear();
            task.due = task.due.take().filter(|due| due.date_time.is_none());
            let due = task.due.as_ref().map_or("", |due| &due.date);
            let cells = [&task.id, &task.title, &task.description].map(|text| format!("\"{text}\""));
            let completed = task.completed.to_string();
            let cells = [&cells.join(","), &completed, priority(task), due];
            data += &(cells.join(",") + "\n");
        }
        Self {
            content_type: "text/csv",
            data,
            records,
        }
    }

    /// Whether a record can be used.
    pub(super) fn is_good(record: &Task) -> bool {
        !record.title.trim().is_empty()
    }

    /// What an import tells that found so many of the tasks there already; the errors without their descriptions.
    pub(super) fn told(&self, existing: usize) -> ImportTasksResponse {
        let bad = self.records.iter().enumerate().filter(|(_, task)| !Self::is_good(task));
        let errors: Vec<_> = bad
            .map(|(place, _)| ImportError {
                // The first line opens the array, or names the columns.
                line: i32::try_from(place + 2).unwrap(),
                field: "title".to_owned(),
                description: String::new(),
            })
            .collect();
        let number = |count: usize| i32::try_from(count).unwrap();
        ImportTasksResponse {
            created: number(self.records.len() - errors.len() - existing),
            existing: number(existing),
            failed: number(errors.len()),
            errors,
        }
    }
}

fn priority(task: &Task) -> &'static str {
    Priority::try_from(task.priority).unwrap().as_str_name()
}
