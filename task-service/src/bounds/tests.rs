//! Days and moments in zones that are not simple.

use jiff::tz;
use proptest::prelude::*;

use super::*;

fn zone(name: &str) -> TimeZone {
    tz::db().get(name).expect("a zone of the database")
}

fn micros(text: &str) -> i64 {
    match Bound::parse(text) {
        Some(Bound::Moment(moment)) => moment.as_micros(),
        other => panic!("{text} is {other:?}"),
    }
}

fn due(moment: &str, day: &str) -> DueBound {
    let Some(Bound::Day(day)) = Bound::parse(day) else {
        panic!("{day} is no day")
    };
    DueBound {
        moment: Timestamp::from_micros(micros(moment)),
        day: Timestamp::from_micros(number(day) * MICROS_PER_DAY),
    }
}

fn begin_and_end(text: &str, name: &str) -> (DueBound, DueBound) {
    let bound = Bound::parse(text).expect("a bound");
    (bound.begin(&zone(name)), bound.end(&zone(name)))
}

/// What the end of the calendar is as a bound.
fn last() -> DueBound {
    let end = Timestamp::from_micros(253_402_300_800_000_000);
    DueBound { moment: end, day: end }
}

#[test]
fn moments_are_rfc_3339() {
    for (text, expected) in [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:01z", 1_000_000),
        ("1970-01-01T02:00:00+02:00", 0),
        ("1969-12-31T18:30:00-05:30", 0),
        ("1970-01-01T00:00:00-00:00", 0),
        ("1970-01-01T00:00:00.5Z", 500_000),
        ("1970-01-01T00:00:00.1234569999999Z", 123_456),
        ("1969-12-31T23:59:59.9999999+00:00", -1),
        ("1970-01-01T00:00:60Z", 59_000_000),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
        ("0001-01-01T00:00:00+23:59", -62_135_683_140_000_000),
        ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
        ("9999-12-31T23:59:59-23:59", 253_402_387_139_000_000),
    ] {
        assert_eq!(micros(text), expected, "{text}");
    }
}

#[test]
fn nothing_else_is_a_bound() {
    for text in [
        "",
        "2024",
        "2024-02-30",
        "2024-2-03",
        "0000-12-31",
        "20240203",
        "+024-02-03",
        " 2024-02-03",
        "2024-02-0é",
        "2024-02-03T",
        "2024-02-03T10:00Z",
        "2024-02-03T10:00:00",
        "2024-02-03 10:00:00Z",
        "2024-02-03T24:00:00Z",
        "2024-02-03T10:60:00Z",
        "2024-02-03T10:00:61Z",
        "2024-02-30T10:00:00Z",
        "0000-12-31T23:59:59Z",
        "2024-02-03T10:00:00.Z",
        "2024-02-03T10:00:00.5",
        "2024-02-03T10:00:00,5Z",
        "2024-02-03T10:00:00+2:00",
        "2024-02-03T10:00:00+0200",
        "2024-02-03T10:00:00+24:00",
        "2024-02-03T10:00:00+02:60",
        "2024-02-03T10:00:00 02:00",
        "2024-02-03T10:00:00Z[UTC]",
        "2024-02-03T10:00:00+02:00 ",
        "2024-02-03T10:00:0éZ",
        "2024-02-03T10:00:00é",
    ] {
        assert_eq!(Bound::parse(text), None, "{text}");
    }
}

