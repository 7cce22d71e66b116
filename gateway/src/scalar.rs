//! One value from text: a path variable, a query parameter, or a JSON string.

use std::str::FromStr;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use prost_reflect::{DynamicMessage, EnumDescriptor, Kind, MessageDescriptor, Value};

/// What is wrong with a value, as a sentence about the field.
pub(crate) type Fault = String;

/// Standard alphabet, padding or not; the URL-safe letters are translated before.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The value of a kind from its text, as in a proto3 JSON string. Messages only where their JSON form is one
/// scalar: wrappers, Timestamp, Duration, FieldMask.
pub(crate) fn from_text(kind: &Kind, text: &str) -> Result<Value, Fault> {
    match kind {
        Kind::Double => float(text).map(Value::F64),
        // Rounding to the nearest f32 is what a float field means; overflow is not.
        Kind::Float => float(text).and_then(|_| text_to_f32(text)).map(Value::F32),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => integer(text, "a 32-bit integer").map(Value::I32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => integer(text, "a 64-bit integer").map(Value::I64),
        Kind::Uint32 | Kind::Fixed32 => integer(text, "an unsigned 32-bit integer").map(Value::U32),
        Kind::Uint64 | Kind::Fixed64 => integer(text, "an unsigned 64-bit integer").map(Value::U64),
        Kind::Bool => match text {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err("must be true or false".to_owned()),
        },
        Kind::String => Ok(Value::String(text.to_owned())),
        Kind::Bytes => BASE64
            .decode(text.replace('-', "+").replace('_', "/"))
            .map(|bytes| Value::Bytes(bytes.into()))
            .map_err(|_| "must be base64".to_owned()),
        Kind::Enum(descriptor) => enumeration(descriptor, text),
        Kind::Message(descriptor) => message(descriptor, text),
    }
}

fn integer<T: FromStr + TryFrom<i128>>(text: &str, what: &str) -> Result<T, Fault> {
    text.parse()
        .ok()
        .or_else(|| whole(text)?.try_into().ok())
        .ok_or_else(|| format!("must be {what}"))
}

/// The integer that a number of JSON is, such as `-0`, `5.0` or `1.25e2`; none of it is rounded.
fn whole(text: &str) -> Option<i128> {
    /// No integer of 64 bits has more.
    const MOST_DIGITS: usize = 20;
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (before, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let (sign, before) = before.strip_prefix('-').map_or((1, before), |before| (-1, before));
    if !is_digits(before) || !is_digits(fraction) {
        return None;
    }
    let places = isize::try_from(before.len())
        .ok()?
        .checked_add(exponent.parse().ok()?)?;
    let digits = format!("{before}{fraction}");
    let (digits, behind) = digits.split_at(usize::try_from(places).unwrap_or(0).min(digits.len()));
    let significant = digits.trim_start_matches('0');
    if !behind.bytes().all(|digit| digit == b'0') {
        return None;
    }
    if significant.is_empty() {
        return Some(0);
    }
    let zeros = usize::try_from(places).ok()?.checked_sub(digits.len())?;
    if significant.len().checked_add(zeros)? > MOST_DIGITS {
        return None;
    }
    let value: i128 = format!("{significant}{}", "0".repeat(zeros)).parse().ok()?;
    Some(sign * value)
}

fn float(text: &str) -> Result<f64, Fault> {
    match text {
        "NaN" => Ok(f64::NAN),
        "Infinity" => Ok(f64::INFINITY),
        "-Infinity" => Ok(f64::NEG_INFINITY),
        _ => text
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite())
            .ok_or_else(|| "must be a number".to_owned()),
    }
}

fn text_to_f32(text: &str) -> Result<f32, Fault> {
    let number: f32 = text.parse().map_err(|_| "must be a number")?;
    if number.is_infinite() && !text.ends_with("Infinity") {
        return Err("is too large for a 32-bit number".to_owned());
    }
    Ok(number)
}

/// By name or by number; an unknown number is kept, as open enums ask, for the service to judge.
fn enumeration(descriptor: &EnumDescriptor, text: &str) -> Result<Value, Fault> {
    if let Some(value) = descriptor.get_value_by_name(text) {
        return Ok(Value::EnumNumber(value.number()));
    }
    text.parse().map(Value::EnumNumber).map_err(|_| {
        let values: Vec<_> = descriptor.values().map(|value| value.name().to_owned()).collect();
        format!("must be one of {}", values.join(", "))
    })
}

fn message(descriptor: &MessageDescriptor, text: &str) -> Result<Value, Fault> {
    let from_json = |wanted: &str| {
        DynamicMessage::deserialize(descriptor.clone(), serde_json::Value::from(text))
            .map(Value::Message)
            .map_err(|_| wanted.to_owned())
    };
    match descriptor.full_name() {
        "google.protobuf.Timestamp" => {
            let wanted = "must be an RFC 3339 time, such as 2026-01-31T12:00:00Z";
            // The parser below also takes dates alone, times without an offset, and leap seconds.
            if is_rfc3339(text) {
                from_json(wanted)
            } else {
                Err(wanted.to_owned())
            }
        }
        "google.protobuf.Duration" => {
            let wanted = "must be seconds followed by s, such as 1.5s";
            // The parser below drops digits after the ninth.
            if is_duration(text) {
                from_json(wanted)
            } else {
                Err(wanted.to_owned())
            }
        }
        "google.protobuf.FieldMask" => Ok(Value::Message(field_mask(descriptor, text))),
        name if is_wrapper(name) => {
            let mut wrapper = DynamicMessage::new(descriptor.clone());
            if let Some(inner) = descriptor.get_field_by_name("value") {
                wrapper.set_field(&inner, from_text(&inner.kind(), text)?);
            }
            Ok(Value::Message(wrapper))
        }
        _ => Err("is a message; name one of its fields".to_owned()),
    }
}

/// Whether a message is one of google/protobuf/wrappers.proto: in JSON it is the value itself.
pub(crate) fn is_wrapper(full_name: &str) -> bool {
    full_name
        .strip_prefix("google.protobuf.")
        .and_then(|name| name.strip_suffix("Value"))
        .is_some_and(|name| {
            matches!(
                name,
                "Double" | "Float" | "Int64" | "UInt64" | "Int32" | "UInt32" | "Bool" | "String" | "Bytes"
            )
        })
}

/// Names by commas, in lowerCamelCase as proto3 JSON has them, or as in the proto.
fn field_mask(descriptor: &MessageDescriptor, text: &str) -> DynamicMessage {
    let paths = text.split(',').filter(|path| !path.is_empty()).map(|path| {
        let mut name = String::with_capacity(path.len());
        for character in path.chars() {
            if character.is_ascii_uppercase() {
                name.push('_');
            }
            name.push(character.to_ascii_lowercase());
        }
        Value::String(name)
    });
    let mut mask = DynamicMessage::new(descriptor.clone());
    mask.set_field_by_name("paths", Value::List(paths.collect()));
    mask
}

/// Seconds with at most nine digits behind the point: `-1.5s`.
fn is_duration(text: &str) -> bool {
    let Some(seconds) = text.strip_suffix('s') else {
        return false;
    };
    let seconds = seconds.strip_prefix('-').unwrap_or(seconds);
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits(whole) && is_digits(fraction) && fraction.len() <= 9
}

/// The form of RFC 3339, section 5.6: `2026-01-31T12:00:00.5+01:00`, at most nine digits of a second. Letters are
/// capital, and each minute has sixty seconds (google/protobuf/timestamp.proto).
fn is_rfc3339(text: &str) -> bool {
    let form = |text: &str, form: &str| {
        text.len() == form.len()
            && text.bytes().zip(form.bytes()).all(|(byte, wanted)| match wanted {
                b'0' => byte.is_ascii_digit(),
                wanted => byte == wanted,
            })
    };
    let Some((moment, rest)) = text.split_at_checked("0000-00-00T00:00:00".len()) else {
        return false;
    };
    let offset = match rest.strip_prefix('.') {
        None => rest,
        Some(fraction) => {
            let offset = fraction.trim_start_matches(|character: char| character.is_ascii_digit());
            if !(1..=9).contains(&(fraction.len() - offset.len())) {
                return false;
            }
            offset
        }
    };
    let is_leap_second = moment.ends_with(":60");
    form(moment, "0000-00-00T00:00:00")
        && !is_leap_second
        && ["Z", "+00:00", "-00:00"].iter().any(|wanted| form(offset, wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_in_their_range() {
        assert_eq!(from_text(&Kind::Int32, "-2147483648"), Ok(Value::I32(i32::MIN)));
        assert_eq!(
            from_text(&Kind::Uint64, "18446744073709551615"),
            Ok(Value::U64(u64::MAX))
        );
        assert_eq!(from_text(&Kind::Double, "1e3"), Ok(Value::F64(1000.0)));
        assert_eq!(from_text(&Kind::Double, "-Infinity"), Ok(Value::F64(f64::NEG_INFINITY)));
        for (kind, text) in [
            (Kind::Int32, "2147483648"),
            (Kind::Int32, "1.5"),
            (Kind::Int32, ""),
            (Kind::Uint32, "-1"),
            (Kind::Double, "inf"),
            (Kind::Double, "1e999"),
            (Kind::Float, "1e39"),
            (Kind::Bool, "1"),
            (Kind::Bool, "True"),
            (Kind::Bytes, "*"),
        ] {
            assert!(from_text(&kind, text).is_err(), "{kind:?} {text}");
        }
    }

    #[test]
    fn an_integer_can_have_a_fraction_of_nothing_and_an_exponent() {
        for (text, expected) in [
            ("1e2", 100),
            ("-1.25E+2", -125),
            ("500e-2", 5),
            ("0.0e999999999", 0),
            ("0e-999999999", 0),
            ("-0", 0),
            ("9.223372036854775807e18", i64::MAX),
            ("-9223372036854775808.000", i64::MIN),
        ] {
            assert_eq!(from_text(&Kind::Int64, text), Ok(Value::I64(expected)), "{text}");
        }
        assert_eq!(from_text(&Kind::Uint32, "-0"), Ok(Value::U32(0)));
        for text in [
            "15e-1",
            "1e19",
            "1e999999999",
            "1e99999999999999999999",
            "1e-1",
            "1.",
            ".5",
            "e1",
            "1e",
            "--1",
            "1e1.0",
        ] {
            assert!(from_text(&Kind::Int64, text).is_err(), "{text}");
        }
    }

    #[test]
    fn base64_comes_in_any_usual_form() {
        for text in ["+/8=", "-_8=", "+/8", "-_8"] {
            assert_eq!(
                from_text(&Kind::Bytes, text),
                Ok(Value::Bytes(vec![0xfb, 0xff].into())),
                "{text}"
            );
        }
    }

    #[test]
    fn a_time_needs_an_offset() {
        for good in [
            "2026-01-31T12:00:00Z",
            "2026-01-31T12:00:00.123456789+01:30",
            "2026-01-31T12:00:00-00:00",
        ] {
            assert!(is_rfc3339(good), "{good}");
        }
        for bad in [
            "2026-01-31",
            "2026-01-31T12:00:00",
            "2026-01-31 12:00:00Z",
            "2026-01-31t12:00:00z",
            "2016-12-31T23:59:60Z",
            "2026-01-31T12:00:00.Z",
            "é026-01-31T12:00:00Z",
            "2026-01-31T12:00:00.1234567890Z",
            "2026-01-31T12:00:00+0100",
            "",
        ] {
            assert!(!is_rfc3339(bad), "{bad}");
        }
    }
}
