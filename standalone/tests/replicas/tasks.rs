//! Tasks are the same at every replica.

use std::collections::HashSet;

use tokio::task::JoinSet;
use tonic::Code;

use crate::world::{Person, World, assert_refused, numbers};

#[tokio::test]
async fn a_hundred_parallel_creations_over_replicas_on_postgres_leave_no_gap() {
    let world = World::start().await;
    let person = world.person("ada").await;
    let mut calls = JoinSet::new();
    for number in 0..100 {
        let (tasks, person) = (world.tasks(), person.clone());
        calls.spawn(async move { person.create(tasks, &number.to_string()).await.unwrap() });
    }
    let ids: HashSet<String> = calls.join_all().await.into_iter().map(|task| task.id).collect();
    assert_eq!(ids.len(), 100);
    let seqs = numbers(&world.task_database, "SELECT change_seq FROM tasks ORDER BY change_seq").await;
    assert_eq!(seqs, (1..=100).collect::<Vec<_>>());
    assert_eq!(
        numbers(&world.task_database, "SELECT next_seq FROM owner_state").await,
        [101]
    );
}

#[tokio::test]
async fn a_hundred_owners_over_replicas_on_postgres_each_begin_at_one() {
    let world = World::start().await;
    let mut people: Vec<Person> = Vec::new();
    for number in 0..100 {
        people.push(world.person(&format!("person{number}")).await);
    }
    let mut calls = JoinSet::new();
    for person in people {
        let tasks = world.tasks();
        calls.spawn(async move { person.create(tasks, "first").await.unwrap() });
    }
    assert_eq!(calls.join_all().await.len(), 100);
    let first = "SELECT count(DISTINCT owner_id) FROM tasks WHERE change_seq = 1";
    assert_eq!(numbers(&world.task_database, first).await, [100]);
    assert_eq!(numbers(&world.task_database, "SELECT count(*) FROM tasks").await, [100]);
}

#[tokio::test]
async fn a_page_token_of_one_replica_on_postgres_is_good_at_another() {
    let world = World::start().await;
    let person = world.person("ada").await;
    for number in 0..25 {
        person.create(world.tasks(), &number.to_string()).await.unwrap();
    }
    let (mut token, mut sizes, mut ids) = (String::new(), Vec::new(), HashSet::new());
    for replica in 0..3 {
        let page = person.list(world.tasks_at(replica), 10, &token).await.unwrap();
        sizes.push(page.tasks.len());
        ids.extend(page.tasks.into_iter().map(|task| task.id));
        token = page.next_page_token;
    }
    assert_eq!((sizes, ids.len(), token.as_str()), (vec![10, 10, 5], 25, ""));
}

#[tokio::test]
async fn an_etag_race_over_replicas_on_postgres_has_one_winner() {
    let world = World::start().await;
    let person = world.person("ada").await;
    let task = person.create(world.tasks(), "old").await.unwrap();
    let mut calls = JoinSet::new();
    for number in 0..30 {
        let (tasks, person, task) = (world.tasks(), person.clone(), task.clone());
        calls.spawn(async move { person.retitle(tasks, &task, &number.to_string()).await });
    }
    let (won, lost): (Vec<_>, Vec<_>) = calls.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    for refused in lost {
        assert_refused(refused, Code::Aborted, "ETAG_MISMATCH");
    }
    let winner = won.into_iter().next().unwrap().unwrap();
    for replica in 0..3 {
        assert_eq!(person.get(world.tasks_at(replica), &task.id).await.unwrap(), winner);
    }
    assert_eq!(numbers(&world.task_database, "SELECT change_seq FROM tasks").await, [2]);
}
