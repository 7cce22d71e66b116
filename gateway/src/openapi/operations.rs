//! A route as an operation of OpenAPI.

use http::{Method, StatusCode};
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use super::{
    comments::{Comments, first_sentence},
    errors::Errors,
    examples::{Example, Examples},
    schemas::Schemas,
};
use crate::{
    body::{JSON, MERGE_PATCH},
    field_path::FieldPath,
    routes::{BodyRule, Route},
    rpc::Answers,
    update_mask::MaskRule,
};

/// The path of a route, its variables named by the last part of their fields: routes that differ only in the message
/// around a field are one path.
pub(super) fn path(route: &Route) -> String {
    let names: Vec<String> = route
        .bound
        .iter()
        .map(|field| field.leaf().json_name().to_owned())
        .collect();
    route.template.with_names(&names)
}

/// The operation of a route.
pub(super) fn operation(route: &Route, comments: &Comments, examples: &Examples, schemas: &mut Schemas) -> Value {
    let method = &route.rpc.method;
    let service = method.parent_service();
    let comment = comments.before(&method.parent_file(), method.path());
    let id = format!(
        "{}_{}_{}",
        service.name(),
        method.name(),
        route.http_method.as_str().to_lowercase()
    );
    let mut responses = responses(route, schemas);
    responses.extend(Errors::of(route, comments).responses());
    let mut operation = json!({
        "operationId": id,
        "tags": [service.name()],
        "summary": first_sentence(&comment),
        "description": comment,
        "parameters": parameters(route, schemas),
        "responses": responses,
        "security": [],
    });
    if let Some(body) = body(route, schemas) {
        operation["requestBody"] = body;
    }
    if let Some(example) = examples.of(&id) {
        add_example(&mut operation, route, example);
    }
    if route.rpc.needs_user {
        operation["security"] = json!([{"bearer": []}, {"session": []}]);
    }
    operation
}

fn parameters(route: &Route, schemas: &mut Schemas) -> Vec<Value> {
    let mut parameters = Vec::new();
    for field in &route.bound {
        parameters.push(json!({
            "name": field.leaf().json_name(),
            "in": "path",
            "required": true,
            "schema": schemas.of_field(field.leaf()),
        }));
    }
    let frozen = route.mask.frozen();
    let in_query = |field: &FieldDescriptor| match &route.body {
        BodyRule::Whole => false,
        BodyRule::None => true,
        BodyRule::Field(body) => field != body,
    };
    for field in route.rpc.method.input().fields() {
        let is_of = |path: &FieldPath| path.fields() == [field.clone()];
        let is_bound = route.bound.iter().chain(&route.rpc.known_etag_field).any(is_of);
        if in_query(&field) && !is_bound && frozen != Some(&field) {
            in_the_query(&field, "", &mut parameters, schemas);
        }
    }
    parameters.extend(headers(route));
    parameters
}

/// A field as a parameter, or those of the message that it is; what a query cannot hold is left out.
fn in_the_query(field: &FieldDescriptor, around: &str, parameters: &mut Vec<Value>, schemas: &mut Schemas) {
    let name = format!("{around}{}", field.json_name());
    match field.kind() {
        Kind::Message(message) if !message.full_name().starts_with("google.protobuf.") => {
            if !field.is_list() && !field.is_map() && around.is_empty() {
                for inner in message.fields() {
                    in_the_query(&inner, &format!("{name}."), parameters, schemas);
                }
            }
        }
        _ if field.is_map() => {}
        _ => parameters.push(json!({"name": name, "in": "query", "schema": schemas.of_field(field)})),
    }
}

fn headers(route: &Route) -> Vec<Value> {
    let rpc = &route.rpc;
    let is_safe = route.http_method.is_safe();
    let header = |name: &str, description: &str| json!({"name": name, "in": "header", "schema": {"type": "string"}, "description": description});
    let mut headers = Vec::new();
    if rpc.etag_field.is_some() && !is_safe || rpc.etag.is_some() && is_safe {
        headers.push(header(
            "If-Match",
            "The entity tag that it must still have; otherwise 412.",
        ));
    }
    if rpc.etag.is_some() && is_safe {
        headers.push(header(
            "If-None-Match",
            "The entity tag that the client has: if it is still that, 304.",
        ));
    }
    if !is_safe && rpc.answers == Answers::Json {
        headers.push(header(
            "Prefer",
            "`return=minimal` leaves out the body of the answer (RFC 7240).",
        ));
    }
    if rpc.request_id_field.is_some() {
        let description = "Makes repetitions safe for 24 hours: 1 to 64 printable ASCII characters.";
        headers.push(header("Idempotency-Key", description));
    }
    if rpc.events.resume.is_some() {
        headers.push(header(
            "Last-Event-ID",
            "The id of the last event that the client has: it goes on after it.",
        ));
    }
    headers
}

