//! What comes of a change to one task, by the contract alone.

use std::collections::BTreeSet;

use platform::clock::Timestamp;
use proto::task::v1::{Due, Priority, Task};
use uuid::Uuid;

use super::calls::Call;

/// A deleted task is kept for so long.
const KEPT_SECONDS: i64 = 30 * 24 * 3600;
const FIELDS: [&str; 6] = ["title", "description", "completed", "priority", "tags", "due"];

/// What is asked of one task.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    /// Empty for a new task whose id is the service's choice.
    pub(super) id: String,
    /// Empty if any will do.
    pub(super) etag: String,
    pub(super) wish: Wish,
}

impl Ask {
    pub(super) fn undeletion(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            etag: String::new(),
            wish: Wish::Undelete,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) enum Wish {
    Create(Task),
    Update(Task, Option<Vec<String>>),
    Completed(bool),
    Toggle,
    Delete,
    Undelete,
}

/// Why nothing comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum No {
    Exists,
    Missing,
    Mismatch,
}

/// What a call asks of tasks, one after the other; nothing if it only reads, or is an import.
pub(super) fn asks(call: &Call) -> Vec<Ask> {
    let ask = |id: &str, etag: &str, wish| Ask {
        id: id.to_owned(),
        etag: etag.to_owned(),
        wish,
    };
    let create = |task: &Option<Task>| {
        let task = task.clone().unwrap_or_default();
        ask(&task.id.clone(), "", Wish::Create(task))
    };
    let update = |task: &Option<Task>, mask: &Option<prost_types::FieldMask>| {
        let task = task.clone().unwrap_or_default();
        let mask = mask.as_ref().map(|mask| mask.paths.clone());
        ask(&task.id.clone(), &task.etag.clone(), Wish::Update(task, mask))
    };
    match call {
        Call::Create(request) => vec![create(&request.task)],
        Call::Update(request) => vec![update(&request.task, &request.update_mask)],
        Call::Delete(request) => vec![ask(&request.id, &request.etag, Wish::Delete)],
        Call::Undelete(request) => vec![ask(&request.id, "", Wish::Undelete)],
        Call::Complete(request) => vec![ask(&request.id, &request.etag, Wish::Completed(true))],
        Call::Reopen(request) => vec![ask(&request.id, &request.etag, Wish::Completed(false))],
        Call::Toggle(request) => vec![ask(&request.id, "", Wish::Toggle)],
        Call::BatchCreate(batch) => batch.requests.iter().map(|request| create(&request.task)).collect(),
        Call::BatchUpdate(batch) => {
            let requests = batch.requests.iter();
            requests.map(|one| update(&one.task, &one.update_mask)).collect()
        }
        Call::BatchDelete(batch) => {
            let requests = batch.requests.iter();
            requests.map(|one| ask(&one.id, &one.etag, Wish::Delete)).collect()
        }
        Call::BatchComplete(batch) => {
            let requests = batch.requests.iter();
            let complete = Wish::Completed(true);
            requests.map(|one| ask(&one.id, &one.etag, complete.clone())).collect()
        }
        Call::Get(_) | Call::List(_) | Call::Stats(_) | Call::Sync(_) | Call::Import(_) => Vec::new(),
    }
}

/// The task after it, at a moment; as it was, if nothing about it changes.
pub(super) fn outcome(ask: &Ask, before: Option<&Task>, now: Timestamp) -> Result<Task, No> {
    if let Wish::Create(draft) = &ask.wish {
        return match before {
            Some(_) => Err(No::Exists),
            None => Ok(created(&ask.id, draft, now)),
        };
    }
    let undeletes = matches!(ask.wish, Wish::Undelete);
    let before = before.filter(|task| undeletes || task.delete_time.is_none());
    let before = before.ok_or(No::Missing)?;
    if !ask.etag.is_empty() && ask.etag != before.etag {
        return Err(No::Mismatch);
    }
    let mut after = before.clone();
    match &ask.wish {
        Wish::Create(_) => unreachable!("see above"),
        Wish::Update(draft, mask) => update(&mut after, draft, mask.as_deref()),
        Wish::Completed(completed) => after.completed = *completed,
        Wish::Toggle => after.completed = !after.completed,
        Wish::Delete => {
            after.delete_time = Some(now.into());
            after.purge_time = Some(purge_time(now));
        }
        Wish::Undelete => (after.delete_time, after.purge_time) = (None, None),
    }
    if after == *before {
        return Ok(after);
    }
    if after.completed != before.completed {
        after.complete_time = after.completed.then(|| now.into());
    }
    after.update_time = Some(now.into());
    after.etag = (version(before) + 1).to_string();
    Ok(after)
}

