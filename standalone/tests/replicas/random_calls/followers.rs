//! Those who follow what changes: whatever happens, they come to what the list says.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use proto::task::v1::{SyncTasksRequest, Task, WatchTasksRequest, watch_tasks_response::Event};
use tokio::{
    sync::watch::{self, Receiver, Sender},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tonic::Status;
use tonic_types::StatusExt as _;

use super::{
    calls::{Answer, Call, Outcome, make},
    lists::Listing,
    numbers::Numbers,
    rules::version,
    services::Person,
};

/// Sooner than the next look of a watch that hears nothing, which is 20 seconds after the last message.
const BOUND: Duration = Duration::from_secs(10);
/// A list is read again after so long, in case a call that was cut off had its effect only then.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// How often the one who synchronises does so.
const PERIOD: Duration = Duration::from_millis(50);

/// The clock may move on by a day between the making of an access token and its use; the next one is good.
const EXPIRED: &str = "TOKEN_EXPIRED";

type State = BTreeMap<String, Task>;

/// Somebody who keeps a copy, as a client does. Ends when it is dropped.
pub(super) struct Follower {
    name: String,
    state: Receiver<State>,
    following: JoinHandle<()>,
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.following.abort();
    }
}

impl Follower {
    /// Returns when the watch has begun.
    pub(super) async fn watching(person: &Arc<Person>, replica: usize, numbers: Numbers) -> Self {
        let (changed, state) = watch::channel(State::new());
        let (begun, mut beginning) = watch::channel(false);
        let following = tokio::spawn(keep_watching(person.clone(), replica, numbers, changed, begun));
        beginning.wait_for(|begun| *begun).await.unwrap();
        Self {
            name: format!("{}'s watch of replica {replica}", person.name),
            state,
            following,
        }
    }

    pub(super) fn synchronising(person: &Arc<Person>, numbers: Numbers) -> Self {
        let (changed, state) = watch::channel(State::new());
        Self {
            name: format!("{}'s synchronisation", person.name),
            state,
            following: tokio::spawn(keep_synchronising(person.clone(), numbers, changed)),
        }
    }
}

/// Waits until all followers of a person have what the list of everything says at every replica, and returns that.
pub(super) async fn converged(person: &Person, followers: &[Follower]) -> Vec<Task> {
    let deadline = Instant::now() + BOUND;
    loop {
        let mut lists = Vec::new();
        for replica in 0..person.replicas() {
            lists.push(everything(person, replica).await);
        }
        let listed: State = lists[0].iter().map(|task| (task.id.clone(), task.clone())).collect();
        let mut behind = Vec::new();
        for follower in followers {
            let mut state = follower.state.clone();
            let same = state.wait_for(|state| *state == listed);
            match timeout(LOOK_AGAIN, same).await {
                Ok(reached) => drop(reached.unwrap_or_else(|_| panic!("{} ended", follower.name))),
                Err(_) => behind.push((&follower.name, difference(&follower.state.borrow(), &listed))),
            }
        }
        let equal = lists.iter().all(|list| *list == lists[0]);
        if equal && behind.is_empty() {
            return listed.into_values().collect();
        }
        assert!(
            Instant::now() < deadline,
            "they did not come to what is listed; replicas list the same: {equal}\n{behind:#?}"
        );
    }
}

/// All tasks as one replica lists them.
async fn everything(person: &Person, replica: usize) -> Vec<Task> {
    let (mut tasks, mut request) = (Vec::new(), Listing::everything(100, true).request);
    loop {
        let page = person.request(request.clone(), None);
        let page = person.tasks_at(replica).list_tasks(page).await.unwrap().into_inner();
        tasks.extend(page.tasks);
        if page.next_page_token.is_empty() {
            return tasks;
        }
        request.page_token = page.next_page_token;
    }
}

fn difference(followed: &State, listed: &State) -> Vec<String> {
    let ids = followed
        .keys()
        .chain(listed.keys().filter(|id| !followed.contains_key(*id)));
    let differ = ids.filter(|id| followed.get(*id) != listed.get(*id));
    let pairs = differ.map(|id| format!("has {:?}, listed {:?}", followed.get(id), listed.get(id)));
    pairs.collect()
}

/// Goes away now and then, and comes back with the last token.
async fn keep_watching(
    person: Arc<Person>,
    replica: usize,
    mut numbers: Numbers,
    changed: Sender<State>,
    begun: Sender<bool>,
) {
    let mut sync_token = String::new();
    loop {
        let patience = 1 + numbers.below(60);
        let watched = watch_on(&person, replica, patience, &mut sync_token, &changed, &begun).await;
        if let Err(status) = watched {
            let reason = status.get_error_details().error_info().map(|info| info.reason.clone());
            assert_eq!(reason.as_deref(), Some(EXPIRED), "{status:?}");
        }
    }
}

/// For so many messages.
async fn watch_on(
    person: &Person,
    replica: usize,
    patience: usize,
    sync_token: &mut String,
    changed: &Sender<State>,
    begun: &Sender<bool>,
) -> Result<(), Status> {
    let request = WatchTasksRequest {
        sync_token: sync_token.clone(),
    };
    let mut tasks = person.tasks_at(replica);
    let mut messages = tasks.watch_tasks(person.stream(request)).await?.into_inner();
    for _ in 0..patience {
        let message = messages.message().await?.unwrap();
        *sync_token = message.sync_token;
        begun.send_replace(true);
        let Some(event) = message.event else { continue };
        let deleted = matches!(event, Event::Tombstone(_));
        let (Event::Task(task) | Event::Tombstone(task)) = event;
        assert_eq!(deleted, task.delete_time.is_some(), "{task:?}");
        keep(person, changed, vec![task]);
    }
    Ok(())
}

async fn keep_synchronising(person: Arc<Person>, mut numbers: Numbers, changed: Sender<State>) {
    let mut sync_token = String::new();
    loop {
        let call = Call::Sync(SyncTasksRequest {
            sync_token: sync_token.clone(),
            page_size: i32::try_from(numbers.below(7)).unwrap(),
            page_token: String::new(),
        });
        match make(&person, 0, &mut numbers, &call, None).await {
            Outcome::Answered(Answer::Pages(pages, token)) => {
                keep(&person, &changed, pages.into_iter().flatten().collect());
                sync_token = token;
            }
            Outcome::Refused(refusal) if refusal.reason == EXPIRED => {}
            other => panic!("{other:?}"),
        }
        sleep(PERIOD).await;
    }
}

/// Puts tasks in the place of what is kept of them. None may become older by that.
fn keep(person: &Person, changed: &Sender<State>, tasks: Vec<Task>) {
    if tasks.is_empty() {
        return;
    }
    changed.send_modify(|state| {
        for task in tasks {
            person.assert_own(&format!("{task:?}"));
            if let Some(known) = state.get(&task.id) {
                assert!(version(known) <= version(&task), "{known:?} became {task:?}");
            }
            state.insert(task.id.clone(), task);
        }
    });
}
