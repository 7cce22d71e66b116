//! Days and moments as texts.
//!
//! Moments are computed on the civil calendar: jiff's own timestamps end a day before the year 9999 does.

use jiff::{
    SignedDuration,
    civil::{Date, DateTime, Time},
    fmt::temporal::Pieces,
};
use platform::clock::Timestamp;

use super::zone;

const EPOCH: Date = Date::constant(1970, 1, 1);
const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
/// The first and the last microsecond of the years 0001 to 9999: the range of `google.protobuf.Timestamp`.
const FIRST: i64 = -62_135_596_800 * MICROS_PER_SECOND;
const LAST: i64 = 253_402_300_800 * MICROS_PER_SECOND - 1;

/// A time as a text tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// A day.
    Day(Date),
    /// A time of a clock on some wall.
    Local(DateTime),
    /// A moment.
    Moment(Timestamp),
}

/// Reads a day or a time of the years 0001 to 9999: RFC 3339, also without an offset, or the basic form of ISO 8601
/// that iCalendar has. Cut to the microsecond. A zone in brackets (RFC 9557) is not looked at.
pub(super) fn read(text: &str) -> Option<Said> {
    let pieces = Pieces::parse(text).ok()?;
    let date = pieces.date();
    if date.year() < 1 {
        return None;
    }
    match (pieces.time(), pieces.to_numeric_offset()) {
        (None, None) => Some(Said::Day(date)),
        (None, Some(_)) => None,
        (Some(time), None) => Some(Said::Local(date.to_datetime(time))),
        (Some(time), Some(offset)) => {
            let micros = micros(date.to_datetime(time)) - i64::from(offset.seconds()) * MICROS_PER_SECOND;
            in_range(micros).map(Said::Moment)
        }
    }
}

/// Reads an RFC 3339 date-time.
pub(super) fn read_moment(text: &str) -> Option<Timestamp> {
    match read(text) {
        Some(Said::Moment(at)) => Some(at),
        _ => None,
    }
}

/// When the clocks of a zone (an IANA name) showed that; the earlier moment if they did twice, the one after the gap
/// if they never did (RFC 5545, section 3.3.5).
pub(super) fn in_zone(local: DateTime, zone_name: &str) -> Option<Timestamp> {
    let zone = zone::of_name(zone_name)?;
    let at = zone.to_ambiguous_timestamp(local).compatible().ok()?;
    in_range(i64::try_from(at.as_nanosecond().div_euclid(1_000)).ok()?)
}

/// RFC 3339 in UTC, with as many digits as proto3 JSON writes: 0, 3 or 6.
pub(super) fn rfc_3339(at: Timestamp) -> String {
    let moment = utc(at);
    let micros = moment.subsec_nanosecond() / 1_000;
    let fraction = match micros {
        0 => String::new(),
        _ if micros % 1_000 == 0 => format!(".{:03}", micros / 1_000),
        _ => format!(".{micros:06}"),
    };
    format!(
        "{}T{:02}:{:02}:{:02}{fraction}Z",
        moment.date(),
        moment.hour(),
        moment.minute(),
        moment.second()
    )
}

/// The form of a UTC date-time in iCalendar (RFC 5545, section 3.3.5), cut to the second.
pub(super) fn basic(at: Timestamp) -> String {
    let moment = utc(at);
    format!(
        "{}T{:02}{:02}{:02}Z",
        basic_day(moment.date()),
        moment.hour(),
        moment.minute(),
        moment.second()
    )
}

/// The form of a day in iCalendar (RFC 5545, section 3.3.4).
pub(super) fn basic_day(day: Date) -> String {
    format!("{:04}{:02}{:02}", day.year(), day.month(), day.day())
}

/// The moment cut to the second.
pub(super) fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_micros(at.as_micros().div_euclid(MICROS_PER_SECOND) * MICROS_PER_SECOND)
}

/// What the clocks of UTC show; those outside the years 0001 to 9999, which nothing stores, at the nearest end.
fn utc(at: Timestamp) -> DateTime {
    let micros = at.as_micros().clamp(FIRST, LAST);
    let seconds = micros.div_euclid(MICROS_PER_SECOND);
    let day = SignedDuration::from_secs(seconds.div_euclid(SECONDS_PER_DAY) * SECONDS_PER_DAY);
    let since_midnight = SignedDuration::from_micros(micros.rem_euclid(SECONDS_PER_DAY * MICROS_PER_SECOND));
    let date = EPOCH.checked_add(day).unwrap_or(Date::MAX);
    let time = Time::midnight().checked_add(since_midnight).unwrap_or(Time::MAX);
    date.to_datetime(time)
}

