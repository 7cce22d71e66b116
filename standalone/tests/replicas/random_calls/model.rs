//! What must be answered to one who calls alone: every answer, with all its fields.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use platform::clock::Timestamp;
use proto::task::v1::Task;
use tonic::Code;
use uuid::Uuid;

use super::{
    calls::{Answer, Call, Outcome, Refusal},
    files::File,
    lists::{ZONES, counted, paged},
    rules::{No, Wish, asks, created, outcome, violations},
};

/// Requests with an id are remembered for so long.
const REMEMBERED: Duration = Duration::from_hours(24);

/// The tasks of somebody, and what is remembered of their calls.
#[derive(Clone, Default)]
pub(super) struct Model {
    /// By id, each with the place of its last change.
    tasks: BTreeMap<String, (u64, Task)>,
    changes: u64,
    requests: HashMap<String, (Call, Answer, Timestamp)>,
    /// The titles of records without an id that were imported.
    imported: HashSet<String>,
    /// Up to which change one knows all that had a token.
    tokens: HashMap<String, u64>,
}

/// What is expected, but for the words of refusals.
#[derive(Debug, PartialEq)]
enum Expected {
    Answered(Answer),
    Refused(Code, &'static str, Vec<String>),
}

impl Model {
    /// All tasks, deleted ones too.
    pub(super) fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.tasks.values().map(|(_, task)| task)
    }

    /// Checks what was answered to a call, and goes on from there.
    pub(super) fn check(&mut self, call: &Call, now: Timestamp, outcome: &Outcome) {
        let (expected, answered) = match outcome {
            Outcome::Answered(answer) => {
                let mut answer = answer.clone();
                // Words for people.
                if let Answer::Imported(told) = &mut answer {
                    told.errors.iter_mut().for_each(|error| error.description.clear());
                }
                let token = match &mut answer {
                    Answer::Pages(_, token) => std::mem::take(token),
                    _ => String::new(),
                };
                let expected = self.expected(call, now, &answer.tasks());
                if !token.is_empty() {
                    self.tokens.insert(token, self.changes);
                }
                (expected, Expected::Answered(answer))
            }
            Outcome::Refused(Refusal {
                code, reason, fields, ..
            }) => {
                let expected = self.expected(call, now, &[]);
                let reason = KNOWN_REASONS.into_iter().find(|known| *known == reason);
                (
                    expected,
                    Expected::Refused(*code, reason.unwrap_or("another"), fields.clone()),
                )
            }
            Outcome::Unknown => panic!("nothing is cut off here"),
        };
        assert_eq!(
            answered, expected,
            "what was answered, and what was expected, to {call:#?}"
        );
    }

    /// What is expected. The answer tells of new tasks which ids they got.
    fn expected(&mut self, call: &Call, now: Timestamp, answered: &[&Task]) -> Expected {
        let wrong = violations(call);
        if !wrong.is_empty() {
            return Expected::Refused(Code::InvalidArgument, "FIELD_INVALID", wrong);
        }
        match call {
            Call::Get(request) => match Uuid::try_parse(&request.id) {
                Err(_) => Expected::Refused(Code::InvalidArgument, "FIELD_INVALID", vec!["id".to_owned()]),
                Ok(id) => match self.tasks.get(&id.to_string()) {
                    Some((_, task)) => Expected::Answered(Answer::Tasks(vec![task.clone()])),
                    None => refused(No::Missing, None),
                },
            },
            Call::List(listing) => Expected::Answered(Answer::Pages(listing.pages(self.tasks()), String::new())),
            Call::Sync(request) => {
                let known = if request.sync_token.is_empty() {
                    0
                } else {
                    self.tokens[&request.sync_token]
                };
                let mut changed: Vec<_> = self.tasks.values().filter(|(change, _)| *change > known).collect();
                changed.sort_by_key(|(change, _)| *change);
                let changed: Vec<_> = changed.into_iter().map(|(_, task)| task.clone()).collect();
                Expected::Answered(Answer::Pages(paged(&changed, request.page_size), String::new()))
            }
            Call::Stats(request) => {
                let zone = ZONES.iter().find(|(name, _)| *name == request.time_zone);
                let (_, hours) = zone.unwrap();
                Expected::Answered(Answer::Stats(counted(self.tasks(), now, *hours)))
            }
            Call::Import(file) => self.import(file, now),
            _ => self.write(call, now, answered),
        }
    }