/// The first version of a task.
pub(super) fn created(id: &str, draft: &Task, now: Timestamp) -> Task {
    let draft = kept(draft);
    Task {
        id: id.to_lowercase(),
        create_time: Some(now.into()),
        update_time: Some(now.into()),
        complete_time: draft.completed.then(|| now.into()),
        delete_time: None,
        purge_time: None,
        etag: "1".to_owned(),
        ..draft
    }
}

/// How often a task has been written: what the etag says today.
pub(super) fn version(task: &Task) -> u64 {
    task.etag.parse().unwrap_or(0)
}

fn purge_time(deleted: Timestamp) -> prost_types::Timestamp {
    let deleted = prost_types::Timestamp::from(deleted);
    prost_types::Timestamp {
        seconds: deleted.seconds + KEPT_SECONDS,
        ..deleted
    }
}

/// What is kept of the fields that people write.
fn kept(draft: &Task) -> Task {
    let mut tags: Vec<String> = Vec::new();
    for tag in &draft.tags {
        let tag = tag.trim().to_lowercase();
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    let mut due = draft.due.clone();
    if let Some(Due {
        date_time: Some(moment),
        time_zone,
        ..
    }) = &mut due
    {
        moment.nanos -= moment.nanos % 1000;
        if time_zone.is_empty() {
            "UTC".clone_into(time_zone);
        }
    }
    let priority = if draft.priority == 0 {
        Priority::Medium.into()
    } else {
        draft.priority
    };
    Task {
        title: draft.title.trim().to_owned(),
        priority,
        tags,
        due,
        ..draft.clone()
    }
}

/// The fields that an update names.
fn named<'a>(draft: &Task, mask: Option<&'a [String]>) -> Vec<&'a str> {
    match mask {
        Some([all]) if all == "*" => FIELDS.to_vec(),
        Some(paths) => paths.iter().map(String::as_str).collect(),
        None => {
            let set = [
                !draft.title.is_empty(),
                !draft.description.is_empty(),
                draft.completed,
                draft.priority != 0,
                !draft.tags.is_empty(),
                draft.due.is_some(),
            ];
            let fields = FIELDS.into_iter().zip(set);
            fields.filter(|(_, set)| *set).map(|(field, _)| field).collect()
        }
    }
}

fn update(task: &mut Task, draft: &Task, mask: Option<&[String]>) {
    let new = kept(draft);
    for field in named(draft, mask) {
        match field {
            "title" => task.title.clone_from(&new.title),
            "description" => task.description.clone_from(&new.description),
            "completed" => task.completed = new.completed,
            "priority" => task.priority = new.priority,
            "tags" => task.tags.clone_from(&new.tags),
            "due" => task.due.clone_from(&new.due),
            // Only the service sets the others.
            _ => {}
        }
    }
}

/// The fields for which a call is refused whatever there is, in the order of the alphabet.
pub(super) fn violations(call: &Call) -> Vec<String> {
    let mut wrong = BTreeSet::new();
    if call.request_id().contains(' ') {
        wrong.insert("request_id".to_owned());
    }
    for (place, ask) in asks(call).iter().enumerate() {
        let prefix = if call.is_batch() {
            format!("requests[{place}].")
        } else {
            String::new()
        };
        let is_id = Uuid::try_parse(&ask.id).is_ok();
        let found = match &ask.wish {
            Wish::Create(draft) => {
                let mut found = of_fields(draft, &FIELDS);
                found.extend((!is_id && !ask.id.is_empty()).then_some("task.id"));
                found
            }
            Wish::Update(draft, mask) => {
                let mask = mask.as_deref();
                let mut found = of_fields(draft, &named(draft, mask));
                found.extend((!is_id).then_some("task.id"));
                let known = |path: &String| FIELDS.contains(&path.as_str()) || matches!(path.as_str(), "*" | "etag");
                found.extend((!mask.unwrap_or_default().iter().all(known)).then_some("update_mask"));
                found
            }
            _ => (!is_id).then_some("id").into_iter().collect(),
        };
        wrong.extend(found.into_iter().map(|field| format!("{prefix}{field}")));
    }
    wrong.into_iter().collect()
}

fn of_fields(draft: &Task, fields: &[&str]) -> Vec<&'static str> {
    let title = draft.title.trim().chars().count();
    let due = draft.due.as_ref();
    let no_due = due.is_some_and(|due| due.date.is_empty() == due.date_time.is_none());
    let wrong = [
        ("title", title == 0 || title > 200, "task.title"),
        (
            "tags",
            draft.tags.iter().any(|tag| tag.trim().is_empty()),
            "task.tags[0]",
        ),
        ("due", no_due, "task.due"),
    ];
    let wrong = wrong
        .into_iter()
        .filter(|(field, wrong, _)| *wrong && fields.contains(field));
    wrong.map(|(_, _, path)| path).collect()
}
