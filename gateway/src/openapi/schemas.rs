//! Messages as JSON Schema, in the form that their JSON has (proto3 JSON mapping).

use std::collections::BTreeMap;

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use super::comments::Comments;

/// The schemas of the messages and enumerations that were mentioned, by full name.
pub(super) struct Schemas<'a> {
    comments: &'a Comments,
    mentioned: BTreeMap<String, Value>,
}

impl<'a> Schemas<'a> {
    /// None yet.
    pub(super) fn new(comments: &'a Comments) -> Self {
        Self {
            comments,
            mentioned: BTreeMap::new(),
        }
    }

    /// All that were mentioned.
    pub(super) fn into_mentioned(self) -> BTreeMap<String, Value> {
        self.mentioned
    }

    /// The schema of a field.
    pub(super) fn of_field(&mut self, field: &FieldDescriptor) -> Value {
        let mut schema = if field.is_map() {
            let Kind::Message(entry) = field.kind() else {
                return json!({});
            };
            let value = self.of_kind(&entry.map_entry_value_field().kind());
            json!({"type": "object", "additionalProperties": value})
        } else if field.is_list() {
            json!({"type": "array", "items": self.of_kind(&field.kind())})
        } else {
            self.of_kind(&field.kind())
        };
        let comment = self.comments.before(&field.parent_file(), field.path());
        if let (false, Some(schema)) = (comment.is_empty(), schema.as_object_mut()) {
            schema.insert("description".to_owned(), comment.into());
        }
        schema
    }

    /// A reference to the schema of a message, or its own where it has a form of its own.
    pub(super) fn of_message(&mut self, message: &MessageDescriptor) -> Value {
        if let Some(schema) = well_known(message.full_name()) {
            return schema;
        }
        let name = message.full_name().to_owned();
        if !self.mentioned.contains_key(&name) {
            // Before its fields: one may be of the same message.
            self.mentioned.insert(name.clone(), Value::Null);
            let schema = self.object(message, |_| true);
            self.mentioned.insert(name.clone(), schema);
        }
        reference(&name)
    }

    /// The object that has these fields of a message.
    pub(super) fn object(&mut self, message: &MessageDescriptor, has: impl Fn(&FieldDescriptor) -> bool) -> Value {
        let fields = message.fields().filter(|field| has(field));
        let properties: Map<String, Value> = fields
            .map(|field| (field.json_name().to_owned(), self.of_field(&field)))
            .collect();
        let mut schema = json!({"type": "object", "properties": properties, "additionalProperties": false});
        let comment = self.comments.before(&message.parent_file(), message.path());
        if !comment.is_empty() {
            schema["description"] = comment.into();
        }
        schema
    }

    fn of_kind(&mut self, kind: &Kind) -> Value {
        match kind {
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => json!({"type": "integer", "format": "int32"}),
            Kind::Uint32 | Kind::Fixed32 => json!({"type": "integer", "minimum": 0, "maximum": u32::MAX}),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => json!({"type": "string", "pattern": "^-?[0-9]+$"}),
            Kind::Uint64 | Kind::Fixed64 => json!({"type": "string", "pattern": "^[0-9]+$"}),
            Kind::Float | Kind::Double => {
                json!({"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]})
            }
            Kind::Bool => json!({"type": "boolean"}),
            Kind::String => json!({"type": "string"}),
            Kind::Bytes => json!({"type": "string", "contentEncoding": "base64"}),
            Kind::Enum(enumeration) => self.of_enum(enumeration),
            Kind::Message(message) => self.of_message(message),
        }
    }

    fn of_enum(&mut self, enumeration: &EnumDescriptor) -> Value {
        let name = enumeration.full_name().to_owned();
        if !self.mentioned.contains_key(&name) {
            let values: Vec<String> = enumeration.values().map(|value| value.name().to_owned()).collect();
            let comment = self.comments.before(&enumeration.parent_file(), enumeration.path());
            let schema = json!({"type": "string", "enum": values, "description": comment});
            self.mentioned.insert(name.clone(), schema);
        }
        reference(&name)
    }
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// Messages whose JSON is no object of their fields.
fn well_known(name: &str) -> Option<Value> {
    Some(match name {
        "google.protobuf.Timestamp" => json!({"type": "string", "format": "date-time"}),
        "google.protobuf.Duration" => json!({"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$"}),
        "google.protobuf.FieldMask" => json!({"type": "string"}),
        "google.protobuf.Struct" => json!({"type": "object"}),
        "google.protobuf.Value" => json!({}),
        "google.protobuf.ListValue" => json!({"type": "array"}),
        "google.protobuf.BoolValue" => json!({"type": ["boolean", "null"]}),
        "google.protobuf.BytesValue" => json!({"type": ["string", "null"], "contentEncoding": "base64"}),
        "google.protobuf.Int32Value" | "google.protobuf.UInt32Value" => json!({"type": ["integer", "null"]}),
        "google.protobuf.StringValue" | "google.protobuf.Int64Value" | "google.protobuf.UInt64Value" => {
            json!({"type": ["string", "null"]})
        }
        "google.protobuf.FloatValue" | "google.protobuf.DoubleValue" => json!({"type": ["number", "string", "null"]}),
        _ => return None,
    })
}
