//! `Struct`, `Value` and `ListValue`: JSON that protobuf carries.

use prost::encoding::WireType;

use super::{entry::Entry, text, wire::Reader};

/// The field of a `Struct`, and of a `ListValue`.
const ITEMS: u32 = 1;

/// The fields of a `Value`.
mod kind {
    pub(super) const NULL: u32 = 1;
    pub(super) const NUMBER: u32 = 2;
    pub(super) const STRING: u32 = 3;
    pub(super) const BOOL: u32 = 4;
    pub(super) const STRUCT: u32 = 5;
    pub(super) const LIST: u32 = 6;
}

pub(super) fn value(wire: &[u8], out: &mut Vec<u8>, depth: usize) -> Option<()> {
    let mut reader = Reader::new(wire);
    let mut is_written = false;
    while !reader.is_at_end() {
        let (number, wire_type) = reader.key()?;
        if !(kind::NULL..=kind::LIST).contains(&number) {
            reader.skip(wire_type)?;
            continue;
        }
        if is_written {
            return None;
        }
        is_written = true;
        match (number, wire_type) {
            (kind::NULL, WireType::Varint) => {
                reader.varint()?;
                out.extend_from_slice(b"null");
            }
            (kind::NUMBER, WireType::SixtyFourBit) => {
                let number = f64::from_le_bytes(reader.fixed64()?);
                if !number.is_finite() {
                    return None;
                }
                text::number(&number, out)?;
            }
            (kind::STRING, WireType::LengthDelimited) => text::string(reader.string()?, out)?,
            (kind::BOOL, WireType::Varint) => text::boolean(reader.varint()? != 0, out),
            (kind::STRUCT, WireType::LengthDelimited) => object(reader.bytes()?, out, depth.checked_sub(1)?)?,
            (kind::LIST, WireType::LengthDelimited) => list(reader.bytes()?, out, depth.checked_sub(1)?)?,
            _ => return None,
        }
    }
    if !is_written {
        out.extend_from_slice(b"null");
    }
    Some(())
}

/// A `Struct`, whose keys are in order.
pub(super) fn object(wire: &[u8], out: &mut Vec<u8>, depth: usize) -> Option<()> {
    let start = out.len();
    let mut reader = Reader::new(wire);
    let mut last = None;
    while !reader.is_at_end() {
        let (number, wire_type) = reader.key()?;
        if number != ITEMS {
            reader.skip(wire_type)?;
            continue;
        }
        let entry = Entry::read(&mut reader, wire_type)?;
        let key = Some(entry.key.map_or(Some(""), string)?);
        if key <= last {
            return None;
        }
        last = key;
        out.push(b',');
        text::string(key?, out)?;
        out.push(b':');
        let item = entry.value.map_or(Some(&[][..]), bytes)?;
        value(item, out, depth.checked_sub(1)?)?;
    }
    text::enclose(out, start, *b"{}");
    Some(())
}

pub(super) fn list(wire: &[u8], out: &mut Vec<u8>, depth: usize) -> Option<()> {
    let start = out.len();
    let mut reader = Reader::new(wire);
    while !reader.is_at_end() {
        let (number, wire_type) = reader.key()?;
        if number != ITEMS {
            reader.skip(wire_type)?;
            continue;
        }
        out.push(b',');
        value(bytes((wire_type, reader))?, out, depth.checked_sub(1)?)?;
        reader.skip(wire_type)?;
    }
    text::enclose(out, start, *b"[]");
    Some(())
}

fn bytes((wire_type, mut reader): (WireType, Reader<'_>)) -> Option<&[u8]> {
    (wire_type == WireType::LengthDelimited).then(|| reader.bytes())?
}

fn string((wire_type, mut reader): (WireType, Reader<'_>)) -> Option<&str> {
    (wire_type == WireType::LengthDelimited).then(|| reader.string())?
}
