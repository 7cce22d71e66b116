//! Following what changes: SyncTasks and WatchTasks.

use std::{collections::HashMap, time::Duration};

use platform::clock::Clock as _;
use proto::{
    auth::v1::{SessionEnded, account_event},
    task::v1::{
        CompleteTaskRequest, DeleteTaskRequest, ListTasksRequest, SyncTasksRequest, SyncTasksResponse, Task,
        WatchTasksRequest, WatchTasksResponse, watch_tasks_response::Event,
    },
};
use serde_json::json;
use tonic::{Code, Status, Streaming};

use crate::world::{Person, World, assert_told, titled};

async fn sync(person: &mut Person, sync_token: &str, page_token: &str) -> Result<SyncTasksResponse, Status> {
    let request = SyncTasksRequest {
        sync_token: sync_token.to_owned(),
        page_size: 2,
        page_token: page_token.to_owned(),
    };
    Ok(person.tasks.sync_tasks(request).await?.into_inner())
}

/// All pages: the titles, and the next sync token.
async fn sync_all(person: &mut Person, sync_token: &str) -> (Vec<Task>, String) {
    let (mut tasks, mut page_token) = (Vec::new(), String::new());
    loop {
        let page = sync(person, sync_token, &page_token).await.expect("a page");
        assert!(page.tasks.len() <= 2);
        tasks.extend(page.tasks);
        if page.next_page_token.is_empty() {
            assert_ne!(page.next_sync_token, "");
            return (tasks, page.next_sync_token);
        }
        assert_eq!(page.next_sync_token, "");
        page_token = page.next_page_token;
    }
}

async fn watch(person: &mut Person, sync_token: &str) -> Result<Streaming<WatchTasksResponse>, Status> {
    let request = WatchTasksRequest {
        sync_token: sync_token.to_owned(),
    };
    Ok(person.tasks.watch_tasks(request).await?.into_inner())
}

async fn next(messages: &mut Streaming<WatchTasksResponse>) -> (Option<Event>, String) {
    let message = messages.message().await.expect("no end").expect("no error");
    (message.event, message.sync_token)
}

async fn delete(person: &mut Person, task: &Task) -> Task {
    let delete = DeleteTaskRequest {
        id: task.id.clone(),
        ..DeleteTaskRequest::default()
    };
    person
        .tasks
        .delete_task(delete)
        .await
        .expect("it is deleted")
        .into_inner()
}

fn titles(tasks: &[Task]) -> Vec<&str> {
    tasks.iter().map(|task| task.title.as_str()).collect()
}

#[tokio::test]
async fn a_synchronisation_goes_on_where_the_last_one_ended() {
    let world = World::start().await;
    let (mut anna, mut ben) = (world.somebody(), world.somebody());
    let (tasks, token) = sync_all(&mut anna, "").await;
    assert_eq!(titles(&tasks), Vec::<&str>::new());
    let mut created = Vec::new();
    for title in ["one", "two", "three", "four", "five"] {
        created.push(anna.create(titled(title)).await);
        ben.create(titled("another's")).await;
    }
    let gone = delete(&mut anna, &created[1]).await;
    let (tasks, later) = sync_all(&mut anna, &token).await;
    assert_eq!(titles(&tasks), ["one", "three", "four", "five", "two"]);
    assert_eq!(tasks[4], gone);
    assert_eq!(sync_all(&mut anna, "").await.0, tasks, "everything is the same");

    let complete = CompleteTaskRequest {
        id: created[0].id.clone(),
        ..CompleteTaskRequest::default()
    };
    anna.tasks.complete_task(complete).await.expect("it is completed");
    let (tasks, _) = sync_all(&mut anna, &later).await;
    assert_eq!((titles(&tasks), tasks[0].completed), (vec!["one"], true));
}

