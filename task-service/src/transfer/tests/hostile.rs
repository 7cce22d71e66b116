//! Files that nobody should have: each ends with a problem, after linear time, in bounded memory.

use super::{Format, Importer, Record, problems};

const MEBIBYTE: usize = 1024 * 1024;
/// The largest import.
const LARGEST: usize = 20 * MEBIBYTE;
/// Much more than an importer may keep; enough where the largest would only take longer.
const LARGE: usize = 4 * MEBIBYTE;
/// What an importer may keep: a record, with the room that vectors take beforehand, twice.
const MOST_KEPT: usize = MEBIBYTE + 128 * 1024;

struct Outcome {
    records: u64,
    good: u64,
    last: Option<Record>,
}

/// Imports `head`, then `part` over and over up to 4 MiB, then `tail`.
fn flood(format: Format, head: &[u8], part: &[u8], tail: &[u8]) -> Outcome {
    flood_of(LARGE, format, head, part, tail)
}

fn flood_of(bytes: usize, format: Format, head: &[u8], part: &[u8], tail: &[u8]) -> Outcome {
    let mut importer = Importer::new(format);
    let mut outcome = Outcome {
        records: 0,
        good: 0,
        last: None,
    };
    let mut out = |record: Record| {
        outcome.records += 1;
        outcome.good += u64::from(record.outcome.is_ok());
        outcome.last = Some(record);
    };
    let chunk = part.repeat((64 * 1024 / part.len()).max(1));
    importer.feed(head, &mut out);
    for _ in 0..bytes / chunk.len() {
        importer.feed(&chunk, &mut out);
        assert!(importer.kept_bytes() <= MOST_KEPT, "keeps {}", importer.kept_bytes());
    }
    importer.feed(tail, &mut out);
    importer.finish(&mut out);
    outcome
}

fn ends_with(outcome: &Outcome, line: u64, description: &str) {
    let last = outcome.last.as_ref().expect("a record");
    let problem = last.outcome.as_ref().expect_err("a problem");
    assert!(problem.description.contains(description), "{problem:?}");
    assert_eq!(last.line, line);
}

#[test]
fn one_line_without_end() {
    for format in [Format::Json, Format::Csv, Format::Calendar] {
        let outcome = flood_of(LARGEST, format, b"", b"x", b"");
        assert_eq!(outcome.records, 1, "{format:?}");
        ends_with(
            &outcome,
            1,
            if format == Format::Json {
                "is not JSON"
            } else {
                "must begin with"
            },
        );
    }
    let outcome = flood_of(
        LARGEST,
        Format::Json,
        b"[{\"title\":\"",
        b"x",
        b"\"},{\"title\":\"next\"}]",
    );
    assert_eq!((outcome.records, outcome.good), (2, 1), "what follows is read");
    let outcome = flood_of(LARGEST, Format::Csv, b"title\n", b"x", b"\nnext\n");
    assert_eq!((outcome.records, outcome.good), (2, 1));
    let outcome = flood(
        Format::Calendar,
        b"BEGIN:VCALENDAR\nBEGIN:VTODO\nSUMMARY:",
        b"x",
        b"\nEND:VTODO\nBEGIN:VTODO\nSUMMARY:next\nEND:VTODO\nEND:VCALENDAR\n",
    );
    assert_eq!((outcome.records, outcome.good), (2, 1));
}

#[test]
fn json_without_end() {
    let outcome = flood(Format::Json, b"", b"[", b"");
    assert_eq!(outcome.records, 1);
    ends_with(&outcome, 1, "objects only");
    let outcome = flood(Format::Json, b"\n[\n{\"title\":", b"[", b"");
    assert_eq!(outcome.records, 1);
    ends_with(&outcome, 3, "ends before");
    let outcome = flood(Format::Json, b"[", b"{\"a\":", b"");
    ends_with(&outcome, 1, "ends before");
    let outcome = flood(Format::Json, b"[", b"{\"child_projects\":[", b"");
    ends_with(&outcome, 1, "too many projects");
    let outcome = flood(Format::Json, b"[{\"tasks\":[],\"a\":", b"[", b"");
    ends_with(&outcome, 1, "ends before");
    let task = format!("{{\"description\":\"{}\"}},", "x".repeat(200));
    let outcome = flood(Format::Json, b"{\"tasks\":[\n", task.as_bytes(), b"");
    assert_eq!(outcome.good + 1, outcome.records, "equal ones take no memory");
}

