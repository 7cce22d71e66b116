//! A JSON tree to a message, by the proto3 JSON mapping, strictly: every mistake is named by the path of its
//! field, and nothing unknown is dropped in silence.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage as _, Value};

use crate::{
    field_path,
    json::Json,
    problem::Violations,
    scalar::{self, Fault},
};

/// Where in the request a value stands, written only when there is something to complain about.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    outer: Option<&'a Place<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Message,
    Field(&'a str),
    Index(usize),
    Key(&'a str),
}

impl<'a> Place<'a> {
    /// The request itself.
    pub(crate) const REQUEST: Place<'static> = Place {
        outer: None,
        step: Step::Message,
    };

    /// A field of the message here.
    pub(crate) fn field(&'a self, name: &'a str) -> Self {
        self.then(Step::Field(name))
    }

    fn then(&'a self, step: Step<'a>) -> Self {
        Self {
            outer: Some(self),
            step,
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(outer) = self.outer else {
            return Ok(());
        };
        outer.fmt(formatter)?;
        match self.step {
            Step::Message => Ok(()),
            Step::Field(name) if outer.outer.is_none() => formatter.write_str(name),
            Step::Field(name) => write!(formatter, ".{name}"),
            Step::Index(index) => write!(formatter, "[{index}]"),
            Step::Key(key) => write!(formatter, "[{key:?}]"),
        }
    }
}

/// Fills a message from a JSON object.
pub(crate) fn fill(message: &mut DynamicMessage, json: &Json, place: Place<'_>, violations: &mut Violations) {
    let Some(members) = json.as_object() else {
        violations.add(place, "must be a JSON object");
        return;
    };
    let descriptor = message.descriptor();
    let mut seen = HashSet::new();
    for (key, json) in members {
        let Some(field) = field_path::field(&descriptor, key) else {
            violations.add(place.field(key), "is not a known field");
            continue;
        };
        let place = place.field(field.name());
        if !seen.insert(field.number()) {
            violations.add(place, "is given twice, by both of its names");
            continue;
        }
        if let Some(sibling) = field_path::sibling(&field, message).filter(|_| !is_absent(&field, json)) {
            violations.add(place, &format!("cannot be given together with {}", sibling.name()));
            continue;
        }
        if let Some(value) = value(&field, json, place, violations) {
            message.set_field(&field, value);
        }
    }
}

/// The value of a field; `None` if it stays unset, because it is null or because it is wrong.
pub(crate) fn value(
    field: &FieldDescriptor,
    json: &Json,
    place: Place<'_>,
    violations: &mut Violations,
) -> Option<Value> {
    if is_absent(field, json) {
        return None;
    }
    if field.is_map() {
        return map(field, json, place, violations);
    }
    if !field.is_list() {
        return single(&field.kind(), json, place, violations);
    }
    let Json::Array(items) = json else {
        violations.add(place, "must be a JSON array");
        return None;
    };
    let values = items
        .iter()
        .enumerate()
        .filter_map(|(index, item)| single(&field.kind(), item, place.then(Step::Index(index)), violations))
        .collect();
    Some(Value::List(values))
}

/// Whether the JSON leaves a field unset.
fn is_absent(field: &FieldDescriptor, json: &Json) -> bool {
    *json == Json::Null && (field.is_list() || field.is_map() || !is_null_a_value(&field.kind()))
}

/// In google.protobuf.Value and NullValue, null is a value like any other.
fn is_null_a_value(kind: &Kind) -> bool {
    match kind {
        Kind::Message(message) => message.full_name() == "google.protobuf.Value",
        Kind::Enum(descriptor) => descriptor.full_name() == "google.protobuf.NullValue",
        _ => false,
    }
}

fn map(field: &FieldDescriptor, json: &Json, place: Place<'_>, violations: &mut Violations) -> Option<Value> {
    let Kind::Message(entry) = field.kind() else {
        return None;
    };
    let Some(members) = json.as_object() else {
        violations.add(place, "must be a JSON object");
        return None;
    };
    let mut values: HashMap<MapKey, Value> = HashMap::with_capacity(members.len());
    for (key, json) in members {
        let place = place.then(Step::Key(key));
        match scalar::from_text(&entry.map_entry_key_field().kind(), key).map(Value::into_map_key) {
            Ok(Some(key)) => {
                if let Some(value) = single(&entry.map_entry_value_field().kind(), json, place, violations)
                    && values.insert(key, value).is_some()
                {
                    violations.add(place, "is given twice, in two forms");
                }
            }
            Ok(None) => violations.add(place, "cannot be a key"),
            Err(fault) => violations.add(place, &format!("the key {fault}")),
        }
    }
    Some(Value::Map(values))
}

fn single(kind: &Kind, json: &Json, place: Place<'_>, violations: &mut Violations) -> Option<Value> {
    let read = match kind {
        Kind::Message(descriptor) if !descriptor.full_name().starts_with("google.protobuf.") => {
            let mut message = DynamicMessage::new(descriptor.clone());
            fill(&mut message, json, place, violations);
            return Some(Value::Message(message));
        }
        Kind::Message(descriptor) => well_known(descriptor, json),
        _ => scalar_value(kind, json),
    };
    read.map_err(|fault| violations.add(place, &fault)).ok()
}

/// The types of google/protobuf/*.proto, which have JSON forms of their own.
fn well_known(descriptor: &MessageDescriptor, json: &Json) -> Result<Value, Fault> {
    let name = descriptor.full_name();
    if scalar::is_wrapper(name) {
        let mut wrapper = DynamicMessage::new(descriptor.clone());
        if let Some(inner) = descriptor.get_field_by_name("value") {
            wrapper.set_field(&inner, scalar_value(&inner.kind(), json)?);
        }
        return Ok(Value::Message(wrapper));
    }
    match (name, json) {
        (
            "google.protobuf.Timestamp" | "google.protobuf.Duration" | "google.protobuf.FieldMask",
            Json::String(text),
        ) => scalar::from_text(&Kind::Message(descriptor.clone()), text),
        _ => DynamicMessage::deserialize(descriptor.clone(), serde_json::Value::from(json))
            .map(Value::Message)
            .map_err(|_| format!("is not the JSON form of {name}")),
    }
}

fn scalar_value(kind: &Kind, json: &Json) -> Result<Value, Fault> {
    match (kind, json) {
        (Kind::Bool, Json::Bool(value)) => Ok(Value::Bool(*value)),
        (Kind::Bool, _) => Err("must be true or false".to_owned()),
        (Kind::String, Json::String(text)) => Ok(Value::String(text.clone())),
        (Kind::String, _) => Err("must be a string".to_owned()),
        (Kind::Bytes | Kind::Enum(_), Json::String(text)) => scalar::from_text(kind, text),
        (Kind::Bytes, _) => Err("must be a string of base64".to_owned()),
        (Kind::Enum(descriptor), Json::Null) if descriptor.full_name() == "google.protobuf.NullValue" => {
            Ok(Value::EnumNumber(0))
        }
        (Kind::Enum(_), Json::Number(number)) => number
            .as_i64()
            .and_then(|number| i32::try_from(number).ok())
            .map(Value::EnumNumber)
            .ok_or_else(|| "must be a name or a 32-bit number".to_owned()),
        (Kind::Enum(_), _) => Err("must be the name of a value".to_owned()),
        // Proto3 JSON takes numbers as strings too; 64-bit ones are written so.
        (_, Json::String(text)) => scalar::from_text(kind, text),
        (_, Json::Number(number)) => scalar::from_text(kind, &number.to_string()),
        _ => Err("must be a number".to_owned()),
    }
}
