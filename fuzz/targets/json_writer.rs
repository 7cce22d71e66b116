//! `input` is the number of a type, and a message of it on the wire.

#![no_main]

use std::sync::LazyLock;

use fuzz::schemas;
use gateway::fuzzing::Writer;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// A writer for each type, in the order of their names.
static WRITERS: LazyLock<Vec<Writer>> = LazyLock::new(|| {
    let mut messages: Vec<_> = schemas::writer().all_messages().collect();
    messages.retain(|message| message.package_name().starts_with("writer.") && !message.is_map_entry());
    messages.sort_by(|one, other| one.full_name().cmp(other.full_name()));
    messages.into_iter().map(Writer::new).collect()
});

fuzz_target!(|input: &[u8]| {
    let Some((number, wire)) = input.split_first() else {
        return;
    };
    let writer = &WRITERS[usize::from(*number) % WRITERS.len()];
    let Some(written) = writer.in_one_pass(wire) else {
        return;
    };
    // What is written also decodes, and reflection writes the same, but for the order of maps, which it does not keep.
    let reflected = writer.by_reflection(wire).expect("it decodes and has a JSON form");
    if reflected != written {
        assert_eq!(tree(&reflected), tree(&written));
    }
    assert_eq!(writer.answer(wire), Some(written));
});

/// As text, in which 0.0 and -0.0 are not the same.
fn tree(json: &[u8]) -> String {
    let tree: Value = serde_json::from_slice(json).expect("it is JSON");
    tree.to_string()
}
