//! What a list is asked for.

use jiff::tz::TimeZone;
use platform::clock::Timestamp;
use prost::Message as _;
use proto::task::v1 as wire;

use crate::{
    bounds::Bound,
    condition::{Condition, TextField},
    due, filter,
    order::Order,
    task::Priority,
    validation::{self, Violations},
};

const DEFAULT_PAGE_SIZE: usize = 50;
const MAX_PAGE_SIZE: usize = 1000;
const MAX_SEARCH: usize = 200;
const MAX_WORDS: usize = 20;

/// What a list is asked for: which tasks, in which order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Which.
    pub condition: Condition,
    /// In which order.
    pub order: Order,
    /// Deleted tasks too, unless they were deleted at that time or before: then they are purged. `None`: none.
    pub deleted_after: Option<Timestamp>,
}

impl Query {
    /// Every task that is not deleted, newest first.
    pub fn everything() -> Self {
        Self {
            condition: Condition::everything(),
            order: Order::newest_first(),
            deleted_after: None,
        }
    }

    /// Reads what a request asks for. `None`, and why, if it cannot be used.
    pub(crate) fn parse(
        request: &wire::ListTasksRequest,
        purged_before: Timestamp,
        violations: &mut Violations,
    ) -> Option<Self> {
        let zone = due::zone("time_zone", &request.time_zone, violations);
        let zone = zone.map_or(TimeZone::UTC, |(_, zone)| zone);
        let mut conditions = Vec::new();
        conditions.extend(state(request.state, violations));
        conditions.extend(priority(request.priority, violations));
        conditions.extend(tag(&request.tag, violations));
        conditions.extend(due_span(request, &zone, violations));
        conditions.extend(search(&request.search, violations));
        match filter::parse(&request.filter, &zone) {
            Ok(Condition::All(parts)) => conditions.extend(parts),
            Ok(condition) => conditions.push(condition),
            Err(error) => violations.add("filter", error.to_string()),
        }
        let order = Order::parse(&request.order_by, violations)?;
        Some(Self {
            condition: Condition::All(conditions),
            order,
            deleted_after: request.show_deleted.then_some(purged_before),
        })
    }
}

/// Everything of a request that the pages of one list have in common, to bind page tokens to it.
pub(crate) fn identity(request: &wire::ListTasksRequest) -> Vec<u8> {
    let common = wire::ListTasksRequest {
        page_size: 0,
        page_token: String::new(),
        known_etag: String::new(),
        ..request.clone()
    };
    common.encode_to_vec()
}

/// How many items a page holds; 50 if it is not said, 1000 at most.
pub(crate) fn page_size(asked: i32, violations: &mut Violations) -> Option<usize> {
    match usize::try_from(asked) {
        Ok(0) => Some(DEFAULT_PAGE_SIZE),
        Ok(asked) => Some(asked.min(MAX_PAGE_SIZE)),
        Err(_) => {
            violations.add("page_size", "must not be negative");
            None
        }
    }
}

fn state(number: i32, violations: &mut Violations) -> Option<Condition> {
    match wire::TaskState::try_from(number) {
        Ok(wire::TaskState::Unspecified) => None,
        Ok(wire::TaskState::Active) => Some(Condition::Completed(false)),
        Ok(wire::TaskState::Completed) => Some(Condition::Completed(true)),
        Err(_) => {
            violations.add("state", "must be a TaskState");
            None
        }
    }
}

fn priority(number: i32, violations: &mut Violations) -> Option<Condition> {
    let wanted = match wire::Priority::try_from(number) {
        Ok(wire::Priority::Unspecified) => return None,
        Ok(wire::Priority::Low) => Priority::Low,
        Ok(wire::Priority::Medium) => Priority::Medium,
        Ok(wire::Priority::High) => Priority::High,
        Err(_) => {
            violations.add("priority", "must be a Priority");
            return None;
        }
    };
    Some(Condition::Priority {
        from: wanted,
        to: wanted,
    })
}

fn tag(text: &str, violations: &mut Violations) -> Option<Condition> {
    if text.is_empty() {
        return None;
    }
    match validation::tag(text) {
        Ok(tag) => Some(Condition::Tag(tag)),
        Err(problem) => {
            violations.add("tag", problem);
            None
        }
    }
}

fn due_span(request: &wire::ListTasksRequest, zone: &TimeZone, violations: &mut Violations) -> Option<Condition> {
    let mut bound = |path: &str, text: &str| {
        let bound = Bound::parse(text);
        if bound.is_none() && !text.is_empty() {
            violations.add(path, "must be a day, as YYYY-MM-DD, or a moment (RFC 3339)");
        }
        bound.map(|bound| bound.begin(zone))
    };
    let from = bound("due_after", &request.due_after);
    let before = bound("due_before", &request.due_before);
    (from.is_some() || before.is_some()).then_some(Condition::Due { from, before })
}

/// Every word occurs in the title or in the description.
fn search(text: &str, violations: &mut Violations) -> Vec<Condition> {
    if text.contains('\0') {
        violations.add("search", validation::NUL);
    } else if text.chars().count() > MAX_SEARCH {
        violations.add("search", format!("must have at most {MAX_SEARCH} characters"));
    } else if text.split_whitespace().count() > MAX_WORDS {
        violations.add("search", format!("must have at most {MAX_WORDS} words"));
    } else {
        let words = text.split_whitespace().map(|word| Condition::Contains {
            field: TextField::Either,
            text: word.to_owned(),
        });
        return words.collect();
    }
    Vec::new()
}
