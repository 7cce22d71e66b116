//! What somebody asks for next.

use proto::task::v1::{
    BatchCompleteTasksRequest, BatchCreateTasksRequest, BatchDeleteTasksRequest, BatchUpdateTasksRequest,
    CompleteTaskRequest, CreateTaskRequest, DeleteTaskRequest, Due, GetTaskRequest, GetTaskStatsRequest,
    ReopenTaskRequest, SyncTasksRequest, Task, ToggleTaskRequest, UndeleteTaskRequest, UpdateTaskRequest,
};

use super::{
    calls::Call,
    files::File,
    known::Known,
    lists::{Listing, TAGS, WORDS, ZONES, day, some_day},
    numbers::Numbers,
};

/// Ids that people choose: the same for all of them.
const CHOSEN_IDS: usize = 8;

/// Chooses the calls of one who calls.
pub(super) struct Chooser {
    pub(super) numbers: Numbers,
    /// The person.
    name: &'static str,
    /// Which of those who call for the person.
    who: usize,
    count: usize,
    /// What the next calls are about, if they are to meet.
    subject: Option<Task>,
}

/// Where the calls that change a task begin among a hundred, and how many they are.
const FIRST_CHANGE: usize = 14;
const CHANGES: usize = 49;
/// So many calls meet.
const MEETING: usize = 3;

impl Chooser {
    pub(super) fn new(numbers: Numbers, name: &'static str, who: usize) -> Self {
        Self {
            numbers,
            name,
            who,
            count: 0,
            subject: None,
        }
    }

    /// Calls to be made at the same time, which change one task.
    pub(super) fn meeting(&mut self, known: &Known) -> Vec<Call> {
        let there = known.tasks.iter().rev().find(|task| task.delete_time.is_none());
        self.subject = there.cloned();
        let calls = (0..MEETING).map(|_| self.call(known)).collect();
        self.subject = None;
        calls
    }

    /// The next call.
    pub(super) fn call(&mut self, known: &Known) -> Call {
        if self.subject.is_none()
            && self.numbers.one_in(12)
            && let Some(made) = self.numbers.recent(&known.made)
        {
            return made.clone();
        }
        let kind = match self.subject {
            None => self.numbers.below(100),
            Some(_) => FIRST_CHANGE + self.numbers.below(CHANGES),
        };
        match kind {
            0..14 => Call::Create(CreateTaskRequest {
                task: Some(self.draft()),
                validate_only: self.numbers.one_in(10),
                request_id: self.request_id(),
            }),
            14..34 => Call::Update(self.update(known)),
            34..40 => {
                let (id, etag) = self.target(known);
                let request_id = self.request_id();
                Call::Complete(CompleteTaskRequest { id, etag, request_id })
            }
            40..44 => {
                let (id, etag) = self.target(known);
                let request_id = self.request_id();
                Call::Reopen(ReopenTaskRequest { id, etag, request_id })
            }
            44..51 => Call::Toggle(ToggleTaskRequest {
                id: self.id(known),
                request_id: self.request_id(),
            }),
            51..57 => Call::Delete(self.delete(known)),
            57..63 => Call::Undelete(UndeleteTaskRequest {
                id: self.id(known),
                request_id: self.request_id(),
            }),
            63..75 => self.batch(known),
            75..83 => Call::Get(GetTaskRequest { id: self.id(known) }),
            83..91 => Call::List(Box::new(Listing::any(&mut self.numbers))),
            91..94 => Call::Sync(SyncTasksRequest {
                sync_token: if self.numbers.one_in(2) {
                    String::new()
                } else {
                    known.sync_token.clone()
                },
                page_size: i32::try_from(self.numbers.below(9)).unwrap(),
                page_token: String::new(),
            }),
            94..97 => Call::Stats(GetTaskStatsRequest {
                time_zone: self.numbers.one_of(&ZONES).0.to_owned(),
            }),
            _ => Call::Import(self.file()),
        }
    }

    fn batch(&mut self, known: &Known) -> Call {
        let several = 1 + self.numbers.below(4);
        let request_id = self.request_id();
        match self.numbers.below(4) {
            0 => Call::BatchCreate(BatchCreateTasksRequest {
                requests: (0..several)
                    .map(|_| CreateTaskRequest {
                        task: Some(self.draft()),
                        ..CreateTaskRequest::default()
                    })
                    .collect(),
                request_id,
            }),
            1 => Call::BatchUpdate(BatchUpdateTasksRequest {
                requests: (0..several)
                    .map(|_| UpdateTaskRequest {
                        request_id: String::new(),
                        validate_only: false,
                        ..self.update(known)
                    })
                    .collect(),
                request_id,
            }),
            2 => Call::BatchDelete(BatchDeleteTasksRequest {
                requests: (0..several.min(2))
                    .map(|_| DeleteTaskRequest {
                        request_id: String::new(),
                        ..self.delete(known)
                    })
                    .collect(),
                request_id,
            }),
            _ => Call::BatchComplete(BatchCompleteTasksRequest {
                requests: (0..several)
                    .map(|_| self.target(known))
                    .map(|(id, etag)| CompleteTaskRequest {
                        id,
                        etag,
                        request_id: String::new(),
                    })
                    .collect(),
                request_id,
            }),
        }
    }