#[tokio::test]
async fn a_sync_token_is_good_only_for_its_owner_and_purpose() {
    let world = World::start().await;
    let (mut anna, mut ben) = (world.somebody(), world.somebody());
    for title in ["one", "two", "three"] {
        anna.create(titled(title)).await;
    }
    let page = sync(&mut anna, "", "").await.expect("a page");
    let (_, token) = sync_all(&mut anna, "").await;
    let list = ListTasksRequest {
        page_size: 1,
        ..ListTasksRequest::default()
    };
    let list = anna
        .tasks
        .list_tasks(list)
        .await
        .expect("a page")
        .into_inner()
        .next_page_token;
    for wrong in ["junk", "%%", &list, &page.next_page_token, &format!("{token}A")] {
        let answer = sync(&mut anna, wrong, "").await;
        assert_told(answer, Code::InvalidArgument, "SYNC_TOKEN_INVALID", &["sync_token"]);
        let answer = watch(&mut anna, wrong).await;
        assert_told(
            answer.map(drop),
            Code::InvalidArgument,
            "SYNC_TOKEN_INVALID",
            &["sync_token"],
        );
    }
    assert_told(
        sync(&mut ben, &token, "").await,
        Code::InvalidArgument,
        "SYNC_TOKEN_INVALID",
        &["sync_token"],
    );
    for (sync_token, page_token) in [
        ("", "junk"),
        ("", &*token),
        ("", &*list),
        (&*token, &*page.next_page_token),
    ] {
        let answer = sync(&mut anna, sync_token, page_token).await;
        assert_told(answer, Code::InvalidArgument, "PAGE_TOKEN_INVALID", &["page_token"]);
    }
}

#[tokio::test]
async fn who_may_have_missed_a_deletion_begins_anew() {
    let world = World::start().await;
    let mut anna = world.somebody();
    let task = anna.create(titled("gone soon")).await;
    let (_, before) = sync_all(&mut anna, "").await;
    delete(&mut anna, &task).await;
    let (_, after) = sync_all(&mut anna, &before).await;
    world.clock.advance(Duration::from_hours(30 * 24));
    world.purge().await;
    let mut anna = world.person_of(&anna);
    let expired = sync(&mut anna, &before, "").await;
    assert_told(expired, Code::FailedPrecondition, "SYNC_TOKEN_EXPIRED", &[]);
    let expired = watch(&mut anna, &before).await;
    assert_told(expired.map(drop), Code::FailedPrecondition, "SYNC_TOKEN_EXPIRED", &[]);
    // Who was told goes on, and so does who begins anew.
    let (tasks, _) = sync_all(&mut anna, &after).await;
    assert_eq!(tasks, []);
    let (tasks, token) = sync_all(&mut anna, "").await;
    assert_eq!(tasks, []);
    let (tasks, _) = sync_all(&mut anna, &token).await;
    assert_eq!(tasks, []);
}

#[tokio::test]
async fn a_first_synchronisation_that_takes_a_month_may_have_missed_a_deletion() {
    let world = World::start().await;
    let mut anna = world.somebody();
    let mut tasks = Vec::new();
    for number in 0..6 {
        tasks.push(anna.create(titled(&format!("task {number}"))).await);
    }
    // Who begins now was never told that it was there, so it does not matter.
    delete(&mut anna, &tasks[5]).await;
    let first = sync(&mut anna, "", "").await.expect("a page");
    world.clock.advance(Duration::from_hours(24));
    let mut anna = world.person_of(&anna);
    delete(&mut anna, &tasks[0]).await;
    world.clock.advance(Duration::from_hours(29 * 24));
    world.purge().await;
    let mut anna = world.person_of(&anna);
    let second = sync(&mut anna, "", &first.next_page_token).await.expect("a page");
    world.clock.advance(Duration::from_hours(24));
    world.purge().await;
    let mut anna = world.person_of(&anna);
    for page_token in [first.next_page_token, second.next_page_token] {
        let expired = sync(&mut anna, "", &page_token).await;
        assert_told(expired, Code::FailedPrecondition, "SYNC_TOKEN_EXPIRED", &[]);
    }
}

#[tokio::test]
async fn a_watch_tells_of_every_change_and_can_be_resumed() {
    let world = World::start().await;
    let (mut anna, mut ben) = (world.somebody(), world.somebody());
    anna.create(titled("before")).await;
    let mut messages = watch(&mut anna, "").await.expect("it begins");
    let (event, start) = next(&mut messages).await;
    assert_eq!(event, None);

    let task = anna.create(titled("new")).await;
    ben.create(titled("another's")).await;
    let (event, after_creation) = next(&mut messages).await;
    assert_eq!(event, Some(Event::Task(task.clone())));
    let gone = delete(&mut anna, &task).await;
    let (event, _) = next(&mut messages).await;
    assert_eq!(event, Some(Event::Tombstone(gone.clone())));
    drop(messages);

    // Everything since, each task once and as it is now; then what happens.
    let other = anna.create(titled("while away")).await;
    for (token, expected) in [
        (&start, vec![Event::Tombstone(gone.clone()), Event::Task(other.clone())]),
        (
            &after_creation,
            vec![Event::Tombstone(gone.clone()), Event::Task(other.clone())],
        ),
    ] {
        let mut messages = watch(&mut anna, token).await.expect("it resumes");
        assert_eq!(next(&mut messages).await.0, None);
        let mut last = String::new();
        for event in expected {
            let (told, token) = next(&mut messages).await;
            assert_eq!(told, Some(event));
            last = token;
        }
        let (tasks, _) = sync_all(&mut anna, &last).await;
        assert_eq!(tasks, [], "a token of a watch is good for a synchronisation");
    }
}

