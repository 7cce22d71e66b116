//! Where each version of a task comes from: one write, out of the version before it.

use std::collections::HashMap;

use platform::clock::Timestamp;
use proto::task::v1::Task;

use super::{
    calls::{Answer, Call},
    files::File,
    history::{History, Request},
    rules::{Ask, Wish, asks, outcome, version, violations},
};

/// A write of which nobody was told what came of it.
struct Untold(Ask);

/// Checks that every write that was answered made the version that it was told, alone, or found nothing to change; and
/// that nothing else made one, but what was cut off or imported.
pub(super) fn check(history: &History) {
    let mut made: HashMap<(&str, u64), bool> = HashMap::new();
    for request in &history.requests {
        let Some(Answer::Tasks(tasks)) = request.answer else {
            continue;
        };
        let asks = asks(request.call);
        if request.call.is_tried_only() || asks.is_empty() {
            continue;
        }
        assert_eq!(violations(request.call), Vec::<String>::new(), "{:#?}", request.call);
        assert_eq!(asks.len(), tasks.len());
        for (mut ask, task) in asks.into_iter().zip(tasks) {
            if ask.id.is_empty() {
                ask.id.clone_from(&task.id);
            }
            let makes = is_of_its_time(request, task) && makes(history, &ask, task);
            let idles =
                !matches!(ask.wish, Wish::Create(_)) && outcome(&ask, Some(task), now(task)).as_ref() == Ok(task);
            assert!(
                makes || idles,
                "{ask:#?} neither makes this out of {:?} nor finds it so: {task:#?}",
                before(history, task)
            );
            if makes {
                let surely = made.entry((&task.id, version(task))).or_insert(false);
                assert!(
                    !*surely || idles,
                    "two writes made {task:?}, of which one is lost: {ask:#?}"
                );
                *surely |= !idles;
            }
        }
    }
    check_untold(history, &made);
}

/// Of the others each must be what some write comes to that was cut off, or an import: another one for each.
fn check_untold(history: &History, made: &HashMap<(&str, u64), bool>) {
    let untold = untold(history);
    let mut makers: Vec<Option<usize>> = vec![None; untold.len()];
    let mut candidates: Vec<Vec<usize>> = Vec::new();
    for (id, last) in &history.last {
        for number in (1..=*last).filter(|number| !made.contains_key(&(*id, *number))) {
            let seen = history.versions.get(&(*id, number));
            let seen = seen.filter(|task| number == 1 || before(history, task).is_some());
            let may_make = |untold: &Untold| match seen {
                Some(task) => makes(history, &untold.of(id), task),
                None => untold.of(id).id.eq_ignore_ascii_case(id),
            };
            candidates.push((0..untold.len()).filter(|place| may_make(&untold[*place])).collect());
            let mut tried = vec![false; untold.len()];
            let found = assign(candidates.len() - 1, &candidates, &mut makers, &mut tried);
            assert!(
                found,
                "nobody made version {number} of {id}: {seen:#?} out of {:?}",
                seen.and_then(|task| before(history, task))
            );
        }
    }
}

/// Finds a write for a version, so that those before keep one too (augmenting paths; Kuhn 1955).
fn assign(version: usize, candidates: &[Vec<usize>], makers: &mut [Option<usize>], tried: &mut [bool]) -> bool {
    for &write in &candidates[version] {
        if std::mem::replace(&mut tried[write], true) {
            continue;
        }
        if makers[write].is_none_or(|other| assign(other, candidates, makers, tried)) {
            makers[write] = Some(version);
            return true;
        }
    }
    false
}

impl Untold {
    /// What it asks of a task, which may be the one that it creates.
    fn of(&self, id: &str) -> Ask {
        let mut ask = self.0.clone();
        if ask.id.is_empty() {
            id.clone_into(&mut ask.id);
        }
        ask
    }
}

fn untold(history: &History) -> Vec<Untold> {
    let mut asked = Vec::new();
    for request in &history.requests {
        match request.call {
            Call::Import(file) => {
                if let Some(Answer::Imported(told)) = request.answer {
                    let mut told = told.clone();
                    told.errors.iter_mut().for_each(|error| error.description.clear());
                    assert_eq!(told, file.told(usize::try_from(told.existing).unwrap()), "{file:#?}");
                }
                let good = file.records.iter().filter(|record| File::is_good(record));
                asked.extend(good.map(|record| Ask {
                    id: record.id.clone(),
                    etag: String::new(),
                    wish: Wish::Create(record.clone()),
                }));
            }
            call if request.unknown => asked.extend(asks(call)),
            _ => {}
        }
    }
    asked.into_iter().map(Untold).collect()
}

fn now(task: &Task) -> Timestamp {
    task.update_time.unwrap().into()
}

fn before<'a>(history: &History<'a>, task: &Task) -> Option<&'a Task> {
    let number = version(task).checked_sub(1)?;
    history.versions.get(&(task.id.as_str(), number)).copied()
}

/// Whether a task was changed last while a request was made.
fn is_of_its_time(request: &Request, task: &Task) -> bool {
    let mut attempts = request.attempts.iter();
    attempts.any(|attempt| (attempt.sent..=attempt.answered).contains(&now(task)))
}

/// Whether a task is what comes of a wish, as far as is known.
fn makes(history: &History, ask: &Ask, task: &Task) -> bool {
    let before = before(history, task);
    if before.is_some() || version(task) == 1 {
        return outcome(ask, before, now(task)).as_ref() == Ok(task) && before != Some(task);
    }
    // At least it is as was wished.
    match ask.wish {
        Wish::Create(_) => false,
        Wish::Delete => task.delete_time.is_some(),
        Wish::Toggle | Wish::Undelete => task.delete_time.is_none(),
        Wish::Update(..) | Wish::Completed(_) => {
            let ask = Ask {
                etag: String::new(),
                ..ask.clone()
            };
            outcome(&ask, Some(task), now(task)).as_ref() == Ok(task)
        }
    }
}
