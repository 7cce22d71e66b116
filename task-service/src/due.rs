//! When a task is due: a day, or a moment.

use jiff::{
    SignedDuration,
    civil::Date,
    tz::{self, TimeZone},
};
use platform::clock::Timestamp;
use proto::task::v1 as wire;

use crate::{bounds::parse_day, validation::Violations};

/// The range of `google.protobuf.Timestamp`: the years 0001 to 9999.
const TIMESTAMP_SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
const MICROS_PER_SECOND: i64 = 1_000_000;
const EPOCH: Date = Date::constant(1970, 1, 1);
const DEFAULT_ZONE: &str = "UTC";

/// When a task is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// Some time on a day of the person's own calendar.
    Day(Date),
    /// At a moment.
    Moment {
        /// The moment.
        at: Timestamp,
        /// The IANA name of the zone that the person meant.
        zone: String,
    },
}

impl Due {
    /// Reads what a client sent as `task.due`; `None`, and why, if it cannot be used.
    pub(crate) fn parse(due: &wire::Due, violations: &mut Violations) -> Option<Self> {
        match (due.date.as_str(), &due.date_time) {
            ("", None) => {
                violations.add("task.due", "must have a date or a date_time");
                None
            }
            ("", Some(moment)) => {
                let at = parse_moment(*moment, violations);
                let zone = zone("task.due.time_zone", &due.time_zone, violations);
                Some(Self::Moment { at: at?, zone: zone?.0 })
            }
            (date, None) => {
                let day = parse_day(date);
                if day.is_none() {
                    violations.add("task.due.date", "must be a day of the calendar, as YYYY-MM-DD");
                }
                if !due.time_zone.is_empty() {
                    violations.add("task.due.time_zone", "is only for a date_time");
                }
                day.map(Self::Day)
            }
            (_, Some(_)) => {
                violations.add("task.due", "must not have both a date and a date_time");
                None
            }
        }
    }

    /// The moment; of a day, the midnight UTC that begins it. Puts both kinds into one order.
    pub fn order(&self) -> Timestamp {
        match self {
            Self::Day(day) => Timestamp::from_micros(day.duration_since(EPOCH).as_secs() * MICROS_PER_SECOND),
            Self::Moment { at, .. } => *at,
        }
    }

    /// The day that begins at this midnight UTC; `None` outside the calendar.
    pub fn day_of_order(order: Timestamp) -> Option<Self> {
        let since_epoch = SignedDuration::from_secs(order.as_seconds());
        EPOCH.checked_add(since_epoch).ok().map(Self::Day)
    }
}

/// Truncated to the microsecond, which is what every engine keeps.
fn parse_moment(moment: prost_types::Timestamp, violations: &mut Violations) -> Option<Timestamp> {
    let prost_types::Timestamp { seconds, nanos } = moment;
    if !TIMESTAMP_SECONDS.contains(&seconds) || !(0..1_000_000_000).contains(&nanos) {
        violations.add("task.due.date_time", "must be a moment of the years 0001 to 9999");
        return None;
    }
    Some(Timestamp::from_micros(
        seconds * MICROS_PER_SECOND + i64::from(nanos / 1_000),
    ))
}

/// A time zone, and its name as the time zone database spells it, so that another spelling is not another value.
/// UTC if it is not said; `None`, and why, if there is no such zone.
pub(crate) fn zone(path: &str, name: &str, violations: &mut Violations) -> Option<(String, TimeZone)> {
    let named = known_zone(if name.is_empty() { DEFAULT_ZONE } else { name });
    if named.is_none() {
        violations.add(path, "must be a time zone of the IANA database");
    }
    named
}

/// A zone of the time zone database, and its name as it is spelt there.
pub(crate) fn known_zone(name: &str) -> Option<(String, TimeZone)> {
    let zone = tz::db().get(name).ok().filter(|zone| !zone.is_unknown())?;
    Some((zone.iana_name()?.to_owned(), zone))
}

