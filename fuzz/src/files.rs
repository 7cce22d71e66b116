//! Importers and exporters.

use platform::clock::Timestamp;
use task_service::{
    fuzzing,
    task::Task,
    transfer::{Exported, Exporter, Format, Importer, Problem, Record},
};

use crate::{dice::Dice, memory::Watch};

/// 2026-01-01T00:00:00Z.
const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);
/// Bytes of a chunk, where it does not matter.
const CHUNK: usize = 64 * 1024;
/// Of how many chunks a flood is at most: some more than a record may have, some less.
const FLOOD_CHUNKS: usize = 10;
/// Floods take long: one input in so many makes one.
const FLOODS_ONE_IN: usize = 128;

/// An import of any bytes tells the same in whatever chunks they come, takes little memory, and what it takes over can
/// be exported in every format and imported again unchanged.
pub fn check(format: Format, file: &[u8]) {
    let mut dice = Dice::of(file);
    let whole = records(format, [file]);
    assert_eq!(records(format, file.chunks(1)), whole, "in single bytes");
    let sizes: Vec<usize> = (0..4).map(|_| 1 + dice.roll(64)).collect();
    assert_eq!(records(format, chunks(file, &sizes)), whole, "in chunks of {sizes:?}");
    let lines = 1 + file.iter().filter(|byte| **byte == b'\n').count() as u64;
    let mut tasks = Vec::new();
    for Record { line, outcome } in whole {
        assert!((1..=lines).contains(&line), "line {line} of {lines}");
        match outcome.and_then(|draft| fuzzing::task_of(draft, NOW)) {
            Ok(task) => tasks.push(task),
            Err(problem) => check_problem(&problem),
        }
    }
    for format in [Format::Json, Format::Csv, Format::Calendar] {
        comes_back(format, &tasks);
    }
    if dice.roll(FLOODS_ONE_IN) == 0 {
        flood(format, file, &mut dice);
    }
}

/// What is told fits a header, a log and a terminal.
fn check_problem(problem: &Problem) {
    let text = &problem.description;
    let shown = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    assert!(shown && (1..200).contains(&text.len()), "{problem:?}");
}

fn comes_back(format: Format, tasks: &[Task]) {
    let mut exporter = Exporter::new(format);
    let mut file = Vec::new();
    exporter.begin(&mut file);
    for task in tasks {
        let exported = Exported {
            id: task.id,
            content: task.content.clone(),
            create_time: task.create_time,
            update_time: task.update_time,
            complete_time: task.complete_time,
        };
        exporter.task(&exported, &mut file);
    }
    exporter.end(&mut file);
    let again: Vec<Task> = records(format, [file.as_slice()])
        .into_iter()
        .map(
            |record| match record.outcome.and_then(|draft| fuzzing::task_of(draft, NOW)) {
                Ok(task) => task,
                Err(problem) => panic!("line {} of an export: {problem:?}", record.line),
            },
        )
        .collect();
    let kept: Vec<Task> = tasks.iter().map(|task| as_kept(format, task.clone())).collect();
    assert_eq!(again, kept, "{format:?}");
}

/// iCalendar has whole seconds for these times.
fn as_kept(format: Format, mut task: Task) -> Task {
    if format == Format::Calendar {
        let whole_second = |at: Timestamp| Timestamp::from_micros(at.as_seconds() * 1_000_000);
        task.create_time = whole_second(task.create_time);
        task.complete_time = task.complete_time.map(whole_second);
    }
    task
}

fn records<'a>(format: Format, chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Record> {
    let mut importer = Importer::new(format);
    let mut records = Vec::new();
    for chunk in chunks {
        importer.feed(chunk, &mut |record| records.push(record));
    }
    importer.finish(&mut |record| records.push(record));
    records
}

/// Chunks of these sizes, over and over.
fn chunks<'a>(mut rest: &'a [u8], sizes: &[usize]) -> impl Iterator<Item = &'a [u8]> {
    sizes.iter().cycle().map_while(move |size| {
        let (chunk, behind) = rest.split_at(rest.len().min(*size));
        rest = behind;
        (!chunk.is_empty()).then_some(chunk)
    })
}

/// The file with a part of it over and over.
fn flood(format: Format, file: &[u8], dice: &mut Dice) {
    let begin = dice.roll(file.len());
    let end = begin + 1 + dice.roll(file.len() - begin.min(file.len()));
    let (Some(head), Some(part), Some(tail)) = (file.get(..begin), file.get(begin..end), file.get(end..)) else {
        return;
    };
    let parts = part.repeat(CHUNK.div_ceil(part.len()));
    let watch = Watch::begin();
    let mut importer = Importer::new(format);
    importer.feed(head, &mut |_| ());
    for _ in 0..1 + dice.roll(FLOOD_CHUNKS) {
        importer.feed(&parts, &mut |_| ());
        watch.check();
    }
    for chunk in tail.chunks(64) {
        importer.feed(chunk, &mut |_| ());
        watch.check();
    }
    importer.finish(&mut |_| ());
}
