//! Tasks as files.

use proto::{
    google::api::HttpBody,
    task::v1::{DeleteTaskRequest, Due, ExportTasksRequest, ImportTasksResponse, ListTasksRequest, Priority, Task},
};
use tonic::{Code, Status};

use crate::world::{Person, World, assert_told, titled};

async fn export(person: &mut Person, format: &str) -> Result<(String, Vec<u8>), Status> {
    let request = ExportTasksRequest {
        format: format.to_owned(),
    };
    let mut bodies = person.tasks.export_tasks(request).await?.into_inner();
    let (mut content_type, mut file) = (String::new(), Vec::new());
    while let Some(body) = bodies.message().await? {
        content_type = body.content_type;
        file.extend(body.data);
    }
    Ok((content_type, file))
}

/// In parts of some size.
async fn import(
    person: &mut Person,
    content_type: &str,
    file: &[u8],
    part: usize,
) -> Result<ImportTasksResponse, Status> {
    let mut bodies: Vec<_> = file
        .chunks(part)
        .map(|data| HttpBody {
            data: data.to_vec(),
            ..HttpBody::default()
        })
        .collect();
    if bodies.is_empty() {
        bodies.push(HttpBody::default());
    }
    content_type.clone_into(&mut bodies[0].content_type);
    let answer = person.tasks.import_tasks(futures_util::stream::iter(bodies)).await?;
    Ok(answer.into_inner())
}

async fn all(person: &mut Person) -> Vec<Task> {
    let (mut tasks, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListTasksRequest {
            page_size: 1000,
            page_token,
            ..ListTasksRequest::default()
        };
        let page = person.tasks.list_tasks(request).await.expect("a page").into_inner();
        tasks.extend(page.tasks);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return tasks;
        }
    }
}

/// What a file keeps of a task in every format.
fn kept(tasks: &[Task]) -> Vec<Task> {
    let mut kept: Vec<_> = tasks
        .iter()
        .map(|task| {
            let seconds =
                |time: Option<prost_types::Timestamp>| time.map(|time| prost_types::Timestamp { nanos: 0, ..time });
            Task {
                create_time: seconds(task.create_time),
                update_time: None,
                complete_time: seconds(task.complete_time),
                etag: String::new(),
                ..task.clone()
            }
        })
        .collect();
    kept.sort_by(|one, other| one.id.cmp(&other.id));
    kept
}

#[tokio::test]
async fn what_was_exported_is_the_same_when_it_is_imported() {
    let world = World::start().await;
    let mut anna = world.somebody();
    for task in [
        Task {
            description: "two\nlines, \"quoted\"; and \\ 😀".to_owned(),
            priority: Priority::High.into(),
            tags: vec!["a;b".to_owned(), "c,d".to_owned()],
            due: Some(Due {
                date_time: Some(prost_types::Timestamp {
                    seconds: 1_800_000_000,
                    nanos: 123_456_000,
                }),
                time_zone: "Europe/Berlin".to_owned(),
                ..Due::default()
            }),
            ..titled("=everything")
        },
        Task {
            completed: true,
            due: Some(Due {
                date: "2026-12-31".to_owned(),
                ..Due::default()
            }),
            ..titled("done")
        },
        titled("plain"),
    ] {
        anna.create(task).await;
    }
    for number in 0..250 {
        anna.create(titled(&format!("number {number}"))).await;
    }
    let gone = anna.create(titled("deleted")).await;
    let delete = DeleteTaskRequest {
        id: gone.id,
        ..DeleteTaskRequest::default()
    };
    anna.tasks.delete_task(delete).await.expect("it is deleted");
    let annas = all(&mut anna).await;
    for (format, content_type, part) in [
        ("", "application/json", 1),
        ("json", "application/json", 65_536),
        ("csv", "text/csv; charset=utf-8; header=present", 7),
        ("ics", "text/calendar; charset=utf-8", 1000),
    ] {
        let (told, file) = export(&mut anna, format).await.expect("it is exported");
        assert_eq!(told, content_type);
        let mut ben = world.somebody();
        for (created, existing) in [(253, 0), (0, 253)] {
            let summary = import(&mut ben, &told, &file, part).await.expect("it is imported");
            let expected = ImportTasksResponse {
                created,
                existing,
                ..ImportTasksResponse::default()
            };
            assert_eq!(summary, expected, "{format}");
        }
        assert_eq!(kept(&all(&mut ben).await), kept(&annas), "{format}");
    }
    assert_eq!(all(&mut anna).await, annas);
}