/// Whatever happens beside it, a watcher comes to what the list says.
#[tokio::test]
async fn watchers_come_to_what_is_listed() {
    let world = World::start().await;
    let mut anna = world.somebody();
    let mut watchers = Vec::new();
    for _ in 0..5 {
        let mut messages = watch(&mut anna, "").await.expect("it begins");
        next(&mut messages).await;
        watchers.push(messages);
    }
    let writers = (0..20).map(|number| {
        let mut anna = world.person_of(&anna);
        tokio::spawn(async move {
            let task = anna.create(titled(&number.to_string())).await;
            if number % 3 == 0 {
                delete(&mut anna, &task).await;
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("it is written");
    }
    let last = anna.create(titled("the last")).await;
    let mut listed = anna.list().await;
    listed.sort_by(|one, other| one.id.cmp(&other.id));
    for mut messages in watchers {
        let mut known = HashMap::new();
        loop {
            match next(&mut messages).await.0.expect("no heartbeat within seconds") {
                Event::Task(task) => {
                    let is_last = task.id == last.id;
                    known.insert(task.id.clone(), task);
                    if is_last {
                        break;
                    }
                }
                Event::Tombstone(task) => drop(known.remove(&task.id)),
            }
        }
        let mut known: Vec<_> = known.into_values().collect();
        known.sort_by(|one, other| one.id.cmp(&other.id));
        assert_eq!(known, listed);
    }
}

#[tokio::test]
async fn a_watch_ends_with_its_token() {
    let world = World::start().await;
    let mut claims = world.claims();
    claims.exp = world.clock.now().as_seconds() + 1;
    let mut client = world.client(&world.issuer.sign(&json!(claims)));
    let request = WatchTasksRequest::default();
    let mut messages = client.watch_tasks(request).await.expect("it begins").into_inner();
    messages.message().await.expect("no error").expect("no end");
    world.clock.advance(Duration::from_secs(1));
    let end = messages.message().await;
    assert_told(end, Code::Unauthenticated, "TOKEN_EXPIRED", &[]);
}

#[tokio::test]
async fn a_watch_ends_with_its_session_and_no_other() {
    let world = World::start().await;
    let claims = world.claims();
    let mut ended = world.client(&world.issuer.sign(&json!(claims)));
    let mut ended = ended
        .watch_tasks(WatchTasksRequest::default())
        .await
        .expect("it begins")
        .into_inner();
    ended.message().await.expect("no error").expect("no end");
    let mut anna = world.somebody();
    let mut other = watch(&mut anna, "").await.expect("it begins");
    next(&mut other).await;
    world.tell(account_event::Event::SessionEnded(SessionEnded {
        session_id: claims.sid.clone(),
    }));
    assert_told(ended.message().await, Code::Unauthenticated, "SESSION_REVOKED", &[]);
    let task = anna.create(titled("still")).await;
    assert_eq!(next(&mut other).await.0, Some(Event::Task(task)));
}

#[tokio::test]
async fn a_watch_ends_with_the_server() {
    let mut world = World::start().await;
    let mut anna = world.somebody();
    let mut messages = watch(&mut anna, "").await.expect("it begins");
    let (_, token) = next(&mut messages).await;
    let began = std::time::Instant::now();
    let (end, ()) = tokio::join!(messages.message(), world.stop());
    assert_told(end, Code::Unavailable, "UNAVAILABLE", &[]);
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "it does not hold up the drain"
    );
    world.start_again().await;
    let mut anna = world.person_of(&anna);
    let mut messages = watch(&mut anna, &token).await.expect("it resumes");
    next(&mut messages).await;
}
