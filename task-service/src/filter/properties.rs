//! What holds for every filter.

use jiff::tz::{self, TimeZone};
use platform::clock::Timestamp;
use proptest::{prelude::*, sample::select};

use super::{MAX_CHARACTERS, parse};
use crate::{
    condition::{Condition, DueBound, TextField, TimeField},
    task::Priority::{High, Low, Medium},
};

const ZONES: [&str; 4] = ["UTC", "Europe/Berlin", "Pacific/Apia", "Pacific/Kiritimati"];

const WORDS: [&str; 41] = [
    "(",
    ")",
    "-",
    "NOT ",
    " AND ",
    " OR ",
    "AND",
    "OR",
    "NOT",
    "=",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    ":",
    "!",
    "*",
    "\"",
    "'",
    "\\",
    " ",
    "\n",
    "\0",
    ".",
    ",",
    "a",
    "é",
    "title",
    "tags",
    "due",
    "create_time",
    "state",
    "completed",
    "priority",
    "HIGH",
    "ACTIVE",
    "true",
    "2024-02-29",
    "9999-12-31",
    "2024-02-29T10:00:00.5+02:00",
];

fn zone(name: &str) -> TimeZone {
    tz::db().get(name).expect("a zone of the database")
}

/// The filter that says a condition, in quotes of this kind. Only for conditions that a filter can say.
fn print(condition: &Condition, quote: char) -> String {
    let quoted = |text: &str| {
        let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\'', "\\'");
        format!("{quote}{escaped}{quote}")
    };
    let joined = |conditions: &[Condition], word: &str| {
        let parts: Vec<_> = conditions
            .iter()
            .map(|part| format!("({})", print(part, quote)))
            .collect();
        parts.join(word)
    };
    match condition {
        Condition::All(conditions) if quote == '"' => joined(conditions, " AND "),
        Condition::All(conditions) => joined(conditions, " "),
        Condition::Any(conditions) => joined(conditions, " OR "),
        Condition::Not(condition) if quote == '"' => format!("NOT ({})", print(condition, quote)),
        Condition::Not(condition) => format!("-({})", print(condition, quote)),
        Condition::Completed(completed) => format!("completed = {completed}"),
        Condition::Priority { from, to } => match (from, to) {
            (High, Low) => "priority < LOW".to_owned(),
            (Low, to) if to != &Low => format!("priority <= {}", format!("{to:?}").to_uppercase()),
            (from, High) if from != &High => format!("priority >= {}", format!("{from:?}").to_uppercase()),
            (from, _) => format!("priority = {}", format!("{from:?}").to_uppercase()),
        },
        Condition::Tag(tag) => format!("tags:{}", quoted(tag)),
        Condition::Tagged => "tags:*".to_owned(),
        Condition::Due { from, before } => {
            let moment = |bound: &Option<DueBound>| bound.as_ref().map(|bound| bound.moment);
            print_span("due", moment(from), moment(before))
        }
        Condition::Time { field, from, before } => {
            let name = match field {
                TimeField::Create => "create_time",
                TimeField::Update => "update_time",
                TimeField::Complete => "complete_time",
                TimeField::Delete => "delete_time",
            };
            print_span(name, *from, *before)
        }
        Condition::Contains { field, text } => match field {
            TextField::Title => format!("title:{}", quoted(text)),
            TextField::Description => format!("description : {}", quoted(text)),
            TextField::Either => quoted(text),
        },
        Condition::Equals { field, text } => match field {
            TextField::Title => format!("title = {}", quoted(text)),
            TextField::Description => format!("description={}", quoted(text)),
            TextField::Either => panic!("no filter says this"),
        },
    }
}

fn print_span(name: &str, from: Option<Timestamp>, before: Option<Timestamp>) -> String {
    let moment = |moment: Timestamp| jiff::Timestamp::from_microsecond(moment.as_micros()).expect("a moment of jiff's");
    match (from, before) {
        (None, None) => format!("{name}:*"),
        (Some(from), None) => format!("{name} >= {}", moment(from)),
        (None, Some(before)) => format!("{name} < {}", moment(before)),
        (Some(from), Some(_)) => format!("{name} = {}", moment(from)),
    }
}

