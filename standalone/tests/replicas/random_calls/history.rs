//! What was answered to those who called at once, put together: whether there is an order in which it is all true.
//!
//! The versions of a task are its history. Each was made by one write, out of the version before it; every answer tells
//! of one; the last one is what is there in the end.

use std::collections::{BTreeMap, HashMap, HashSet};

use platform::clock::Timestamp;
use proto::task::v1::Task;
use uuid::Uuid;

use super::{
    calls::{Answer, Call, Outcome, Refusal},
    files::File,
    rules::{Ask, Wish, asks, version, violations},
};

/// A call, when it was made, and what came of it.
pub(super) struct Attempt {
    pub(super) call: Call,
    /// What ended with a lesser number than another began with was before it.
    pub(super) began: u64,
    pub(super) ended: u64,
    pub(super) sent: Timestamp,
    pub(super) answered: Timestamp,
    pub(super) outcome: Outcome,
}

/// The attempts that are one: those with one request id that ask the same, or any other alone.
pub(super) struct Request<'a> {
    pub(super) call: &'a Call,
    pub(super) attempts: Vec<&'a Attempt>,
    /// Of all that were answered.
    pub(super) answer: Option<&'a Answer>,
    /// Whether it was cut off and never answered.
    pub(super) unknown: bool,
}

/// What is known of the tasks of one person.
pub(super) struct History<'a> {
    pub(super) attempts: &'a [Attempt],
    pub(super) requests: Vec<Request<'a>>,
    /// By id and number.
    pub(super) versions: HashMap<(&'a str, u64), &'a Task>,
    /// By id: the number of the last version.
    pub(super) last: BTreeMap<&'a str, u64>,
    /// By id: which versions were seen, and when that ended.
    seen: HashMap<&'a str, Vec<(u64, u64)>>,
    pub(super) titles: HashSet<&'a str>,
}

impl<'a> History<'a> {
    /// Of calls, and of all tasks that there are in the end.
    pub(super) fn of(attempts: &'a [Attempt], finally: &'a [Task]) -> Self {
        let mut history = Self {
            attempts,
            requests: requests(attempts),
            versions: HashMap::new(),
            last: finally.iter().map(|task| (task.id.as_str(), version(task))).collect(),
            seen: HashMap::new(),
            titles: HashSet::new(),
        };
        for attempt in attempts {
            let Outcome::Answered(answer) = &attempt.outcome else {
                continue;
            };
            if !attempt.call.is_tried_only() {
                for task in answer.tasks() {
                    history.saw(task);
                    let seen = history.seen.entry(&task.id).or_default();
                    seen.push((attempt.ended, version(task)));
                }
            }
        }
        for task in finally {
            history.saw(task);
        }
        for ((id, number), task) in &history.versions {
            let last = history.last.get(id);
            let last = last.unwrap_or_else(|| panic!("it was there and is not: {task:?}"));
            assert!(
                number <= last,
                "it was there and is at version {last} in the end: {task:?}"
            );
        }
        history
    }

    fn saw(&mut self, task: &'a Task) {
        let known = self.versions.entry((&task.id, version(task))).or_insert(task);
        assert_eq!(*known, task, "two tasks are one version");
        self.titles.insert(&task.title);
    }

    /// The last version of a task that somebody had seen by then; 0 if none.
    pub(super) fn known_by(&self, id: &str, tick: u64) -> u64 {
        let seen = self.seen.get(id).into_iter().flatten();
        let before = seen.filter(|(ended, _)| *ended < tick);
        before.map(|(_, version)| *version).max().unwrap_or(0)
    }

