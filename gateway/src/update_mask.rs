//! What a PATCH changes (AIP-134; JSON Merge Patch, RFC 7396, on the top level): the keys of its body.
//!
//! A key that is absent leaves its field unchanged, `null` clears it (the mask names it, the message does not set
//! it), and `{}` changes nothing: the mask is present but empty.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

use crate::{
    field_path::{self, FieldPath},
    json::Json,
};

const FIELD: &str = "update_mask";
/// Says which version is to be changed; it is not itself changed.
const ETAG: &str = "etag";

/// The mask field of a request message, if it has one.
pub(crate) fn field(request: &MessageDescriptor) -> Option<FieldDescriptor> {
    request.get_field_by_name(FIELD).filter(|field| {
        !field.is_list()
            && matches!(field.kind(), Kind::Message(message) if message.full_name() == "google.protobuf.FieldMask")
    })
}

/// The mask that a body asks for, in the body's order. Fields that the path binds are never in it.
pub(crate) fn of_body(
    mask: &FieldDescriptor,
    resource: &FieldDescriptor,
    body: &Json,
    bound: &[FieldPath],
) -> Option<Value> {
    let (Kind::Message(mask), Kind::Message(message)) = (mask.kind(), resource.kind()) else {
        return None;
    };
    let names = body
        .as_object()?
        .iter()
        .filter_map(|(key, _)| field_path::field(&message, key))
        .filter(|field| field.name() != ETAG)
        .filter(|field| {
            !bound
                .iter()
                .any(|path| path.fields().first() == Some(resource) && path.fields().get(1) == Some(field))
        })
        .map(|field| Value::String(field.name().to_owned()))
        .collect();
    let mut value = DynamicMessage::new(mask);
    value.set_field_by_name("paths", Value::List(names));
    Some(Value::Message(value))
}