fn text() -> impl Strategy<Value = String> {
    let characters = prop_oneof![select(vec!['"', '\'', '\\', '*', ' ', '-', 'a']), any::<char>()];
    prop::collection::vec(
        characters.prop_filter("not allowed", |character| *character != '\0'),
        0..8,
    )
    .prop_map(String::from_iter)
}

fn tag() -> impl Strategy<Value = String> {
    text()
        .prop_map(|text| text.trim().to_lowercase())
        // Lower-cased once is not always lower-cased for good: of a sigma it depends on its neighbours.
        .prop_filter("not a tag", |tag| !tag.is_empty() && tag.trim().to_lowercase() == *tag)
}

/// From, before: none, one of them, or a moment alone.
fn span() -> impl Strategy<Value = (Option<Timestamp>, Option<Timestamp>)> {
    let moment = -62_135_596_800_000_000..253_402_200_000_000_000_i64;
    (moment, 0..4).prop_map(|(micros, kind)| {
        let moment = Timestamp::from_micros(micros);
        match kind {
            0 => (None, None),
            1 => (Some(moment), None),
            2 => (None, Some(moment)),
            _ => (Some(moment), Some(Timestamp::from_micros(micros + 1))),
        }
    })
}

fn leaf(zone: TimeZone) -> impl Strategy<Value = Condition> {
    let times = select(vec![
        TimeField::Create,
        TimeField::Update,
        TimeField::Complete,
        TimeField::Delete,
    ]);
    let fields = select(vec![TextField::Title, TextField::Description, TextField::Either]);
    prop_oneof![
        any::<bool>().prop_map(Condition::Completed),
        select(vec![
            (Low, Low),
            (Low, Medium),
            (Low, High),
            (Medium, Medium),
            (Medium, High),
            (High, High),
            (High, Low)
        ])
        .prop_map(|(from, to)| Condition::Priority { from, to }),
        tag().prop_map(Condition::Tag),
        Just(Condition::Tagged),
        span().prop_map(move |(from, before)| Condition::Due {
            from: from.map(|from| DueBound::of_moment(from, &zone)),
            before: before.map(|before| DueBound::of_moment(before, &zone)),
        }),
        (times, span()).prop_map(|(field, (from, before))| Condition::Time { field, from, before }),
        (fields, text()).prop_map(|(field, text)| Condition::Contains { field, text }),
        (any::<bool>(), text()).prop_map(|(title, text)| Condition::Equals {
            field: if title {
                TextField::Title
            } else {
                TextField::Description
            },
            text,
        }),
    ]
}

/// Conditions that a filter can say: those that join others join two or more, and so on.
fn condition(zone: TimeZone) -> impl Strategy<Value = Condition> {
    leaf(zone).prop_recursive(5, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Condition::All),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Condition::Any),
            inner.prop_map(|condition| Condition::Not(Box::new(condition))),
        ]
    })
}

/// Reads it, which must not panic; a refusal must have a place in the filter and repeat little of it.
fn check(filter: &str, zone: &TimeZone) -> Result<(), TestCaseError> {
    if let Err(error) = parse(filter, zone) {
        prop_assert!((1..=filter.chars().count() + 1).contains(&error.position), "{}", error);
        prop_assert!(error.problem.len() < 120, "{}", error);
        prop_assert!(
            error
                .problem
                .bytes()
                .all(|byte| byte == b' ' || byte.is_ascii_graphic()),
            "{}",
            error
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn no_text_is_too_odd(filter in any::<String>(), zone in select(&ZONES).prop_map(zone)) {
        check(&filter, &zone)?;
    }

    #[test]
    fn no_sentence_is_too_odd(
        words in prop::collection::vec(select(&WORDS), 0..60),
        separator in select(&["", " "]),
        zone in select(&ZONES).prop_map(zone),
    ) {
        check(&words.join(separator), &zone)?;
    }

    #[test]
    fn what_is_printed_is_read_back(
        (zone, condition) in select(&ZONES).prop_map(zone).prop_flat_map(|zone| (Just(zone.clone()), condition(zone))),
        quote in select(&['"', '\'']),
    ) {
        let filter = print(&condition, quote);
        prop_assert!(filter.chars().count() <= MAX_CHARACTERS, "the generator must be thriftier");
        prop_assert_eq!(parse(&filter, &zone), Ok(condition), "{}", filter);
    }
}
