//! What filters mean.

use jiff::tz::{self, TimeZone};
use platform::clock::Timestamp;

use super::parse;
use crate::{
    condition::{Condition, DueBound, TextField, TimeField},
    task::Priority::{self, High, Low, Medium},
};

fn all(conditions: impl IntoIterator<Item = Condition>) -> Condition {
    Condition::All(conditions.into_iter().collect())
}

fn any(conditions: impl IntoIterator<Item = Condition>) -> Condition {
    Condition::Any(conditions.into_iter().collect())
}

fn not(condition: Condition) -> Condition {
    Condition::Not(Box::new(condition))
}

fn contains(field: TextField, text: &str) -> Condition {
    Condition::Contains {
        field,
        text: text.to_owned(),
    }
}

pub(super) fn literal(text: &str) -> Condition {
    contains(TextField::Either, text)
}

fn equals(field: TextField, text: &str) -> Condition {
    Condition::Equals {
        field,
        text: text.to_owned(),
    }
}

fn priority(from: Priority, to: Priority) -> Condition {
    Condition::Priority { from, to }
}

pub(super) fn tag(tag: &str) -> Condition {
    Condition::Tag(tag.to_owned())
}

/// Each filter means what stands beside it, in the UTC zone.
fn assert_meanings(table: impl IntoIterator<Item = (&'static str, Condition)>) {
    for (filter, meaning) in table {
        assert_eq!(parse(filter, &TimeZone::UTC), Ok(meaning), "{filter}");
    }
}

#[test]
fn a_blank_filter_holds_every_task() {
    assert_meanings(["", " ", "\t\n\u{2003}"].map(|blank| (blank, all([]))));
}

#[test]
fn literals_are_looked_for_in_both_texts() {
    assert_meanings([
        ("milk", literal("milk")),
        (" milk ", literal("milk")),
        ("Victor Hugo", all(["Victor", "Hugo"].map(literal))),
        ("\"Victor Hugo\"", literal("Victor Hugo")),
        ("'say \"no\"'", literal("say \"no\"")),
        (r#""\"\\\'""#, literal(r#""\'"#)),
        ("\"\"", literal("")),
        ("don't", literal("don't")),
        (
            "3.50, e-mail a+b@c.d wow! 50%",
            all(["3.50,", "e-mail", "a+b@c.d", "wow!", "50%"].map(literal)),
        ),
        ("10:30", literal("10:30")),
        ("foo* '*' a*b", all(["foo*", "*", "a*b"].map(literal))),
        ("title", literal("title")),
        ("completed", literal("completed")),
        ("and or not Not", all(["and", "or", "not", "Not"].map(literal))),
        (
            "'AND' \"OR\" 'NOT' ANDY",
            all(["AND", "OR", "NOT", "ANDY"].map(literal)),
        ),
        ("Größe 牛乳 👩‍👧", all(["Größe", "牛乳", "👩‍👧"].map(literal))),
    ]);
}

#[test]
fn or_binds_tighter_than_and() {
    let [a, b, c, d] = ["a", "b", "c", "d"].map(literal);
    let b_or_c = || any([b.clone(), c.clone()]);
    assert_meanings([
        ("a AND b OR c", all([a.clone(), b_or_c()])),
        ("a AND (b OR c)", all([a.clone(), b_or_c()])),
        ("b OR c AND a", all([b_or_c(), a.clone()])),
        ("a b OR c d", all([a.clone(), b_or_c(), d.clone()])),
        ("a b AND c AND d", all([a.clone(), b.clone(), c.clone(), d.clone()])),
        ("(a b) AND c", all([all([a.clone(), b.clone()]), c.clone()])),
        ("(a AND b) OR c", any([all([a.clone(), b.clone()]), c.clone()])),
        ("a OR b OR c", any([a.clone(), b.clone(), c.clone()])),
        ("((a))", a.clone()),
        ("NOT a OR b", any([not(a.clone()), b.clone()])),
        ("-a b", all([not(a.clone()), b.clone()])),
        ("NOT (a OR b)", not(any([a.clone(), b.clone()]))),
        ("-(a b)", not(all([a.clone(), b.clone()]))),
        ("NOT NOT a", not(not(a.clone()))),
        ("NOT --a", not(not(not(a.clone())))),
        ("a -b", all([a.clone(), not(b.clone())])),
        ("a-b", literal("a-b")),
        ("-'a b'", not(literal("a b"))),
        ("-title:a", not(contains(TextField::Title, "a"))),
    ]);
}

#[test]
fn fields_are_compared_with_what_they_hold() {
    assert_meanings([
        ("state = ACTIVE", Condition::Completed(false)),
        ("state=TASK_STATE_COMPLETED", Condition::Completed(true)),
        ("state != \"COMPLETED\"", not(Condition::Completed(true))),
        ("completed = true", Condition::Completed(true)),
        ("completed=false", Condition::Completed(false)),
        ("completed\n!=\ttrue", not(Condition::Completed(true))),
        ("priority = LOW", priority(Low, Low)),
        ("priority = PRIORITY_HIGH", priority(High, High)),
        ("priority != MEDIUM", not(priority(Medium, Medium))),
        ("priority < LOW", priority(High, Low)),
        ("priority < MEDIUM", priority(Low, Low)),
        ("priority < HIGH", priority(Low, Medium)),
        ("priority <= LOW", priority(Low, Low)),
        ("priority <= MEDIUM", priority(Low, Medium)),
        ("priority <= HIGH", priority(Low, High)),
        ("priority > LOW", priority(Medium, High)),
        ("priority > MEDIUM", priority(High, High)),
        ("priority > HIGH", priority(High, Low)),
        ("priority >= LOW", priority(Low, High)),
        ("priority>='MEDIUM'", priority(Medium, High)),
        ("priority >= HIGH", priority(High, High)),
        ("tags:home", tag("home")),
        ("tag : \" Zu Hause \"", tag("zu hause")),
        ("tags:ÉTÉ", tag("été")),
        ("tags:\"*\"", tag("*")),
        ("tags:a.b", tag("a.b")),
        ("tags:*", Condition::Tagged),
        ("-tag:*", not(Condition::Tagged)),
        ("title:milk", contains(TextField::Title, "milk")),
        ("description:\"a b\"", contains(TextField::Description, "a b")),
        ("title:\"\"", contains(TextField::Title, "")),
        ("title:10:30", contains(TextField::Title, "10:30")),
        ("title = Milk", equals(TextField::Title, "Milk")),
        ("description != ' a '", not(equals(TextField::Description, " a "))),
        ("title = \"*\"", equals(TextField::Title, "*")),
        ("title:'*'", contains(TextField::Title, "*")),
        ("description:*", not(equals(TextField::Description, ""))),
        ("-title:*", not(not(equals(TextField::Title, "")))),
        (
            "state = ACTIVE priority = HIGH OR tags:urgent",
            all([Condition::Completed(false), any([priority(High, High), tag("urgent")])]),
        ),
    ]);
}

/// 2024-02-28T23:00:00Z.
const LEAP_EVE: i64 = 1_709_161_200_000_000;
const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

fn bound(moment: i64, day: i64) -> DueBound {
    DueBound {
        moment: Timestamp::from_micros(moment),
        day: Timestamp::from_micros(day),
    }
}

#[test]
fn dues_are_compared_with_days_and_moments() {
    // In Berlin 2024-02-29 begins at 23:00 UTC.
    let (day, next_day) = (
        bound(LEAP_EVE, LEAP_EVE + HOUR),
        bound(LEAP_EVE + DAY, LEAP_EVE + HOUR + DAY),
    );
    // At 10:00 in Berlin the next day to begin is 2024-03-01.
    let noon = LEAP_EVE + 10 * HOUR;
    let (moment, just_after) = (
        bound(noon, next_day.day.as_micros()),
        bound(noon + 1, next_day.day.as_micros()),
    );
    let due = |from: Option<&DueBound>, before: Option<&DueBound>| Condition::Due {
        from: from.copied(),
        before: before.copied(),
    };
    let berlin = tz::db().get("Europe/Berlin").expect("a zone of the database");
    for (filter, meaning) in [
        ("due < 2024-02-29", due(None, Some(&day))),
        ("due <= 2024-02-29", due(None, Some(&next_day))),
        ("due > 2024-02-29", due(Some(&next_day), None)),
        ("due >= \"2024-02-29\"", due(Some(&day), None)),
        ("due = 2024-02-29", due(Some(&day), Some(&next_day))),
        ("due != 2024-02-29", not(due(Some(&day), Some(&next_day)))),
        ("due<2024-02-29T10:00:00+01:00", due(None, Some(&moment))),
        ("due <= '2024-02-29T09:00:00Z'", due(None, Some(&just_after))),
        ("due > 2024-02-29T09:00:00.0000009Z", due(Some(&just_after), None)),
        ("due >= 2024-02-29T04:00:00-05:00", due(Some(&moment), None)),
        ("due = 2024-02-29T09:00:00Z", due(Some(&moment), Some(&just_after))),
        ("due:*", due(None, None)),
        ("-due:*", not(due(None, None))),
    ] {
        assert_eq!(parse(filter, &berlin), Ok(meaning), "{filter}");
    }
}

#[test]
fn times_are_compared_as_dues_are() {
    let time = |field, from: Option<i64>, before: Option<i64>| Condition::Time {
        field,
        from: from.map(Timestamp::from_micros),
        before: before.map(Timestamp::from_micros),
    };
    let end = LEAP_EVE + DAY;
    let berlin = tz::db().get("Europe/Berlin").expect("a zone of the database");
    for (filter, meaning) in [
        (
            "create_time < 2024-02-29",
            time(TimeField::Create, None, Some(LEAP_EVE)),
        ),
        ("update_time <= 2024-02-29", time(TimeField::Update, None, Some(end))),
        ("complete_time > 2024-02-29", time(TimeField::Complete, Some(end), None)),
        (
            "create_time >= 2024-02-29",
            time(TimeField::Create, Some(LEAP_EVE), None),
        ),
        (
            "create_time = 2024-02-29",
            time(TimeField::Create, Some(LEAP_EVE), Some(end)),
        ),
        (
            "update_time > 2024-02-28T23:00:00Z",
            time(TimeField::Update, Some(LEAP_EVE + 1), None),
        ),
        (
            "update_time != 2024-02-28T23:00:00Z",
            not(time(TimeField::Update, Some(LEAP_EVE), Some(LEAP_EVE + 1))),
        ),
        ("complete_time:*", time(TimeField::Complete, None, None)),
    ] {
        assert_eq!(parse(filter, &berlin), Ok(meaning), "{filter}");
    }
}

#[test]
fn the_last_day_has_an_end() {
    let end = 253_402_300_800_000_000;
    assert_meanings([
        (
            "due <= 9999-12-31",
            Condition::Due {
                from: None,
                before: Some(bound(end, end)),
            },
        ),
        (
            "due > 9999-12-31T23:59:59.999999999Z",
            Condition::Due {
                from: Some(bound(end, end)),
                before: None,
            },
        ),
    ]);
}
