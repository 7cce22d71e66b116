use proptest::{collection::vec, prelude::*, sample::Index};
use prost::bytes::Bytes;
use prost_reflect::{FieldDescriptor, Kind, MapKey, Value};

use super::*;

/// How deep the messages of these tests are in each other.
const DEPTH: usize = 6;

/// Choices, made from random bytes; all of them 0 when the bytes end.
struct Choices<'a>(std::slice::Iter<'a, u8>);

impl Choices<'_> {
    fn byte(&mut self) -> u8 {
        self.0.next().copied().unwrap_or(0)
    }

    fn bytes<const LENGTH: usize>(&mut self) -> [u8; LENGTH] {
        std::array::from_fn(|_| self.byte())
    }

    fn one_of<T: Copy>(&mut self, some: &[T]) -> T {
        some[usize::from(self.byte()) % some.len()]
    }

    /// A number that is often at an edge.
    fn number(&mut self) -> i64 {
        let any = i64::from_le_bytes(self.bytes());
        self.one_of(&[
            0,
            any,
            1,
            -1,
            any % 1000,
            i32::MIN.into(),
            i32::MAX.into(),
            i64::MIN,
            i64::MAX,
            u32::MAX.into(),
        ])
    }

    fn float(&mut self) -> f64 {
        let any = f64::from_bits(u64::from_le_bytes(self.bytes()));
        self.one_of(&[
            0.0,
            any,
            -0.0,
            1.5,
            1e21,
            1e-7,
            0.1,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MAX,
        ])
    }

    fn text(&mut self) -> String {
        let length = self.byte() % 8;
        let any: Vec<u8> = (0..length).map(|_| self.byte()).collect();
        let any = String::from_utf8_lossy(&any);
        let edge = self.one_of(&[
            "",
            "a",
            "\"\\/\u{8}\u{c}\n\r\t",
            "\u{7f}\u{80}\u{2028}",
            "é\u{1F600}",
            "due_time.x",
        ]);
        format!("{any}{edge}")
    }

    #[expect(clippy::cast_possible_truncation, reason = "any value will do")]
    fn value(&mut self, kind: &Kind, depth: usize) -> Value {
        match kind {
            Kind::Double => Value::F64(self.float()),
            Kind::Float => Value::F32(self.float() as f32),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(self.number() as i32),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(self.number()),
            Kind::Uint32 | Kind::Fixed32 => Value::U32(self.number().cast_unsigned() as u32),
            Kind::Uint64 | Kind::Fixed64 => Value::U64(self.number().cast_unsigned()),
            Kind::Bool => Value::Bool(self.byte() % 2 == 1),
            Kind::String => Value::String(self.text()),
            Kind::Bytes => Value::Bytes(Bytes::from(self.text())),
            Kind::Enum(_) => {
                let any = self.number() as i32;
                Value::EnumNumber(self.one_of(&[0, 1, -3, 2_000_000_000, any]))
            }
            Kind::Message(descriptor) => Value::Message(self.message(descriptor, depth)),
        }
    }

    fn key(&mut self, kind: &Kind) -> MapKey {
        match self.value(kind, 0) {
            Value::Bool(key) => MapKey::Bool(key),
            Value::I32(key) => MapKey::I32(key),
            Value::I64(key) => MapKey::I64(key),
            Value::U32(key) => MapKey::U32(key),
            Value::U64(key) => MapKey::U64(key),
            Value::String(key) => MapKey::String(key),
            other => panic!("{other} is no key"),
        }
    }

    fn field(&mut self, field: &FieldDescriptor, depth: usize) -> Value {
        let length = usize::from(self.byte() % 4);
        match field.kind() {
            Kind::Message(entry) if field.is_map() => {
                let (key, value) = (entry.map_entry_key_field().kind(), entry.map_entry_value_field().kind());
                // prost-reflect encodes the keys of a `Struct` in any order, but writes them as JSON in theirs.
                let is_struct = field.parent_message().full_name() == "google.protobuf.Struct";
                let length = if is_struct { length.min(1) } else { length };
                Value::Map(
                    (0..length)
                        .map(|_| (self.key(&key), self.value(&value, depth)))
                        .collect(),
                )
            }
            kind if field.is_list() => Value::List((0..length).map(|_| self.value(&kind, depth)).collect()),
            kind => self.value(&kind, depth),
        }
    }

    fn message(&mut self, descriptor: &MessageDescriptor, depth: usize) -> DynamicMessage {
        let mut message = DynamicMessage::new(descriptor.clone());
        let Some(depth) = depth.checked_sub(1) else {
            return message;
        };
        // Most values of these types would be out of range.
        let seconds = self.number() % 1_000_000_000_000;
        let nanos = self.one_of(&[0, 1, 1_000, 5_000_000, 123_456_789, 999_999_999]);
        match descriptor.full_name() {
            "google.protobuf.Timestamp" => {
                message.set_field_by_name("seconds", Value::I64(seconds / 4));
                message.set_field_by_name("nanos", Value::I32(nanos));
            }
            "google.protobuf.Duration" => {
                let sign = if seconds < 0 { -1 } else { 1 };
                message.set_field_by_name("seconds", Value::I64(seconds / 3));
                message.set_field_by_name("nanos", Value::I32(nanos * sign));
            }
            "google.protobuf.FieldMask" => {
                let paths = (0..self.byte() % 4).map(|_| self.one_of(&["", "a_b", "due.time_zone", "é", "x_"]));
                let paths = paths.map(|path| Value::String(path.to_owned())).collect();
                message.set_field_by_name("paths", Value::List(paths));
            }
            _ => {
                for field in descriptor.fields() {
                    if self.byte() % 2 == 1 {
                        message.set_field(&field, self.field(&field, depth));
                    }
                }
            }
        }
        message
    }
}