fn micros(utc: DateTime) -> i64 {
    let midnight = utc.date().duration_since(EPOCH).as_secs();
    let since_midnight = (i64::from(utc.hour()) * 60 + i64::from(utc.minute())) * 60 + i64::from(utc.second());
    (midnight + since_midnight) * MICROS_PER_SECOND + i64::from(utc.subsec_nanosecond()) / 1_000
}

fn in_range(micros: i64) -> Option<Timestamp> {
    (FIRST..=LAST).contains(&micros).then(|| Timestamp::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_keep_their_microseconds_over_the_whole_range() {
        for micros in [FIRST, FIRST + 1, -1, 0, 1, 1_000, 1_769_851_800_123_456, LAST - 1, LAST] {
            let at = Timestamp::from_micros(micros);
            assert_eq!(read_moment(&rfc_3339(at)), Some(at), "{micros}");
            assert_eq!(read_moment(&basic(at)), Some(whole_second(at)), "{micros}");
        }
        assert_eq!(rfc_3339(Timestamp::from_micros(FIRST)), "0001-01-01T00:00:00Z");
        assert_eq!(rfc_3339(Timestamp::from_micros(LAST)), "9999-12-31T23:59:59.999999Z");
        assert_eq!(rfc_3339(Timestamp::from_micros(120_000)), "1970-01-01T00:00:00.120Z");
        assert_eq!(basic(Timestamp::from_micros(-1)), "19691231T235959Z");
        assert_eq!(rfc_3339(Timestamp::from_micros(i64::MIN)), "0001-01-01T00:00:00Z");
        assert_eq!(
            rfc_3339(Timestamp::from_micros(i64::MAX)),
            "9999-12-31T23:59:59.999999Z"
        );
    }

    #[test]
    fn times_are_read_in_the_forms_that_files_have() {
        let at = Timestamp::from_micros(1_769_851_800_000_000);
        for text in [
            "2026-01-31T09:30:00Z",
            "2026-01-31t09:30:00z",
            "2026-01-31 10:30:00+01:00",
            "2026-01-31T04:30:00.0000001-05:00",
            "20260131T093000Z",
        ] {
            assert_eq!(read_moment(text), Some(at), "{text}");
        }
        let day = Date::constant(2026, 1, 31);
        assert_eq!(read("2026-01-31"), Some(Said::Day(day)));
        assert_eq!(read("20260131"), Some(Said::Day(day)));
        let local = Some(Said::Local(day.at(10, 30, 0, 0)));
        assert_eq!(read("2026-01-31T10:30"), local);
        assert_eq!(read("20260131T103000"), local);
        for refused in [
            "",
            "31.01.2026",
            "2026-02-30",
            "0000-01-01",
            "-000001-01-01",
            "0000-12-31T23:00:00Z",
            "0001-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
            "2026-01-31Z",
            "99999-01-01T00:00:00Z",
            "2026-01-31T25:00:00Z",
            "\u{1F4C5}",
        ] {
            assert_eq!(read(refused), None, "{refused}");
        }
    }

    #[test]
    fn clocks_that_were_set_show_a_time_twice_or_never() {
        let at = |local, zone| in_zone(local, zone).map(rfc_3339);
        let day = Date::constant(2026, 10, 25);
        assert_eq!(
            at(day.at(2, 30, 0, 0), "Europe/Berlin").as_deref(),
            Some("2026-10-25T00:30:00Z")
        );
        let day = Date::constant(2026, 3, 29);
        assert_eq!(
            at(day.at(2, 30, 0, 0), "Europe/Berlin").as_deref(),
            Some("2026-03-29T01:30:00Z")
        );
        assert_eq!(at(day.at(0, 0, 0, 0), "Nowhere/Else"), None);
        assert_eq!(
            at(Date::MAX.at(23, 59, 59, 0), "Pacific/Honolulu"),
            None,
            "the year 10000"
        );
    }
}