#[tokio::test]
async fn an_empty_account_has_an_export() {
    let world = World::start().await;
    let mut anna = world.somebody();
    world.somebody().create(titled("another's")).await;
    for format in ["json", "csv", "ics"] {
        let (content_type, file) = export(&mut anna, format).await.expect("it is exported");
        assert!(!file.is_empty(), "{format}");
        let summary = import(&mut anna, &content_type, &file, 100)
            .await
            .expect("it is imported");
        assert_eq!(summary, ImportTasksResponse::default(), "{format}");
    }
    assert_told(
        export(&mut anna, "xml").await,
        Code::InvalidArgument,
        "FIELD_INVALID",
        &["format"],
    );
}

#[tokio::test]
async fn bad_records_are_told_by_their_lines_and_the_others_are_imported() {
    let world = World::start().await;
    let mut anna = world.somebody();
    let file = format!(
        "title,priority,tags\ngood,HIGH,home\n,LOW,\nbad priority,URGENT,\n{},LOW,\nlast,,\n",
        "x".repeat(201)
    );
    let summary = import(&mut anna, "text/csv", file.as_bytes(), 10)
        .await
        .expect("some are imported");
    assert_eq!((summary.created, summary.existing, summary.failed), (2, 0, 3));
    let told: Vec<_> = summary
        .errors
        .iter()
        .map(|error| (error.line, error.field.as_str()))
        .collect();
    assert_eq!(told, [(3, "title"), (4, "priority"), (5, "title")]);
    let mut titles: Vec<_> = all(&mut anna).await.into_iter().map(|task| task.title).collect();
    titles.sort();
    assert_eq!(titles, ["good", "last"]);
    // A second import of the same file finds the same tasks.
    let again = import(&mut anna, "text/csv", file.as_bytes(), 1000)
        .await
        .expect("none is new");
    assert_eq!((again.created, again.existing, again.failed), (0, 2, 3));
}

#[tokio::test]
async fn a_file_of_which_nothing_can_be_used_is_refused() {
    let world = World::start().await;
    let mut anna = world.somebody();
    for (content_type, file) in [
        ("application/json", "{"),
        ("application/json", ""),
        ("application/json", "[1, 2]"),
        ("text/csv", "no,known,column\n1,2,3\n"),
        ("text/csv", "title\n \n"),
        ("text/calendar", "nothing"),
    ] {
        let answer = import(&mut anna, content_type, file.as_bytes(), 100).await;
        let status = answer.expect_err("it is refused");
        assert_eq!(status.code(), Code::InvalidArgument, "{content_type} {file:?}");
        assert!(status.message().starts_with("data: line "), "{status}");
    }
    for content_type in ["", "text/plain", "application/json; charset=latin1", "image/png"] {
        let answer = import(&mut anna, content_type, b"[]", 100).await;
        assert_told(answer, Code::InvalidArgument, "FIELD_INVALID", &["content_type"]);
    }
    assert_eq!(all(&mut anna).await, []);
}

#[tokio::test]
async fn an_import_keeps_the_order_of_its_file() {
    let world = World::start().await;
    let mut anna = world.somebody();
    let titles: Vec<String> = (0..250).map(|number| number.to_string()).collect();
    let file = format!("title\n{}\n", titles.join("\n"));
    import(&mut anna, "text/csv", file.as_bytes(), 100)
        .await
        .expect("it is imported");
    let listed = all(&mut anna).await;
    let listed: Vec<_> = listed.iter().rev().map(|task| task.title.as_str()).collect();
    assert_eq!(listed, titles);
}

#[tokio::test]
async fn a_file_full_of_rubbish_is_not_read_to_its_end() {
    let world = World::start().await;
    let mut anna = world.somebody();
    for (content_type, begin, rubbish) in [
        ("text/csv", "title\nfirst\n", "\"\"\n"),
        ("application/json", "{\"tasks\":[{\"title\":\"first\"}", ",{}"),
    ] {
        let file = format!("{begin}{}", rubbish.repeat(6 * 1024 * 1024));
        let answer = import(&mut anna, content_type, &file.as_bytes()[..16 * 1024 * 1024], 64 * 1024).await;
        assert_told(answer, Code::InvalidArgument, "FIELD_INVALID", &["data"]);
    }
}

#[tokio::test]
async fn a_file_over_20_mib_is_cut_off_there() {
    let world = World::start().await;
    let mut anna = world.somebody();
    let mut file = b"title\nfirst\n".to_vec();
    file.resize(20 * 1024 * 1024 + 1, b'\n');
    let answer = import(&mut anna, "text/csv", &file, 1024 * 1024).await;
    assert_told(answer, Code::ResourceExhausted, "MESSAGE_TOO_LARGE", &[]);
    file.pop();
    let summary = import(&mut anna, "text/csv", &file, 1024 * 1024)
        .await
        .expect("just within the limit");
    assert_eq!(summary.created + summary.existing, 1);
}
