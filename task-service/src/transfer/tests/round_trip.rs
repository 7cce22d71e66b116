//! What goes out comes in again, whatever it says and in whatever chunks.

use jiff::civil::Date;
use platform::clock::Timestamp;
use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::select,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use uuid::Uuid;

use super::{import, moment};
use crate::{
    due::Due,
    task::{Content, Priority},
    transfer::{Draft, Exported, Exporter, Format, Identity},
};

/// Those that some format has a use for.
const SPECIAL: &[char] = &[
    ',', ';', ':', '\\', '"', '\'', '\n', '\r', '\t', ' ', '%', '@', '=', '<', '&', '{', '}', '[', ']', '\u{1}',
    '\u{7f}', '\u{85}', '\u{a0}', '\u{2028}', '\u{feff}', 'n', 'N', 'é', '😀',
];
const ZONES: &[&str] = &[
    "UTC",
    "Europe/Berlin",
    "America/Argentina/Ushuaia",
    "Pacific/Kiritimati",
];
const FIRST: i64 = -62_135_596_800_000_000;
const LAST: i64 = 253_402_300_799_999_999;

fn character() -> impl Strategy<Value = char> {
    let other = any::<char>().prop_map(|character| if character == '\0' { 'x' } else { character });
    prop_oneof![select(SPECIAL), other, proptest::char::range('a', 'z')]
}

fn text(longest: usize) -> impl Strategy<Value = String> {
    vec(character(), 0..longest).prop_map(String::from_iter)
}

fn title() -> impl Strategy<Value = String> {
    text(200).prop_map(|text| {
        Some(text.trim().to_owned())
            .filter(|title| !title.is_empty())
            .unwrap_or("x".to_owned())
    })
}

fn tag() -> impl Strategy<Value = String> {
    text(12).prop_map(|text| {
        let tag = text.to_lowercase();
        Some(tag.trim().to_owned())
            .filter(|tag| !tag.is_empty())
            .unwrap_or("x".to_owned())
    })
}

fn at() -> impl Strategy<Value = Timestamp> {
    let whole = (FIRST..=LAST).prop_map(|micros| micros.div_euclid(1_000_000) * 1_000_000);
    prop_oneof![Just(FIRST), Just(LAST), FIRST..=LAST, whole].prop_map(Timestamp::from_micros)
}

fn due() -> impl Strategy<Value = Due> {
    let day = (1_i16..=9999, 1_i8..=12, 1_i8..=28);
    prop_oneof![
        day.prop_map(|(year, month, day)| Due::Day(Date::new(year, month, day).expect("a day"))),
        Just(Due::Day(Date::MAX)),
        (at(), select(ZONES)).prop_map(|(at, zone)| Due::Moment {
            at,
            zone: zone.to_owned()
        }),
    ]
}

fn content() -> impl Strategy<Value = Content> {
    let priority = select(&[Priority::Low, Priority::Medium, Priority::High][..]);
    let parts = (
        title(),
        text(400),
        any::<bool>(),
        priority,
        vec(tag(), 0..5),
        option::of(due()),
    );
    parts.prop_map(|(title, description, completed, priority, tags, due)| Content {
        title,
        description,
        completed,
        priority,
        tags,
        due,
    })
}

fn exported() -> impl Strategy<Value = Exported> {
    let parts = (any::<u128>(), content(), at(), at(), at());
    parts.prop_map(|(id, content, create_time, update_time, complete_time)| Exported {
        id: Uuid::from_u128(id),
        complete_time: content.completed.then_some(complete_time),
        content,
        create_time,
        update_time,
    })
}

fn file(format: Format, tasks: &[Exported]) -> Vec<u8> {
    let mut exporter = Exporter::new(format);
    let mut file = Vec::new();
    exporter.begin(&mut file);
    for task in tasks {
        exporter.task(task, &mut file);
    }
    exporter.end(&mut file);
    file
}

fn expected(format: Format, task: &Exported) -> Draft {
    let kept = |at| match format {
        Format::Calendar => moment::whole_second(at),
        Format::Json | Format::Csv => at,
    };
    let content = task.content.clone();
    Draft {
        identity: Identity::Id(task.id),
        title: content.title,
        description: content.description,
        completed: content.completed,
        priority: content.priority,
        tags: content.tags,
        due: content.due,
        create_time: Some(kept(task.create_time)),
        complete_time: task.complete_time.map(kept),
    }
}

fn comes_back(format: Format, check: impl Fn(&[u8])) {
    // The same cases in every run.
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    let cases = (vec(exported(), 0..4), vec(1_usize..100, 1..8));
    let outcome = TestRunner::new_with_rng(config, rng).run(&cases, |(tasks, sizes)| {
        let file = file(format, &tasks);
        check(&file);
        let records = import(format, &file, &sizes);
        let drafts: Vec<Draft> = records
            .into_iter()
            .map(|record| record.outcome.expect("nothing is wrong"))
            .collect();
        let expected: Vec<Draft> = tasks.iter().map(|task| expected(format, task)).collect();
        prop_assert_eq!(drafts, expected);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

#[test]
fn json_keeps_everything() {
    comes_back(Format::Json, |file| {
        let value: serde_json::Value = serde_json::from_slice(file).expect("it is JSON");
        assert!(value.get("tasks").is_some_and(serde_json::Value::is_array));
    });
}

#[test]
fn csv_keeps_everything() {
    comes_back(Format::Csv, |file| assert!(file.ends_with(b"\r\n")));
}

#[test]
fn a_calendar_keeps_everything() {
    comes_back(Format::Calendar, |file| {
        let text = str::from_utf8(file).expect("folded between characters");
        for line in text.strip_suffix("\r\n").expect("a last line break").split("\r\n") {
            assert!((1..=75).contains(&line.len()), "{line:?}");
            let allowed = |character: char| character == '\t' || !character.is_ascii_control();
            assert!(line.chars().all(allowed), "{line:?}");
        }
    });
}
