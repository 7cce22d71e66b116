//! `input` is a time zone, a line break, and a filter.

#![no_main]

use std::sync::LazyLock;

use fuzz::world::World;
use jiff::tz;
use libfuzzer_sys::fuzz_target;
use proto::task::v1 as wire;
use task_service::{error::TaskError, fuzzing};

static WORLD: LazyLock<World> = LazyLock::new(World::new);

fuzz_target!(|input: &str| {
    let (zone_name, filter) = input.split_once('\n').unwrap_or(("", input));
    let zone = tz::db().get(zone_name).unwrap_or(tz::TimeZone::UTC);
    let read = fuzzing::filter(filter, &zone);
    let listed = listed(zone_name, filter.to_owned());
    if let Err((position, problem)) = &read {
        check_problem(filter, *position, problem);
        assert!(listed.is_none(), "a list is more lenient");
        return;
    }
    // Refused for its time zone only.
    let Some(listed) = listed else { return };
    // Whatever a task has or lacks, it meets a filter or the filter's negation.
    let negated = format!("NOT ({filter})");
    match fuzzing::filter(&negated, &zone) {
        Ok(_) => {
            let others = listed_or_panic(zone_name, negated);
            assert_eq!(listed + others, WORLD.count, "so many have neither or both");
        }
        Err((_, problem)) => assert!(
            filter.trim().is_empty() || problem.contains("at most 2000") || problem.contains("at most 20 levels"),
            "{problem}"
        ),
    }
});

/// How many tasks meet a filter; `None` if it is refused.
fn listed(time_zone: &str, filter: String) -> Option<usize> {
    let request = wire::ListTasksRequest {
        filter,
        time_zone: time_zone.to_owned(),
        show_deleted: true,
        ..wire::ListTasksRequest::default()
    };
    match WORLD.list(&request) {
        Ok(page) => Some(page.tasks.len()),
        Err(TaskError::FieldsInvalid(_)) => None,
        Err(error) => panic!("{error:?}"),
    }
}

fn listed_or_panic(time_zone: &str, filter: String) -> usize {
    listed(time_zone, filter).expect("it is no worse than what it negates")
}

/// It has a place in the filter, and repeats little of it.
fn check_problem(filter: &str, position: usize, problem: &str) {
    assert!(
        (1..=filter.chars().count() + 1).contains(&position),
        "{position}: {problem}"
    );
    let shown = problem.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    assert!(shown && (1..120).contains(&problem.len()), "{problem:?}");
}