    /// The versions from one on: `None` where one was not seen by anybody.
    pub(super) fn since(&self, id: &str, first: u64) -> impl Iterator<Item = Option<&'a Task>> {
        let last = self.last.get(id).copied().unwrap_or(0);
        (first.max(1)..=last).map(move |number| self.versions.get(&(id, number)).copied())
    }

    /// Checks everything but where the versions come from.
    pub(super) fn check(&self) {
        for attempt in self.attempts {
            match &attempt.outcome {
                Outcome::Answered(answer) => self.check_read(attempt, answer),
                Outcome::Refused(refusal) => self.check_refusal(attempt, refusal),
                Outcome::Unknown => {}
            }
        }
        for request in &self.requests {
            self.check_traces(request);
        }
    }

    /// Nothing that was read is older than what was known before.
    fn check_read(&self, attempt: &Attempt, answer: &Answer) {
        if let Answer::Stats(stats) = answer {
            assert_eq!(stats.active + stats.completed, stats.total);
        }
        let tasks = answer.tasks();
        // A repetition is answered as the first was.
        if attempt.call.request_id().is_empty() && !attempt.call.is_tried_only() {
            for task in &tasks {
                let known = self.known_by(&task.id, attempt.began);
                assert!(version(task) >= known, "version {known} was known before {task:?}");
            }
        }
        let (complete, with_deleted) = match &attempt.call {
            Call::List(listing) => {
                let mut ids = HashSet::new();
                for task in &tasks {
                    assert!(listing.holds(task), "{listing:#?} has {task:?}");
                    assert!(
                        ids.insert(&task.id) || !listing.is_steady(),
                        "it is listed twice: {task:?}"
                    );
                }
                (listing.is_complete(), listing.request.show_deleted)
            }
            Call::Sync(request) => (request.sync_token.is_empty(), true),
            _ => (false, true),
        };
        if !complete {
            return;
        }
        let there: HashSet<_> = tasks.iter().map(|task| task.id.as_str()).collect();
        for id in self.last.keys().filter(|id| !there.contains(*id)) {
            let known = self.known_by(id, attempt.began);
            let stays = |task: Option<&Task>| task.is_some_and(|task| task.delete_time.is_none());
            let missing = known > 0 && (with_deleted || self.since(id, known).all(stays));
            assert!(!missing, "{:?} does not hold {id}", attempt.call);
        }
    }

    /// Nothing is refused without a cause.
    fn check_refusal(&self, attempt: &Attempt, refusal: &Refusal) {
        let call = &attempt.call;
        let told = || format!("{refusal:?} to {call:#?}");
        match refusal.reason.as_str() {
            "FIELD_INVALID" => match call {
                Call::Get(request) => assert!(Uuid::try_parse(&request.id).is_err(), "{}", told()),
                Call::Import(file) => assert!(!file.records.iter().any(File::is_good), "{}", told()),
                _ => assert_eq!(refusal.fields, violations(call), "{}", told()),
            },
            "REQUEST_ID_REUSED" => {
                let had_effect = |other: &&Attempt| {
                    let same = other.call.request_id() == call.request_id() && !other.call.is_tried_only();
                    same && other.call != *call && !matches!(other.outcome, Outcome::Refused(_))
                };
                assert!(self.attempts.iter().find(had_effect).is_some(), "{}", told());
            }
            reason => {
                let place = refusal.fields.first().and_then(|field| field.strip_prefix("requests["));
                let place = place.map_or(0, |place| place.trim_end_matches(']').parse().unwrap());
                let asks = match call {
                    Call::Get(request) => vec![Ask::undeletion(&request.id)],
                    _ => asks(call),
                };
                let ask = &asks[place];
                // Those before it in a batch may be the cause.
                let first = asks[..place]
                    .iter()
                    .all(|other| !other.id.eq_ignore_ascii_case(&ask.id));
                let cause = self.causes(reason, attempt.began, ask);
                assert!(cause || !first, "{}", told());
            }
        }
    }

    /// Whether there may have been a time since then when that was the answer.
    fn causes(&self, reason: &str, since: u64, ask: &Ask) -> bool {
        let id = ask.id.to_lowercase();
        let known = self.known_by(&id, since);
        match reason {
            "TASK_NOT_FOUND" if known == 0 => true,
            "TASK_NOT_FOUND" if matches!(ask.wish, Wish::Undelete) => false,
            "TASK_NOT_FOUND" => {
                let deleted = |task: Option<&Task>| task.is_none_or(|task| task.delete_time.is_some());
                self.since(&id, known).any(deleted)
            }
            "TASK_EXISTS" => self.last.contains_key(id.as_str()),
            "ETAG_MISMATCH" => {
                let last = self.last.get(id.as_str()).copied().unwrap_or(0);
                (known.max(1)..=last).any(|version| version.to_string() != ask.etag)
            }
            _ => false,
        }
    }

    /// Nothing is left of what was refused, or only tried.
    fn check_traces(&self, request: &Request) {
        if request.call.is_tried_only() || (request.answer.is_none() && !request.unknown) {
            for ask in asks(request.call) {
                let (Wish::Create(draft) | Wish::Update(draft, _)) = &ask.wish else {
                    continue;
                };
                let left = self.titles.contains(draft.title.trim());
                assert!(!left, "it is there, though it was refused or only tried: {draft:?}");
            }
        }
    }
}

/// Puts together those that repeat each other, whose answers must be equal.
fn requests(attempts: &[Attempt]) -> Vec<Request<'_>> {
    let mut requests: Vec<Request> = Vec::new();
    for attempt in attempts {
        let request_id = attempt.call.request_id();
        let repeats = !request_id.is_empty() && !attempt.call.is_tried_only();
        let known = requests.iter_mut().find(|known| repeats && *known.call == attempt.call);
        let request = match known {
            Some(known) => known,
            None => requests.push_mut(Request {
                call: &attempt.call,
                attempts: Vec::new(),
                answer: None,
                unknown: false,
            }),
        };
        request.attempts.push(attempt);
        if let Outcome::Answered(answer) = &attempt.outcome {
            let first = *request.answer.get_or_insert(answer);
            assert_eq!(first, answer, "a repetition is answered otherwise: {:#?}", attempt.call);
        }
    }
    let mut had_effect = HashMap::new();
    for request in &mut requests {
        let cut_off = |attempt: &&Attempt| attempt.outcome == Outcome::Unknown;
        request.unknown = request.answer.is_none() && request.attempts.iter().any(cut_off);
        let request_id = request.call.request_id();
        if !request_id.is_empty() && !request.call.is_tried_only() && request.answer.is_some() {
            let other = had_effect.insert(request_id, request.call);
            assert_eq!(other, None, "two requests of one id had an effect: {:#?}", request.call);
        }
    }
    requests
}
