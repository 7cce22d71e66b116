//! Files as other programs write them, and our own: what is in them, or what is read from them, as text.

use jiff::civil::Date;
use platform::clock::Timestamp;
use uuid::Uuid;

use super::{Format, records, told};
use crate::{
    due::Due,
    task::{Content, Priority},
    transfer::{Exported, Exporter},
};

macro_rules! golden {
    ($name:literal) => {
        include_bytes!(concat!("golden/", $name))
    };
}

fn reads(format: Format, file: &[u8], expected: &[u8]) {
    let text = told(&records(format, file));
    assert!(text.as_bytes() == expected, "what was read is now\n{text}");
}

fn writes(format: Format, expected: &[u8]) {
    let mut exporter = Exporter::new(format);
    let mut file = Vec::new();
    exporter.begin(&mut file);
    for task in tasks() {
        exporter.task(&task, &mut file);
    }
    exporter.end(&mut file);
    assert!(
        file == expected,
        "what was written is now\n{}",
        String::from_utf8_lossy(&file)
    );
}

fn tasks() -> [Exported; 3] {
    let plain = Exported {
        id: Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001),
        content: Content {
            title: "Buy milk".to_owned(),
            ..Content::default()
        },
        create_time: Timestamp::from_micros(1_769_851_800_123_456),
        update_time: Timestamp::from_micros(1_769_851_800_123_456),
        complete_time: None,
    };
    let full = Exported {
        id: Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0002),
        content: Content {
            title: "Call \"Müller, Söhne & Co\"; ask for the price of the larger one of the two cupboards".to_owned(),
            description: "First line\n=2+2, with \\ and ;\r\nlast".to_owned(),
            completed: true,
            priority: Priority::High,
            tags: vec!["home".to_owned(), "a;b, c".to_owned()],
            due: Some(Due::Moment {
                at: Timestamp::from_micros(1_769_851_800_500_000),
                zone: "Europe/Berlin".to_owned(),
            }),
        },
        complete_time: Some(Timestamp::from_micros(1_769_938_200_000_000)),
        update_time: Timestamp::from_micros(1_769_938_200_000_000),
        ..plain.clone()
    };
    let day = Exported {
        id: Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0003),
        content: Content {
            title: "Pay the rent".to_owned(),
            priority: Priority::Low,
            due: Some(Due::Day(Date::constant(2026, 2, 1))),
            ..Content::default()
        },
        ..plain.clone()
    };
    [plain, full, day]
}

#[test]
fn todoist() {
    reads(Format::Csv, golden!("todoist.csv"), golden!("todoist.txt"));
}

#[test]
fn vikunja() {
    reads(Format::Json, golden!("vikunja.json"), golden!("vikunja.txt"));
}

#[test]
fn nextcloud() {
    reads(Format::Calendar, golden!("nextcloud.ics"), golden!("nextcloud.txt"));
}

#[test]
fn apple() {
    reads(Format::Calendar, golden!("apple.ics"), golden!("apple.txt"));
}

#[test]
fn thunderbird() {
    reads(Format::Calendar, golden!("thunderbird.ics"), golden!("thunderbird.txt"));
}

#[test]
fn evolution() {
    reads(Format::Calendar, golden!("evolution.ics"), golden!("evolution.txt"));
}

#[test]
fn our_own() {
    writes(Format::Json, golden!("own.json"));
    writes(Format::Csv, golden!("own.csv"));
    writes(Format::Calendar, golden!("own.ics"));
}