fn message(name: &str, bytes: &[u8]) -> DynamicMessage {
    Choices(bytes.iter()).message(&descriptor(name), DEPTH)
}

const NAMES: [&str; 9] = [
    "Scalars",
    "Optionals",
    "Lists",
    "Maps",
    "Choices",
    "WellKnown",
    "Tree",
    "Small",
    "Everything",
];

/// A change to what an encoder wrote.
#[derive(Clone, Debug)]
enum Change {
    Flip(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    Cut(Index),
    Repeat(Index, Index),
    Append(Vec<u8>),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Insert(at, byte)),
        any::<Index>().prop_map(Change::Remove),
        any::<Index>().prop_map(Change::Cut),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Change::Repeat(from, to)),
        vec(any::<u8>(), 0..20).prop_map(Change::Append),
    ]
}

impl Change {
    fn make(&self, wire: &mut Vec<u8>) {
        let length = wire.len();
        match self {
            Self::Append(bytes) => wire.extend(bytes),
            Self::Insert(at, byte) => wire.insert(at.index(length + 1), *byte),
            _ if length == 0 => {}
            Self::Flip(at, bit) => wire[at.index(length)] ^= 1 << bit,
            Self::Remove(at) => drop(wire.remove(at.index(length))),
            Self::Cut(at) => wire.truncate(at.index(length)),
            Self::Repeat(from, to) => {
                let (from, to) = (from.index(length), to.index(length));
                wire.extend_from_within(from.min(to)..from.max(to));
            }
        }
    }
}

/// Whatever is written must be what prost-reflect writes, but for the order of maps, which it does not keep.
fn check_any(name: &str, wire: &[u8]) {
    let Some(json) = written(name, wire) else { return };
    let expected = decoded(name, wire).as_ref().and_then(reflected);
    if expected.as_ref() != Some(&json) {
        let tree = |json: &str| serde_json::from_str::<serde_json::Value>(json).expect("it is JSON");
        assert_eq!(expected.as_deref().map(tree), Some(tree(&json)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 500, ..ProptestConfig::default() })]

    /// What prost-reflect encodes is written, and as prost-reflect writes it; what has no JSON form is not.
    #[test]
    fn encoded_messages_are_written_as_reflection_does(name in 0..NAMES.len(), bytes in vec(any::<u8>(), 0..3000)) {
        let name = NAMES[name];
        let wire = message(name, &bytes).encode_to_vec();
        // The order of its maps is that in which it encodes them.
        let message = decoded(name, &wire).expect("what was encoded decodes");
        prop_assert_eq!(written(name, &message.encode_to_vec()), reflected(&message));
    }

    #[test]
    fn changed_messages_are_written_as_reflection_does_or_not_at_all(
        name in 0..NAMES.len(),
        bytes in vec(any::<u8>(), 0..200),
        changes in vec(change(), 1..3),
    ) {
        let name = NAMES[name];
        let mut wire = message(name, &bytes).encode_to_vec();
        for change in &changes {
            change.make(&mut wire);
        }
        check_any(name, &wire);
    }

    #[test]
    fn any_bytes_are_written_as_reflection_does_or_not_at_all(
        name in 0..NAMES.len(),
        wire in vec(any::<u8>(), 0..200),
    ) {
        check_any(NAMES[name], &wire);
    }
}
