//! One of those in a crowd, and what they were answered.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::join_all;

use super::{
    calls::{Call, make},
    chooser::Chooser,
    history::Attempt,
    known::{Known, is_new_id},
    numbers::Numbers,
    services::Person,
};

const TURNS: usize = 28;

/// One of those who call for a person.
pub(super) struct Caller {
    pub(super) person: Arc<Person>,
    pub(super) known: Arc<Mutex<Known>>,
    /// Ids of everybody, and whose.
    pub(super) foreign: Arc<Mutex<Vec<(&'static str, String)>>>,
    pub(super) chooser: Chooser,
    pub(super) attempts: Vec<Attempt>,
}

impl Caller {
    /// Makes all calls: one, or some that meet.
    pub(super) async fn call_all(mut self) -> Vec<Attempt> {
        for _ in 0..TURNS {
            if self.chooser.numbers.one_in(5) {
                let micros = self.chooser.numbers.below(3000);
                self.person.advance(Duration::from_micros(micros.try_into().unwrap()));
            }
            let known = self.known.lock().unwrap().clone();
            let calls = if self.chooser.numbers.one_in(3) {
                self.chooser.meeting(&known)
            } else {
                vec![self.chooser.call(&known)]
            };
            let calls = calls.into_iter().map(|call| {
                let numbers = self.chooser.numbers.branch();
                attempts(self.person.clone(), numbers, call)
            });
            for attempt in join_all(calls).await.into_iter().flatten() {
                self.learn(attempt);
            }
        }
        self.attempts
    }

    fn learn(&mut self, attempt: Attempt) {
        let mut known = self.known.lock().unwrap();
        known.learn(&attempt.call, &attempt.outcome);
        let mut foreign = self.foreign.lock().unwrap();
        if let Some(task) = known.tasks.last().filter(|task| is_new_id(&task.id)) {
            foreign.push((self.person.name, task.id.clone()));
        }
        let others = foreign.iter().rev().filter(|(name, _)| *name != self.person.name);
        known.foreign = others.take(10).map(|(_, id)| id.clone()).collect();
        drop(known);
        drop(foreign);
        self.attempts.push(attempt);
    }
}

/// Makes a call once, or at two places at the same time; now and then it is cut off.
async fn attempts(person: Arc<Person>, mut numbers: Numbers, call: Call) -> Vec<Attempt> {
    let replica = numbers.below(person.replicas());
    let other = (replica + 1) % person.replicas();
    let twice = !call.request_id().is_empty() && numbers.one_in(2);
    let here = attempt(&person, replica, numbers.branch(), &call);
    if twice {
        let there = attempt(&person, other, numbers.branch(), &call);
        let (here, there) = tokio::join!(here, there);
        vec![here, there]
    } else {
        vec![here.await]
    }
}

async fn attempt(person: &Person, replica: usize, mut numbers: Numbers, call: &Call) -> Attempt {
    let micros = 200 * (1 + numbers.below(50));
    let cut_off = numbers.one_in(8);
    let patience = cut_off.then(|| Duration::from_micros(micros.try_into().unwrap()));
    let (began, sent) = (person.tick(), person.now());
    let outcome = make(person, replica, &mut numbers, call, patience).await;
    Attempt {
        call: call.clone(),
        began,
        sent,
        outcome,
        answered: person.now(),
        ended: person.tick(),
    }
}
