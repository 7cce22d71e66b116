//! Tasks out of a file.

use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use platform::clock::Timestamp;
use tokio::task::yield_now;
use uuid::Uuid;

use crate::{
    error::TaskError,
    owner::OwnerId,
    store::Imported,
    task::{Content, Task},
    tasks::Tasks,
    transfer::{Draft, Identity, Importer, Problem, Record, UnknownType},
    validation::{self, Violations},
};

/// The largest file, in bytes: 20 MiB.
const MAX_BYTES: usize = 20 * 1024 * 1024;
/// How many tasks are stored at a time.
const AT_ONCE: usize = 100;
/// How many problems are told; more are counted.
const MAX_TOLD: usize = 100;
/// With more of them the rest of a file is not read.
const MAX_FAILED: usize = 1000;
/// So much is read before others have their turn.
const READ_AT_ONCE: usize = 8 * 1024;
/// Of the year 0001: no task is older.
const FIRST_TIME: Timestamp = Timestamp::from_micros(-62_135_596_800_000_000);

/// What came of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    /// So many could be used.
    read: u64,
    /// So many tasks are new.
    pub(crate) created: usize,
    /// So many were there already, perhaps in the trash, and stay as they are.
    pub(crate) existing: usize,
    /// So many records could not be read.
    pub(crate) failed: usize,
    /// The first hundred of those: line and problem.
    pub(crate) problems: Vec<(u64, Problem)>,
}

/// A file that is being imported. What was stored stays, also if the file breaks off: importing it again goes on.
pub(crate) struct Import<'a> {
    tasks: &'a Tasks,
    owner: OwnerId,
    importer: Importer,
    begin: Timestamp,
    bytes: usize,
    read: Vec<Task>,
    summary: Summary,
}

impl Tasks {
    /// Begins an import of a file of a media type.
    pub(crate) fn import(&self, owner: OwnerId, content_type: &str) -> Result<Import<'_>, TaskError> {
        let importer = Importer::for_type(content_type).map_err(|unknown: UnknownType| {
            TaskError::FieldsInvalid(vec![("content_type".to_owned(), unknown.to_string())])
        })?;
        Ok(Import {
            tasks: self,
            owner,
            importer,
            begin: self.clock.now(),
            bytes: 0,
            read: Vec::new(),
            summary: Summary::default(),
        })
    }
}

impl Import<'_> {
    /// Reads the next bytes, and stores what ends in them.
    pub(crate) async fn feed(&mut self, bytes: &[u8]) -> Result<(), TaskError> {
        self.bytes += bytes.len();
        if self.bytes > MAX_BYTES {
            return Err(TaskError::FileTooLarge);
        }
        for part in bytes.chunks(READ_AT_ONCE) {
            let (read, summary, begin) = (&mut self.read, &mut self.summary, self.begin);
            self.importer
                .feed(part, &mut |record| take(record, begin, read, summary));
            if self.summary.failed > MAX_FAILED {
                let problem = format!("has more than {MAX_FAILED} records that cannot be used; the rest was not read");
                return Err(TaskError::FieldsInvalid(vec![("data".to_owned(), problem)]));
            }
            while self.read.len() >= AT_ONCE {
                let rest = self.read.split_off(AT_ONCE);
                let full = std::mem::replace(&mut self.read, rest);
                self.store(full).await?;
            }
            yield_now().await;
        }
        Ok(())
    }

    /// Reads the end, and tells what came of it. A file of which nothing can be used is an error.
    pub(crate) async fn finish(mut self) -> Result<Summary, TaskError> {
        let begin = self.begin;
        let (mut read, mut summary) = (std::mem::take(&mut self.read), std::mem::take(&mut self.summary));
        let importer = std::mem::replace(&mut self.importer, Importer::new(crate::transfer::Format::Json));
        importer.finish(&mut |record| take(record, begin, &mut read, &mut summary));
        self.summary = summary;
        for tasks in read.chunks(AT_ONCE) {
            self.store(tasks.to_vec()).await?;
        }
        let Summary {
            created,
            existing,
            failed,
            problems,
            ..
        } = &self.summary;
        if created + existing == 0 && *failed > 0 {
            let told = problems.iter().map(|(line, problem)| {
                let field = problem.field.map_or_else(String::new, |field| format!("{field} "));
                (
                    "data".to_owned(),
                    format!("line {line}: {field}{}", problem.description),
                )
            });
            return Err(TaskError::FieldsInvalid(told.collect()));
        }
        Ok(self.summary)
    }

    async fn store(&mut self, tasks: Vec<Task>) -> Result<(), TaskError> {
        let count = tasks.len();
        match self.tasks.store.import(self.owner, tasks).await? {
            Imported::Tasks { created } => {
                self.summary.created += created;
                self.summary.existing += count - created;
                Ok(())
            }
            Imported::OwnerErased => Err(TaskError::OwnerErased),
        }
    }
}

fn take(record: Record, begin: Timestamp, read: &mut Vec<Task>, summary: &mut Summary) {
    // Each a microsecond later, so that tasks without a time of creation keep their order.
    let now = begin.plus(Duration::from_micros(summary.read));
    match record.outcome.and_then(|draft| task_of(draft, now)) {
        Ok(task) => {
            summary.read += 1;
            read.push(task);
        }
        Err(problem) => {
            summary.failed += 1;
            if summary.problems.len() < MAX_TOLD {
                summary.problems.push((record.line, problem));
            }
        }
    }
}

/// The task of a draft, by the same rules as any other. Times of the future are taken for now.
pub(crate) fn task_of(draft: Draft, now: Timestamp) -> Result<Task, Problem> {
    let mut violations = Violations::default();
    let title = validation::title(&draft.title, &mut violations);
    let description = validation::description(&draft.description, &mut violations);
    let tags = validation::tags(&draft.tags, &mut violations);
    let (Some(title), Some(description), Some(tags)) = (title, description, tags) else {
        return Err(violations.into_problem());
    };
    let content = Content {
        title,
        description,
        completed: draft.completed,
        priority: draft.priority,
        tags,
        due: draft.due,
    };
    let known = |time: Option<Timestamp>| time.filter(|time| *time >= FIRST_TIME).map(|time| time.min(now));
    let mut task = Task::new(id_of(&draft.identity), content, known(draft.create_time).unwrap_or(now));
    task.update_time = now;
    task.complete_time = draft.completed.then(|| known(draft.complete_time).unwrap_or(now));
    Ok(task)
}

/// The id that a record has at every import of it: its own, or one made from what names it (UUIDv8, RFC 9562, section
/// 5.8).
fn id_of(identity: &Identity) -> Uuid {
    let (kind, name): (&[u8], &[u8]) = match identity {
        Identity::Id(id) => return *id,
        Identity::External(text) => (b"external", text.as_bytes()),
        Identity::Fingerprint(hash) => (b"fingerprint", hash),
    };
    let mut context = Context::new(&SHA256);
    for part in [b"holdfast import", kind, name] {
        context.update(part);
        context.update(&[0]);
    }
    let mut bytes = [0; 16];
    for (byte, hashed) in bytes.iter_mut().zip(context.finish().as_ref()) {
        *byte = *hashed;
    }
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}
