use std::{path::Path, sync::LazyLock};

use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions};
use prost_types::Struct;

use super::*;

mod cases;
mod random;

/// `tests/writer.proto` has a field of every kind; `tests/old.proto` has what proto3 has not.
static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/json_writer/tests");
    let mut compiler = protox::Compiler::new([directory]).expect("the directory is there");
    compiler.include_imports(true);
    for name in ["writer.proto", "old.proto"] {
        compiler.open_file(name).expect("the proto compiles");
    }
    DescriptorPool::decode(&*compiler.encode_file_descriptor_set()).expect("the descriptors decode")
});

fn descriptor(name: &str) -> MessageDescriptor {
    let full_name = if name.contains('.') {
        name.to_owned()
    } else {
        format!("writer.v1.{name}")
    };
    POOL.get_message_by_name(&full_name)
        .expect("the message is in the proto")
}

/// What prost-reflect writes; `None` if it has an error.
fn reflected(message: &DynamicMessage) -> Option<String> {
    let mut out = Vec::new();
    let options = SerializeOptions::new().skip_default_fields(false);
    let mut serializer = serde_json::Serializer::new(&mut out);
    message.serialize_with_options(&mut serializer, &options).ok()?;
    Some(String::from_utf8(out).expect("JSON is UTF-8"))
}

fn decoded(name: &str, wire: &[u8]) -> Option<DynamicMessage> {
    DynamicMessage::decode(descriptor(name), wire).ok()
}

fn written(name: &str, wire: &[u8]) -> Option<String> {
    let json = JsonWriter::new(&descriptor(name)).write(wire)?;
    Some(String::from_utf8(json).expect("JSON is UTF-8"))
}
