//! What cannot be used is refused precisely, and nothing of it is stored.

use bytes::Bytes;
use prost::Message as _;
use proto::task::v1::{
    CompleteTaskRequest, CreateTaskRequest, DeleteTaskRequest, Due, GetTaskRequest, ListTasksRequest,
    ReopenTaskRequest, Task, UpdateTaskRequest,
};
use tonic::{Code, metadata::MetadataMap};

use crate::world::{World, assert_told, field_mask, titled};

const FAMILY: &str = "👩\u{200d}👩\u{200d}👧";

fn due(date: &str, moment: Option<(i64, i32)>, zone: &str) -> Task {
    Task {
        due: Some(Due {
            date: date.to_owned(),
            date_time: moment.map(|(seconds, nanos)| prost_types::Timestamp { seconds, nanos }),
            time_zone: zone.to_owned(),
        }),
        ..titled("due")
    }
}

fn tagged(tags: &[&str]) -> Task {
    Task {
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        ..titled("tagged")
    }
}

/// Tasks that cannot be made, and the fields that are to blame.
fn bad_tasks() -> Vec<(Task, Vec<&'static str>)> {
    let many: Vec<String> = (0..21).map(|number| number.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let with_id = |id: &str| Task {
        id: id.to_owned(),
        ..titled("chosen id")
    };
    let described = |description: String| Task {
        description,
        ..titled("described")
    };
    vec![
        (titled(""), vec!["task.title"]),
        (titled(" \u{a0}\n"), vec!["task.title"]),
        (titled(&"a".repeat(201)), vec!["task.title"]),
        (titled(&"e\u{301}".repeat(101)), vec!["task.title"]),
        (titled(&FAMILY.repeat(41)), vec!["task.title"]),
        (titled("nul\0"), vec!["task.title"]),
        (described("a".repeat(10_001)), vec!["task.description"]),
        (described("\0".to_owned()), vec!["task.description"]),
        (tagged(&many), vec!["task.tags"]),
        (tagged(&["fine", " "]), vec!["task.tags[1]"]),
        (
            tagged(&[&"x".repeat(51), "nul\0"]),
            vec!["task.tags[0]", "task.tags[1]"],
        ),
        (
            Task {
                priority: 4,
                ..titled("enum")
            },
            vec!["task.priority"],
        ),
        (
            Task {
                priority: -1,
                ..titled("enum")
            },
            vec!["task.priority"],
        ),
        (with_id("1"), vec!["task.id"]),
        (with_id("0198c0de00007000800000000000abcd"), vec!["task.id"]),
        (with_id("{0198c0de-0000-7000-8000-00000000abcd}"), vec!["task.id"]),
        (with_id("0198c0de-0000-7000-8000-00000000abc\0"), vec!["task.id"]),
        (due("", None, ""), vec!["task.due"]),
        (due("2026-01-01", Some((0, 0)), ""), vec!["task.due"]),
        (due("2026-02-30", None, ""), vec!["task.due.date"]),
        (due("2026-01-01", None, "UTC"), vec!["task.due.time_zone"]),
        (
            due("tomorrow", None, "UTC"),
            vec!["task.due.date", "task.due.time_zone"],
        ),
        (due("", Some((0, 0)), "Mars/Olympus"), vec!["task.due.time_zone"]),
        (due("", Some((i64::MAX, 0)), ""), vec!["task.due.date_time"]),
        (
            due("", Some((0, -1)), "x"),
            vec!["task.due.date_time", "task.due.time_zone"],
        ),
        (
            Task {
                id: "x".to_owned(),
                description: "\0".to_owned(),
                priority: 9,
                tags: vec![String::new()],
                due: Some(Due::default()),
                ..Task::default()
            },
            vec![
                "task.id",
                "task.title",
                "task.description",
                "task.priority",
                "task.tags[0]",
                "task.due",
            ],
        ),
    ]
}

#[tokio::test]
async fn a_bad_task_is_neither_created_nor_written_over_a_good_one() {
    let world = World::start().await;
    let mut anna = world.somebody();
    for (task, fields) in bad_tasks() {
        for validate_only in [false, true] {
            let request = CreateTaskRequest {
                request_id: String::new(),
                task: Some(task.clone()),
                validate_only,
            };
            let refused = anna.tasks.create_task(request).await;
            assert_told(refused, Code::InvalidArgument, "FIELD_INVALID", &fields);
        }
    }
    let refused = anna.tasks.create_task(CreateTaskRequest::default()).await;
    assert_told(refused, Code::InvalidArgument, "FIELD_INVALID", &["task.title"]);
    assert_eq!(anna.list().await, []);

    let good = anna.create(titled("good")).await;
    for (task, fields) in bad_tasks() {
        let task = match task.id.as_str() {
            "" => Task {
                id: good.id.clone(),
                ..task
            },
            _ => task,
        };
        let refused = anna.update(task, Some(&["*"])).await;
        assert_told(refused, Code::InvalidArgument, "FIELD_INVALID", &fields);
    }
    assert_eq!(anna.list().await, [good]);
}

#[tokio::test]
async fn what_is_just_within_the_limits_is_kept() {
    let world = World::start().await;
    let mut anna = world.somebody();
    for title in [
        "a".repeat(200),
        "😀".repeat(200),
        "e\u{301}".repeat(100),
        FAMILY.repeat(40),
    ] {
        let task = anna.create(titled(&format!(" {title}\n"))).await;
        assert_eq!(anna.get(&task.id).await.title, title);
    }
    let tags: Vec<String> = (0..20).map(|number| format!("{number:é>50}")).collect();
    let description = "\u{301}".repeat(10_000);
    let full = Task {
        description,
        tags,
        ..titled("full")
    };
    let task = anna.create(full.clone()).await;
    let kept = anna.get(&task.id).await;
    assert_eq!((kept.description, kept.tags), (full.description, full.tags));
}

#[tokio::test]
async fn a_bad_mask_is_refused_with_everything_else() {
    let world = World::start().await;
    let mut anna = world.somebody();
    let good = anna.create(titled("good")).await;
    let named = |title: &str| Task {
        id: good.id.clone(),
        ..titled(title)
    };
    for (mask, fields) in [
        (&["nonsense"][..], &["update_mask"][..]),
        (
            &["title", "due.date", "Title", ""],
            &["update_mask", "update_mask", "update_mask"],
        ),
        (&["*", "title"], &["update_mask"]),
        (&["task.title"], &["update_mask"]),
        (&["nul\0"], &["update_mask"]),
    ] {
        let refused = anna.update(named("new"), Some(mask)).await;
        assert_told(refused, Code::InvalidArgument, "FIELD_INVALID", fields);
    }
    let message = anna
        .update(named("new"), Some(&["colour"]))
        .await
        .expect_err("unknown")
        .message()
        .to_owned();
    assert!(message.contains("\"colour\""), "{message}");
    let refused = anna.update(named(""), Some(&["title", "colour"])).await;
    assert_told(
        refused,
        Code::InvalidArgument,
        "FIELD_INVALID",
        &["update_mask", "task.title"],
    );

    // However much is wrong, the answer fits the 8 KiB of headers that gRPC's C core takes.
    for wrong in ["x".repeat(32), "x".repeat(60_000), "😀".repeat(50), "\u{1}".repeat(32)] {
        let told = anna.update(named("new"), Some(&vec![wrong.as_str(); 30])).await;
        let told = told.expect_err("unknown");
        assert_eq!(told.code(), Code::InvalidArgument);
        // Percent-encoding and base64 make them longer.
        let headers = told.message().len() * 3 / 2 + told.details().len() * 4 / 3;
        assert!(headers < 7000, "{headers}");
    }
    assert_eq!(anna.get(&good.id).await, good);
}

#[tokio::test]
async fn ids_and_pages_are_checked() {
    let world = World::start().await;
    let mut anna = world.somebody();
    let bad = |answer, fields: &[&str]| assert_told(answer, Code::InvalidArgument, "FIELD_INVALID", fields);
    for id in ["", "x", "\0", "0198c0de00007000800000000000abcd"] {
        let (id, etag) = (id.to_owned(), String::new());
        bad(
            anna.tasks.get_task(GetTaskRequest { id: id.clone() }).await.map(drop),
            &["id"],
        );
        let delete = DeleteTaskRequest {
            request_id: String::new(),
            id: id.clone(),
            etag: etag.clone(),
        };
        bad(anna.tasks.delete_task(delete).await.map(drop), &["id"]);
        let complete = CompleteTaskRequest {
            request_id: String::new(),
            id: id.clone(),
            etag: etag.clone(),
        };
        bad(anna.tasks.complete_task(complete).await.map(drop), &["id"]);
        bad(
            anna.tasks
                .reopen_task(ReopenTaskRequest {
                    id: id.clone(),
                    etag,
                    request_id: String::new(),
                })
                .await
                .map(drop),
            &["id"],
        );
        bad(
            anna.update(Task { id, ..titled("t") }, None).await.map(drop),
            &["task.id"],
        );
    }
    let request = UpdateTaskRequest {
        update_mask: Some(field_mask(&["nonsense"])),
        ..UpdateTaskRequest::default()
    };
    bad(
        anna.tasks.update_task(request).await.map(drop),
        &["task.id", "update_mask"],
    );
    for (page_size, state, page_token, fields) in [
        (-1, 0, "", &["page_size"][..]),
        (0, 3, "", &["state"]),
        (i32::MIN, -1, "", &["page_size", "state"]),
        (-1, 1, "junk", &["page_size", "page_token"]),
    ] {
        let page_token = page_token.to_owned();
        let request = ListTasksRequest {
            page_size,
            page_token,
            state,
            ..ListTasksRequest::default()
        };
        bad(anna.tasks.list_tasks(request).await.map(drop), fields);
    }
}

#[tokio::test]
async fn messages_that_are_too_large_or_no_messages_are_refused() {
    let world = World::start().await;
    let mut anna = world.somebody();
    let metadata = || {
        let mut metadata = MetadataMap::new();
        metadata.insert(
            "authorization",
            format!("Bearer {}", anna.token).parse().expect("ASCII"),
        );
        metadata
    };
    for method in [
        "CreateTask",
        "GetTask",
        "ListTasks",
        "UpdateTask",
        "DeleteTask",
        "CompleteTask",
        "ReopenTask",
    ] {
        for garbage in [
            &b"\xff"[..],
            b"\x0a\xff\xff\xff\xff\x0f",
            b"\x0a\x03\x0a\x01\xff",
            &[0x07; 64],
        ] {
            let refused = world.call_raw(method, metadata(), Bytes::from_static(garbage)).await;
            assert_told(refused, Code::InvalidArgument, "MESSAGE_MALFORMED", &[]);
        }
        let large = Bytes::from(vec![0; 5 * 1024 * 1024]);
        let refused = world.call_raw(method, metadata(), large).await;
        assert_told(refused, Code::ResourceExhausted, "MESSAGE_TOO_LARGE", &[]);
    }
    let request = CreateTaskRequest {
        request_id: String::new(),
        task: Some(titled(&"a".repeat(5_000_000))),
        validate_only: false,
    };
    let refused = world
        .call_raw("CreateTask", metadata(), request.encode_to_vec().into())
        .await;
    assert_told(refused, Code::ResourceExhausted, "MESSAGE_TOO_LARGE", &[]);
    assert_eq!(anna.list().await, []);
}

#[tokio::test]
async fn a_chosen_id_is_taken_once() {
    let world = World::start().await;
    let (mut anna, mut ben) = (world.somebody(), world.somebody());
    let chosen = |title: &str| Task {
        id: "0198c0de-0000-7000-8000-00000000abcd".to_owned(),
        ..titled(title)
    };
    let first = anna.create(chosen("first")).await;
    assert_told(
        anna.try_create(chosen("second")).await,
        Code::AlreadyExists,
        "TASK_EXISTS",
        &[],
    );
    let delete = DeleteTaskRequest {
        request_id: String::new(),
        id: first.id.clone(),
        etag: String::new(),
    };
    anna.tasks.delete_task(delete).await.expect("deleted");
    for validate_only in [false, true] {
        let request = CreateTaskRequest {
            request_id: String::new(),
            task: Some(chosen("third")),
            validate_only,
        };
        let refused = anna.tasks.create_task(request).await;
        assert_told(refused, Code::AlreadyExists, "TASK_EXISTS", &[]);
    }
    assert_eq!(ben.create(chosen("Ben's")).await.id, first.id);
    assert_eq!(anna.get(&first.id).await.title, "first");
}
