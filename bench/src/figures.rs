//! What is measured in the same way everywhere.

use proto::task::v1::{Due, Priority, Task};

/// How many callers there are at once, on [`CONNECTIONS`].
pub(crate) const CALLERS: usize = 16;
pub(crate) const CONNECTIONS: usize = 4;
/// How many tasks a page has.
pub(crate) const PAGE: usize = 50;

/// A task as people make them.
pub(crate) fn task(number: usize) -> Task {
    Task {
        title: format!("Buy milk number {number}"),
        description: "two litres, and oats".to_owned(),
        tags: vec!["home".to_owned(), "shop".to_owned()],
        priority: Priority::High.into(),
        due: Some(Due {
            date: "2026-12-24".to_owned(),
            ..Due::default()
        }),
        ..Task::default()
    }
}

/// The one in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