    fn write(&mut self, call: &Call, now: Timestamp, answered: &[&Task]) -> Expected {
        let request_id = if call.is_tried_only() { "" } else { call.request_id() };
        if let Some((first, answer, then)) = self.requests.get(request_id)
            && now < then.plus(REMEMBERED)
        {
            if first == call {
                return Expected::Answered(answer.clone());
            }
            let fields = vec!["request_id".to_owned()];
            return Expected::Refused(Code::InvalidArgument, "REQUEST_ID_REUSED", fields);
        }
        let mut after = self.clone();
        let mut tasks = Vec::new();
        for (place, mut ask) in asks(call).into_iter().enumerate() {
            if ask.id.is_empty() {
                // Of a refusal nobody hears of any.
                ask.id = answered
                    .get(place)
                    .map_or_else(|| format!("new {place}"), |task| task.id.clone());
                if !answered.is_empty() {
                    after.check_new_id(&ask.id, now);
                }
            }
            let id = ask.id.to_lowercase();
            let before = after.tasks.get(&id).map(|(_, task)| task);
            let mut task = match outcome(&ask, before, now) {
                Ok(task) => task,
                Err(no) => return refused(no, call.is_batch().then_some(place)),
            };
            if before != Some(&task) {
                after.changes += 1;
                after.tasks.insert(id, (after.changes, task.clone()));
            }
            if call.is_tried_only() && matches!(ask.wish, Wish::Create(_)) {
                task.etag.clear();
            }
            tasks.push(task);
        }
        let answer = Answer::Tasks(tasks);
        if !call.is_tried_only() {
            if !request_id.is_empty() {
                let made = (call.clone(), answer.clone(), now);
                after.requests.insert(request_id.to_owned(), made);
            }
            *self = after;
        }
        Expected::Answered(answer)
    }

    /// A version 7 UUID of now (RFC 9562, section 5.7).
    fn check_new_id(&self, id: &str, now: Timestamp) {
        let uuid = Uuid::try_parse(id).unwrap();
        assert_eq!(uuid.get_version_num(), 7, "{id}");
        assert_eq!(uuid.as_u128() >> 80, u128::from(now.as_millis()), "{id}");
        assert!(!self.tasks.contains_key(id), "{id} is not new");
    }

    /// A task whose id is not told is known by its title until [`Model::learn`].
    fn import(&mut self, file: &File, now: Timestamp) -> Expected {
        let mut existing = 0;
        let good = file.records.iter().filter(|record| File::is_good(record));
        for (place, record) in good.enumerate() {
            // So they keep the order of their file.
            let now = now.plus(Duration::from_micros(place.try_into().unwrap()));
            let known = match record.id.as_str() {
                "" => !self.imported.insert(record.title.clone()),
                id => self.tasks.contains_key(id),
            };
            if known {
                existing += 1;
                continue;
            }
            let id = if record.id.is_empty() {
                &record.title
            } else {
                &record.id
            };
            let task = created(&record.id, record, now);
            self.changes += 1;
            self.tasks.insert(id.clone(), (self.changes, task));
        }
        let told = file.told(existing);
        if told.failed > 0 && told.created + told.existing == 0 {
            let fields = vec!["data".to_owned(); file.records.len()];
            return Expected::Refused(Code::InvalidArgument, "FIELD_INVALID", fields);
        }
        Expected::Answered(Answer::Imported(told))
    }

    /// Learns from a list of all tasks the ids that an import chose.
    pub(super) fn learn(&mut self, listed: &[Task]) {
        let unnamed: Vec<_> = self.tasks.extract_if(.., |_, (_, task)| task.id.is_empty()).collect();
        for (title, (change, mut task)) in unnamed {
            let new = |listed: &&Task| listed.title == title && !self.tasks.contains_key(&listed.id);
            let mut found = listed.iter().filter(new);
            let found = (found.next(), found.next());
            let (Some(new), None) = found else {
                panic!("{title} was imported once: {found:#?}");
            };
            task.id.clone_from(&new.id);
            self.tasks.insert(task.id.clone(), (change, task));
        }
    }
}

const KNOWN_REASONS: [&str; 5] = [
    "TASK_EXISTS",
    "TASK_NOT_FOUND",
    "ETAG_MISMATCH",
    "REQUEST_ID_REUSED",
    "FIELD_INVALID",
];

fn refused(no: No, place: Option<usize>) -> Expected {
    let fields = place.map(|place| format!("requests[{place}]")).into_iter().collect();
    let (code, reason) = match no {
        No::Exists => (Code::AlreadyExists, "TASK_EXISTS"),
        No::Missing => (Code::NotFound, "TASK_NOT_FOUND"),
        No::Mismatch => (Code::Aborted, "ETAG_MISMATCH"),
    };
    Expected::Refused(code, reason, fields)
}
