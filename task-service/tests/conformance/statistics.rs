//! `statistics`.

use futures_util::future::join_all;
use platform::clock::Timestamp;
use task_service::{
    change::Change,
    condition::DueBound,
    due::Due,
    owner::OwnerId,
    store::{Days, Effect, Statistics},
    task::Task,
};

use crate::{
    one::One as _,
    world::{World, retitled},
};

const HOUR: i64 = 3_600_000_000;
const TODAY: i64 = 20_000 * 24 * HOUR;

/// Ten o'clock in the zone of Berlin in summer, two hours before UTC.
const DAYS: Days = Days {
    now: Timestamp::from_micros(TODAY + 8 * HOUR),
    today: DueBound {
        moment: Timestamp::from_micros(TODAY - 2 * HOUR),
        day: Timestamp::from_micros(TODAY),
    },
    tomorrow: DueBound {
        moment: Timestamp::from_micros(TODAY + 22 * HOUR),
        day: Timestamp::from_micros(TODAY + 24 * HOUR),
    },
};

async fn counts(world: &World, owner: OwnerId) -> Statistics {
    world.store.statistics(owner, DAYS).await.expect("the store answers")
}

async fn due(world: &World, owner: OwnerId, due: Due, completed: bool) -> Task {
    let mut task = world.draft("due");
    task.content.due = Some(due);
    task.content.completed = completed;
    task.complete_time = completed.then_some(task.create_time);
    world.stored(owner, task).await
}

pub(crate) async fn what_is_due_is_counted_by_days_and_moments(world: World) {
    let (anna, ben) = (world.somebody().await, world.somebody().await);
    assert_eq!(counts(&world, anna).await, Statistics::default());
    let day = |days: i64| Due::day_of_order(Timestamp::from_micros(TODAY + days * 24 * HOUR)).expect("a day");
    let moment = |micros: i64| Due::Moment {
        at: Timestamp::from_micros(TODAY + micros),
        zone: "Europe/Berlin".to_owned(),
    };
    let mut expected = Statistics::default();
    for (when, overdue, due_today) in [
        (day(-1), 1, 0),
        (day(0), 0, 1),
        (day(1), 0, 0),
        (moment(-2 * HOUR - 1), 1, 0),
        (moment(-2 * HOUR), 1, 1),
        (moment(8 * HOUR - 1), 1, 1),
        (moment(8 * HOUR), 0, 1),
        (moment(22 * HOUR - 1), 0, 1),
        (moment(22 * HOUR), 0, 0),
    ] {
        due(&world, anna, when.clone(), false).await;
        expected.total += 1;
        expected.overdue += overdue;
        expected.due_today += due_today;
        assert_eq!(counts(&world, anna).await, expected, "{when:?}");
        // What is completed, deleted or another's is not due.
        due(&world, anna, when.clone(), true).await;
        expected.total += 1;
        expected.completed += 1;
        let gone = due(&world, anna, when.clone(), false).await;
        world.change(anna, world.edit(gone.id, Change::Delete)).await;
        due(&world, ben, when, false).await;
        assert_eq!(counts(&world, anna).await, expected);
    }
}

/// The numbers that every write keeps are those that counting would give.
pub(crate) async fn totals_follow_every_change(world: World) {
    let anna = world.somebody().await;
    let tasks = join_all((0..12).map(|number| world.task(anna, if number % 2 == 0 { "even" } else { "odd" }))).await;
    let changes = [
        Change::completed(true),
        Change::completed(true),
        Change::Toggle,
        Change::Toggle,
        Change::Delete,
        Change::Delete,
        Change::Undelete,
        Change::Undelete,
        Change::completed(false),
        retitled("other"),
        Change::Toggle,
        Change::Delete,
    ];
    for (place, change) in changes.iter().enumerate() {
        for (number, task) in tasks.iter().enumerate() {
            if (place + number) % 3 == 0 {
                continue;
            }
            for effect in [Effect::CheckedOnly, Effect::Stored] {
                let edit = world.edit(task.id, change.clone());
                world.store.change(anna, edit, effect).await.expect("the store answers");
            }
        }
        let listed = world.list(anna).await;
        let completed = listed.iter().filter(|task| task.content.completed).count();
        let found = counts(&world, anna).await;
        let number = |count: i64| usize::try_from(count).expect("no count is negative");
        assert_eq!(
            (number(found.total), number(found.completed)),
            (listed.len(), completed)
        );
    }
}
