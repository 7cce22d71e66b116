//! One entry of a map: a message of a key and a value.

use prost::encoding::WireType;

use super::wire::Reader;

const KEY: u32 = 1;
const VALUE: u32 = 2;

/// Where the parts of an entry are, and how they are written; `None` for one that is absent.
pub(super) struct Entry<'a> {
    pub(super) key: Option<(WireType, Reader<'a>)>,
    pub(super) value: Option<(WireType, Reader<'a>)>,
}

impl<'a> Entry<'a> {
    pub(super) fn read(reader: &mut Reader<'a>, wire_type: WireType) -> Option<Self> {
        if wire_type != WireType::LengthDelimited {
            return None;
        }
        let mut entry = Reader::new(reader.bytes()?);
        let (mut key, mut value) = (None, None);
        while !entry.is_at_end() {
            let (number, wire_type) = entry.key()?;
            let part = match number {
                KEY => Some(&mut key),
                VALUE => Some(&mut value),
                _ => None,
            };
            if part.is_some_and(|part| part.replace((wire_type, entry)).is_some()) {
                return None;
            }
            entry.skip(wire_type)?;
        }
        Some(Self { key, value })
    }
}
