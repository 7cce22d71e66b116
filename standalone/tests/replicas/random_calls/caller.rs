//! One of those in a crowd, and what they were answered.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{
    calls::{Call, make},
    chooser::Chooser,
    history::Attempt,
    known::{Known, is_new_id},
    numbers::Numbers,
    services::Person,
};

const CALLS: usize = 45;

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
    /// Makes all calls.
    pub(super) async fn call_all(mut self) -> Vec<Attempt> {
        for _ in 0..CALLS {
            if self.chooser.numbers.one_in(8) {
                let micros = self.chooser.numbers.below(3000);
                self.person.advance(Duration::from_micros(micros.try_into().unwrap()));
            }
            let known = self.known.lock().unwrap().clone();
            let call = self.chooser.call(&known);
            self.call(call).await;
        }
        self.attempts
    }

    /// Once, or at two places at the same time.
    async fn call(&mut self, call: Call) {
        let numbers = &mut self.chooser.numbers;
        let replica = numbers.below(self.person.replicas());
        let other = (replica + 1) % self.person.replicas();
        let mut patience = || {
            let micros = 200 * (1 + numbers.below(50));
            numbers
                .one_in(8)
                .then(|| Duration::from_micros(micros.try_into().unwrap()))
        };
        let (first, second) = (patience(), patience());
        let twice = !call.request_id().is_empty() && numbers.one_in(2);
        let mut numbers = (numbers.clone(), numbers.clone());
        let here = attempt(&self.person, replica, &mut numbers.0, &call, first);
        let made = if twice {
            let there = attempt(&self.person, other, &mut numbers.1, &call, second);
            let (here, there) = tokio::join!(here, there);
            vec![here, there]
        } else {
            vec![here.await]
        };
        for attempt in made {
            let mut known = self.known.lock().unwrap();
            known.learn(&call, &attempt.outcome);
            let mut foreign = self.foreign.lock().unwrap();
            if let Some(task) = known.tasks.last().filter(|task| is_new_id(&task.id)) {
                foreign.push((self.person.name, task.id.clone()));
            }
            let others = foreign.iter().rev().filter(|(name, _)| *name != self.person.name);
            known.foreign = others.take(10).map(|(_, id)| id.clone()).collect();
            self.attempts.push(attempt);
        }
    }
}

async fn attempt(
    person: &Person,
    replica: usize,
    numbers: &mut Numbers,
    call: &Call,
    patience: Option<Duration>,
) -> Attempt {
    let (began, sent) = (person.tick(), person.now());
    let outcome = make(person, replica, numbers, call, patience).await;
    Attempt {
        call: call.clone(),
        began,
        sent,
        outcome,
        answered: person.now(),
        ended: person.tick(),
    }
}
