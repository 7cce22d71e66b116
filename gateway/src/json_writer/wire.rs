//! The wire format of protobuf, read from a slice. What is malformed, and groups, are `None`.

use prost::encoding::{WireType, decode_key, decode_varint};

/// What is left to read.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(wire: &'a [u8]) -> Self {
        Self(wire)
    }

    pub(crate) fn is_at_end(self) -> bool {
        self.0.is_empty()
    }

    /// A field's number, and how its value is written.
    pub(crate) fn key(&mut self) -> Option<(u32, WireType)> {
        decode_key(&mut self.0).ok()
    }

    /// How the next field's value is written, if it has this number; else that field is still ahead.
    #[expect(clippy::option_option, reason = "malformed, another field, this field")]
    pub(super) fn key_if(&mut self, number: u32) -> Option<Option<WireType>> {
        if self.is_at_end() {
            return Some(None);
        }
        let mut ahead = *self;
        let (next, wire_type) = ahead.key()?;
        if next != number {
            return Some(None);
        }
        *self = ahead;
        Some(Some(wire_type))
    }

    pub(super) fn varint(&mut self) -> Option<u64> {
        decode_varint(&mut self.0).ok()
    }

    /// The low half of a varint, which is all that 32-bit fields take of it.
    #[expect(clippy::cast_possible_truncation, reason = "as every decoder of protobuf does")]
    pub(super) fn uint32(&mut self) -> Option<u32> {
        Some(self.varint()? as u32)
    }

    pub(super) fn int32(&mut self) -> Option<i32> {
        Some(self.uint32()?.cast_signed())
    }

    pub(super) fn fixed32(&mut self) -> Option<[u8; 4]> {
        self.chunk()
    }

    pub(super) fn fixed64(&mut self) -> Option<[u8; 8]> {
        self.chunk()
    }

    fn chunk<const LENGTH: usize>(&mut self) -> Option<[u8; LENGTH]> {
        let (chunk, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*chunk)
    }

    /// A string, bytes, a message, or a packed list.
    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.varint()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(super) fn string(&mut self) -> Option<&'a str> {
        str::from_utf8(self.bytes()?).ok()
    }

    /// Leaves a value out.
    pub(crate) fn skip(&mut self, wire_type: WireType) -> Option<()> {
        match wire_type {
            WireType::Varint => self.varint().map(drop),
            WireType::ThirtyTwoBit => self.fixed32().map(drop),
            WireType::SixtyFourBit => self.fixed64().map(drop),
            WireType::LengthDelimited => self.bytes().map(drop),
            WireType::StartGroup | WireType::EndGroup => None,
        }
    }
}