    fn update(&mut self, known: &Known) -> UpdateTaskRequest {
        let masks: [&[&str]; 8] = [
            &["title"],
            &["description", "priority"],
            &["tags"],
            &["due", "etag"],
            &["completed", "title"],
            &["*"],
            &[],
            &["nonsense", "title"],
        ];
        let among = if self.numbers.one_in(6) { masks.len() } else { 6 };
        let mask = self.numbers.one_of(&masks[..among]);
        let (id, etag) = self.target(known);
        let task = Task {
            id,
            etag,
            ..self.draft()
        };
        UpdateTaskRequest {
            task: Some(task),
            update_mask: (!self.numbers.one_in(4)).then(|| prost_types::FieldMask {
                paths: mask.iter().map(|path| (*path).to_owned()).collect(),
            }),
            request_id: self.request_id(),
            validate_only: self.numbers.one_in(12),
        }
    }

    fn delete(&mut self, known: &Known) -> DeleteTaskRequest {
        let (id, etag) = self.target(known);
        DeleteTaskRequest {
            id,
            etag,
            request_id: self.request_id(),
        }
    }

    /// A task with a title of its own; now and then one that is refused.
    fn draft(&mut self) -> Task {
        self.count += 1;
        let (word, other) = (self.word(), self.word());
        let title = format!("{} {}.{} {word}", self.name, self.who, self.count);
        let title = match self.numbers.below(60) {
            0 => "  ".to_owned(),
            1 => title.repeat(20),
            2..6 => format!("\t{title} \n"),
            _ => title,
        };
        let mut tags: Vec<String> = Vec::new();
        for tag in TAGS {
            if self.numbers.one_in(3) {
                tags.extend([tag.to_owned(), format!(" {} ", tag.to_uppercase())]);
            }
        }
        if self.numbers.one_in(60) {
            tags = vec![" ".to_owned()];
        }
        let description = if self.numbers.one_in(2) {
            String::new()
        } else {
            format!(" {other} of {} ", self.name)
        };
        Task {
            id: if self.numbers.one_in(3) {
                self.chosen_id()
            } else {
                String::new()
            },
            title,
            description,
            completed: self.numbers.one_in(4),
            priority: i32::try_from(self.numbers.below(4)).unwrap(),
            tags,
            due: (!self.numbers.one_in(3)).then(|| self.due()),
            ..Task::default()
        }
    }

    fn due(&mut self) -> Due {
        match self.numbers.below(30) {
            0 => Due::default(),
            1..15 => Due {
                date: day(some_day(&mut self.numbers)),
                ..Due::default()
            },
            _ => Due {
                date_time: Some(prost_types::Timestamp {
                    seconds: some_day(&mut self.numbers) * 86_400
                        + 3600 * i64::try_from(self.numbers.below(24)).unwrap(),
                    nanos: if self.numbers.one_in(2) { 0 } else { 123_456_789 },
                }),
                time_zone: self.numbers.one_of(&ZONES).0.to_owned(),
                ..Due::default()
            },
        }
    }

    fn file(&mut self) -> File {
        let several = 1 + self.numbers.below(4);
        let records = (0..several).map(|_| {
            let mut task = self.draft();
            task.title = task.title.trim().to_owned();
            if task.title.len() > 150 {
                task.title.clear();
            }
            task.tags.retain(|tag| tag.len() > 1);
            task.due = task.due.filter(|due| *due != Due::default());
            task
        });
        let records = records.collect();
        if self.numbers.one_in(2) {
            File::json(records)
        } else {
            File::csv(records)
        }
    }

    fn word(&mut self) -> &'static str {
        self.numbers.one_of(&WORDS)
    }

    fn id(&mut self, known: &Known) -> String {
        if let Some(subject) = &self.subject {
            return subject.id.clone();
        }
        let own = self.numbers.recent(&known.tasks).map(|task| task.id.clone());
        let foreign = self.numbers.recent(&known.foreign).cloned();
        match (self.numbers.below(40), own, foreign) {
            (0, ..) => "no-id".to_owned(),
            (1, ..) => format!("01890000-0000-7000-8000-{:012}", self.numbers.below(1000)),
            (2..7, ..) | (_, None, _) => self.chosen_id(),
            (7..10, _, Some(foreign)) => foreign,
            (10..14, Some(own), _) => own.to_uppercase(),
            (_, Some(own), _) => own,
        }
    }

    fn chosen_id(&mut self) -> String {
        format!("6c84fb90-12c4-41e1-840d-{:012}", self.numbers.below(CHOSEN_IDS))
    }

    /// A task, and mostly no etag; else the one that was seen last, or before that, or none of it.
    fn target(&mut self, known: &Known) -> (String, String) {
        let own = self
            .subject
            .as_ref()
            .or_else(|| self.numbers.recent(&known.tasks))
            .cloned();
        match (self.numbers.below(12), own) {
            (0, _) => (self.id(known), "stale".to_owned()),
            (1, _) => (self.id(known), "2".to_owned()),
            (2..6, Some(own)) => (own.id, own.etag),
            _ => (self.id(known), String::new()),
        }
    }

    /// Mostly none; else a new one, or one of a few that are used again and again.
    fn request_id(&mut self) -> String {
        self.count += 1;
        match self.numbers.below(40) {
            0 => "two words".to_owned(),
            1..12 => format!("once-{}.{}", self.who, self.count),
            12..15 => format!("again-{}", self.numbers.below(6)),
            _ => String::new(),
        }
    }
}
