//! Lists and counts of tasks: what is asked for, and what a model picks and sorts.

use std::cmp::Ordering;

use jiff::{
    SignedDuration,
    civil::{Date, date},
};
use platform::clock::Timestamp;
use proto::task::v1::{ListTasksRequest, Priority, Task, TaskState, TaskStats};

use super::numbers::Numbers;

/// 2026-01-01, the day on which the clock begins, counted from the epoch.
pub(super) const FIRST_DAY: i64 = 20_454;
pub(super) const WORDS: [&str; 4] = ["milk", "bread", "oil", "silk"];
pub(super) const TAGS: [&str; 3] = ["home", "work", "hom"];
/// Zones whose clocks are never set, and how many hours they are ahead.
pub(super) const ZONES: [(&str, i64); 4] = [("", 0), ("UTC", 0), ("Asia/Tokyo", 9), ("America/Bogota", -5)];
const SECONDS_OF_DAY: i64 = 86_400;

/// A list that is asked for, and what that means.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Listing {
    pub(super) request: ListTasksRequest,
    condition: Condition,
    /// From the greatest to the least, if so.
    order: Vec<(Key, bool)>,
    hours: i64,
}

#[derive(Clone, Debug, PartialEq)]
enum Condition {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Completed(bool),
    /// At least that.
    Priority(i32),
    Tag(String),
    Word(String),
    /// That day or later.
    DueFrom(i64),
    DueBefore(i64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Key {
    Created,
    Updated,
    Due,
    Priority,
    Title,
}

impl Listing {
    /// Every task that is there, perhaps the deleted ones too, newest first.
    pub(super) fn everything(page_size: i32, show_deleted: bool) -> Self {
        Self {
            request: ListTasksRequest {
                page_size,
                show_deleted,
                ..ListTasksRequest::default()
            },
            condition: Condition::All(Vec::new()),
            order: vec![(Key::Created, true)],
            hours: 0,
        }
    }

    /// Anything that can be asked for.
    pub(super) fn any(numbers: &mut Numbers) -> Self {
        let mut listing = Self::everything(i32::try_from(numbers.below(9)).unwrap(), numbers.one_in(3));
        if numbers.one_in(3) {
            return listing;
        }
        let (zone, hours) = numbers.one_of(&ZONES);
        let request = &mut listing.request;
        (request.time_zone, listing.hours) = (zone.to_owned(), hours);
        let mut all = Vec::new();
        if numbers.one_in(4) {
            let completed = numbers.one_in(2);
            let state = if completed {
                TaskState::Completed
            } else {
                TaskState::Active
            };
            request.state = state.into();
            all.push(Condition::Completed(completed));
        }
        if numbers.one_in(4) {
            request.priority = Priority::High.into();
            all.push(Condition::Priority(request.priority));
        }
        if numbers.one_in(4) {
            let tag = numbers.one_of(&TAGS);
            request.tag = tag.to_uppercase();
            all.push(Condition::Tag(tag.to_owned()));
        }
        if numbers.one_in(4) {
            let words = [numbers.one_of(&WORDS), numbers.one_of(&WORDS)];
            request.search = words.join(" ").to_uppercase();
            all.extend(words.map(|word| Condition::Word(word.to_owned())));
        }
        if numbers.one_in(4) {
            let from = some_day(numbers);
            request.due_after = day(from);
            all.push(Condition::DueFrom(from));
        }
        if numbers.one_in(4) {
            let before = some_day(numbers);
            request.due_before = day(before);
            all.push(Condition::DueBefore(before));
        }
        if numbers.one_in(2) {
            let condition = Condition::any(numbers, 2);
            request.filter = condition.text();
            all.push(condition);
        }
        listing.condition = Condition::All(all);
        if numbers.one_in(2) {
            listing.order = some_order(numbers);
            request.order_by = text_of(&listing.order);
        }
        listing
    }

    /// Whether nothing is left out and what orders the tasks never changes.
    pub(super) fn is_complete(&self) -> bool {
        self.condition == Condition::All(Vec::new()) && self.is_steady()
    }

    /// Whether what orders the tasks never changes.
    pub(super) fn is_steady(&self) -> bool {
        self.order.iter().all(|(key, _)| *key == Key::Created)
    }

    /// Whether a task belongs to it.
    pub(super) fn holds(&self, task: &Task) -> bool {
        (self.request.show_deleted || task.delete_time.is_none()) && self.condition.holds(task, self.hours)
    }

    /// Its pages, out of all tasks.
    pub(super) fn pages<'a>(&self, tasks: impl Iterator<Item = &'a Task>) -> Vec<Vec<Task>> {
        let mut listed: Vec<Task> = tasks.filter(|task| self.holds(task)).cloned().collect();
        listed.sort_by(|one, other| self.compare(one, other));
        paged(&listed, self.request.page_size)
    }

    fn compare(&self, one: &Task, other: &Task) -> Ordering {
        for (key, descending) in &self.order {
            let ordering = match key {
                Key::Created => moment(one.create_time).cmp(&moment(other.create_time)),
                Key::Updated => moment(one.update_time).cmp(&moment(other.update_time)),
                Key::Priority => one.priority.cmp(&other.priority),
                Key::Title => one.title.to_lowercase().cmp(&other.title.to_lowercase()),
                Key::Due => match (due(one), due(other)) {
                    (Some(_), None) => return Ordering::Less,
                    (None, Some(_)) => return Ordering::Greater,
                    (one, other) => one.cmp(&other),
                },
            };
            match (ordering, descending) {
                (Ordering::Equal, _) => {}
                (_, true) => return ordering.reverse(),
                (_, false) => return ordering,
            }
        }
        let ids = one.id.cmp(&other.id);
        let descends = self.order.last().is_some_and(|(_, descending)| *descending);
        if descends { ids.reverse() } else { ids }
    }
}

impl Condition {
    fn any(numbers: &mut Numbers, depth: usize) -> Self {
        let several = |numbers: &mut Numbers| (0..2).map(|_| Self::any(numbers, depth - 1)).collect();
        match numbers.below(if depth == 0 { 6 } else { 9 }) {
            0 => Self::Completed(numbers.one_in(2)),
            1 => Self::Priority(Priority::Medium.into()),
            2 => Self::Tag(numbers.one_of(&TAGS).to_owned()),
            3 => Self::Word(numbers.one_of(&WORDS).to_owned()),
            4 => Self::DueFrom(some_day(numbers)),
            5 => Self::DueBefore(some_day(numbers)),
            6 => Self::All(several(numbers)),
            7 => Self::Any(several(numbers)),
            _ => Self::Not(Box::new(Self::any(numbers, depth - 1))),
        }
    }

