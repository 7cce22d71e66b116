//! `Timestamp` (RFC 3339, always UTC) and `Duration` (seconds), with 0, 3, 6 or 9 digits after the point.

use std::ops::RangeInclusive;

use prost::encoding::WireType;

use super::{text, wire::Reader};

/// From 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z.
const TIMESTAMP_SECONDS: RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
/// Ten thousand years either way.
const MAX_DURATION_SECONDS: u64 = 315_576_000_000;
const NANOS_PER_SECOND: u32 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

pub(super) fn timestamp(wire: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (seconds, nanos) = seconds_and_nanos(wire)?;
    let nanos = u32::try_from(nanos).ok().filter(|nanos| *nanos < NANOS_PER_SECOND)?;
    if !TIMESTAMP_SECONDS.contains(&seconds) {
        return None;
    }
    let (year, month, day) = date(seconds.div_euclid(SECONDS_PER_DAY));
    let second = seconds.rem_euclid(SECONDS_PER_DAY);
    out.push(b'"');
    digits::<4>(year, out)?;
    for (before, number) in [
        (b'-', month),
        (b'-', day),
        (b'T', second / 3600),
        (b':', second / 60 % 60),
        (b':', second % 60),
    ] {
        out.push(before);
        digits::<2>(number, out)?;
    }
    fraction(nanos, out)?;
    out.extend_from_slice(b"Z\"");
    Some(())
}

pub(super) fn duration(wire: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (seconds, nanos) = seconds_and_nanos(wire)?;
    let has_two_signs = (seconds < 0 && nanos > 0) || (seconds > 0 && nanos < 0);
    if has_two_signs || seconds.unsigned_abs() > MAX_DURATION_SECONDS || nanos.unsigned_abs() >= NANOS_PER_SECOND {
        return None;
    }
    out.push(b'"');
    if seconds < 0 || nanos < 0 {
        out.push(b'-');
    }
    text::number(&seconds.unsigned_abs(), out)?;
    fraction(nanos.unsigned_abs(), out)?;
    out.extend_from_slice(b"s\"");
    Some(())
}

fn seconds_and_nanos(wire: &[u8]) -> Option<(i64, i32)> {
    const SECONDS: u32 = 1;
    const NANOS: u32 = 2;
    let (mut seconds, mut nanos) = (0, 0);
    let mut reader = Reader::new(wire);
    while !reader.is_at_end() {
        match reader.key()? {
            // Of several, the last one counts.
            (SECONDS, WireType::Varint) => seconds = reader.varint()?.cast_signed(),
            (NANOS, WireType::Varint) => nanos = reader.int32()?,
            (SECONDS | NANOS, _) => return None,
            (_, wire_type) => reader.skip(wire_type)?,
        }
    }
    Some((seconds, nanos))
}

/// Year, month and day of a number of days since 1970-01-01. Years are counted from March, so that a leap day is the
/// last of its year (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn date(days: i64) -> (i64, i64, i64) {
    const DAYS_PER_ERA: i64 = 146_097;
    let since_year_0 = days + 719_468;
    let (era, day) = (
        since_year_0.div_euclid(DAYS_PER_ERA),
        since_year_0.rem_euclid(DAYS_PER_ERA),
    );
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let march_based = (5 * day + 2) / 153;
    let day = day - (153 * march_based + 2) / 5 + 1;
    let month = if march_based < 10 {
        march_based + 3
    } else {
        march_based - 9
    };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

fn fraction(nanos: u32, out: &mut Vec<u8>) -> Option<()> {
    if nanos == 0 {
        return Some(());
    }
    out.push(b'.');
    if nanos.is_multiple_of(1_000_000) {
        digits::<3>(nanos / 1_000_000, out)
    } else if nanos.is_multiple_of(1_000) {
        digits::<6>(nanos / 1_000, out)
    } else {
        digits::<9>(nanos, out)
    }
}

/// A number that has at most so many digits, with zeros before it; `None` if it is negative.
fn digits<const WIDTH: usize>(number: impl TryInto<usize>, out: &mut Vec<u8>) -> Option<()> {
    let mut rest = number.try_into().ok()?;
    let mut text = [b'0'; WIDTH];
    for digit in text.iter_mut().rev() {
        *digit = b"0123456789"[rest % 10];
        rest /= 10;
    }
    out.extend_from_slice(&text);
    Some(())
}
