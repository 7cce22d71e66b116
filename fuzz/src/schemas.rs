//! Contracts with a field of every kind: those that the tests of the gateway have.

use std::path::Path;

use prost_reflect::DescriptorPool;

/// What the writer of JSON is tested with.
pub fn writer() -> DescriptorPool {
    compiled(&["gateway/src/json_writer/tests"], &["writer.proto", "old.proto"])
}

/// What the conformance table of the gateway calls.
pub fn transcoding() -> DescriptorPool {
    compiled(&["gateway/tests/gateway/conformance", "proto"], &["transcoding.proto"])
}

fn compiled(directories: &[&str], files: &[&str]) -> DescriptorPool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let directories = directories.iter().map(|directory| root.join(directory));
    let mut compiler = protox::Compiler::new(directories).expect("the directories are there");
    compiler
        .include_imports(true)
        .open_files(files)
        .expect("the protos compile");
    DescriptorPool::decode(&*compiler.encode_file_descriptor_set()).expect("the descriptors decode")
}