#[test]
fn a_day_lasts_from_its_midnight_to_the_next() {
    for (day, name, from, before, next) in [
        (
            "2024-02-28",
            "UTC",
            "2024-02-28T00:00:00Z",
            "2024-02-29T00:00:00Z",
            "2024-02-29",
        ),
        // 23 and 25 hours.
        (
            "2024-03-31",
            "Europe/Berlin",
            "2024-03-31T00:00:00+01:00",
            "2024-04-01T00:00:00+02:00",
            "2024-04-01",
        ),
        (
            "2024-10-27",
            "Europe/Berlin",
            "2024-10-27T00:00:00+02:00",
            "2024-10-28T00:00:00+01:00",
            "2024-10-28",
        ),
        // The clocks skipped the hour after midnight.
        (
            "2015-10-18",
            "America/Sao_Paulo",
            "2015-10-18T01:00:00-02:00",
            "2015-10-19T00:00:00-02:00",
            "2015-10-19",
        ),
        // A minute after midnight they were set back by an hour: midnight came twice.
        (
            "2006-10-29",
            "America/St_Johns",
            "2006-10-29T00:00:00-02:30",
            "2006-10-30T00:00:00-03:30",
            "2006-10-30",
        ),
        (
            "2024-01-01",
            "Pacific/Kiritimati",
            "2024-01-01T00:00:00+14:00",
            "2024-01-02T00:00:00+14:00",
            "2024-01-02",
        ),
        // This day was skipped.
        (
            "2011-12-29",
            "Pacific/Apia",
            "2011-12-29T00:00:00-10:00",
            "2011-12-30T00:00:00-10:00",
            "2011-12-30",
        ),
        (
            "2011-12-30",
            "Pacific/Apia",
            "2011-12-31T00:00:00+14:00",
            "2011-12-31T00:00:00+14:00",
            "2011-12-31",
        ),
        (
            "2011-12-31",
            "Pacific/Apia",
            "2011-12-31T00:00:00+14:00",
            "2012-01-01T00:00:00+14:00",
            "2012-01-01",
        ),
    ] {
        assert_eq!(
            begin_and_end(day, name),
            (due(from, day), due(before, next)),
            "{day} in {name}"
        );
    }
}

#[test]
fn a_moment_is_before_the_days_that_begin_later() {
    for (moment, name, day, day_after) in [
        ("2024-02-28T00:00:00Z", "UTC", "2024-02-28", "2024-02-29"),
        ("2024-02-28T00:00:00.000001Z", "UTC", "2024-02-29", "2024-02-29"),
        ("2024-02-27T23:59:59.999999Z", "UTC", "2024-02-28", "2024-02-28"),
        ("2024-03-31T22:00:00Z", "Europe/Berlin", "2024-04-01", "2024-04-02"),
        ("2024-03-30T23:00:00Z", "Europe/Berlin", "2024-03-31", "2024-04-01"),
        ("2015-10-18T03:00:00Z", "America/Sao_Paulo", "2015-10-18", "2015-10-19"),
        (
            "2006-10-29T00:00:00-02:30",
            "America/St_Johns",
            "2006-10-29",
            "2006-10-30",
        ),
        (
            "2006-10-28T23:30:00-03:30",
            "America/St_Johns",
            "2006-10-30",
            "2006-10-30",
        ),
        ("2023-12-31T10:00:00Z", "Pacific/Kiritimati", "2024-01-01", "2024-01-02"),
        ("2011-12-30T10:00:00Z", "Pacific/Apia", "2011-12-30", "2012-01-01"),
        (
            "2011-12-30T09:59:59.999999Z",
            "Pacific/Apia",
            "2011-12-30",
            "2011-12-30",
        ),
        ("1994-12-31T10:00:00Z", "Pacific/Kiritimati", "1994-12-31", "1995-01-02"),
        // Alaska had this day twice: it began by Russian reckoning, a day ahead, and was over after the second time.
        ("1867-10-18T08:57:41Z", "America/Juneau", "1867-10-19", "1867-10-20"),
        ("1867-10-19T05:00:00Z", "America/Juneau", "1867-10-20", "1867-10-20"),
    ] {
        let (begin, end) = begin_and_end(moment, name);
        assert_eq!(begin, due(moment, day), "{moment} in {name}");
        assert_eq!(end.moment.as_micros(), micros(moment) + 1, "{moment} in {name}");
        assert_eq!(end.day, due(moment, day_after).day, "{moment} in {name}");
    }
}

