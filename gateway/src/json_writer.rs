//! Protobuf to proto3 JSON in one pass over the wire, with no message in between.
//!
//! JSON has the fields by their numbers, those without presence also where they are absent; so does the wire that
//! encoders write. Where the two run side by side there is nothing to keep. What is written otherwise (a field out of
//! its order, or twice; a group), and what has no JSON form, is left to prost-reflect, whose output this one equals.

mod entry;
mod scalar;
mod structure;
mod tables;
mod text;
mod times;
mod well_known;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::HashSet;

use prost::encoding::WireType;
use prost_reflect::MessageDescriptor;

pub(crate) use wire::Reader;

use entry::Entry;
use scalar::Scalar;
use tables::{Field, Fields, Kind, Message, Shape, Tables};

/// How deep messages may be in each other. Less than prost allows, so what is written here also decodes.
const MAX_DEPTH: usize = 64;

/// Writes the messages of one type.
#[derive(Debug)]
pub(crate) struct JsonWriter(Tables);

impl JsonWriter {
    /// A writer for messages of this type.
    pub(crate) fn new(message: &MessageDescriptor) -> Self {
        Self(Tables::of(message))
    }

    /// A message as JSON on one line; `None` if prost-reflect must write it, or say what is wrong with it.
    pub(crate) fn write(&self, wire: &[u8]) -> Option<Vec<u8>> {
        let mut writing = Writing {
            tables: &self.0,
            // Names and punctuation are about as long as values.
            out: Vec::with_capacity(2 * wire.len()),
        };
        writing.message(Tables::ROOT, wire, MAX_DEPTH)?;
        Some(writing.out)
    }
}

/// A text that is being written. What stands in an object or a list begins with a comma; the first one becomes the
/// bracket when the last one is written.
struct Writing<'a> {
    tables: &'a Tables,
    out: Vec<u8>,
}

impl<'a> Writing<'a> {
    fn message(&mut self, index: usize, wire: &[u8], depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match &self.tables.messages[index] {
            Message::Fields(fields) => self.fields(fields, wire, depth),
            Message::WellKnown(known) => known.write(wire, &mut self.out, depth),
            Message::Other => None,
        }
    }

    fn fields(&mut self, fields: &'a Fields, wire: &[u8], depth: usize) -> Option<()> {
        let start = self.out.len();
        let mut reader = Reader::new(wire);
        let mut ahead = fields.0.iter().peekable();
        let (mut last, mut oneofs) = (0, 0);
        while !reader.is_at_end() {
            let (number, wire_type) = reader.key()?;
            if number <= last {
                return None;
            }
            last = number;
            while let Some(absent) = ahead.next_if(|field| field.number < number) {
                self.out.extend_from_slice(&absent.absent);
            }
            let Some(field) = ahead.next_if(|field| field.number == number) else {
                reader.skip(wire_type)?;
                continue;
            };
            if oneofs & field.oneof != 0 {
                return None;
            }
            oneofs |= field.oneof;
            self.out.extend_from_slice(&field.name);
            match field.shape {
                Shape::One => self.value(field.kind, wire_type, &mut reader, depth)?,
                Shape::List => self.list(field, wire_type, &mut reader, depth)?,
                Shape::Map(key) => self.map(field, key, wire_type, &mut reader, depth)?,
            }
        }
        for absent in ahead {
            self.out.extend_from_slice(&absent.absent);
        }
        text::enclose(&mut self.out, start, *b"{}");
        Some(())
    }

    fn list(&mut self, field: &Field, mut wire_type: WireType, reader: &mut Reader<'_>, depth: usize) -> Option<()> {
        let start = self.out.len();
        loop {
            if wire_type == WireType::LengthDelimited && field.kind.is_packable() {
                let mut packed = Reader::new(reader.bytes()?);
                while !packed.is_at_end() {
                    self.out.push(b',');
                    self.value(field.kind, field.kind.wire_type(), &mut packed, depth)?;
                }
            } else {
                self.out.push(b',');
                self.value(field.kind, wire_type, reader, depth)?;
            }
            match reader.key_if(field.number)? {
                Some(next) => wire_type = next,
                None => break,
            }
        }
        text::enclose(&mut self.out, start, *b"[]");
        Some(())
    }

    fn map(
        &mut self,
        field: &Field,
        key: Scalar,
        mut wire_type: WireType,
        reader: &mut Reader<'_>,
        depth: usize,
    ) -> Option<()> {
        let start = self.out.len();
        let mut keys = HashSet::new();
        loop {
            let entry = Entry::read(reader, wire_type)?;
            self.out.push(b',');
            let key_start = self.out.len();
            key.write_as_key(entry.key, &mut self.out)?;
            if !keys.insert(self.out[key_start..].to_vec()) {
                return None;
            }
            self.out.push(b':');
            match (entry.value, field.kind) {
                (Some((wire_type, mut value)), kind) => self.value(kind, wire_type, &mut value, depth)?,
                (None, Kind::Message(index)) => self.message(index, &[], depth)?,
                (None, kind) => self.out.extend_from_slice(&self.tables.absent(kind)),
            }
            match reader.key_if(field.number)? {
                Some(next) => wire_type = next,
                None => break,
            }
        }
        text::enclose(&mut self.out, start, *b"{}");
        Some(())
    }

    fn value(&mut self, kind: Kind, wire_type: WireType, reader: &mut Reader<'_>, depth: usize) -> Option<()> {
        if wire_type != kind.wire_type() {
            return None;
        }
        match kind {
            Kind::Scalar(scalar) => scalar.write(reader, &mut self.out),
            Kind::Enum(index) => {
                let number = reader.int32()?;
                match self.tables.enums[index].name(number) {
                    Some(name) => self.out.extend_from_slice(name),
                    None => text::number(&number, &mut self.out)?,
                }
                Some(())
            }
            Kind::Null => {
                reader.varint()?;
                self.out.extend_from_slice(b"null");
                Some(())
            }
            Kind::Message(index) => self.message(index, reader.bytes()?, depth),
        }
    }
}
