//! Types of `google.protobuf` that have a JSON form of their own.

use prost::encoding::WireType;

use super::{scalar::Scalar, structure, text, times, wire::Reader};

/// Such a type.
#[derive(Clone, Copy, Debug)]
pub(super) enum WellKnown {
    Timestamp,
    Duration,
    FieldMask,
    Struct,
    Value,
    ListValue,
    Empty,
    Wrapper(Scalar),
}

impl WellKnown {
    pub(super) fn named(full_name: &str) -> Option<Self> {
        Some(match full_name.strip_prefix("google.protobuf.")? {
            "Timestamp" => Self::Timestamp,
            "Duration" => Self::Duration,
            "FieldMask" => Self::FieldMask,
            "Struct" => Self::Struct,
            "Value" => Self::Value,
            "ListValue" => Self::ListValue,
            "Empty" => Self::Empty,
            "DoubleValue" => Self::Wrapper(Scalar::Double),
            "FloatValue" => Self::Wrapper(Scalar::Float),
            "Int64Value" => Self::Wrapper(Scalar::Int64),
            "UInt64Value" => Self::Wrapper(Scalar::Uint64),
            "Int32Value" => Self::Wrapper(Scalar::Int32),
            "UInt32Value" => Self::Wrapper(Scalar::Uint32),
            "BoolValue" => Self::Wrapper(Scalar::Bool),
            "StringValue" => Self::Wrapper(Scalar::String),
            "BytesValue" => Self::Wrapper(Scalar::Bytes),
            _ => return None,
        })
    }

    pub(super) fn write(self, wire: &[u8], out: &mut Vec<u8>, depth: usize) -> Option<()> {
        match self {
            Self::Timestamp => times::timestamp(wire, out),
            Self::Duration => times::duration(wire, out),
            Self::FieldMask => field_mask(wire, out),
            Self::Struct => structure::object(wire, out, depth),
            Self::Value => structure::value(wire, out, depth),
            Self::ListValue => structure::list(wire, out, depth),
            Self::Empty => empty(wire, out),
            Self::Wrapper(scalar) => wrapper(scalar, wire, out),
        }
    }
}

fn empty(wire: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut reader = Reader::new(wire);
    while !reader.is_at_end() {
        let (_, wire_type) = reader.key()?;
        reader.skip(wire_type)?;
    }
    out.extend_from_slice(b"{}");
    Some(())
}

fn wrapper(scalar: Scalar, wire: &[u8], out: &mut Vec<u8>) -> Option<()> {
    const VALUE: u32 = 1;
    let mut reader = Reader::new(wire);
    let mut value = None;
    while !reader.is_at_end() {
        let (number, wire_type) = reader.key()?;
        let is_out_of_place = || value.is_some() || wire_type != scalar.wire_type();
        if number == VALUE {
            if is_out_of_place() {
                return None;
            }
            value = Some(reader);
        }
        reader.skip(wire_type)?;
    }
    // prost-reflect has `null` for what is no number, and 0.0 for -0.0, in wrappers only.
    match (scalar, value) {
        (_, None) => out.extend_from_slice(scalar.absent().as_bytes()),
        (Scalar::Double, Some(mut value)) => text::number(&(f64::from_le_bytes(value.fixed64()?) + 0.0), out)?,
        (Scalar::Float, Some(mut value)) => text::number(&(f32::from_le_bytes(value.fixed32()?) + 0.0), out)?,
        (_, Some(mut value)) => scalar.write(&mut value, out)?,
    }
    Some(())
}

fn field_mask(wire: &[u8], out: &mut Vec<u8>) -> Option<()> {
    const PATHS: u32 = 1;
    let mut reader = Reader::new(wire);
    let mut mask = String::new();
    while !reader.is_at_end() {
        match reader.key()? {
            (PATHS, WireType::LengthDelimited) => {
                let path = reader.string()?;
                if !mask.is_empty() {
                    mask.push(',');
                }
                camel_case(path, &mut mask)?;
            }
            (PATHS, _) => return None,
            (_, wire_type) => reader.skip(wire_type)?,
        }
    }
    text::string(&mask, out)
}

/// A path with its names as JSON has them; `None` if they could not be told from others then.
fn camel_case(path: &str, mask: &mut String) -> Option<()> {
    let mut is_after_underscore = false;
    for letter in path.chars() {
        match letter {
            'A'..='Z' => return None,
            'a'..='z' if is_after_underscore => mask.push(letter.to_ascii_uppercase()),
            '.' => mask.push('.'),
            _ if is_after_underscore => return None,
            '_' => {}
            _ => mask.push(letter),
        }
        is_after_underscore = letter == '_';
    }
    Some(())
}
