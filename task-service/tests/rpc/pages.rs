//! Pages over the wire, and tokens that only fit where they were made.

use std::{collections::HashSet, time::Duration};

use prost::Message as _;
use proto::task::v1::{DeleteTaskRequest, ListTasksRequest, ListTasksResponse, Task, TaskState, UpdateTaskRequest};
use tonic::{Code, Status};

use crate::world::{Person, World, assert_told, titled};

const ID: &str = "01a1fdcd-fc7a-7b1a-ab02-3a323b439614";

async fn page(
    person: &mut Person,
    page_size: i32,
    page_token: &str,
    state: TaskState,
) -> Result<ListTasksResponse, Status> {
    let request = ListTasksRequest {
        page_size,
        page_token: page_token.to_owned(),
        state: state.into(),
        ..ListTasksRequest::default()
    };
    Ok(person.tasks.list_tasks(request).await?.into_inner())
}

#[tokio::test]
async fn every_task_is_on_one_page_whatever_their_size() {
    let world = World::start().await;
    let mut anna = world.somebody();
    let mut expected = Vec::new();
    for number in 0..120 {
        if number % 7 == 0 {
            world.clock.advance(Duration::from_micros(1));
        }
        expected.push(anna.create(titled(&number.to_string())).await.id);
    }
    let whole = page(&mut anna, 1000, "", TaskState::Unspecified).await.expect("a page");
    assert_eq!(whole.next_page_token, "");
    let order: Vec<String> = whole.tasks.iter().map(|task| task.id.clone()).collect();
    let mut sorted = order.clone();
    sorted.sort();
    expected.sort();
    assert_eq!(sorted, expected);
    let times: Vec<_> = whole
        .tasks
        .iter()
        .map(|task| task.create_time.map(|time| (time.seconds, time.nanos)))
        .collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older));

    // The size of a page may change on the way; 0 is 50, and more than 1000 is 1000.
    let mut listed = Vec::new();
    let mut token = String::new();
    for (asked, got) in [(1, 1), (7, 7), (0, 50), (60, 60), (i32::MAX, 2)] {
        let page = page(&mut anna, asked, &token, TaskState::Unspecified)
            .await
            .expect("a page");
        assert_eq!(page.tasks.len(), got, "asked for {asked}");
        listed.extend(page.tasks.into_iter().map(|task| task.id));
        token = page.next_page_token;
    }
    assert_eq!(token, "");
    assert_eq!(listed, order);
}

/// The same request of the same person, and nothing has changed: nothing else has the same tag.
#[tokio::test]
async fn an_etag_tells_whether_a_list_has_changed() {
    let world = World::start().await;
    let (mut anna, mut ben) = (world.somebody(), world.somebody());
    let ask = |request: ListTasksRequest| {
        move |person: &mut Person| {
            let mut tasks = person.tasks.clone();
            async move { tasks.list_tasks(request).await.expect("a page").into_inner() }
        }
    };
    let requests = [
        ListTasksRequest::default(),
        ListTasksRequest {
            page_size: 1,
            ..ListTasksRequest::default()
        },
        ListTasksRequest {
            state: TaskState::Completed.into(),
            ..ListTasksRequest::default()
        },
        ListTasksRequest {
            search: "milk".to_owned(),
            ..ListTasksRequest::default()
        },
    ];
    let mut seen = HashSet::new();
    let task = titled("Buy milk");
    for round in ["nothing", "created", "changed", "deleted"] {
        match round {
            "nothing" => {}
            "created" => {
                anna.create(Task {
                    id: ID.to_owned(),
                    ..task.clone()
                })
                .await;
                anna.create(titled("another")).await;
                ben.create(titled("Buy milk")).await;
                ben.create(titled("another")).await;
            }
            "changed" => {
                let task = Task {
                    id: ID.to_owned(),
                    completed: true,
                    ..Task::default()
                };
                let request = UpdateTaskRequest {
                    task: Some(task),
                    ..UpdateTaskRequest::default()
                };
                anna.tasks.update_task(request).await.expect("a task");
            }
            _ => {
                let request = DeleteTaskRequest {
                    id: ID.to_owned(),
                    ..DeleteTaskRequest::default()
                };
                anna.tasks.delete_task(request).await.expect("a task");
            }
        }
        for request in &requests {
            let first = ask(request.clone())(&mut anna).await;
            assert!(seen.insert(first.etag.clone()), "{round}: {request:?}");
            let again = ListTasksRequest {
                known_etag: first.etag.clone(),
                ..request.clone()
            };
            let unchanged = ask(again.clone())(&mut anna).await;
            let expected = ListTasksResponse {
                etag: first.etag.clone(),
                ..ListTasksResponse::default()
            };
            assert_eq!(unchanged, expected, "{round}: {request:?}");
            let bens = ask(again)(&mut ben).await;
            assert_ne!(bens.etag, first.etag, "another person's list");
            let stale = ListTasksRequest {
                known_etag: "stale".to_owned(),
                ..request.clone()
            };
            let whole = ask(stale)(&mut anna).await;
            assert_eq!(
                (whole.tasks, whole.etag),
                (first.tasks, first.etag),
                "{round}: {request:?}"
            );
        }
    }
    // What is purged leaves it without a trace.
    let with_trash = ListTasksRequest {
        show_deleted: true,
        ..ListTasksRequest::default()
    };
    assert_eq!(ask(with_trash)(&mut anna).await.etag, "");
    // A page token is not bound to it, and what is wrong is wrong in any case.
    let first = ask(requests[1].clone())(&mut anna).await;
    let malformed = ListTasksRequest {
        known_etag: first.etag,
        page_size: -1,
        ..ListTasksRequest::default()
    };
    let refused = anna.tasks.list_tasks(malformed).await;
    assert_told(refused, Code::InvalidArgument, "FIELD_INVALID", &["page_size"]);
}

