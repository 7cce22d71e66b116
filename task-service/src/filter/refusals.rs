//! What is said of filters that mean nothing.

use jiff::tz::TimeZone;

use super::{
    FilterError, MAX_CHARACTERS, parse,
    tests::{literal, tag},
};

/// Each filter is refused at this character, for this problem.
fn assert_refusals<'a>(table: impl IntoIterator<Item = (&'a str, usize, &'a str)>) {
    for (filter, position, problem) in table {
        let expected = FilterError {
            position,
            problem: problem.to_owned(),
        };
        assert_eq!(parse(filter, &TimeZone::UTC), Err(expected), "{filter}");
    }
}

#[test]
fn broken_sentences_are_refused_where_they_break() {
    const EXPECTED: &str = "expected a comparison or a literal";
    assert_refusals([
        ("AND", 1, EXPECTED),
        ("OR a", 1, EXPECTED),
        ("a AND", 6, EXPECTED),
        ("a AND OR b", 7, EXPECTED),
        ("a OR", 5, EXPECTED),
        ("a OR AND b", 6, EXPECTED),
        ("NOT", 4, EXPECTED),
        ("NOT ", 5, EXPECTED),
        ("a -", 4, EXPECTED),
        ("()", 2, EXPECTED),
        ("(a AND)", 7, EXPECTED),
        (")", 1, EXPECTED),
        ("a)", 2, "this `)` closes nothing"),
        ("(a) b)", 6, "this `)` closes nothing"),
        ("é (a (b)", 3, "this `(` is never closed"),
        (
            "milk - eggs",
            6,
            "`-` stands right before what it negates; a dash needs quotes",
        ),
        ("NOT(a)", 4, "expected a space after NOT"),
        ("a AND(b)", 6, "expected a space after AND"),
        ("a OR\"b\"", 5, "expected a space after OR"),
        ("(a)AND b", 4, "expected a space before AND"),
        ("'a'OR b", 4, "expected a space before OR"),
        ("(a)(b)", 4, "expected a space"),
        ("'a'b", 4, "expected a space"),
        ("a\"b\"", 2, "expected a space"),
        ("title='it''s'", 11, "expected a space"),
        ("= a", 1, "expected a field name before `=`"),
        ("(title) = a", 9, "expected a field name before `=`"),
        ("title:1:b", 8, "expected a field name before `:`"),
        ("title=a=b", 8, "expected a field name before `=`"),
        ("NOT = a", 5, "expected a field name before `=`"),
        ("\"title\" = a", 1, "a field name has no quotes"),
        ("f(a)", 1, "there are no functions"),
        ("'f'(a)", 4, "expected a space"),
        ("title = f(a)", 9, "there are no functions"),
        ("!a", 1, "`!` does not negate; NOT and `-` do"),
        ("a \"b", 3, "this quote is never closed"),
        (r#""a\"#, 1, "this quote is never closed"),
        (r"'a\n'", 3, "a backslash stands only before a backslash or a quote"),
        ("a\0", 2, "must not contain U+0000"),
        ("title:'é\0'", 9, "must not contain U+0000"),
        ("\0", 1, "must not contain U+0000"),
        (
            "*",
            1,
            "`*` means any value and stands only after `:`; the character needs quotes",
        ),
        (
            "a *",
            3,
            "`*` means any value and stands only after `:`; the character needs quotes",
        ),
        (
            "title = *",
            9,
            "`*` means any value and stands only after `:`; the character needs quotes",
        ),
    ]);
}

#[test]
fn a_comparison_needs_a_field_and_a_value_of_it() {
    assert_refusals([
        ("title =", 8, "expected a value after `=`"),
        ("title == a", 8, "expected a value after `=`"),
        ("title >= ) a", 10, "expected a value after `>=`"),
        ("title:NOT a", 7, "expected a value after `:`"),
        ("due:-1", 5, "a value that begins with `-` needs quotes"),
        (
            "title:(a OR b)",
            7,
            "a value has no parentheses; repeat the field for each value",
        ),
        ("due.date < 2024-01-01", 1, "\"due.date\" is not a field to filter by"),
        ("a OR Title:x", 6, "\"Title\" is not a field to filter by"),
        ("id = \"never closed", 1, "\"id\" is not a field to filter by"),
        ("a1:x", 1, "\"a1\" is not a field to filter by"),
        ("http://x", 1, "\"http\" is not a field to filter by"),
        (
            "a2345678901234567890123456789012=1",
            1,
            "\"a2345678901234567890123456789012\" is not a field to filter by",
        ),
        (
            "a23456789012345678901234567890123=1",
            1,
            "this is not a field to filter by",
        ),
        ("tïtle=1", 1, "this is not a field to filter by"),
        ("a\u{7}b=1", 1, "this is not a field to filter by"),
        ("state = active", 9, "state takes ACTIVE or COMPLETED"),
        ("state = TASK_STATE_UNSPECIFIED", 9, "state takes ACTIVE or COMPLETED"),
        ("state != TASK_STATE_", 10, "state takes ACTIVE or COMPLETED"),
        ("state < ACTIVE", 7, "state takes `=` or `!=`"),
        ("state:ACTIVE", 6, "state takes `=` or `!=`"),
        ("completed = True", 13, "completed takes true or false"),
        ("completed > true", 11, "completed takes `=` or `!=`"),
        ("completed:*", 10, "completed takes `=` or `!=`"),
        ("priority = high", 12, "priority takes LOW, MEDIUM or HIGH"),
        ("priority >= 2", 13, "priority takes LOW, MEDIUM or HIGH"),
        (
            "priority < PRIORITY_UNSPECIFIED",
            12,
            "priority takes LOW, MEDIUM or HIGH",
        ),
        ("priority:HIGH", 9, "priority takes `=`, `!=`, `<`, `<=`, `>` or `>=`"),
        ("tags = a", 6, "tags takes only `:`"),
        ("tag != a", 5, "tag takes only `:`"),
        ("tags:' '", 6, "a tag must not be empty"),
        ("due:2024-01-01", 5, "due takes only `*` after `:`"),
        ("due:\"*\"", 5, "due takes only `*` after `:`"),
        (
            "due < today",
            7,
            "due takes a date (YYYY-MM-DD) or a date-time with an offset (RFC 3339)",
        ),
        (
            "due < *",
            7,
            "due takes a date (YYYY-MM-DD) or a date-time with an offset (RFC 3339)",
        ),
        (
            "due = 2023-02-29",
            7,
            "due takes a date (YYYY-MM-DD) or a date-time with an offset (RFC 3339)",
        ),
        (
            "create_time != 2024-01-01T00:00:00",
            16,
            "create_time takes a date (YYYY-MM-DD) or a date-time with an offset (RFC 3339)",
        ),
        ("title < a", 7, "title takes `:`, `=` or `!=`"),
        ("description >= a", 13, "description takes `:`, `=` or `!=`"),
    ]);
}

#[test]
fn a_tag_is_measured_as_it_is_kept() {
    let parse = |tag: &str| parse(&format!("tags:'{tag}'"), &TimeZone::UTC);
    assert_eq!(parse(&format!("  {}  ", "é".repeat(50))), Ok(tag(&"é".repeat(50))));
    assert!(parse(&"é".repeat(51)).is_err());
    // Lower-cased, it becomes two code points.
    assert_eq!(parse(&"İ".repeat(25)), Ok(tag(&"i\u{307}".repeat(25))));
    assert!(parse(&"İ".repeat(26)).is_err());
}

#[test]
fn a_filter_has_an_end() {
    let longest = "é".repeat(MAX_CHARACTERS);
    assert_eq!(parse(&longest, &TimeZone::UTC), Ok(literal(&longest)));
    for filler in ["é", " ", "\0", "("] {
        assert_refusals([(
            filler.repeat(MAX_CHARACTERS + 1).as_str(),
            2001,
            "a filter has at most 2000 characters",
        )]);
    }
}

#[test]
fn a_filter_has_at_most_100_comparisons_and_literals() {
    for separator in [" ", " OR ", " AND "] {
        let most = vec!["a"; 50].join(separator) + separator + &vec!["tag:b"; 50].join(separator);
        assert!(parse(&most, &TimeZone::UTC).is_ok(), "{separator}");
        let one_more = format!("{most}{separator}c");
        assert_refusals([(
            one_more.as_str(),
            one_more.len(),
            "a filter has at most 100 comparisons and literals",
        )]);
    }
}

#[test]
fn nesting_has_an_end() {
    const PROBLEM: &str = "a filter has at most 20 levels of parentheses and negations";
    for opening in ["(", "NOT ", "-", "-(", "NOT (", "NOT -"] {
        let levels = if opening.len() > 1 && opening != "NOT " { 2 } else { 1 };
        let closing = if opening.ends_with('(') { ")" } else { "" };
        let nested = |times: usize| format!("b {}a{}", opening.repeat(times), closing.repeat(times));
        assert!(parse(&nested(20 / levels), &TimeZone::UTC).is_ok(), "{opening}");
        let position = 3 + opening.len() * 20 / levels;
        assert_refusals([(nested(20 / levels + 1).as_str(), position, PROBLEM)]);
        let deep = format!("b {}", opening.repeat(1990 / opening.len()));
        assert_refusals([(deep.as_str(), position, PROBLEM)]);
    }
    // What is closed no longer counts.
    let wide = "(-a) ".repeat(100);
    assert!(parse(&wide, &TimeZone::UTC).is_ok());
}

#[test]
fn a_problem_is_told_with_its_place() {
    let error = parse("state : ACTIVE", &TimeZone::UTC).expect_err("it is not a comparator of state");
    assert_eq!(error.to_string(), "at character 7: state takes `=` or `!=`");
}
