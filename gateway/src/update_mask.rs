//! What a PATCH changes (AIP-134; JSON Merge Patch, RFC 7396, on the top level): the keys of its body. What a PUT
//! replaces: the fields that the method's `put_mask` names, whatever the body has. What a request of a batch changes
//! (AIP-234): what a PATCH of its own would.
//!
//! In a PATCH a key that is absent leaves its field unchanged, `null` clears it (the mask names it, the message does
//! not set it), and `{}` changes nothing: the mask is present but empty. In a PUT what is absent gets its default.

use http::Method;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

use crate::{
    field_path::{self, FieldPath},
    json::Json,
    routes::{BodyRule, Route},
};

const FIELD: &str = "update_mask";
/// Says which version is to be changed; it is not itself changed.
const ETAG: &str = "etag";

/// The mask that a route sets.
#[derive(Debug)]
pub(crate) enum MaskRule {
    /// None.
    None,
    /// The keys of the body, unless the query has a mask: on PATCH.
    OfBody(FieldDescriptor),
    /// These fields of the resource, always: on PUT.
    Frozen(FieldDescriptor, Vec<String>),
    /// For each message of this list the keys of its resource, unless it has a mask: where the list is of requests that
    /// a PATCH takes one of.
    OfEach(FieldDescriptor, Patched),
}

/// What a PATCH changes.
#[derive(Clone, Debug)]
pub(crate) struct Patched {
    /// The mask of its request.
    mask: FieldDescriptor,
    /// The field that is its body.
    resource: FieldDescriptor,
    /// What its path binds.
    bound: Vec<FieldPath>,
}

impl Patched {
    /// Of a route; `None` if it is no PATCH of this kind.
    pub(crate) fn of(route: &Route) -> Option<Self> {
        let (MaskRule::OfBody(mask), BodyRule::Field(resource)) = (&route.mask, &route.body) else {
            return None;
        };
        Some(Self {
            mask: mask.clone(),
            resource: resource.clone(),
            bound: route.bound.clone(),
        })
    }

    /// The rule of another route: whether its body has a list of requests of this PATCH.
    pub(crate) fn in_batch(&self, route: &Route) -> Option<MaskRule> {
        let BodyRule::Whole = route.body else { return None };
        let request = self.mask.parent_message();
        let is_list_of_them = |field: &FieldDescriptor| field.is_list() && field.kind().as_message() == Some(request);
        let list = route.rpc.method.input().fields().find(is_list_of_them)?;
        Some(MaskRule::OfEach(list, self.clone()))
    }

    /// Sets the masks of the requests of a list that have none.
    pub(crate) fn set_masks(&self, requests: &mut Value, list: &Json) {
        let (Some(requests), Some(list)) = (requests.as_list_mut(), list.as_array()) else {
            return;
        };
        for (request, json) in requests.iter_mut().zip(list) {
            let Some(request) = request
                .as_message_mut()
                .filter(|request| !request.has_field(&self.mask))
            else {
                continue;
            };
            let body = json.member(self.resource.json_name(), self.resource.name());
            let mask = body.and_then(|body| of_body(&self.mask, &self.resource, body, &self.bound));
            if let Some(mask) = mask {
                request.set_field(&self.mask, mask);
            }
        }
    }
}

impl MaskRule {
    /// The rule of a route; what is wrong with its `put_mask` otherwise.
    pub(crate) fn of(
        method: &Method,
        request: &MessageDescriptor,
        body: &BodyRule,
        put_mask: &str,
    ) -> Result<Self, String> {
        let Some(mask) = field(request) else {
            return match put_mask {
                "" => Ok(Self::None),
                _ => Err("it has a put_mask, but the request has no update_mask".to_owned()),
            };
        };
        match (method, body) {
            (&Method::PATCH, BodyRule::Field(_)) => Ok(Self::OfBody(mask)),
            (&Method::PUT, _) if put_mask.is_empty() => {
                Err("a PUT of a method with an update_mask needs a put_mask".to_owned())
            }
            (&Method::PUT, BodyRule::Field(resource)) => {
                frozen(resource, put_mask).map(|paths| Self::Frozen(mask, paths))
            }
            (&Method::PUT, _) => Err("with a put_mask the body must be one field of the request".to_owned()),
            _ => Ok(Self::None),
        }
    }

    /// The field whose mask no request can choose.
    pub(crate) fn frozen(&self) -> Option<&FieldDescriptor> {
        match self {
            Self::Frozen(field, _) => Some(field),
            Self::None | Self::OfBody(_) | Self::OfEach(..) => None,
        }
    }
}

/// The paths of a `put_mask`, each a field of the resource and no part of another.
fn frozen(resource: &FieldDescriptor, put_mask: &str) -> Result<Vec<String>, String> {
    let kind = resource.kind();
    let message = kind.as_message().filter(|_| !resource.is_list() && !resource.is_map());
    let message = message.ok_or("with a put_mask the body must be a message")?;
    let mut known: Vec<FieldPath> = Vec::new();
    for name in put_mask.split(',') {
        let path = FieldPath::resolve(message, name).filter(|path| path.name() == name);
        let path =
            path.ok_or_else(|| format!("the put_mask names {name:?}, which {} does not have", message.name()))?;
        if known.iter().any(|other| other.overlaps(&path)) {
            return Err(format!("the put_mask names {name} twice"));
        }
        known.push(path);
    }
    Ok(known.iter().map(FieldPath::name).collect())
}

/// A mask of these paths.
pub(crate) fn of_paths(mask: &FieldDescriptor, paths: impl IntoIterator<Item = String>) -> Option<Value> {
    let Kind::Message(mask) = mask.kind() else {
        return None;
    };
    let mut value = DynamicMessage::new(mask);
    let paths = paths.into_iter().map(Value::String).collect();
    value.set_field_by_name("paths", Value::List(paths));
    Some(Value::Message(value))
}

/// The mask field of a request message, if it has one.
fn field(request: &MessageDescriptor) -> Option<FieldDescriptor> {
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
    let Kind::Message(message) = resource.kind() else {
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
        .map(|field| field.name().to_owned());
    of_paths(mask, names)
}
