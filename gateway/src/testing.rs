//! Contracts of the unit tests: one with every kind of field, which the real ones do not have yet.

use std::{fs, path::Path};

use prost_reflect::DescriptorPool;

use crate::{error::StartError, routes::RouteTable};

/// A service whose messages have a field of every kind.
const KITCHEN: &str = r#"
    rpc Find(Sink) returns (Sink) {
      option idempotency_level = NO_SIDE_EFFECTS;
      option (google.api.http) = {
        get: "/v1/sinks/{int64_value}"
        additional_bindings {get: "/v1/rooms/{child.name}/sinks/{string_value}"}
        additional_bindings {get: "/v1/{child.name=rooms/*}/all"}
      };
      option (holdfast.options.v1.method) = {access: ACCESS_PUBLIC};
    }
    rpc Search(Sink) returns (Sink) {
      option (google.api.http) = {get: "/v1/sinks"};
    }
    rpc Make(Sink) returns (Sink) {
      option (google.api.http) = {post: "/v1/sinks/{string_value}:make" body: "*"};
    }
    rpc Tag(Sink) returns (Sink) {
      option (google.api.http) = {put: "/v1/sinks/{string_value}/tags" body: "strings" response_body: "child"};
    }
    rpc Change(ChangeRequest) returns (Sink) {
      option (google.api.http) = {
        patch: "/v1/sinks/{sink.string_value}" body: "sink"
        additional_bindings {put: "/v1/sinks/{sink.string_value}" body: "sink"}
      };
      option (holdfast.options.v1.method) = {put_mask: "int32_value,colour,child.age"};
    }
    rpc ChangeAll(ChangeAllRequest) returns (Sink) {
      option (google.api.http) = {post: "/v1/sinks:change" body: "*"};
    }
    rpc Follow(Sink) returns (stream Sink) {
      option (google.api.http) = {get: "/v1/sinks:follow"};
    }
    rpc Export(Sink) returns (stream google.api.HttpBody) {
      option (google.api.http) = {get: "/v1/sinks:export"};
    }
    rpc Draw(Sink) returns (google.api.HttpBody) {
      option (google.api.http) = {get: "/v1/sinks/{string_value}:draw"};
    }
    rpc Import(stream google.api.HttpBody) returns (Sink) {
      option (google.api.http) = {post: "/v1/sinks:import" body: "*"};
    }
    rpc Unannotated(Sink) returns (Sink);
"#;

/// A proto file of a package with a service of these methods, and its messages.
fn proto(methods: &str) -> String {
    format!(
        r#"
syntax = "proto3";
package kitchen.v1;
import "google/api/annotations.proto";
import "google/api/httpbody.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "holdfast/options/v1/options.proto";

service Kitchen {{ {methods} }}

enum Colour {{ COLOUR_UNSPECIFIED = 0; COLOUR_RED = 1; COLOUR_BLUE = 2; }}
message Child {{ string name = 1; int32 age = 2; Child child = 3; }}
message Sink {{
  int32 int32_value = 1;
  int64 int64_value = 2;
  uint32 uint32_value = 3;
  uint64 uint64_value = 4;
  float float_value = 5;
  double double_value = 6;
  bool bool_value = 7;
  string string_value = 8;
  bytes bytes_value = 9;
  Colour colour = 10;
  repeated string strings = 11;
  repeated int32 numbers = 12;
  map<string, int32> counts = 13;
  map<int32, Child> children = 14;
  Child child = 15;
  repeated Child family = 16;
  oneof choice {{ string left = 17; string right = 18; }}
  optional int32 maybe = 19;
  google.protobuf.Timestamp time = 20;
  google.protobuf.Duration duration = 21;
  google.protobuf.FieldMask mask = 22;
  google.protobuf.Int32Value wrapped = 23;
  google.protobuf.Struct structure = 24;
  google.protobuf.Value anything = 25;
  google.protobuf.StringValue wrapped_text = 26;
  string etag = 27;
}}
message Raw {{ string name = 1; google.api.HttpBody body = 2; }}
message Failure {{ string error = 1; }}
message ChangeRequest {{ Sink sink = 1; google.protobuf.FieldMask update_mask = 2; bool validate_only = 3; }}
message ChangeAllRequest {{ repeated ChangeRequest requests = 1; }}
"#
    )
}

/// The pool of a contract with these methods.
pub(crate) fn pool(methods: &str) -> DescriptorPool {
    let directory = platform::testing::Workspace::new();
    fs::write(directory.path().join("kitchen.proto"), proto(methods)).expect("the proto can be written");
    let contracts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto");
    let mut compiler = protox::Compiler::new([directory.path(), &contracts]).expect("the directories are there");
    compiler
        .include_imports(true)
        .open_file("kitchen.proto")
        .expect("the proto compiles");
    DescriptorPool::decode(&*compiler.encode_file_descriptor_set()).expect("the descriptors decode")
}

/// The routes of a contract with these methods.
pub(crate) fn routes(methods: &str) -> Result<RouteTable, StartError> {
    RouteTable::read(&pool(methods), |_| Some(0))
}

/// The routes of the service with every kind of field.
pub(crate) fn kitchen() -> RouteTable {
    routes(KITCHEN).expect("the kitchen's routes are good")
}
