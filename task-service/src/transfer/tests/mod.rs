//! Files as a whole: what goes out comes in again, what other programs wrote, and what nobody should have.

mod behaviour;
mod golden;
mod hostile;
mod round_trip;

use std::fmt::Write as _;

use super::{Draft, Format, Identity, Importer, Record, moment};
use crate::due::Due;

/// The records of a file that comes in chunks of these sizes, over and over.
fn import(format: Format, file: &[u8], sizes: &[usize]) -> Vec<Record> {
    let mut importer = Importer::new(format);
    let mut records = Vec::new();
    let mut rest = file;
    for size in sizes.iter().cycle() {
        let (chunk, behind) = rest.split_at((*size).clamp(1, 1 << 20).min(rest.len()));
        importer.feed(chunk, &mut |record| records.push(record));
        rest = behind;
        if rest.is_empty() {
            break;
        }
    }
    importer.finish(&mut |record| records.push(record));
    records
}

/// The records of a file, the same in whatever chunks it comes.
fn records(format: Format, file: impl AsRef<[u8]>) -> Vec<Record> {
    let file = file.as_ref();
    let whole = import(format, file, &[usize::MAX]);
    for sizes in [&[1][..], &[2], &[7, 1, 64]] {
        assert_eq!(import(format, file, sizes), whole, "in chunks of {sizes:?}");
    }
    whole
}

/// The drafts of a file in which nothing is wrong.
fn drafts(format: Format, file: impl AsRef<[u8]>) -> Vec<Draft> {
    let drafts = records(format, file).into_iter().map(|record| record.outcome);
    drafts.collect::<Result<_, _>>().expect("nothing is wrong")
}

/// The problems of a file: line, field and description.
fn problems(format: Format, file: impl AsRef<[u8]>) -> Vec<(u64, Option<&'static str>, String)> {
    let records = records(format, file).into_iter();
    records
        .filter_map(|record| {
            record
                .outcome
                .err()
                .map(|problem| (record.line, problem.field, problem.description))
        })
        .collect()
}

/// What was imported, to be read.
fn told(records: &[Record]) -> String {
    let mut text = String::new();
    for record in records {
        tell(record, &mut text).expect("a String takes all");
    }
    text
}

fn tell(record: &Record, text: &mut String) -> std::fmt::Result {
    writeln!(text, "line {}", record.line)?;
    let draft = match &record.outcome {
        Ok(draft) => draft,
        Err(problem) => {
            return writeln!(
                text,
                "  problem: {} {}",
                problem.field.unwrap_or("-"),
                problem.description
            );
        }
    };
    match &draft.identity {
        Identity::Id(id) => writeln!(text, "  id: {id}")?,
        Identity::External(id) => writeln!(text, "  external id: {id}")?,
        Identity::Fingerprint(hash) => {
            let [a, b, c, d, ..] = *hash;
            writeln!(text, "  fingerprint: {:08x}", u32::from_be_bytes([a, b, c, d]))?;
        }
    }
    writeln!(text, "  title: {}", draft.title)?;
    for line in draft.description.lines() {
        writeln!(text, "  | {line}")?;
    }
    writeln!(
        text,
        "  {:?}, completed: {}, tags: {:?}",
        draft.priority, draft.completed, draft.tags
    )?;
    match &draft.due {
        None => {}
        Some(Due::Day(day)) => writeln!(text, "  due: {day}")?,
        Some(Due::Moment { at, zone }) => writeln!(text, "  due: {} {zone}", moment::rfc_3339(*at))?,
    }
    if let Some(at) = draft.create_time {
        writeln!(text, "  created: {}", moment::rfc_3339(at))?;
    }
    if let Some(at) = draft.complete_time {
        writeln!(text, "  completed: {}", moment::rfc_3339(at))?;
    }
    Ok(())
}
