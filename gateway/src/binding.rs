//! Path, query and body into one request message (google/api/http.proto, "Rules for HTTP mapping").
//!
//! Each field has exactly one place: what the path binds is not taken from the query, what the body may hold is
//! not taken from the query, and a body that repeats what the path binds must agree with it.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind};

use crate::{
    field_path::FieldPath,
    json::Json,
    json_message::{self, Place},
    nesting, percent,
    problem::{Problem, Violations},
    routes::{BodyRule, Route},
    scalar,
    update_mask::{self, MaskRule},
};

const OF_ONE_ONEOF: &str = "cannot be given together with another field of its oneof";

/// The request message of a route, or everything that is wrong with the request.
pub(crate) fn bind(
    route: &Route,
    segments: &[&str],
    query: Option<&str>,
    body: &[u8],
) -> Result<DynamicMessage, Problem> {
    let mut message = DynamicMessage::new(route.rpc.method.input());
    let mut violations = Violations::default();
    let json = read_body(route, body)?;
    match (&route.body, &json) {
        (BodyRule::Whole, Some(json)) => {
            json_message::fill(&mut message, json, Place::REQUEST, &mut violations);
        }
        (BodyRule::Field(field), Some(json)) => {
            let value = json_message::value(field, json, Place::REQUEST.field(field.name()), &mut violations);
            if let Some(value) = value {
                message.set_field(field, value);
            }
        }
        _ => {}
    }
    bind_path(route, segments, json.as_ref(), &mut message, &mut violations);
    bind_query(route, query.unwrap_or_default(), &mut message, &mut violations);
    bind_mask(route, json.as_ref(), &mut message, &mut violations);
    let message = violations.into_result(message)?;
    nesting::require_readable(&message)?;
    Ok(message)
}

/// No body at all is an empty message where the whole message is the body, and a mistake where one field is:
/// nothing could be meant by it.
fn read_body(route: &Route, body: &[u8]) -> Result<Option<Json>, Problem> {
    match (&route.body, body.is_empty()) {
        (BodyRule::None, true) => Ok(None),
        (BodyRule::None, false) => Err(Problem::new("MESSAGE_MALFORMED", "this method takes no body")),
        (BodyRule::Whole, true) => Ok(Some(Json::Object(Vec::new()))),
        (BodyRule::Field(_), true) => Err(Problem::new("MESSAGE_MALFORMED", "this method needs a JSON body")),
        (rule, false) => match (rule, Json::parse(body)?) {
            (BodyRule::Whole, json) if json.as_object().is_none() => {
                Err(Problem::new("MESSAGE_MALFORMED", "the body must be a JSON object"))
            }
            (_, json) => Ok(Some(json)),
        },
    }
}

fn bind_path(
    route: &Route,
    segments: &[&str],
    json: Option<&Json>,
    message: &mut DynamicMessage,
    violations: &mut Violations,
) {
    for (variable, field) in route.template.variables().iter().zip(&route.bound) {
        let parts = variable.of(segments);
        let decoded = if variable.is_one_segment() {
            percent::decode(&parts.concat())
        } else {
            percent::decode_but_slash(&parts.join("/"))
        };
        let Some(decoded) = decoded else {
            violations.add(field.name(), "is not valid percent-encoded UTF-8");
            continue;
        };
        match scalar::from_text(&field.leaf().kind(), &decoded) {
            Err(fault) => violations.add(field.name(), &fault),
            Ok(value) => {
                let also_in_body = json.is_some_and(|json| is_in_body(route, field, json));
                if also_in_body && field.get(message).as_ref() != Some(&value) {
                    violations.add(field.name(), "differs from the path");
                }
                if let Some(rival) = field.rival(message) {
                    violations.add(rival.name(), OF_ONE_ONEOF);
                }
                field.set(message, value);
            }
        }
    }
}

