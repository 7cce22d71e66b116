//! Dates as Todoist writes them in a table.

use jiff::civil::{Date, Time};

use crate::transfer::moment::{self, Said};

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Reads a date that means one day whoever reads it, and whenever: ISO 8601, `31 Jan 2026`, `Jan 31 2026` with or
/// without comma, each also with a time such as `18:00`, `at 9:30am` or `9pm`. All else is `None`: days without a
/// year, repetitions, and `01/02/2026`, which is in January or in February.
pub(super) fn read(text: &str) -> Option<Said> {
    let text = text.trim();
    moment::read(text).or_else(|| read_words(text))
}

fn read_words(text: &str) -> Option<Said> {
    let text = text.to_ascii_lowercase().replace(',', " ");
    let mut words = text.split_whitespace();
    let (first, second) = (words.next()?, words.next()?);
    let (month, day) = match (month(first), month(second)) {
        (Some(month), None) => (month, second),
        (None, Some(month)) => (month, first),
        _ => return None,
    };
    let year = words.next().filter(|year| year.len() == 4)?;
    let date = Date::new(number(year)?, month, number(day)?).ok()?;
    let mut clock: Vec<&str> = words.collect();
    if clock.first() == Some(&"at") {
        clock.remove(0);
    }
    match clock.concat().as_str() {
        "" => Some(Said::Day(date)),
        time => Some(Said::Local(date.to_datetime(clock_time(time)?))),
    }
    .filter(|_| date.year() >= 1)
}

fn month(word: &str) -> Option<i8> {
    let place = MONTHS
        .iter()
        .position(|month| *month == word || (word.len() == 3 && month.starts_with(word)))?;
    i8::try_from(place + 1).ok()
}

/// `18:00`, `9:30am`, `9pm`; a bare number is no time.
fn clock_time(text: &str) -> Option<Time> {
    let (digits, half) = match (text.strip_suffix("am"), text.strip_suffix("pm")) {
        (Some(digits), _) => (digits, Some(0)),
        (_, Some(digits)) => (digits, Some(12)),
        _ => (text, None),
    };
    let (hour, minute) = match (digits.split_once(':'), half) {
        (Some((hour, minute)), _) if minute.len() == 2 => (number(hour)?, number(minute)?),
        (None, Some(_)) => (number(digits)?, 0),
        _ => return None,
    };
    let hour: i8 = match half {
        None => hour,
        Some(half) if (1..=12).contains(&hour) => hour % 12 + half,
        Some(_) => return None,
    };
    Time::new(hour, minute, 0, 0).ok()
}

fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_with_a_year_are_read() {
        let day = Date::constant(2026, 1, 31);
        for text in [
            "2026-01-31",
            "31 Jan 2026",
            "Jan 31 2026",
            "January 31, 2026",
            " 31 january 2026 ",
        ] {
            assert_eq!(read(text), Some(Said::Day(day)), "{text}");
        }
        for (text, hour, minute) in [
            ("2026-01-31 18:00", 18, 0),
            ("2026-01-31T18:00:00", 18, 0),
            ("31 Jan 2026 18:00", 18, 0),
            ("Jan 31, 2026 at 9:30am", 9, 30),
            ("Jan 31 2026 9:30 PM", 21, 30),
            ("Jan 31 2026 12am", 0, 0),
            ("Jan 31 2026 12pm", 12, 0),
        ] {
            assert_eq!(read(text), Some(Said::Local(day.at(hour, minute, 0, 0))), "{text}");
        }
        assert!(matches!(read("2026-01-31T18:00:00Z"), Some(Said::Moment(_))));
    }

    #[test]
    fn what_depends_on_the_reader_is_not() {
        for text in [
            "",
            "today",
            "tomorrow 18:00",
            "every monday",
            "every 31 Jan 2026",
            "Jan 31",
            "31 Jan",
            "31 Jan 26",
            "01/02/2026",
            "31.01.2026",
            "Feb 30 2026",
            "May June 2026",
            "Jan 31 2026 9",
            "Jan 31 2026 13pm",
            "Jan 31 2026 24:00",
            "Jan 31 2026 starting tomorrow",
            "Jan +3 2026",
            "Jan 31 0000",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
