//! The rules of each format, one by one.

use super::{Draft, Format, Identity, drafts, problems, records, told};
use crate::task::Priority;

fn todo(lines: &str) -> String {
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VTODO\r\n{lines}\r\nEND:VTODO\r\nEND:VCALENDAR\r\n")
}

fn only(mut drafts: Vec<Draft>) -> Draft {
    assert_eq!(drafts.len(), 1);
    drafts.remove(0)
}

#[test]
fn json_comes_in_four_shapes() {
    for file in [
        "{\"tasks\":[{\"title\":\"a\"},\n{\"title\":\"b\"}]}",
        " {\"version\" : 1, \"title\":\"x\", \"tasks\" : [ {\"title\":\"a\"} , \n{\"title\":\"b\"} ] , \"more\":[{}] } ",
        "[{\"title\":\"a\"},\r\n{\"title\":\"b\"}]\n",
        "{\"title\":\"a\"}\n{\"title\":\"b\"}",
        "\u{feff}{\"title\":\"a\"}\n{\"title\":\"b\"}\n",
    ] {
        let records = records(Format::Json, file);
        let titles: Vec<_> = records
            .iter()
            .map(|record| (record.line, record.outcome.as_ref().map(|draft| draft.title.as_str())))
            .collect();
        assert_eq!(titles, [(1, Ok("a")), (2, Ok("b"))], "{file}");
    }
    for empty in [
        "[]",
        "{\"tasks\":[]}",
        "{\"tasks\":null}",
        "[{\"tasks\":null,\"child_projects\":null}]",
    ] {
        assert_eq!(records(Format::Json, empty), [], "{empty}");
    }
}

#[test]
fn structure_within_texts_is_text() {
    let file = r#"[{"title":"}]{[\"\\","description":"\"tasks\":[","tags":["{\"tasks\":[{}]}"],"due":{"date":"2026-01-31"}},
        {"title":"tasks","other":{"tasks":[{"title":"inner"}]}}]"#;
    let titles: Vec<String> = drafts(Format::Json, file)
        .into_iter()
        .map(|draft| draft.title)
        .collect();
    assert_eq!(titles, ["}]{[\"\\", "tasks"]);
}

#[test]
fn json_takes_both_names_and_refuses_other_types() {
    let file = r#"{"id":"x","title":"a","completed":null,"priority":3,"create_time":"2026-01-31T10:00:00Z",
        "complete_time":"2026-01-31T11:00:00+01:00","due":{"date_time":"2026-01-31T10:00:00Z","time_zone":"europe/berlin"},"etag":"7"}"#;
    let draft = only(drafts(Format::Json, file));
    assert_eq!(draft.identity, Identity::External("x".to_owned()));
    assert_eq!((draft.completed, draft.priority), (true, Priority::High));
    assert_eq!(draft.create_time, draft.complete_time);
    for (member, field) in [
        ("\"id\":7", "id"),
        ("\"title\":7", "title"),
        ("\"completed\":\"yes\"", "completed"),
        ("\"priority\":\"high\"", "priority"),
        ("\"priority\":4", "priority"),
        ("\"tags\":\"a\"", "tags"),
        ("\"tags\":[7]", "tags"),
        ("\"due\":{}", "due"),
        ("\"due\":[]", "due"),
        ("\"due\":{\"date\":\"31.1.2026\"}", "due.date"),
        (
            "\"due\":{\"date\":\"2026-01-31\",\"timeZone\":\"UTC\"}",
            "due.time_zone",
        ),
        (
            "\"due\":{\"date\":\"2026-01-31\",\"dateTime\":\"2026-01-31T10:00:00Z\"}",
            "due",
        ),
        ("\"due\":{\"dateTime\":\"2026-01-31T10:00:00\"}", "due.date_time"),
        (
            "\"due\":{\"dateTime\":\"2026-01-31T10:00:00Z\",\"timeZone\":\"CEST\"}",
            "due.time_zone",
        ),
        ("\"createTime\":\"yesterday\"", "create_time"),
        ("\"deleteTime\":\"2026-01-31T10:00:00Z\"", "delete_time"),
    ] {
        let told = problems(Format::Json, format!("[{{{member}}}]"));
        assert_eq!(
            told.iter().map(|problem| problem.1).collect::<Vec<_>>(),
            [Some(field)],
            "{member}"
        );
    }
}

