//! What is changed at one replica is told at every other.

use std::time::Duration;

use proto::task::v1::{SyncTasksRequest, WatchTasksRequest, WatchTasksResponse, watch_tasks_response::Event};
use tokio::time::timeout;
use tonic::Streaming;

use crate::world::{Person, World};

/// Far less than the interval of heartbeats, in which every replica looks by itself.
const SOON: Duration = Duration::from_secs(10);

async fn watch(world: &World, person: &Person, replica: usize, sync_token: &str) -> Streaming<WatchTasksResponse> {
    let request = WatchTasksRequest {
        sync_token: sync_token.to_owned(),
    };
    let mut watch = world
        .tasks_at(replica)
        .watch_tasks(person.request(request))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().event, None);
    watch
}

#[tokio::test]
async fn a_change_at_one_replica_on_postgres_is_told_at_every_other() {
    let world = World::start().await;
    let (ada, eve) = (world.person("ada").await, world.person("eve").await);
    let mut watches = Vec::new();
    for replica in 0..3 {
        watches.push(watch(&world, &ada, replica, "").await);
    }
    let mut token = String::new();
    for replica in 0..3 {
        eve.create(world.tasks_at(replica), "another's").await.unwrap();
        let task = ada.create(world.tasks_at(replica), "told").await.unwrap();
        for watch in &mut watches {
            let message = timeout(SOON, watch.message()).await.expect("it is told soon");
            let message = message.unwrap().unwrap();
            assert_eq!(message.event, Some(Event::Task(task.clone())));
            token = message.sync_token;
        }
    }
    drop(watches);

    // A token of one replica is good at another.
    let task = ada.create(world.tasks_at(0), "later").await.unwrap();
    let mut resumed = watch(&world, &ada, 1, &token).await;
    assert_eq!(
        resumed.message().await.unwrap().unwrap().event,
        Some(Event::Task(task.clone()))
    );
    let request = SyncTasksRequest {
        sync_token: token,
        ..SyncTasksRequest::default()
    };
    let synchronised = world
        .tasks_at(2)
        .sync_tasks(ada.request(request))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(synchronised.tasks, [task]);
}
