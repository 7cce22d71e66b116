//! GetTaskStats.

use proto::task::v1::{Due, GetTaskStatsRequest, Task, TaskStats};
use tonic::Code;

use crate::world::{World, assert_told, titled};

/// Kiritimati is 14 hours before UTC and Niue 11 behind it: they never have the same day.
#[tokio::test]
async fn a_day_is_one_of_the_callers_zone() {
    let world = World::start().await;
    let mut anna = world.somebody();
    let today = day_in_kiritimati(&world);
    let due = |date: String| Some(Due { date, ..Due::default() });
    anna.create(Task {
        due: due(today.clone()),
        ..titled("due")
    })
    .await;
    anna.create(Task {
        due: due(today),
        completed: true,
        ..titled("done")
    })
    .await;
    anna.create(titled("whenever")).await;
    world.somebody().create(titled("another's")).await;
    let mut stats = async |zone: &str| {
        let request = GetTaskStatsRequest {
            time_zone: zone.to_owned(),
        };
        anna.tasks
            .get_task_stats(request)
            .await
            .map(tonic::Response::into_inner)
    };
    let expected = TaskStats {
        total: 3,
        active: 2,
        completed: 1,
        overdue: 0,
        due_today: 1,
    };
    assert_eq!(stats("Pacific/Kiritimati").await.ok(), Some(expected));
    // There it is still the day before.
    let tomorrow = TaskStats {
        due_today: 0,
        ..expected
    };
    assert_eq!(stats("Pacific/Niue").await.ok(), Some(tomorrow));
    assert_told(
        stats("Nowhere").await,
        Code::InvalidArgument,
        "FIELD_INVALID",
        &["time_zone"],
    );
}

/// The day that it is there.
fn day_in_kiritimati(world: &World) -> String {
    use platform::clock::Clock as _;
    let there = world.clock.now().plus(std::time::Duration::from_hours(14));
    let day = task_service::due::Due::day_of_order(platform::clock::Timestamp::from_micros(
        there.as_micros().div_euclid(86_400_000_000) * 86_400_000_000,
    ));
    match day {
        Some(task_service::due::Due::Day(day)) => day.to_string(),
        other => panic!("no day: {other:?}"),
    }
}