fn bind_mask(route: &Route, json: Option<&Json>, message: &mut DynamicMessage, violations: &mut Violations) {
    if let (MaskRule::OfEach(list, patched), Some(json)) = (&route.mask, json)
        && let Some(requests) = json.member(list.json_name(), list.name())
    {
        patched.set_masks(message.get_field_mut(list), requests);
    }
    let (BodyRule::Field(resource), Some(json)) = (&route.body, json) else {
        return;
    };
    let (mask, value) = match &route.mask {
        MaskRule::OfBody(mask) if !message.has_field(mask) => {
            (mask, update_mask::of_body(mask, resource, json, &route.bound))
        }
        MaskRule::None | MaskRule::OfBody(_) | MaskRule::OfEach(..) => return,
        MaskRule::Frozen(..) if *json == Json::Null => {
            // As an absent resource it would clear everything.
            violations.add(resource.name(), "must be a JSON object");
            return;
        }
        MaskRule::Frozen(mask, paths) => (mask, update_mask::of_paths(mask, paths.iter().cloned())),
    };
    if let Some(value) = value {
        message.set_field(mask, value);
    }
}

/// Whether the body says anything of a field.
fn is_in_body(route: &Route, field: &FieldPath, json: &Json) -> bool {
    let inside = match &route.body {
        BodyRule::None => return false,
        BodyRule::Whole => field.fields(),
        BodyRule::Field(body) => match field.fields() {
            [first, rest @ ..] if first == body => rest,
            _ => return false,
        },
    };
    let found = inside.iter().try_fold(json, |json, field: &FieldDescriptor| {
        json.member(field.json_name(), field.name())
    });
    found.is_some_and(|json| *json != Json::Null)
}

fn bind_query(route: &Route, query: &str, message: &mut DynamicMessage, violations: &mut Violations) {
    let mut given: Vec<FieldPath> = Vec::new();
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, text) = parameter.split_once('=').unwrap_or((parameter, ""));
        let Some(name) = percent::decode_query(name) else {
            violations.add(name, "is not valid percent-encoded UTF-8");
            continue;
        };
        let Some(field) = FieldPath::resolve(&route.rpc.method.input(), &name) else {
            violations.add(name, "is not a known parameter");
            continue;
        };
        let Some(text) = percent::decode_query(text) else {
            violations.add(field.name(), "is not valid percent-encoded UTF-8");
            continue;
        };
        let fault = misplaced(route, &field, &given).or_else(|| field.rival(message).map(|_| OF_ONE_ONEOF));
        if let Some(fault) = fault {
            violations.add(field.name(), fault);
            continue;
        }
        match scalar::from_text(&field.leaf().kind(), &text) {
            Err(fault) => violations.add(field.name(), &fault),
            Ok(value) if field.leaf().is_list() => field.push(message, value),
            Ok(value) => field.set(message, value),
        }
        given.push(field);
    }
}

/// Refuses each parameter of a query, where a method takes none.
pub(crate) fn refuse_query(query: &str) -> Result<(), Problem> {
    let mut violations = Violations::default();
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, _) = parameter.split_once('=').unwrap_or((parameter, ""));
        let name = percent::decode_query(name).unwrap_or_else(|| name.to_owned());
        violations.add(name, "is not a known parameter");
    }
    violations.into_result(())
}

/// Why a parameter cannot stand in the query.
fn misplaced(route: &Route, field: &FieldPath, given: &[FieldPath]) -> Option<&'static str> {
    if route.rpc.known_etag_field.iter().any(|known| known.overlaps(field)) {
        return Some("is given by If-None-Match");
    }
    if route.bound.iter().any(|bound| bound.overlaps(field)) {
        return Some("is given by the path");
    }
    if route.mask.frozen().is_some() && route.mask.frozen() == field.fields().first() {
        return Some("cannot be chosen with PUT, which replaces always the same fields");
    }
    let in_body = match &route.body {
        BodyRule::None => false,
        BodyRule::Whole => true,
        BodyRule::Field(body) => field.fields().first() == Some(body),
    };
    if in_body {
        return Some("belongs into the body");
    }
    let leaf = field.leaf();
    if leaf.is_map() {
        return Some("is a map, which a query cannot hold");
    }
    if leaf.is_list() {
        return matches!(leaf.kind(), Kind::Message(ref message) if !message.full_name().starts_with("google.protobuf."))
            .then_some("is a list of messages, which a query cannot hold");
    }
    given
        .iter()
        .any(|other| other.overlaps(field))
        .then_some("is given more than once")
}

#[cfg(test)]
mod tests;
