//! Random people make random calls, which a seed decides, and everything that they are answered is checked.
//!
//! - [`crowd`] — several who call at once for each person: what they are told must be true in some order ([`history`],
//!   [`origins`]). Some calls are cut off, some are made twice at a time, some ask for what is another's.
//! - [`each_alone`] — one who calls for each person, one call after the other: every answer is exactly that of a model.
//! - In both, watches and a synchronisation from the beginning come to what is listed in the end.
//!
//! `PROPERTY_SEED` replays the calls of one seed, though not how those of a crowd meet.

mod caller;
mod calls;
mod chooser;
mod files;
mod followers;
mod history;
mod known;
mod lists;
mod model;
mod numbers;
mod origins;
mod rules;
mod services;

use std::{
    collections::HashMap,
    env,
    sync::{Arc, Mutex},
    time::Duration,
};

use proto::task::v1::{CreateTaskRequest, GetTaskRequest, GetTaskStatsRequest, Task};
use tokio::task::JoinSet;

use caller::Caller;
use calls::{Answer, Call, Outcome, make};
use chooser::Chooser;
use followers::{Follower, converged};
use history::{Attempt, History};
use known::Known;
use lists::{Listing, ZONES, counted};
use model::Model;
use numbers::Numbers;
use services::Person;

pub(crate) use services::Services;

/// So many call at once for each person.
const CALLERS: usize = 3;
const ROUNDS: usize = 6;
const CALLS_OF_A_ROUND: usize = 20;

/// Runs each seed, or the one that `PROPERTY_SEED` says, on services of its own. A failure says the seed.
/// Returns those that were run.
pub(crate) async fn each_seed<S, R>(
    seeds: impl IntoIterator<Item = u64>,
    start: impl Fn() -> S,
    run: impl Fn(Arc<Services>, u64) -> R,
) -> Vec<u64>
where
    S: Future<Output = Arc<Services>>,
    R: Future<Output = ()> + Send + 'static,
{
    let seeds = match env::var("PROPERTY_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => seeds.into_iter().collect(),
    };
    for &seed in &seeds {
        let ended = tokio::spawn(run(start().await, seed)).await;
        assert!(ended.is_ok(), "see above; PROPERTY_SEED={seed} makes the same calls");
    }
    seeds
}

/// Everybody calls at once.
pub(crate) async fn crowd(services: Arc<Services>, seed: u64) {
    let people = services.people();
    let foreign = Arc::<Mutex<Vec<(&str, String)>>>::default();
    let mut everybody = JoinSet::new();
    for (number, person) in people.iter().enumerate() {
        let (person, foreign) = (person.clone(), foreign.clone());
        everybody.spawn(async move {
            let followers = followers_of(&person, seed).await;
            let known = Arc::<Mutex<Known>>::default();
            let mut callers = JoinSet::new();
            for who in 0..CALLERS {
                let caller = Caller {
                    person: person.clone(),
                    known: known.clone(),
                    foreign: foreign.clone(),
                    chooser: Chooser::new(Numbers::new(seed, number * CALLERS + who), person.name, who),
                    attempts: Vec::new(),
                };
                callers.spawn(caller.call_all());
            }
            let attempts: Vec<_> = callers.join_all().await.into_iter().flatten().collect();
            (person, followers, attempts)
        });
    }
    // From now on the clock stands still.
    let everybody = everybody.join_all().await;
    for (person, followers, attempts) in &everybody {
        let tasks = converged(person, followers).await;
        let history = History::of(attempts, &tasks);
        history.check();
        origins::check(&history);
        check_the_end(person, followers, tasks).await;
    }
    check_refusals_are_alike(everybody.iter().flat_map(|(_, _, attempts)| attempts));
    drop(everybody);
    services.end().await;
}