    /// In the language of AIP-160.
    fn text(&self) -> String {
        let joined = |several: &[Self], word: &str| {
            let texts: Vec<_> = several.iter().map(Self::text).collect();
            format!("({})", texts.join(word))
        };
        match self {
            Self::All(all) => joined(all, " AND "),
            Self::Any(any) => joined(any, " OR "),
            Self::Not(condition) => format!("NOT {}", condition.text()),
            Self::Completed(completed) => format!("completed = {completed}"),
            Self::Priority(_) => "priority >= MEDIUM".to_owned(),
            Self::Tag(tag) => format!("tags:{tag}"),
            Self::Word(word) => word.clone(),
            Self::DueFrom(from) => format!("due >= \"{}\"", day(*from)),
            Self::DueBefore(before) => format!("due < \"{}\"", day(*before)),
        }
    }

    fn holds(&self, task: &Task, hours: i64) -> bool {
        match self {
            Self::All(all) => all.iter().all(|condition| condition.holds(task, hours)),
            Self::Any(any) => any.iter().any(|condition| condition.holds(task, hours)),
            Self::Not(condition) => !condition.holds(task, hours),
            Self::Completed(completed) => task.completed == *completed,
            Self::Priority(least) => task.priority >= *least,
            Self::Tag(tag) => task.tags.contains(tag),
            Self::Word(word) => [&task.title, &task.description]
                .iter()
                .any(|text| text.to_lowercase().contains(word)),
            Self::DueFrom(from) => is_due_before(task, *from, hours) == Some(false),
            Self::DueBefore(before) => is_due_before(task, *before, hours) == Some(true),
        }
    }
}

/// The pages of a list that is in order.
pub(super) fn paged(listed: &[Task], page_size: i32) -> Vec<Vec<Task>> {
    let size = if page_size == 0 {
        50
    } else {
        usize::try_from(page_size).unwrap()
    };
    if listed.is_empty() {
        return vec![Vec::new()];
    }
    listed.chunks(size).map(<[Task]>::to_vec).collect()
}

/// What is counted of tasks at a moment, in a zone that is so many hours ahead.
pub(super) fn counted<'a>(tasks: impl Iterator<Item = &'a Task>, now: Timestamp, hours: i64) -> TaskStats {
    let today = (now.as_seconds() + hours * 3600).div_euclid(SECONDS_OF_DAY);
    let now = moment(Some(now.into()));
    let mut stats = TaskStats::default();
    for task in tasks.filter(|task| task.delete_time.is_none()) {
        stats.total += 1;
        if task.completed {
            stats.completed += 1;
            continue;
        }
        stats.active += 1;
        let over = match task.due.as_ref().and_then(|due| due.date_time) {
            Some(at) => moment(Some(at)) < now,
            None => is_due_before(task, today, hours) == Some(true),
        };
        stats.overdue += i32::from(over);
        let is_today =
            is_due_before(task, today, hours) == Some(false) && is_due_before(task, today + 1, hours) == Some(true);
        stats.due_today += i32::from(is_today);
    }
    stats
}

