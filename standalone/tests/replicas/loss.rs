//! A replica is lost in the middle of load: what was acknowledged stays, and the others go on.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::task::JoinSet;

use crate::world::{Person, World, numbers, refresh};

const OWNERS: usize = 3;
const WRITERS_OF_EACH: usize = 4;
const CALLS_OF_EACH: usize = 30;
/// Of 360 calls.
const CREATED_BEFORE_THE_KILL: usize = 120;

#[tokio::test]
async fn no_acknowledged_task_is_lost_with_a_replica_on_postgres() {
    let world = Arc::new(World::start().await);
    let created = Arc::new(AtomicUsize::new(0));
    let owners = people(&world, OWNERS).await;
    let mut writers = JoinSet::new();
    for (owner, person) in owners.iter().enumerate() {
        for _ in 0..WRITERS_OF_EACH {
            let (world, person, created) = (world.clone(), person.clone(), created.clone());
            writers.spawn(async move {
                let mut acknowledged = Vec::new();
                let mut failed = 0;
                for number in 0..CALLS_OF_EACH {
                    match person.create(world.tasks(), &number.to_string()).await {
                        Ok(task) => {
                            acknowledged.push(task);
                            if created.fetch_add(1, Ordering::SeqCst) == CREATED_BEFORE_THE_KILL {
                                world.kill_the_first();
                            }
                        }
                        Err(_) => failed += 1,
                    }
                }
                (owner, acknowledged, failed)
            });
        }
    }
    let (mut acknowledged, mut failed) = (0, 0);
    for (owner, tasks, failed_here) in writers.join_all().await {
        acknowledged += tasks.len();
        failed += failed_here;
        for task in tasks {
            assert_eq!(owners[owner].get(world.tasks_at(1), &task.id).await.unwrap(), task);
        }
    }
    assert!(
        acknowledged > CREATED_BEFORE_THE_KILL && failed > 0,
        "nothing was killed: {failed}"
    );
    // What was in flight is there as a whole or not at all.
    let stored = numbers(&world.task_database, "SELECT count(*) FROM tasks").await;
    let stored = usize::try_from(stored[0]).unwrap();
    assert!((acknowledged..=acknowledged + failed).contains(&stored), "{stored}");
    let gaps = "SELECT count(*) FROM owner_state
                WHERE next_seq - 1 <> (SELECT count(DISTINCT change_seq) FROM tasks
                                       WHERE tasks.owner_id = owner_state.owner_id
                                         AND change_seq BETWEEN 1 AND next_seq - 1)";
    assert_eq!(numbers(&world.task_database, gaps).await, [0]);
}

/// SE-16, over replicas: whoever got no answer asks another, and the session goes on.
#[tokio::test]
async fn no_session_is_lost_with_a_replica_on_postgres() {
    const PEOPLE: usize = 6;
    const STEPS: usize = 20;
    let world = Arc::new(World::start().await);
    let steps = Arc::new(AtomicUsize::new(0));
    let mut sessions = JoinSet::new();
    for mut person in people(&world, PEOPLE).await {
        let (world, steps) = (world.clone(), steps.clone());
        sessions.spawn(async move {
            let mut unanswered = 0;
            for _ in 0..STEPS {
                person.tokens = loop {
                    match refresh(world.auth(), &person.tokens.refresh_token).await {
                        Ok(tokens) => break tokens,
                        Err(status) => assert_ne!(status.code(), tonic::Code::Unauthenticated, "{status:?}"),
                    }
                    unanswered += 1;
                };
                if steps.fetch_add(1, Ordering::SeqCst) == 30 {
                    world.kill_the_first();
                }
            }
            person.session(world.auth_at(1)).await.unwrap();
            unanswered
        });
    }
    let unanswered: usize = sessions.join_all().await.into_iter().sum();
    assert!(unanswered > 0, "nothing was killed");
    // No step was taken twice, none is missing.
    let generations = numbers(
        &world.auth_database,
        "SELECT generation FROM sessions WHERE end_time IS NULL",
    )
    .await;
    assert_eq!(generations, [i64::try_from(STEPS).unwrap(); PEOPLE]);
}

async fn people(world: &World, count: usize) -> Vec<Person> {
    let mut people = Vec::new();
    for number in 0..count {
        people.push(world.person(&format!("person{number}")).await);
    }
    people
}