fn body(route: &Route, schemas: &mut Schemas) -> Option<Value> {
    if route.rpc.max_upload.is_some() {
        let content = json!({"*/*": {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}});
        return Some(json!({"required": true, "content": content}));
    }
    let input = route.rpc.method.input();
    let (schema, required) = match &route.body {
        BodyRule::None => return None,
        BodyRule::Whole => (whole(route, &input, schemas), false),
        BodyRule::Field(field) => (schemas.of_field(field), true),
    };
    let mut body = json!({"required": required, "content": {JSON: {"schema": schema}}});
    if route.http_method == Method::PATCH {
        body["content"][MERGE_PATCH] = body["content"][JSON].clone();
    }
    if let MaskRule::OfBody(_) = route.mask {
        body["description"] = "What is not in it stays as it is, and `null` clears (RFC 7396).".into();
    }
    Some(body)
}

fn whole(route: &Route, input: &MessageDescriptor, schemas: &mut Schemas) -> Value {
    let is_bound = |field: &FieldDescriptor| route.bound.iter().any(|bound| bound.fields().first() == Some(field));
    if route.bound.is_empty() {
        return schemas.of_message(input);
    }
    schemas.object(input, |field| !is_bound(field))
}

/// Puts an example where its parts belong.
fn add_example(operation: &mut Value, route: &Route, example: &Example) {
    for parameter in operation["parameters"].as_array_mut().into_iter().flatten() {
        if let Some(value) = parameter["name"].as_str().and_then(|name| example.parameters.get(name)) {
            parameter["example"] = value.clone();
        }
    }
    let success = route.rpc.success_status.as_str();
    let contents = [
        ("/requestBody/content".to_owned(), &example.body),
        (format!("/responses/{success}/content"), &example.answer),
    ];
    for (place, value) in contents {
        let content = operation.pointer_mut(&place).and_then(Value::as_object_mut);
        for content in content.into_iter().flat_map(Map::values_mut) {
            if let Some(value) = value {
                content["example"] = value.clone();
            }
        }
    }
}

/// The success, and what is none but no error either.
fn responses(route: &Route, schemas: &mut Schemas) -> Map<String, Value> {
    let output = route.rpc.method.output();
    let content = match route.rpc.answers {
        Answers::Json => {
            let schema = match &route.response_body {
                Some(field) => schemas.of_field(field),
                None => schemas.of_message(&output),
            };
            json!({"application/json": {"schema": schema}})
        }
        // Of the type that the answer itself says.
        Answers::Raw | Answers::RawStream => json!({"*/*": {"schema": {}}}),
        Answers::Events => {
            let message = schemas.of_message(&output);
            json!({
                "text/event-stream": {"schema": {"type": "string"}},
                "application/x-ndjson": {"schema": message},
            })
        }
    };
    let mut responses = Map::new();
    let status = route.rpc.success_status;
    let description = status.canonical_reason().unwrap_or("Success");
    let mut success = json!({"description": description, "content": &content});
    let headers = [
        ("ETag", route.rpc.etag.is_some()),
        ("Link", route.rpc.next_page_token.is_some()),
        ("Location", route.rpc.location.is_some()),
    ];
    for (name, _) in headers.iter().filter(|(_, is_there)| *is_there) {
        success["headers"][name] = json!({"$ref": format!("#/components/headers/{name}")});
    }
    responses.insert(status.as_u16().to_string(), success);
    let validated = route.rpc.validate_only.is_some() && status != StatusCode::OK;
    if validated {
        responses.insert(
            "200".to_owned(),
            json!({"description": "It would succeed; `validateOnly` asked for no more", "content": content}),
        );
    }
    let may_be_200 = validated || status != StatusCode::CREATED;
    if !route.http_method.is_safe() && route.rpc.answers == Answers::Json && may_be_200 {
        responses.insert(
            "204".to_owned(),
            json!({"description": "Done; `Prefer: return=minimal` asked for no body"}),
        );
    }
    if (route.rpc.etag.is_some() || route.rpc.cache_seconds.is_some()) && route.http_method == Method::GET {
        responses.insert(
            "304".to_owned(),
            json!({"description": "The client has this version already"}),
        );
    }
    responses
}