/// A day about the time of the test.
pub(super) fn some_day(numbers: &mut Numbers) -> i64 {
    FIRST_DAY - 2 + i64::try_from(numbers.below(10)).unwrap()
}

/// The day of that number, as YYYY-MM-DD.
pub(super) fn day(number: i64) -> String {
    let day = EPOCH.checked_add(SignedDuration::from_hours(24 * number));
    day.unwrap().to_string()
}

const EPOCH: Date = date(1970, 1, 1);

/// `None` if it is not due at all.
fn is_due_before(task: &Task, day: i64, hours: i64) -> Option<bool> {
    let due = task.due.as_ref()?;
    Some(match due.date_time {
        None => due.date < self::day(day),
        Some(at) => at.seconds < day * SECONDS_OF_DAY - hours * 3600,
    })
}

/// Seconds and nanoseconds; of a day, those of its midnight in UTC.
fn due(task: &Task) -> Option<(i64, i32)> {
    let due = task.due.as_ref()?;
    let day = || due.date.parse::<Date>().unwrap().duration_since(EPOCH).as_secs();
    Some(due.date_time.map_or_else(|| (day(), 0), |at| moment(Some(at))))
}

pub(super) fn moment(time: Option<prost_types::Timestamp>) -> (i64, i32) {
    time.map_or((0, 0), |time| (time.seconds, time.nanos))
}

fn some_order(numbers: &mut Numbers) -> Vec<(Key, bool)> {
    let mut keys = vec![Key::Created, Key::Updated, Key::Due, Key::Priority, Key::Title];
    (0..=numbers.below(2))
        .map(|_| (keys.remove(numbers.below(keys.len())), numbers.one_in(2)))
        .collect()
}

fn text_of(order: &[(Key, bool)]) -> String {
    let keys = order.iter().map(|(key, descending)| {
        let name = format!("{key:?}").to_lowercase();
        format!("{name}{}", if *descending { " desc" } else { "" })
    });
    keys.collect::<Vec<_>>().join(", ")
}