#[test]
fn equal_tasks_without_ids_are_told_apart_the_same_way_again() {
    for (format, file) in [
        (
            Format::Json,
            "{\"title\":\"a\"}\n{\"title\":\"a\",\"completed\":true}\n{\"title\":\"b\"}".to_owned(),
        ),
        (Format::Csv, "title,completed\na,\na,yes\nb,\n".to_owned()),
        (Format::Csv, "TYPE,CONTENT\ntask,a\ntask,a\ntask,b\n".to_owned()),
        (
            Format::Calendar,
            ["a", "a", "b"].map(|title| todo(&format!("SUMMARY:{title}"))).concat(),
        ),
    ] {
        let names = |file: &str| {
            drafts(format, file)
                .into_iter()
                .map(|draft| draft.identity)
                .collect::<Vec<_>>()
        };
        let first = names(&file);
        assert_eq!(first, names(&file));
        let [a, again, b] = first.as_slice() else {
            panic!("three tasks")
        };
        assert!(a != again && a != b && again != b, "{file}");
    }
}

#[test]
fn what_is_not_completed_has_no_time_of_completion() {
    for (format, file) in [
        (
            Format::Json,
            r#"[{"completed":false,"completeTime":"2026-01-31T10:00:00Z"}]"#,
        ),
        (Format::Json, r#"[{"done":false,"done_at":"2026-01-31T10:00:00Z"}]"#),
        (
            Format::Csv,
            "title,completed,complete_time\na,no,2026-01-31T10:00:00Z\n",
        ),
    ] {
        assert_eq!(only(drafts(format, file)).complete_time, None, "{file}");
        let unsaid = file
            .replace("\"completed\":false,", "")
            .replace("\"done\":false", "\"done\":null");
        let draft = only(drafts(format, unsaid.replace(",no,", ",,")));
        assert!(draft.completed && draft.complete_time.is_some(), "{unsaid}");
    }
}

#[test]
fn vikunja_is_known_by_its_places_and_names() {
    let file = r#"[{"id":1,"title":" A title of a project that is much longer than a tag may be ","child_projects":[
        {"id":2,"title":"Child","child_projects":[],"tasks":[{"id":7,"title":"b"}]}],
        "tasks":[{"id":8,"title":"a","priority":1,"due_date":"2026-01-31T10:00:00+01:00"}],"buckets":[{"title":"no task"}]}]"#;
    let drafts = drafts(Format::Json, file);
    let told: Vec<_> = drafts
        .iter()
        .map(|draft| (draft.title.as_str(), draft.tags.join("|")))
        .collect();
    assert_eq!(
        told,
        [
            ("b", "Child".to_owned()),
            ("a", "A title of a project that is much longer than a ta".to_owned())
        ]
    );
    let draft = only(super::drafts(
        Format::Json,
        r#"[{"id":42,"title":"a","done":true,"priority":5,"labels":[{"title":"x"}]}]"#,
    ));
    assert_eq!(draft.identity, Identity::External("vikunja:42".to_owned()));
    assert_eq!(
        (draft.completed, draft.priority, draft.tags),
        (true, Priority::High, vec!["x".to_owned()])
    );
}

