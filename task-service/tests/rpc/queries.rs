//! What a list can be asked for.

use std::time::Duration;

use proto::task::v1::{DeleteTaskRequest, Due, ListTasksRequest, Priority, Task};
use tonic::Code;

use crate::world::{Person, World, assert_told, titled, told};

fn day(date: &str) -> Due {
    Due {
        date: date.to_owned(),
        ..Due::default()
    }
}

/// Titles are the letters of the alphabet, from the oldest to the newest.
async fn alphabet(world: &World, anna: &mut Person) {
    let moment = Due {
        // 2026-02-28T23:30:00Z: the first of March in Berlin.
        date_time: Some(prost_types::Timestamp {
            seconds: 1_772_321_400,
            nanos: 0,
        }),
        time_zone: "Europe/Berlin".to_owned(),
        ..Due::default()
    };
    for task in [
        Task {
            priority: Priority::High.into(),
            tags: vec!["home".to_owned(), "urgent".to_owned()],
            ..titled("Äpfel")
        },
        Task {
            due: Some(day("2026-02-28")),
            description: "with MILK".to_owned(),
            ..titled("bread")
        },
        Task {
            due: Some(day("2026-03-01")),
            completed: true,
            tags: vec!["home".to_owned()],
            ..titled("Candles")
        },
        Task {
            due: Some(moment),
            priority: Priority::Low.into(),
            ..titled("dates")
        },
    ] {
        anna.create(task).await;
        world.clock.advance(Duration::from_secs(1));
    }
}

fn with(change: impl FnOnce(&mut ListTasksRequest)) -> ListTasksRequest {
    let mut list = ListTasksRequest::default();
    change(&mut list);
    list
}

/// The first letters of the titles, without accents.
async fn letters(anna: &mut Person, request: ListTasksRequest) -> String {
    let page = anna.tasks.list_tasks(request.clone()).await;
    let tasks = page
        .unwrap_or_else(|status| panic!("{request:?}: {status}"))
        .into_inner()
        .tasks;
    let first = tasks.iter().filter_map(|task| task.title.chars().next());
    first
        .map(|letter| {
            if letter == 'Ä' {
                'a'
            } else {
                letter.to_ascii_lowercase()
            }
        })
        .collect()
}

#[tokio::test]
async fn a_list_is_narrowed_by_fields_and_by_a_filter() {
    let world = World::start().await;
    let mut anna = world.somebody();
    alphabet(&world, &mut anna).await;
    world.somebody().create(titled("another's")).await;
    let filtered = |filter: &str| with(|list| list.filter = filter.to_owned());
    for (request, expected) in [
        (with(|_| ()), "dcba"),
        (with(|list| list.state = 1), "dba"),
        (with(|list| list.state = 2), "c"),
        (with(|list| list.priority = 1), "d"),
        (with(|list| list.tag = " HOME ".to_owned()), "ca"),
        (with(|list| list.search = "milk BREAD".to_owned()), "b"),
        (with(|list| list.search = "apfel".to_owned()), "a"),
        (with(|list| list.due_after = "2026-03-01".to_owned()), "c"),
        (
            with(|list| {
                list.due_after = "2026-03-01".to_owned();
                list.time_zone = "europe/berlin".to_owned();
            }),
            "dc",
        ),
        (with(|list| list.due_before = "2026-03-01".to_owned()), "db"),
        (
            with(|list| {
                list.due_after = "2026-02-28T23:30:00Z".to_owned();
                list.due_before = "2026-03-02".to_owned();
            }),
            "dc",
        ),
        (
            with(|list| {
                list.state = 1;
                list.tag = "home".to_owned();
            }),
            "a",
        ),
        (
            filtered("priority >= MEDIUM AND (tags:home OR due < 2026-03-01)"),
            "cba",
        ),
        (filtered("-tags:* due:*"), "db"),
        (filtered("milk OR state = COMPLETED"), "cb"),
        (filtered("NOT apfel"), "dcb"),
        (
            ListTasksRequest {
                state: 1,
                ..filtered("tags:home OR bread")
            },
            "ba",
        ),
        (with(|list| list.order_by = "title".to_owned()), "abcd"),
        (with(|list| list.order_by = "created".to_owned()), "abcd"),
        (with(|list| list.order_by = "due".to_owned()), "bdca"),
        (with(|list| list.order_by = "due desc".to_owned()), "cdba"),
        (
            with(|list| list.order_by = "priority desc, title desc".to_owned()),
            "acbd",
        ),
    ] {
        assert_eq!(letters(&mut anna, request.clone()).await, expected, "{request:?}");
    }
}

#[tokio::test]
async fn deleted_tasks_are_shown_when_asked_for_until_they_are_purged() {
    let world = World::start().await;
    let mut anna = world.somebody();
    alphabet(&world, &mut anna).await;
    let id = anna.list().await[1].id.clone();
    let delete = DeleteTaskRequest {
        id,
        ..DeleteTaskRequest::default()
    };
    anna.tasks.delete_task(delete).await.expect("it is deleted");
    let with_deleted = || ListTasksRequest {
        show_deleted: true,
        ..ListTasksRequest::default()
    };
    let only_deleted = || ListTasksRequest {
        filter: "delete_time:*".to_owned(),
        ..with_deleted()
    };
    assert_eq!(letters(&mut anna, ListTasksRequest::default()).await, "dba");
    assert_eq!(letters(&mut anna, with_deleted()).await, "dcba");
    assert_eq!(letters(&mut anna, only_deleted()).await, "c");
    world.clock.advance(Duration::from_hours(30 * 24));
    let mut anna = world.person_of(&anna);
    assert_eq!(
        letters(&mut anna, only_deleted()).await,
        "",
        "gone, whether or not it was purged yet"
    );
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_with_its_place() {
    let world = World::start().await;
    let mut anna = world.somebody();
    for (request, field) in [
        (with(|list| list.order_by = "owner_id".to_owned()), "order_by"),
        (with(|list| list.order_by = "due,due".to_owned()), "order_by"),
        (with(|list| list.filter = "owner_id = 1".to_owned()), "filter"),
        (with(|list| list.filter = "due.date = 1".to_owned()), "filter"),
        (with(|list| list.filter = "(".repeat(1000)), "filter"),
        (with(|list| list.filter = "a ".repeat(1001)), "filter"),
        (with(|list| list.priority = 4), "priority"),
        (with(|list| list.state = -1), "state"),
        (with(|list| list.tag = " ".to_owned()), "tag"),
        (with(|list| list.tag = "x".repeat(51)), "tag"),
        (with(|list| list.search = "x".repeat(201)), "search"),
        (with(|list| list.search = "x ".repeat(21)), "search"),
        (with(|list| list.search = "\0".to_owned()), "search"),
        (with(|list| list.due_after = "tomorrow".to_owned()), "due_after"),
        (with(|list| list.due_before = "2026-02-30".to_owned()), "due_before"),
        (with(|list| list.time_zone = "Mars/Olympus".to_owned()), "time_zone"),
    ] {
        let answer = anna.tasks.list_tasks(request).await;
        assert_told(answer, Code::InvalidArgument, "FIELD_INVALID", &[field]);
    }
    let request = with(|list| list.filter = "due < now".to_owned());
    let status = anna.tasks.list_tasks(request).await.expect_err("it is no time");
    assert!(
        status.message().contains("filter: at character 7: due takes a date"),
        "{status}"
    );
    assert_eq!(told(&status).2, ["filter"]);
}
