//! Where spans of time begin and end: days and moments as a person writes them, in the person's zone.

use jiff::{
    SignedDuration,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use platform::clock::Timestamp;

use crate::condition::DueBound;

const EPOCH: Date = Date::constant(1970, 1, 1);
const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
const MICROS_PER_DAY: i64 = SECONDS_PER_DAY * MICROS_PER_SECOND;

// Days are counted from the epoch.
/// 0001-01-01. No task has an earlier time.
const FIRST_DAY: i64 = -719_162;
/// The day after 9999-12-31. No task has a time from then on.
const END_DAY: i64 = 2_932_897;
/// 9999-12-29: jiff's moments end on the 30th. No zone changes its offset in the days that are left.
const LAST_DAY_OF_ZONES: i64 = END_DAY - 3;

/// A day or a moment, as a filter or a query names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// A whole day of the caller's calendar.
    Day(Date),
    /// A moment.
    Moment(Timestamp),
}

impl Bound {
    /// Reads a full-date or a date-time of RFC 3339 (section 5.6), years 0001 to 9999; `None` for anything else.
    /// A moment is truncated to the microsecond, as those of tasks are.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.len() {
            10 => parse_day(text).map(Self::Day),
            _ => parse_moment(text).map(Self::Moment),
        }
    }

    /// Where it begins.
    pub(crate) fn begin(self, zone: &TimeZone) -> DueBound {
        match self {
            Self::Day(day) => DueBound::of_day(day, zone),
            Self::Moment(moment) => DueBound::of_moment(moment, zone),
        }
    }

    /// Where what comes after it begins: the next day, or the next microsecond.
    pub(crate) fn end(self, zone: &TimeZone) -> DueBound {
        match self {
            Self::Day(day) => day_bound(number(day) + 1, zone),
            Self::Moment(moment) => {
                DueBound::of_moment(Timestamp::from_micros(moment.as_micros().saturating_add(1)), zone)
            }
        }
    }
}

/// All bounds lie within the years 0001 to 9999 and the midnight after; what is beyond counts as their end, which
/// changes nothing for the times of tasks.
impl DueBound {
    /// Where a day begins: in the zone, and as the day itself.
    pub(crate) fn of_day(day: Date, zone: &TimeZone) -> Self {
        day_bound(number(day), zone)
    }

    /// A moment; of days, the first one that begins in the zone no earlier.
    pub(crate) fn of_moment(moment: Timestamp, zone: &TimeZone) -> Self {
        let moment = moment
            .as_micros()
            .clamp((FIRST_DAY - 2) * MICROS_PER_DAY, END_DAY * MICROS_PER_DAY);
        let known = jiff::Timestamp::from_microsecond(moment).unwrap_or(jiff::Timestamp::MAX);
        let offset = i64::from(zone.to_offset(known).seconds()) * MICROS_PER_SECOND;
        let today = (moment + offset).div_euclid(MICROS_PER_DAY);
        // A zone can skip a day or repeat one, so that tomorrow is not always the answer.
        let day = (today - 2..today + 2).find(|day| start(*day, zone) >= moment);
        bound(moment, day.unwrap_or(today + 2))
    }
}

fn day_bound(day: i64, zone: &TimeZone) -> DueBound {
    bound(start(day, zone), day)
}

fn bound(moment: i64, day: i64) -> DueBound {
    let limited =
        |micros: i64| Timestamp::from_micros(micros.clamp(FIRST_DAY * MICROS_PER_DAY, END_DAY * MICROS_PER_DAY));
    DueBound {
        moment: limited(moment),
        day: limited(day * MICROS_PER_DAY),
    }
}

/// Where a day begins in a zone, in microseconds since the epoch. Where the clocks are set forward over midnight, it is
/// when they have moved on by as much as they were set; a day that is skipped begins when the next one does.
fn start(day: i64, zone: &TimeZone) -> i64 {
    let known = day.min(LAST_DAY_OF_ZONES);
    let midnight = EPOCH
        .checked_add(SignedDuration::from_secs(known * SECONDS_PER_DAY))
        .and_then(|date| zone.to_timestamp(DateTime::from(date)));
    // The days that reach this function are all within jiff's calendar; beyond it there are no zones.
    let midnight = midnight.map_or(known * MICROS_PER_DAY, jiff::Timestamp::as_microsecond);
    midnight + (day - known) * MICROS_PER_DAY
}

fn number(day: Date) -> i64 {
    day.duration_since(EPOCH).as_secs() / SECONDS_PER_DAY
}

/// An RFC 3339 full-date (section 5.6) of the years 0001 to 9999.
pub(crate) fn parse_day(text: &str) -> Option<Date> {
    has_shape(text, "dddd-dd-dd")
        .then(|| text.parse::<Date>().ok())?
        .filter(|day| day.year() >= 1)
}

/// An RFC 3339 date-time (section 5.6). A leap second counts as the second before it.
fn parse_moment(text: &str) -> Option<Timestamp> {
    let (civil, rest) = text.split_at_checked(19)?;
    if !has_shape(civil, "dddd-dd-ddtdd:dd:dd") {
        return None;
    }
    let civil: DateTime = civil.parse().ok().filter(|civil: &DateTime| civil.year() >= 1)?;
    let (micros, offset) = match rest.strip_prefix('.') {
        Some(rest) => {
            let end = rest.find(|character: char| !character.is_ascii_digit())?;
            let (digits, offset) = rest.split_at_checked(end)?;
            (parse_fraction(digits)?, offset)
        }
        None => (0, rest),
    };
    let seconds = civil.duration_since(DateTime::from(EPOCH)).as_secs() - parse_offset(offset)?;
    Some(Timestamp::from_micros(seconds * MICROS_PER_SECOND + micros))
}

/// Microseconds of the digits after the point, of which there must be one.
fn parse_fraction(digits: &str) -> Option<i64> {
    let kept = digits.get(..6).unwrap_or(digits);
    format!("{kept:0<6}").parse().ok().filter(|_| !digits.is_empty())
}

/// Seconds east of UTC.
fn parse_offset(text: &str) -> Option<i64> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = text.get(1..).filter(|rest| has_shape(rest, "dd:dd"))?.split_once(':')?;
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60)
}

/// Whether the text is like the pattern, where `d` is a digit and `t` the T in either case.
fn has_shape(text: &str, pattern: &str) -> bool {
    text.len() == pattern.len()
        && text.bytes().zip(pattern.bytes()).all(|(byte, wanted)| match wanted {
            b'd' => byte.is_ascii_digit(),
            b't' => matches!(byte, b'T' | b't'),
            _ => byte == wanted,
        })
}

#[cfg(test)]
mod tests;
