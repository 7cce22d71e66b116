//! A message of an upstream: as JSON, and in the parts that headers and cookies are made of.

use std::{borrow::Cow, collections::HashMap};

use axum::body::Bytes;
use prost::DecodeError;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, SerializeOptions, Value};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::{
    field_path::FieldPath,
    json_writer::{JsonWriter, Reader},
    problem::Problem,
};

/// Fields without presence are always written, defaults included; fields with presence only when they are set.
const JSON: SerializeOptions = SerializeOptions::new().skip_default_fields(false);

/// A message that decodes. It may hold tokens, so it has no `Debug`.
pub(crate) enum Received {
    /// As it came, with its JSON: on the wire, each field that is no list is there once.
    Written {
        /// Its type.
        descriptor: MessageDescriptor,
        /// What came.
        wire: Bytes,
        /// What is answered.
        json: Bytes,
    },
    /// Decoded.
    Decoded(DynamicMessage),
}

impl Received {
    /// A message as it came. Without a writer, or if the writer does not write it, it is decoded.
    pub(crate) fn new(
        descriptor: &MessageDescriptor,
        writer: Option<&JsonWriter>,
        wire: Bytes,
    ) -> Result<Self, DecodeError> {
        Ok(match writer.and_then(|writer| writer.write(&wire)) {
            Some(json) => Self::Written {
                descriptor: descriptor.clone(),
                wire,
                json: json.into(),
            },
            None => Self::Decoded(DynamicMessage::decode(descriptor.clone(), wire)?),
        })
    }

    /// The message as JSON on one line.
    pub(crate) fn json(&self) -> serde_json::Result<Bytes> {
        match self {
            Self::Written { json, .. } => Ok(json.clone()),
            Self::Decoded(message) => serde_json::to_vec(&Whole(message)).map(Bytes::from),
        }
    }

    /// All of it, decoded.
    pub(crate) fn message(&self) -> Result<Cow<'_, DynamicMessage>, Problem> {
        match self {
            Self::Decoded(message) => Ok(Cow::Borrowed(message)),
            Self::Written { descriptor, wire, .. } => match DynamicMessage::decode(descriptor.clone(), wire.clone()) {
                Ok(message) => Ok(Cow::Owned(message)),
                Err(error) => {
                    let message = descriptor.full_name();
                    tracing::error!(message, %error, "an answer has JSON, but does not decode");
                    Err(Problem::internal())
                }
            },
        }
    }

    /// As [`Received::message`], to be changed.
    pub(crate) fn into_message(self) -> Result<DynamicMessage, Problem> {
        match self {
            Self::Decoded(message) => Ok(message),
            Self::Written { .. } => self.message().map(Cow::into_owned),
        }
    }

    /// A field's value; `None` if a message around it is absent, and maybe if it is itself.
    pub(crate) fn value(&self, path: &FieldPath) -> Option<Value> {
        let leaf = path.leaf();
        match self {
            // What headers need, for which nothing is decoded.
            Self::Written { wire, .. } if leaf.kind() == Kind::String && !leaf.is_list() => {
                let mut inside = &**wire;
                for field in path.fields() {
                    inside = find(inside, field)?.bytes()?;
                }
                Some(Value::String(str::from_utf8(inside).ok()?.to_owned()))
            }
            _ => path.get(&*self.message().ok()?),
        }
    }

    /// Whether a field that has presence is set.
    pub(crate) fn has(&self, field: &FieldDescriptor) -> bool {
        match self {
            Self::Written { wire, .. } => find(wire, field).is_some(),
            Self::Decoded(message) => message.has_field(field),
        }
    }
}

impl From<DynamicMessage> for Received {
    fn from(message: DynamicMessage) -> Self {
        Self::Decoded(message)
    }
}

/// Where the value of a field is that is no list.
fn find<'a>(wire: &'a [u8], field: &FieldDescriptor) -> Option<Reader<'a>> {
    let mut reader = Reader::new(wire);
    while !reader.is_at_end() {
        let (number, wire_type) = reader.key()?;
        if number == field.number() {
            return Some(reader);
        }
        reader.skip(wire_type)?;
    }
    None
}

/// One field of a message as JSON. What is not there is `{}`, or `null` where its JSON is no object.
pub(crate) fn json_of_field(message: &DynamicMessage, field: &FieldDescriptor) -> serde_json::Result<Bytes> {
    let whole = serde_json::to_string(&Whole(message))?;
    let fields: HashMap<String, &RawValue> = serde_json::from_str(&whole)?;
    Ok(match (fields.get(field.json_name()), field.kind()) {
        (Some(value), _) => Bytes::copy_from_slice(value.get().as_bytes()),
        (None, Kind::Message(kind)) if is_object(&kind) => Bytes::from_static(b"{}"),
        (None, _) => Bytes::from_static(b"null"),
    })
}

/// Whether a message without fields is an object without members.
fn is_object(message: &MessageDescriptor) -> bool {
    let name = message.full_name();
    !name.starts_with("google.protobuf.") || ["google.protobuf.Struct", "google.protobuf.Empty"].contains(&name)
}

struct Whole<'a>(&'a DynamicMessage);

impl Serialize for Whole<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize_with_options(serializer, &JSON)
    }
}

#[cfg(test)]
mod tests;