/// Everybody calls alone; the clock moves on when nobody calls.
pub(crate) async fn each_alone(services: Arc<Services>, seed: u64) {
    let mut numbers = Numbers::new(seed, 0);
    let mut people = Vec::new();
    for (number, person) in services.people().into_iter().enumerate() {
        let followers = followers_of(&person, seed).await;
        let chooser = Chooser::new(Numbers::new(seed, 1 + number), person.name, 0);
        people.push((person, followers, chooser, Known::default(), Model::default()));
    }
    for _ in 0..ROUNDS {
        let mut round = JoinSet::new();
        for (person, followers, mut chooser, mut known, mut model) in people.drain(..) {
            round.spawn(async move {
                for _ in 0..CALLS_OF_A_ROUND {
                    let call = chooser.call(&known);
                    let replica = chooser.numbers.below(person.replicas());
                    let outcome = make(&person, replica, &mut chooser.numbers, &call, None).await;
                    model.check(&call, person.now(), &outcome);
                    if let (Call::Import(_), Outcome::Answered(_)) = (&call, &outcome) {
                        model.learn(&listed(&person, &mut chooser.numbers).await);
                    }
                    known.learn(&call, &outcome);
                }
                (person, followers, chooser, known, model)
            });
        }
        people = round.join_all().await;
        let foreign: Vec<_> = people
            .iter()
            .map(|(person, _, _, known, _)| (person.name, known.new_ids()))
            .collect();
        for (person, _, _, known, _) in &mut people {
            let others = foreign.iter().filter(|(name, _)| *name != person.name);
            known.foreign = others.flat_map(|(_, ids)| ids.clone()).collect();
        }
        let times = [0, 1, 1_000_000, 3 * 3_600_000_000, 25 * 3_600_000_000];
        services.clock.advance(Duration::from_micros(numbers.one_of(&times)));
    }
    for (person, followers, _, _, model) in &people {
        let tasks = converged(person, followers).await;
        assert!(
            model.tasks().eq(&tasks),
            "{}: the model has {:#?}",
            person.name,
            model.tasks().collect::<Vec<_>>()
        );
        check_the_end(person, followers, tasks).await;
    }
    drop(people);
    services.end().await;
}

async fn followers_of(person: &Arc<Person>, seed: u64) -> Vec<Follower> {
    // Far from those who call.
    let numbers = |place: usize| Numbers::new(seed, 1000 + place);
    let mut followers = vec![Follower::synchronising(person, numbers(100))];
    for replica in 0..person.replicas() {
        followers.push(Follower::watching(person, replica, numbers(replica)).await);
    }
    followers
}

/// All tasks, deleted ones too.
async fn listed(person: &Person, numbers: &mut Numbers) -> Vec<Task> {
    let call = Call::List(Box::new(Listing::everything(100, true)));
    match make(person, 0, numbers, &call, None).await {
        Outcome::Answered(Answer::Pages(pages, _)) => pages.into_iter().flatten().collect(),
        other => panic!("{other:?}"),
    }
}

/// Checks that everything else says what the list says, to which all followers have come; and that they hear of more.
async fn check_the_end(person: &Person, followers: &[Follower], mut tasks: Vec<Task>) {
    while let Err(told) = compare_all(person, &tasks).await {
        // Only now a call may have had its effect that was cut off.
        let later = converged(person, followers).await;
        assert_ne!(later, tasks, "{told}");
        tasks = later;
    }
    // Twice each: what was told late is heard by a watch that looks 20 seconds after its last message, but not the next.
    for turn in 0..2 * person.replicas() {
        let last = Call::Create(CreateTaskRequest {
            task: Some(Task {
                title: format!("{} in the end", person.name),
                ..Task::default()
            }),
            ..CreateTaskRequest::default()
        });
        let outcome = make(person, turn / 2, &mut Numbers::new(0, 0), &last, None).await;
        assert!(matches!(outcome, Outcome::Answered(_)), "{outcome:?}");
        assert!(converged(person, followers).await.len() > tasks.len());
    }
}

/// Each task alone is what the list says, and so are the counts, at every replica; else what is not.
async fn compare_all(person: &Person, tasks: &[Task]) -> Result<(), String> {
    let mut expected = Vec::new();
    for task in tasks {
        let get = Call::Get(GetTaskRequest { id: task.id.clone() });
        expected.push((get, Answer::Tasks(vec![task.clone()])));
    }
    for (zone, hours) in ZONES {
        let stats = Call::Stats(GetTaskStatsRequest {
            time_zone: zone.to_owned(),
        });
        expected.push((stats, Answer::Stats(counted(tasks.iter(), person.now(), hours))));
    }
    let numbers = &mut Numbers::new(0, 0);
    for replica in 0..person.replicas() {
        for (call, answer) in &expected {
            let outcome = make(person, replica, numbers, call, None).await;
            if outcome != Outcome::Answered(answer.clone()) {
                return Err(format!(
                    "replica {replica} to {call:?}: {outcome:?}, and the list: {answer:?}"
                ));
            }
        }
    }
    Ok(())
}

/// What is another's is refused in the same bytes as what never was: those who are refused for one reason at one place
/// hear the same.
fn check_refusals_are_alike<'a>(attempts: impl Iterator<Item = &'a Attempt>) {
    let mut told = HashMap::new();
    for attempt in attempts {
        if let Outcome::Refused(refusal) = &attempt.outcome
            && refusal.reason == "TASK_NOT_FOUND"
        {
            let first = *told.entry(&refusal.fields).or_insert(refusal);
            assert_eq!(first, refusal, "{:#?}", attempt.call);
        }
    }
}