#[test]
fn the_calendar_has_ends() {
    let first = due("0001-01-01T00:00:00Z", "0001-01-01");
    for name in [
        "UTC",
        "Pacific/Kiritimati",
        "Pacific/Pago_Pago",
        "America/New_York",
        "Australia/Sydney",
    ] {
        let zone = zone(name);
        let (begin, end) = begin_and_end("9999-12-31", name);
        assert_eq!(begin.day, due("9999-12-31T00:00:00Z", "9999-12-31").day, "{name}");
        assert!(begin.moment < last().moment, "{name}");
        assert_eq!(end.day, last().day, "{name}");
        assert_eq!(begin_and_end("0001-01-01", name).0.day, first.day, "{name}");
        for (far, bound) in [(i64::MAX, last()), (i64::MIN, first)] {
            let far = Bound::Moment(Timestamp::from_micros(far));
            assert_eq!((far.begin(&zone), far.end(&zone)), (bound, bound), "{name}");
        }
        assert_eq!(DueBound::of_day(Date::MAX, &zone), begin, "{name}");
        assert_eq!(DueBound::of_day(Date::MIN, &zone), first, "{name}");
    }
    assert_eq!(
        begin_and_end("9999-12-31", "Pacific/Pago_Pago"),
        (due("9999-12-31T11:00:00Z", "9999-12-31"), last())
    );
    assert_eq!(
        begin_and_end("9999-12-31", "Australia/Sydney"),
        (
            due("9999-12-30T13:00:00Z", "9999-12-31"),
            DueBound {
                moment: Timestamp::from_micros(micros("9999-12-31T13:00:00Z")),
                ..last()
            }
        )
    );
    assert_eq!(
        begin_and_end("9999-12-31T23:59:59.999999Z", "UTC"),
        (last_moment(), last())
    );
    // The last day begins at 10:00 on the day before, and the next one is not in the calendar.
    let (begin, _) = begin_and_end("9999-12-31T09:00:00Z", "Pacific/Kiritimati");
    assert_eq!(begin.day, last().day);
    let (begin, _) = begin_and_end("9999-12-30T10:00:00Z", "Pacific/Kiritimati");
    assert_eq!(begin, due("9999-12-30T10:00:00Z", "9999-12-31"));
    assert_eq!(begin_and_end("0001-01-01", "Asia/Tokyo").0.moment, first.moment);
    assert_eq!(
        begin_and_end("0001-01-01", "Etc/GMT+12"),
        (
            due("0001-01-01T12:00:00Z", "0001-01-01"),
            due("0001-01-02T12:00:00Z", "0001-01-02")
        )
    );
}

fn last_moment() -> DueBound {
    DueBound {
        moment: Timestamp::from_micros(last().moment.as_micros() - 1),
        ..last()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_whole_day_is_on_the_side_of_a_moment_where_its_midnight_is(
        name in prop::sample::select(&["UTC", "Europe/Berlin", "Pacific/Apia", "America/St_Johns", "America/Juneau"]),
        // The whole calendar; and where the zones are old or skip a day.
        moment in prop_oneof![
            -62_135_596_800..253_402_300_800_i64,
            -3_300_000_000..-3_200_000_000_i64,
            1_325_000_000..1_325_500_000_i64,
        ],
        distance in -4..4_i64,
    ) {
        let zone = zone(name);
        let moment = moment * MICROS_PER_SECOND;
        let day = (moment.div_euclid(MICROS_PER_DAY) + distance).clamp(FIRST_DAY, END_DAY - 1);
        let bound = DueBound::of_moment(Timestamp::from_micros(moment), &zone);
        prop_assert_eq!(bound.moment.as_micros(), moment);
        prop_assert_eq!(day * MICROS_PER_DAY < bound.day.as_micros(), start(day, &zone) < moment);
    }
}
