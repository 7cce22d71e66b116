//! `input` is a method and a URI, a line break, and a body.

#![no_main]

use std::sync::LazyLock;

use fuzz::schemas;
use gateway::fuzzing::{Refused, Routes, Writer};
use libfuzzer_sys::fuzz_target;
use prost::Message as _;
use prost_reflect::{DynamicMessage, ReflectMessage as _};
use serde_json::Value;

static ROUTES: LazyLock<Routes> =
    LazyLock::new(|| Routes::read(&schemas::transcoding()).expect("the contract can be served"));

/// The request that has a field of every kind, and the call that takes all of it as its body.
const EVERY: &str = "holdfast.task.v1.Every";
const WHOLE: &str = "POST /v1/every";

fuzz_target!(|input: &[u8]| {
    let (line, body) = match input.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => (input, &[][..]),
    };
    let Some(bound) = str::from_utf8(line).ok().and_then(|line| ROUTES.bind(line, body)) else {
        return;
    };
    match bound {
        Ok(message) => check_bound(&message),
        Err(refused) => check_refused(&refused),
    }
});

/// A service can read it; and what has a JSON form is the same message when it is sent again as that.
fn check_bound(message: &DynamicMessage) {
    let descriptor = message.descriptor();
    let wire = message.encode_to_vec();
    DynamicMessage::decode(descriptor.clone(), &*wire).expect("a service can read it");
    if descriptor.full_name() != EVERY {
        return;
    }
    let writer = Writer::new(descriptor);
    let Some(json) = writer.answer(&wire) else { return };
    let again = match ROUTES.bind(WHOLE, &json).expect("the call is there") {
        Ok(again) => again,
        // As the body alone it was one level less deep.
        Err(refused) if refused.detail.contains("recursion limit") => return,
        Err(refused) => panic!("{refused:?}: {}", String::from_utf8_lossy(&json)),
    };
    let json_again = writer
        .answer(&again.encode_to_vec())
        .expect("it had a JSON form before");
    assert_eq!(tree(&json_again), tree(&json));
}

/// It says what is wrong, and with which fields; and it does not repeat a body.
fn check_refused(refused: &Refused) {
    assert_eq!(refused.status, 400, "{refused:?}");
    assert!((1..10_000).contains(&refused.detail.len()), "{refused:?}");
    match &*refused.reason {
        "MESSAGE_MALFORMED" => assert!(refused.fields.is_empty(), "{refused:?}"),
        "FIELD_INVALID" => {
            assert!((1..=20).contains(&refused.fields.len()), "{refused:?}");
            for (field, description) in &refused.fields {
                assert!(field.chars().count() <= 200, "{refused:?}");
                assert!((1..500).contains(&description.len()), "{refused:?}");
            }
        }
        other => panic!("{other}: {refused:?}"),
    }
}

/// As text, in which 0.0 and -0.0 are not the same. Reflection writes null for a wrapper of NaN, which is read as none.
fn tree(json: &[u8]) -> String {
    let mut tree: Value = serde_json::from_slice(json).expect("it is JSON");
    let members = tree.as_object_mut().expect("a message is an object");
    members.retain(|name, value| !(name.ends_with("Wrapper") && value.is_null()));
    tree.to_string()
}