/// The day that it is in a zone at a moment.
pub(crate) fn day_at(moment: Timestamp, zone: &TimeZone) -> Date {
    // Times lie within the calendar, but for a clock that is thousands of years wrong.
    let moment = jiff::Timestamp::from_microsecond(moment.as_micros()).unwrap_or(jiff::Timestamp::MAX);
    zone.to_datetime(moment).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(date: &str, moment: Option<(i64, i32)>, zone: &str) -> Result<Due, Vec<String>> {
        let mut violations = Violations::default();
        let due = wire::Due {
            date: date.to_owned(),
            date_time: moment.map(|(seconds, nanos)| prost_types::Timestamp { seconds, nanos }),
            time_zone: zone.to_owned(),
        };
        let due = Due::parse(&due, &mut violations);
        due.ok_or_else(|| violations.into_list().into_iter().map(|(path, _)| path).collect())
    }

    #[test]
    fn a_day_is_a_day_of_the_calendar() {
        for day in ["2024-02-29", "0001-01-01", "9999-12-31"] {
            assert!(parse(day, None, "").is_ok(), "{day}");
        }
        for refused in [
            "2023-02-29",
            "2024-13-01",
            "2024-00-10",
            "0000-01-01",
            "20240229",
            "2024-2-29",
            "2024-02-29T00:00",
            " 2024-02-29",
            "+024-02-29",
            "2024-02-3é",
            "\0",
        ] {
            assert_eq!(
                parse(refused, None, ""),
                Err(vec!["task.due.date".to_owned()]),
                "{refused}"
            );
        }
    }

    #[test]
    fn a_moment_is_truncated_and_has_a_zone() {
        let at = |micros| Timestamp::from_micros(micros);
        let moment = |micros, zone: &str| {
            Ok(Due::Moment {
                at: at(micros),
                zone: zone.to_owned(),
            })
        };
        assert_eq!(parse("", Some((1, 1_999)), ""), moment(1_000_001, "UTC"));
        assert_eq!(
            parse("", Some((-1, 999_999_999)), "europe/berlin"),
            moment(-1, "Europe/Berlin")
        );
        assert_eq!(
            parse("", Some((253_402_300_799, 999_999_999)), "Asia/Kolkata"),
            moment(253_402_300_799_999_999, "Asia/Kolkata")
        );
        for refused in [
            (253_402_300_800, 0),
            (-62_135_596_801, 0),
            (i64::MIN, 0),
            (0, -1),
            (0, 1_000_000_000),
        ] {
            assert_eq!(
                parse("", Some(refused), ""),
                Err(vec!["task.due.date_time".to_owned()]),
                "{refused:?}"
            );
        }
        for refused in [
            "Mars/Olympus",
            "+01:00",
            "Etc/Unknown",
            "Europe/Berlin\0",
            "../etc/passwd",
        ] {
            assert_eq!(
                parse("", Some((0, 0)), refused),
                Err(vec!["task.due.time_zone".to_owned()]),
                "{refused}"
            );
        }
    }

    #[test]
    fn exactly_one_of_date_and_date_time() {
        assert_eq!(parse("", None, "UTC"), Err(vec!["task.due".to_owned()]));
        assert_eq!(parse("2024-01-01", Some((0, 0)), ""), Err(vec!["task.due".to_owned()]));
        let mut violations = Violations::default();
        Due::parse(
            &wire::Due {
                date: "2024-01-01".to_owned(),
                date_time: None,
                time_zone: "UTC".to_owned(),
            },
            &mut violations,
        );
        assert_eq!(violations.into_list()[0].0, "task.due.time_zone");
    }

    #[test]
    fn days_and_moments_share_an_order() {
        for day in ["0001-01-01", "1969-12-31", "1970-01-01", "2024-02-29", "9999-12-31"] {
            let due = parse(day, None, "").expect("a day");
            assert_eq!(Due::day_of_order(due.order()).as_ref(), Some(&due), "{day}");
        }
        assert_eq!(
            parse("1970-01-02", None, "").expect("a day").order(),
            Timestamp::from_micros(86_400_000_000)
        );
    }
}
