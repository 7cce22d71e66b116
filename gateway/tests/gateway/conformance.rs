//! The conformance table: what google/api/http.proto and the proto3 JSON mapping ask of a request and of an answer,
//! over the cases that Envoy's gRPC-JSON transcoder and grpc-gateway document.
//!
//! The table is in `conformance/`, a file for each subject; [`Case`] says what a case has. `transcoding.proto` is what
//! it calls. Every case is one HTTP request to a gateway and, unless it is refused, one gRPC call to a far end.

use std::path::Path;

use bytes::Bytes;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, MethodDescriptor};
use serde_json::Value;
use tonic::Status;

use crate::{
    far_end::{Call, Reply},
    world::{Answer, World},
};

mod table;

use table::{Asked, Case, Expected};

const SERVICE: &str = "holdfast.task.v1.Transcoding";

#[tokio::test]
async fn every_case_of_the_table_is_as_it_says() {
    let contracts = contracts();
    let world = World::configured(|config| config.contracts = contracts.clone()).await;
    let mut failures = Vec::new();
    for (subject, cases) in table::read() {
        for case in cases {
            if let Err(failure) = check(&world, &contracts, &case).await {
                failures.push(format!("{subject}: {}: {failure}", case.name));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} cases failed\n{}",
        failures.len(),
        failures.join("\n")
    );
}

fn contracts() -> DescriptorPool {
    let gateway = Path::new(env!("CARGO_MANIFEST_DIR"));
    let directories = [gateway.join("tests/gateway/conformance"), gateway.join("../proto")];
    let mut compiler = protox::Compiler::new(directories).expect("the directories are there");
    compiler
        .include_imports(true)
        .open_file("transcoding.proto")
        .expect("the proto compiles");
    DescriptorPool::decode(&*compiler.encode_file_descriptor_set()).expect("the descriptors decode")
}

/// Makes a case's request; what is not as the case says otherwise.
async fn check(world: &World, contracts: &DescriptorPool, case: &Case) -> Result<(), String> {
    let service = contracts.get_service_by_name(SERVICE).expect("the service");
    let method = case.calls.as_ref().map(|name| {
        let method = service.methods().find(|method| method.name() == name);
        method.unwrap_or_else(|| panic!("{}: {name} is no method", case.name))
    });
    world.task.replies(reply(case, method.as_ref()));
    let answer = send(world, &case.request).await;
    let calls = world.task.calls();
    check_answer(&case.response, &answer)?;
    match (&method, &*calls) {
        (None, []) => Ok(()),
        (Some(method), [call]) => check_call(case, method, call),
        (_, calls) => Err(format!("{} calls: {calls:?}", calls.len())),
    }
}

async fn send(world: &World, asked: &Asked) -> Answer {
    let mut headers: Vec<String> = Vec::new();
    for (name, value) in &asked.headers {
        headers.push(format!("{name}: {value}"));
    }
    let body = match (&asked.body, &asked.text) {
        (Some(body), None) => body.to_string(),
        (None, text) => text.clone().unwrap_or_default(),
        (Some(_), Some(_)) => panic!("{}: a body is either JSON or text", asked.path),
    };
    if !body.is_empty() && !asked.headers.contains_key("content-type") {
        headers.push("content-type: application/json".to_owned());
    }
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    world
        .send_with(&format!("{} {}", asked.method, asked.path), &headers, body)
        .await
}

/// What the far end answers: a message, none of its fields set unless the case says so.
fn reply(case: &Case, method: Option<&MethodDescriptor>) -> Reply {
    if let Some(code) = case.fails {
        return Reply::Status(Status::new(code.into(), "it fails"));
    }
    let Some(output) = method.map(MethodDescriptor::output) else {
        return Reply::Message(Bytes::new());
    };
    if method.is_some_and(MethodDescriptor::is_server_streaming) {
        let messages: Vec<_> = case.answers.iter().map(|json| Ok(message(&output, json))).collect();
        return Reply::stream(futures_util::stream::iter(messages), Status::ok(""));
    }
    case.answer.as_ref().map_or_else(
        || Reply::Message(Bytes::new()),
        |json| Reply::message(&message(&output, json)),
    )
}

fn message(descriptor: &MessageDescriptor, json: &Value) -> DynamicMessage {
    DynamicMessage::deserialize(descriptor.clone(), json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

/// The canonical form of a message: fields by their JSON names, those with their default left out.
fn canonical(descriptor: &MessageDescriptor, wire: Bytes) -> Result<Value, String> {
    let message = DynamicMessage::decode(descriptor.clone(), wire).map_err(|error| error.to_string())?;
    if message.unknown_fields().next().is_some() {
        return Err("the message has fields that are not known".to_owned());
    }
    // As text, for a float has more digits as a number of JSON.
    let text = serde_json::to_string(&message).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

/// A stream of messages is a list.
fn check_call(case: &Case, method: &MethodDescriptor, call: &Call) -> Result<(), String> {
    let path = format!("/{SERVICE}/{}", method.name());
    if call.path != path {
        return Err(format!("it called {}", call.path));
    }
    let messages = call.messages().into_iter();
    let mut sent = messages
        .map(|message| canonical(&method.input(), message))
        .collect::<Result<Vec<_>, _>>()?;
    let sent = match sent.len() {
        1 if !method.is_client_streaming() => sent.remove(0),
        _ => Value::Array(sent),
    };
    same("the message", case.message.as_ref().unwrap_or(&Value::Null), &sent)
}

fn check_answer(expected: &Expected, answer: &Answer) -> Result<(), String> {
    if answer.status != expected.status {
        return Err(format!("{answer:?}"));
    }
    for (name, value) in &expected.headers {
        if answer.header(name) != Some(value) {
            return Err(format!("{name} is {:?}", answer.header(name)));
        }
    }
    if let Some(text) = &expected.text {
        let body = String::from_utf8_lossy(&answer.body);
        return (*text == body)
            .then_some(())
            .ok_or_else(|| format!("the body is {body:?}"));
    }
    if let Some(body) = &expected.body {
        return same("the body", body, &answer.json());
    }
    let reason = expected
        .problem
        .as_deref()
        .expect("a response has a body, a text or a problem");
    let problem = answer.json();
    if problem["reason"] != reason {
        return Err(problem.to_string());
    }
    answer.assert_problem(expected.status, reason);
    let errors = problem["errors"].as_array().map_or(&[][..], Vec::as_slice);
    let fields: Vec<Option<&str>> = errors.iter().map(|error| error["field"].as_str()).collect();
    let wanted: Vec<Option<&str>> = expected.fields.iter().map(|field| Some(&**field)).collect();
    (fields == wanted).then_some(()).ok_or_else(|| problem.to_string())
}

/// As texts: to those 0.0 and -0.0 are not the same, nor are 1 and 1.0.
fn same(what: &str, expected: &Value, found: &Value) -> Result<(), String> {
    let (expected, found) = (expected.to_string(), found.to_string());
    if expected == found {
        return Ok(());
    }
    Err(format!("{what} is {found}, not {expected}"))
}