#[tokio::test]
async fn the_last_page_has_no_token_even_when_it_is_full() {
    let world = World::start().await;
    let mut anna = world.somebody();
    for number in 0..4 {
        anna.create(titled(&number.to_string())).await;
    }
    let first = page(&mut anna, 2, "", TaskState::Active).await.expect("a page");
    let second = page(&mut anna, 2, &first.next_page_token, TaskState::Active)
        .await
        .expect("a page");
    assert_eq!((second.tasks.len(), second.next_page_token.as_str()), (2, ""));
}

#[tokio::test]
async fn a_page_ends_early_rather_than_exceed_3_mib() {
    let world = World::start().await;
    let mut anna = world.somebody();
    for number in 0..90 {
        let description = "😀".repeat(10_000);
        anna.create(Task {
            description,
            ..titled(&number.to_string())
        })
        .await;
    }
    let first = page(&mut anna, 1000, "", TaskState::Unspecified).await.expect("a page");
    assert!(
        (2_900_000..=3 * 1024 * 1024).contains(&first.encoded_len()),
        "{}",
        first.encoded_len()
    );
    let second = page(&mut anna, 1000, &first.next_page_token, TaskState::Unspecified)
        .await
        .expect("a page");
    assert_eq!(first.tasks.len() + second.tasks.len(), 90);
    assert_eq!(second.next_page_token, "");
    assert!(!first.tasks.contains(&second.tasks[0]));
}

#[tokio::test]
async fn a_page_token_is_good_only_for_its_owner_and_query() {
    let mut world = World::start().await;
    let mut anna = world.somebody();
    let mut ben = world.somebody();
    for number in 0..3 {
        anna.create(titled(&number.to_string())).await;
        ben.create(titled(&number.to_string())).await;
    }
    let token = page(&mut anna, 1, "", TaskState::Active)
        .await
        .expect("a page")
        .next_page_token;
    let again = page(&mut anna, 1, "", TaskState::Active)
        .await
        .expect("a page")
        .next_page_token;
    assert_ne!(token, again, "nonces are random");

    let refused = |answer| assert_told(answer, Code::InvalidArgument, "PAGE_TOKEN_INVALID", &["page_token"]);
    refused(page(&mut ben, 1, &token, TaskState::Active).await);
    refused(page(&mut anna, 1, &token, TaskState::Completed).await);
    refused(page(&mut anna, 1, &token, TaskState::Unspecified).await);
    for place in 0..token.len() {
        let mut tampered = token.clone().into_bytes();
        tampered[place] = if tampered[place] == b'A' { b'B' } else { b'A' };
        let tampered = String::from_utf8(tampered).expect("ASCII");
        refused(page(&mut anna, 1, &tampered, TaskState::Active).await);
    }
    let padded = format!("{token}==");
    let nul = format!("{token}\0");
    for malformed in [
        "x",
        "not base64url!",
        &token[1..],
        &token[..token.len() - 1],
        &token[..16],
        &padded,
        &nul,
    ] {
        refused(page(&mut anna, 1, malformed, TaskState::Active).await);
    }

    // The key is the database's: a token outlives the process.
    world.restart().await;
    let mut anna = Person {
        tasks: world.client(&anna.token),
        token: anna.token,
    };
    let rest = page(&mut anna, 5, &token, TaskState::Active).await.expect("a page");
    assert_eq!(rest.tasks.len(), 2);
}
