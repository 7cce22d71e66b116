//! What is known of messages before one is written: from the descriptors, once.

use std::collections::HashMap;

use prost::encoding::WireType;
use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind as DescriptorKind, MessageDescriptor, OneofDescriptor};

use super::{scalar::Scalar, text, well_known::WellKnown};

/// The types of messages and enums that messages of one type can hold, each by its index.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) messages: Vec<Message>,
    pub(super) enums: Vec<Enum>,
}

/// How messages of a type are written.
#[derive(Debug)]
pub(super) enum Message {
    /// As an object of its fields.
    Fields(Fields),
    /// In a form of its own.
    WellKnown(WellKnown),
    /// By prost-reflect.
    Other,
}

/// The fields of a message, by their numbers.
#[derive(Debug)]
pub(super) struct Fields(pub(super) Vec<Field>);

/// A field, and its parts that every text has.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) number: u32,
    /// `,"name":`
    pub(super) name: Box<[u8]>,
    /// What is written where the field is not: the default with its name, or nothing for a field with presence.
    pub(super) absent: Box<[u8]>,
    /// What it is; of a map, the values.
    pub(super) kind: Kind,
    pub(super) shape: Shape,
    /// The bit of its oneof; 0 if it is in none.
    pub(super) oneof: u64,
}

/// How many values a field has.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    One,
    List,
    /// As many as keys.
    Map(Scalar),
}

/// What a value is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Scalar(Scalar),
    Enum(usize),
    /// `google.protobuf.NullValue`.
    Null,
    Message(usize),
}

/// The values of an enum that have a name.
#[derive(Debug)]
pub(super) struct Enum {
    names: Vec<(i32, Box<[u8]>)>,
    /// The number of the default.
    default: i32,
}

impl Tables {
    /// The type that the tables were made for.
    pub(super) const ROOT: usize = 0;

    pub(super) fn of(root: &MessageDescriptor) -> Self {
        let mut building = Building::default();
        building.message(root);
        building.tables
    }

    /// The JSON of a value that is absent and no message.
    pub(super) fn absent(&self, kind: Kind) -> Vec<u8> {
        match kind {
            Kind::Scalar(scalar) => scalar.absent().into(),
            Kind::Enum(index) => {
                let values = &self.enums[index];
                values.name(values.default).unwrap_or_default().to_vec()
            }
            Kind::Null => b"null".to_vec(),
            Kind::Message(_) => Vec::new(),
        }
    }
}

impl Kind {
    pub(super) fn wire_type(self) -> WireType {
        match self {
            Self::Scalar(scalar) => scalar.wire_type(),
            Self::Enum(_) | Self::Null => WireType::Varint,
            Self::Message(_) => WireType::LengthDelimited,
        }
    }

    pub(super) fn is_packable(self) -> bool {
        self.wire_type() != WireType::LengthDelimited
    }
}

impl Enum {
    fn of(descriptor: &EnumDescriptor) -> Self {
        let mut names: Vec<_> = descriptor
            .values()
            // Of the names of one number, the one that prost-reflect takes.
            .filter_map(|value| descriptor.get_value(value.number()))
            .map(|value| (value.number(), quoted(value.name()).into_boxed_slice()))
            .collect();
        names.sort_unstable();
        names.dedup();
        Self {
            names,
            default: descriptor.default_value().number(),
        }
    }

    /// The name of a value, in quotes.
    pub(super) fn name(&self, number: i32) -> Option<&[u8]> {
        let index = self.names.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        Some(&self.names[index].1)
    }
}

#[derive(Default)]
struct Building {
    tables: Tables,
    messages: HashMap<String, usize>,
    enums: HashMap<String, usize>,
}

impl Building {
    fn message(&mut self, descriptor: &MessageDescriptor) -> usize {
        if let Some(&known) = self.messages.get(descriptor.full_name()) {
            return known;
        }
        let index = self.tables.messages.len();
        self.messages.insert(descriptor.full_name().to_owned(), index);
        // A type can hold itself, so its place must be there before its fields are read.
        self.tables.messages.push(Message::Other);
        self.tables.messages[index] = if let Some(known) = WellKnown::named(descriptor.full_name()) {
            Message::WellKnown(known)
        } else if is_plain(descriptor) {
            // `fields` has them by their numbers.
            Message::Fields(Fields(descriptor.fields().map(|field| self.field(&field)).collect()))
        } else {
            Message::Other
        };
        index
    }

    fn field(&mut self, descriptor: &FieldDescriptor) -> Field {
        let (kind, shape) = match descriptor.kind() {
            DescriptorKind::Message(entry) if descriptor.is_map() => {
                let key = Scalar::of(&entry.map_entry_key_field().kind());
                let value = self.kind(&entry.map_entry_value_field().kind());
                // Every kind of key that a map may have is a scalar.
                (value, Shape::Map(key.unwrap_or(Scalar::String)))
            }
            kind if descriptor.is_list() => (self.kind(&kind), Shape::List),
            kind => (self.kind(&kind), Shape::One),
        };
        let name = [b",", &*quoted(descriptor.json_name()), b":"].concat();
        let default = match shape {
            _ if descriptor.supports_presence() => None,
            Shape::One => Some(self.tables.absent(kind)),
            Shape::List => Some(b"[]".to_vec()),
            Shape::Map(_) => Some(b"{}".to_vec()),
        };
        let oneof = descriptor.containing_oneof().and_then(|oneof| {
            let index = real_oneofs(descriptor.parent_message()).position(|other| other == oneof);
            1_u64.checked_shl(index?.try_into().ok()?)
        });
        Field {
            number: descriptor.number(),
            absent: default
                .map(|default| [&*name, &*default].concat())
                .unwrap_or_default()
                .into_boxed_slice(),
            name: name.into_boxed_slice(),
            kind,
            shape,
            oneof: oneof.unwrap_or(0),
        }
    }

    fn kind(&mut self, kind: &DescriptorKind) -> Kind {
        match kind {
            DescriptorKind::Message(message) => Kind::Message(self.message(message)),
            DescriptorKind::Enum(descriptor) if descriptor.full_name() == "google.protobuf.NullValue" => Kind::Null,
            DescriptorKind::Enum(descriptor) => {
                let enums = &mut self.tables.enums;
                let index = *self.enums.entry(descriptor.full_name().to_owned()).or_insert_with(|| {
                    enums.push(Enum::of(descriptor));
                    enums.len() - 1
                });
                Kind::Enum(index)
            }
            other => Kind::Scalar(Scalar::of(other).unwrap_or(Scalar::Bytes)),
        }
    }
}

/// Whether messages of a type are written here: those of proto2 can have what is not (extensions, groups), as can those
/// with more oneofs than there are bits; `Any` holds a type that is not known before.
fn is_plain(descriptor: &MessageDescriptor) -> bool {
    descriptor.full_name() != "google.protobuf.Any"
        && descriptor.extension_ranges().len() == 0
        && descriptor.fields().all(|field| !field.is_group())
        && real_oneofs(descriptor).count() <= 64
}

/// The oneofs but those that only stand for `optional`, which have one field each.
fn real_oneofs(descriptor: &MessageDescriptor) -> impl Iterator<Item = OneofDescriptor> {
    descriptor.oneofs().filter(|oneof| !oneof.is_synthetic())
}

fn quoted(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    // A string always has a JSON form.
    text::string(name, &mut out).unwrap_or_default();
    out
}
