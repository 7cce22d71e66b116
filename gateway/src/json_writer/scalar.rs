//! Values that are no message and no enum.

use prost::encoding::WireType;
use prost_reflect::Kind;

use super::{text, wire::Reader};

/// What a value is, and how it is written on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scalar {
    Double,
    Float,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Bool,
    String,
    Bytes,
}

impl Scalar {
    pub(super) fn of(kind: &Kind) -> Option<Self> {
        Some(match kind {
            Kind::Double => Self::Double,
            Kind::Float => Self::Float,
            Kind::Int32 => Self::Int32,
            Kind::Int64 => Self::Int64,
            Kind::Uint32 => Self::Uint32,
            Kind::Uint64 => Self::Uint64,
            Kind::Sint32 => Self::Sint32,
            Kind::Sint64 => Self::Sint64,
            Kind::Fixed32 => Self::Fixed32,
            Kind::Fixed64 => Self::Fixed64,
            Kind::Sfixed32 => Self::Sfixed32,
            Kind::Sfixed64 => Self::Sfixed64,
            Kind::Bool => Self::Bool,
            Kind::String => Self::String,
            Kind::Bytes => Self::Bytes,
            Kind::Message(_) | Kind::Enum(_) => return None,
        })
    }

    pub(super) fn wire_type(self) -> WireType {
        match self {
            Self::Double | Self::Fixed64 | Self::Sfixed64 => WireType::SixtyFourBit,
            Self::Float | Self::Fixed32 | Self::Sfixed32 => WireType::ThirtyTwoBit,
            Self::Int32 | Self::Int64 | Self::Uint32 | Self::Uint64 | Self::Sint32 | Self::Sint64 | Self::Bool => {
                WireType::Varint
            }
            Self::String | Self::Bytes => WireType::LengthDelimited,
        }
    }

    /// The JSON of a value that is absent.
    pub(super) fn absent(self) -> &'static str {
        match self {
            Self::Double | Self::Float => "0.0",
            Self::Int32 | Self::Uint32 | Self::Sint32 | Self::Fixed32 | Self::Sfixed32 => "0",
            Self::Int64 | Self::Uint64 | Self::Sint64 | Self::Fixed64 | Self::Sfixed64 => "\"0\"",
            Self::Bool => "false",
            Self::String | Self::Bytes => "\"\"",
        }
    }

    pub(super) fn write(self, reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Option<()> {
        match self {
            Self::Double => {
                let value = f64::from_le_bytes(reader.fixed64()?);
                text::float(&value, value, out)
            }
            Self::Float => {
                let value = f32::from_le_bytes(reader.fixed32()?);
                text::float(&value, value.into(), out)
            }
            Self::Int32 => text::number(&reader.int32()?, out),
            Self::Int64 => text::number_as_string(&reader.varint()?.cast_signed(), out),
            Self::Uint32 => text::number(&reader.uint32()?, out),
            Self::Uint64 => text::number_as_string(&reader.varint()?, out),
            Self::Sint32 => {
                let zigzag = reader.uint32()?;
                text::number(&((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed()), out)
            }
            Self::Sint64 => {
                let zigzag = reader.varint()?;
                text::number_as_string(&((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed()), out)
            }
            Self::Fixed32 => text::number(&u32::from_le_bytes(reader.fixed32()?), out),
            Self::Fixed64 => text::number_as_string(&u64::from_le_bytes(reader.fixed64()?), out),
            Self::Sfixed32 => text::number(&i32::from_le_bytes(reader.fixed32()?), out),
            Self::Sfixed64 => text::number_as_string(&i64::from_le_bytes(reader.fixed64()?), out),
            Self::Bool => {
                text::boolean(reader.varint()? != 0, out);
                Some(())
            }
            Self::String => text::string(reader.string()?, out),
            Self::Bytes => text::base64(reader.bytes()?, out),
        }
    }

    /// A key of a map, which JSON has only as a string.
    pub(super) fn write_as_key(self, key: Option<(WireType, Reader<'_>)>, out: &mut Vec<u8>) -> Option<()> {
        let is_quoted = self.absent().starts_with('"');
        if !is_quoted {
            out.push(b'"');
        }
        match key {
            Some((wire_type, mut reader)) if wire_type == self.wire_type() => self.write(&mut reader, out)?,
            Some(_) => return None,
            None => out.extend_from_slice(self.absent().as_bytes()),
        }
        if !is_quoted {
            out.push(b'"');
        }
        Some(())
    }
}