#[test]
fn csv_columns_stand_in_any_order() {
    let file = "\u{feff}Tags,other, TITLE ,due,due_time_zone,completed,priority\r\n\
        home;work\\;life,x,a,2026-01-31T10:00,Europe/Berlin,X,PRIORITY_HIGH\r\n\
        ,,\"b \"\"c\"\", d\",2026-01-31,,,\r\n\r\n\
        ,,only a title\r\n";
    let records = records(Format::Csv, file);
    assert_eq!(records.iter().map(|record| record.line).collect::<Vec<_>>(), [2, 3, 5]);
    let text = told(&records);
    for part in [
        "High, completed: true, tags: [\"home\", \"work;life\"]\n  due: 2026-01-31T09:00:00Z Europe/Berlin\n",
        "title: b \"c\", d\n  Medium, completed: false, tags: []\n  due: 2026-01-31\n",
        "title: only a title\n",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn one_byte_order_mark_is_no_text() {
    assert_eq!(only(drafts(Format::Csv, "\u{feff}title\nmilk\n")).title, "milk");
    let refused = "must begin with the names of its columns, separated by commas, one of them title";
    for file in ["\u{feff}\u{feff}title\nmilk\n", "\u{feff}\n\u{feff}title\nmilk\n"] {
        let told = problems(Format::Csv, file);
        let [(_, None, description)] = told.as_slice() else {
            panic!("{told:?}");
        };
        assert_eq!(description, refused, "the second is a part of the first name");
    }
}

#[test]
fn csv_fields_are_refused_by_name() {
    let header = "title,completed,priority,due,due_time_zone,create_time,complete_time";
    for (row, field) in [
        ("a,perhaps,,,,,", "completed"),
        ("a,,urgent,,,,", "priority"),
        ("a,,,31.1.2026,,,", "due"),
        ("a,,,2026-01-31,UTC,,", "due.time_zone"),
        ("a,,,2026-01-31T10:00:00Z,Mars/Olympus,,", "due.time_zone"),
        ("a,,,,,2026-01-31,", "create_time"),
        ("a,,,,,,now", "complete_time"),
    ] {
        let told = problems(Format::Csv, format!("{header}\n\"two\nlines\",,,,,,\n{row}\n"));
        let places: Vec<_> = told.iter().map(|problem| (problem.0, problem.1)).collect();
        assert_eq!(places, [(4, Some(field))], "{row}");
    }
}

#[test]
fn todoist_rows_that_belong_to_nothing_are_told() {
    let file = "TYPE,CONTENT,PRIORITY,DATE\nnote,of no task,,\ntask,bad,9,\nnote,of a bad task,,\ntask,@home,,\n\
        section,Later,,\ntask,mail me@example.org @ noon,2,every day\n";
    assert_eq!(
        problems(Format::Csv, file)
            .iter()
            .map(|problem| (problem.0, problem.1))
            .collect::<Vec<_>>(),
        [(2, None), (3, Some("priority"))]
    );
    let good = records(Format::Csv, file)
        .into_iter()
        .filter_map(|record| record.outcome.ok());
    let good: Vec<_> = good.map(|draft| (draft.title, draft.tags, draft.description)).collect();
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        good,
        [
            ("@home".to_owned(), texts(&["home"]), String::new()),
            (
                "mail me@example.org @ noon".to_owned(),
                texts(&["Later"]),
                "Due: every day".to_owned()
            )
        ]
    );
}

#[test]
fn a_due_is_of_its_zone_of_the_calendar_or_of_utc() {
    let zones = "X-WR-TIMEZONE:Europe/Vienna\r\nBEGIN:VTIMEZONE\r\nTZID:Custom\r\nX-LIC-LOCATION:Asia/Kolkata\r\nBEGIN:STANDARD\r\n\
        DTSTART:19700101T000000\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n";
    let due = |head: &str, due: &str| {
        let file = format!("BEGIN:VCALENDAR\r\n{head}BEGIN:VTODO\r\nUID:1\r\n{due}\r\nEND:VTODO\r\nEND:VCALENDAR\r\n");
        let text = told(&records(Format::Calendar, file));
        let due = text
            .lines()
            .find_map(|line| line.trim().strip_prefix("due: ").map(str::to_owned));
        due.unwrap_or(text)
    };
    for (head, line, expected) in [
        ("", "DUE;VALUE=DATE:20260131", "2026-01-31"),
        ("", "DUE:20260131", "2026-01-31"),
        ("", "DUE:20260131T100000Z", "2026-01-31T10:00:00Z UTC"),
        ("", "DUE:20260131T100000", "2026-01-31T10:00:00Z UTC"),
        (zones, "DUE:20260131T100000", "2026-01-31T09:00:00Z Europe/Vienna"),
        (
            zones,
            "DUE;TZID=America/New_York:20260131T100000",
            "2026-01-31T15:00:00Z America/New_York",
        ),
        (
            zones,
            "DUE;TZID=Custom:20260131T100000",
            "2026-01-31T04:30:00Z Asia/Kolkata",
        ),
        (
            "",
            "DUE;TZID=\"/x.org/Europe/Berlin\":20260131T100000",
            "2026-01-31T09:00:00Z Europe/Berlin",
        ),
        (
            "",
            "DUE:20260131T100000Z\r\nX-HOLDFAST-TIME-ZONE:Europe/Berlin",
            "2026-01-31T10:00:00Z Europe/Berlin",
        ),
        (
            "",
            "X-HOLDFAST-DUE:2026-01-31T10:00:00.000007Z\r\nDUE:20260131T100000Z",
            "2026-01-31T10:00:00.000007Z UTC",
        ),
        // Another program has moved it.
        (
            "",
            "X-HOLDFAST-DUE:2026-01-30T10:00:00.000007Z\r\nDUE:20260131T100000Z",
            "2026-01-31T10:00:00Z UTC",
        ),
    ] {
        assert_eq!(due(head, line), expected, "{line}");
    }
    for (line, field) in [
        ("DUE;TZID=Custom:20260131T100000", "due.time_zone"),
        ("DUE;TZID=W. Europe Standard Time:20260131T100000", "due.time_zone"),
        ("DUE:tomorrow", "due"),
        ("DUE:00001231T000000Z", "due"),
    ] {
        let told = problems(Format::Calendar, todo(line));
        assert_eq!(
            told.iter().map(|problem| (problem.0, problem.1)).collect::<Vec<_>>(),
            [(3, Some(field))],
            "{line}"
        );
    }
}

#[test]
fn a_todo_is_completed_by_its_status_or_else_by_the_rest() {
    for (lines, completed) in [
        ("STATUS:COMPLETED", true),
        ("STATUS:cancelled", true),
        ("STATUS:NEEDS-ACTION\r\nCOMPLETED:20260131T100000Z", false),
        ("STATUS:IN-PROCESS\r\nPERCENT-COMPLETE:50", false),
        ("COMPLETED:20260131T100000Z", true),
        ("PERCENT-COMPLETE:100", true),
        ("PERCENT-COMPLETE:99", false),
    ] {
        let draft = only(drafts(Format::Calendar, todo(lines)));
        assert_eq!(draft.completed, completed, "{lines}");
        assert!(draft.completed || draft.complete_time.is_none(), "{lines}");
    }
}

#[test]
fn priorities_of_nine_become_three() {
    for (number, priority) in [
        (0, Priority::Medium),
        (1, Priority::High),
        (4, Priority::High),
        (5, Priority::Medium),
        (6, Priority::Low),
        (9, Priority::Low),
    ] {
        let draft = only(drafts(Format::Calendar, todo(&format!("PRIORITY:{number}"))));
        assert_eq!(draft.priority, priority, "{number}");
    }
    assert_eq!(problems(Format::Calendar, todo("PRIORITY:10")).len(), 1);
}

#[test]
fn a_todo_that_lost_its_end_takes_no_other_with_it() {
    let file = "BEGIN:VCALENDAR\nBEGIN:VTODO\nUID:1\nBEGIN:VALARM\nSUMMARY:alarm\nBEGIN:VTODO\nUID:2\nSUMMARY:whole\n\
        BEGIN:VALARM\nSUMMARY:alarm\nEND:VALARM\nEND:VTODO\nEND:VCALENDAR\n";
    assert_eq!(
        problems(Format::Calendar, file),
        [(2, None, "has no END:VTODO".to_owned())]
    );
    let good = records(Format::Calendar, file)
        .into_iter()
        .find_map(|record| record.outcome.ok());
    assert_eq!(good.expect("the second").title, "whole");
}

#[test]
fn occurrences_and_broken_lines_are_refused() {
    for lines in [
        "UID:1\r\nRECURRENCE-ID:20260131T100000Z",
        "UID:1\r\nno property",
        "UID:1\r\nSUMMARY;X:",
    ] {
        assert_eq!(problems(Format::Calendar, todo(lines)).len(), 1, "{lines}");
    }
    let draft = only(drafts(
        Format::Calendar,
        todo("UID:1\r\nRRULE:FREQ=DAILY\r\nSUMMARY:once"),
    ));
    assert_eq!(draft.title, "once");
}

#[test]
fn what_another_program_changed_is_not_undone() {
    let lines = "SUMMARY:new\r\nX-HOLDFAST-SUMMARY:old%01\r\nCATEGORIES:a\r\nX-HOLDFAST-CATEGORIES:b%01";
    let draft = only(drafts(Format::Calendar, todo(lines)));
    assert_eq!(
        (draft.title.as_str(), draft.tags.as_slice()),
        ("new", &["a".to_owned()][..])
    );
}
