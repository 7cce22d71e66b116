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
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// From the least to the most.
pub(crate) fn spread(values: &[f64]) -> f64 {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    most - least
}

/// What of each round is to what of the same round.
pub(crate) fn ratios(parts: &[f64], wholes: &[f64]) -> Vec<f64> {
    parts.iter().zip(wholes).map(|(part, whole)| part / whole).collect()
}