#[test]
fn deep_json_within_a_record() {
    let deep = format!(
        "{{\"title\":{}1{}}}\n{{\"title\":\"next\"}}",
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let told = problems(Format::Json, deep);
    assert_eq!(told, [(1, None, "must be a JSON object".to_owned())]);
}

#[test]
fn quotes_without_end() {
    let outcome = flood(Format::Csv, b"title\ngood\n\"", b"text\n", b"");
    assert_eq!((outcome.records, outcome.good), (2, 1));
    ends_with(&outcome, 3, "256 KiB");
    let told = problems(Format::Csv, "title\n\"open\nline");
    assert_eq!(
        told,
        [(2, None, "has a quotation mark that is never closed".to_owned())]
    );
}

#[test]
fn rows_of_nothing_but_commas() {
    let outcome = flood(Format::Csv, b"title\n", b",", b"");
    assert_eq!(outcome.records, 1);
    let outcome = flood(Format::Csv, b"", b",", b"");
    ends_with(&outcome, 1, "must begin with");
}

#[test]
fn notes_without_end() {
    let outcome = flood(
        Format::Csv,
        b"TYPE,CONTENT\ntask,first\n",
        b"note,more\n",
        b"task,next\n",
    );
    assert_eq!((outcome.records, outcome.good), (2, 1));
}

#[test]
fn tasks_that_begin_and_never_end() {
    let outcome = flood_of(LARGEST, Format::Calendar, b"BEGIN:VCALENDAR\n", b"BEGIN:VTODO\n", b"");
    assert_eq!(outcome.good, 0);
    ends_with(&outcome, 1, "has no END:VCALENDAR");
    let outcome = flood(Format::Calendar, b"BEGIN:VCALENDAR\n", b"BEGIN:VTODO", b"");
    assert_eq!(outcome.records, 1);
    let outcome = flood(Format::Calendar, b"", b"BEGIN:VTODO\n", b"");
    assert_eq!(outcome.records, 1);
    ends_with(&outcome, 1, "must begin with");
    let outcome = flood(
        Format::Calendar,
        b"BEGIN:VCALENDAR\nBEGIN:VTODO\n",
        b"BEGIN:VALARM\n",
        b"",
    );
    assert_eq!((outcome.records, outcome.good), (2, 0));
    let outcome = flood(
        Format::Calendar,
        b"BEGIN:VCALENDAR\nBEGIN:VTODO\n",
        b"CATEGORIES:a,b,c\n",
        b"END:VTODO\n",
    );
    assert_eq!((outcome.records, outcome.good), (2, 0));
    let outcome = flood(Format::Calendar, b"BEGIN:VCALENDAR\nX", b"\n ", b"");
    assert_eq!(outcome.records, 1);
}

#[test]
fn lists_of_many_short_items() {
    // Each item by itself would take many times its bytes.
    for (format, head, item) in [
        (Format::Calendar, "BEGIN:VCALENDAR\nBEGIN:VTODO\nCATEGORIES:", ","),
        (
            Format::Calendar,
            "BEGIN:VCALENDAR\nBEGIN:VTODO\nX-HOLDFAST-CATEGORIES:",
            "a,",
        ),
        (Format::Csv, "TYPE,CONTENT\ntask,", "@a "),
    ] {
        let mut importer = Importer::new(format);
        let file = format!("{head}{}\n", item.repeat(200_000 / item.len()));
        importer.feed(file.as_bytes(), &mut |_| ());
        // Behind the break there may be more of a folded line.
        importer.feed(b"X", &mut |_| ());
        assert!(
            importer.kept_bytes() <= MOST_KEPT,
            "{head} keeps {}",
            importer.kept_bytes()
        );
    }
}

#[test]
fn zones_without_end() {
    let mut file = b"BEGIN:VCALENDAR\n".to_vec();
    for number in 0..10_000 {
        let zone = format!("BEGIN:VTIMEZONE\nTZID:zone {number}\nX-LIC-LOCATION:Europe/Berlin\nEND:VTIMEZONE\n");
        file.extend_from_slice(zone.as_bytes());
    }
    let task = |number| format!("BEGIN:VTODO\nDUE;TZID=zone {number}:20260131T100000\nEND:VTODO\n");
    file.extend_from_slice(format!("{}{}END:VCALENDAR\n", task(3), task(9_999)).as_bytes());
    let told = problems(Format::Calendar, file);
    assert_eq!(told.len(), 1, "only so many are kept: {told:?}");
}

#[test]
fn bytes_that_are_no_text() {
    let file = b"title,description\ngood,\n\xff,\ngood,\xc3\nbetter,\n";
    assert_eq!(
        problems(Format::Csv, file),
        [
            (3, Some("title"), "must be in UTF-8".to_owned()),
            (4, Some("description"), "must be in UTF-8".to_owned())
        ]
    );
    let file = b"[{\"title\":\"good\"},\n{\"title\":\"\xff\"},\n{\"title\":\"good\"}]";
    assert_eq!(problems(Format::Json, file), [(2, None, "must be in UTF-8".to_owned())]);
    let file = b"BEGIN:VCALENDAR\nBEGIN:VTODO\nSUMMARY:\xff\nEND:VTODO\nBEGIN:VTODO\nX-OTHER:\xff\nSUMMARY:good\n\
        END:VTODO\nEND:VCALENDAR\n";
    assert_eq!(
        problems(Format::Calendar, file),
        [(2, None, "must be in UTF-8".to_owned())]
    );
}

#[test]
fn files_that_end_early_or_are_another() {
    for (format, file, line, description) in [
        (Format::Json, &b""[..], 1, "is empty"),
        (Format::Json, b" \n\n", 3, "is empty"),
        (Format::Json, b"id,title\n", 1, "is not JSON"),
        (Format::Json, b"[1]", 1, "objects only"),
        (Format::Json, b"{\"tasks\":[{\"title\":\"a\"},]}", 1, "is not JSON"),
        (Format::Json, b"[{\"a\":]}]", 1, "is not JSON"),
        (Format::Json, b"[\n{\n\"title\":\"a\"", 2, "ends before"),
        (Format::Json, b"[{}]\nx", 2, "is not JSON"),
        (Format::Csv, b"", 1, "is empty"),
        (Format::Csv, b"\n\nname;due\n", 3, "must begin with the names"),
        (Format::Csv, b"\xef\xbbtitle\na\n", 1, "must begin with the names"),
        (Format::Calendar, b"", 1, "is empty"),
        (
            Format::Calendar,
            b"\r\nBEGIN:VCARD\r\n",
            2,
            "must begin with BEGIN:VCALENDAR",
        ),
        (Format::Calendar, b"\nBEGIN:VCALENDAR\n", 2, "has no END:VCALENDAR"),
    ] {
        let told = problems(format, file);
        let (told_line, _, told_description) = told.last().expect("a problem").clone();
        assert!(told_description.contains(description), "{file:?}: {told_description}");
        assert_eq!(told_line, line, "{file:?}");
    }
}

#[test]
fn nothing_follows_a_file_that_is_another() {
    let mut importer = Importer::for_type("application/json; charset=utf-8").expect("a known type");
    let mut told = 0;
    importer.feed(b"BEGIN:VCALENDAR", &mut |_| told += 1);
    assert!(importer.has_given_up());
    importer.feed(b"[{\"title\":\"a\"}]", &mut |_| told += 1);
    importer.finish(&mut |_| told += 1);
    assert_eq!(told, 1);
}
