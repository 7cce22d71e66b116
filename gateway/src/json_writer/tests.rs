use std::{fs, sync::LazyLock};

use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions};
use prost_types::Struct;

use super::*;

mod cases;
mod random;

/// Messages with a field of every kind, in an order that is not that of their numbers.
const PROTO: &str = r#"
syntax = "proto3";
package writer.v1;
import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/empty.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";

enum Colour {
  option allow_alias = true;
  COLOUR_UNSPECIFIED = 0; COLOUR_RED = 1; COLOUR_CRIMSON = 1; COLOUR_BLUE = -3; COLOUR_FAR = 2000000000;
}
message Small { int32 number = 3; string name = 1; optional string note = 2; }
message Tree { string name = 1; repeated Tree children = 2; Tree child = 3; map<string, Tree> named = 4; }
message Boxed { google.protobuf.Any any = 1; string name = 2; }
message Scalars {
  double double = 15; float float = 14; int32 int32 = 13; int64 int64 = 12; uint32 uint32 = 11; uint64 uint64 = 10;
  sint32 sint32 = 9; sint64 sint64 = 8; fixed32 fixed32 = 7; fixed64 fixed64 = 6; sfixed32 sfixed32 = 5;
  sfixed64 sfixed64 = 4; bool bool = 3; string string = 2; bytes bytes = 1; Colour colour = 16;
  google.protobuf.NullValue nothing = 536870911;
  string renamed = 18 [json_name = "a \"quoted\" näme"];
}
message Optionals {
  optional double double = 1; optional float float = 2; optional int32 int32 = 3; optional int64 int64 = 4;
  optional uint32 uint32 = 5; optional bool bool = 6; optional string string = 7; optional bytes bytes = 8;
  optional Colour colour = 9; optional Small small = 10; optional google.protobuf.NullValue nothing = 11;
}
message Lists {
  repeated double double = 1; repeated float float = 2; repeated int32 int32 = 3; repeated int64 int64 = 4;
  repeated uint32 uint32 = 5; repeated uint64 uint64 = 6; repeated sint32 sint32 = 7; repeated sint64 sint64 = 8;
  repeated fixed32 fixed32 = 9; repeated fixed64 fixed64 = 10; repeated sfixed32 sfixed32 = 11;
  repeated sfixed64 sfixed64 = 12; repeated bool bool = 13; repeated string string = 14; repeated bytes bytes = 15;
  repeated Colour colour = 16; repeated Small small = 17; repeated google.protobuf.Timestamp time = 18;
  repeated int32 loose_int32 = 19 [packed = false]; repeated double loose_double = 20 [packed = false];
  repeated Colour loose_colour = 21 [packed = false]; repeated google.protobuf.NullValue nothing = 22;
  repeated google.protobuf.Value value = 23;
}
message Maps {
  map<int32, string> int32 = 1; map<int64, bytes> int64 = 2; map<uint32, double> uint32 = 3;
  map<uint64, Colour> uint64 = 4; map<sint32, Small> sint32 = 5; map<sint64, int64> sint64 = 6;
  map<fixed32, float> fixed32 = 7; map<fixed64, bool> fixed64 = 8; map<sfixed32, uint64> sfixed32 = 9;
  map<sfixed64, google.protobuf.Timestamp> sfixed64 = 10; map<bool, google.protobuf.Value> bool = 11;
  map<string, google.protobuf.NullValue> string = 12; map<string, google.protobuf.Int64Value> wrapped = 13;
}
message Choices {
  oneof first { string text = 5; int64 number = 1; Small small = 9; google.protobuf.NullValue nothing = 3; }
  oneof second { bool yes = 2; google.protobuf.Empty no = 8; Colour colour = 4; bytes bytes = 6; }
  optional int32 neither = 7;
}
message WellKnown {
  google.protobuf.Timestamp timestamp = 1; google.protobuf.Duration duration = 2; google.protobuf.FieldMask mask = 3;
  google.protobuf.Struct structure = 4; google.protobuf.Value value = 5; google.protobuf.ListValue list = 6;
  google.protobuf.Empty empty = 7; google.protobuf.DoubleValue double = 8; google.protobuf.FloatValue float = 9;
  google.protobuf.Int64Value int64 = 10; google.protobuf.UInt64Value uint64 = 11; google.protobuf.Int32Value int32 = 12;
  google.protobuf.UInt32Value uint32 = 13; google.protobuf.BoolValue bool = 14;
  google.protobuf.StringValue string = 15; google.protobuf.BytesValue bytes = 16;
}
message Everything {
  Scalars scalars = 1; Optionals optionals = 2; Lists lists = 3; Maps maps = 4; Choices choices = 5;
  WellKnown well_known = 6; Tree tree = 7; repeated Everything more = 8; Everything inner = 9;
}
"#;

/// A message that can be extended, and one with a group.
const PROTO2: &str = r#"
syntax = "proto2";
package writer.v2;
message Extended { optional string name = 1; extensions 100 to 199; }
message Grouped { optional group Part = 1 { optional string name = 2; } }
enum Late { LATE_SEVEN = 7; LATE_ZERO = 0; }
message Old { optional Late late = 1 [default = LATE_ZERO]; required int32 count = 2; map<string, Late> lates = 3; }
"#;

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let directory = platform::testing::Workspace::new();
    let mut compiler = protox::Compiler::new([directory.path()]).expect("the directory is there");
    compiler.include_imports(true);
    for (name, proto) in [("writer.proto", PROTO), ("old.proto", PROTO2)] {
        fs::write(directory.path().join(name), proto).expect("the proto can be written");
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
