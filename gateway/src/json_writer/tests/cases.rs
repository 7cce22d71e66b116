use std::collections::BTreeMap;

use prost::encoding::{encode_key, encode_varint};
use prost_types::{Duration, ListValue, Timestamp, Value, value::Kind::*};

use super::*;

/// One field on the wire.
fn field(number: u32, wire_type: WireType, value: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    encode_key(number, wire_type, &mut wire);
    if wire_type == WireType::LengthDelimited {
        encode_varint(value.len() as u64, &mut wire);
    }
    wire.extend_from_slice(value);
    wire
}

fn text(number: u32, value: &str) -> Vec<u8> {
    field(number, WireType::LengthDelimited, value.as_bytes())
}

fn varint(number: u32, value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_varint(value, &mut bytes);
    field(number, WireType::Varint, &bytes)
}

/// The text, if both write the same.
#[track_caller]
fn same(name: &str, wire: &[u8]) -> String {
    let json = written(name, wire).expect("it is written");
    let message = decoded(name, wire).expect("it decodes");
    assert_eq!(Some(&json), reflected(&message).as_ref());
    json
}

#[test]
fn fields_stand_by_their_numbers_and_absent_ones_have_defaults() {
    assert_eq!(same("Small", b""), r#"{"name":"","number":0}"#);
    let wire = [text(1, "a\"\u{1}é"), text(2, ""), varint(3, 7)].concat();
    assert_eq!(same("Small", &wire), r#"{"name":"a\"\u0001é","note":"","number":7}"#);
    assert_eq!(same("Lists", b"").matches("[]").count(), 23);
    assert_eq!(same("Maps", b"").matches("{}").count(), 13);
    assert_eq!(same("WellKnown", b""), "{}");
    same("Scalars", b"");
    same("Optionals", b"");
}

#[test]
fn fields_out_of_order_or_twice_are_left_to_reflection() {
    let (name, note, number) = (text(1, "a"), text(2, "b"), varint(3, 1));
    for wire in [
        [&*note, &*name].concat(),
        [&*number, &*note].concat(),
        [&*name, &*name].concat(),
        [&*name, &*number, &*number].concat(),
    ] {
        assert!(decoded("Small", &wire).is_some());
        assert_eq!(written("Small", &wire), None);
    }
    let (number, yes, text) = (varint(1, 1), varint(2, 1), text(5, "a"));
    assert_eq!(
        same("Choices", &[&*number, &*yes].concat()),
        r#"{"number":"1","yes":true}"#
    );
    assert_eq!(written("Choices", &[&*number, &*yes, &*text].concat()), None);
}

#[test]
fn a_list_is_packed_or_not_and_in_one_place() {
    let packed = field(3, WireType::LengthDelimited, &[1, 2]);
    let one = varint(3, 9);
    for wire in [[&*packed, &*one, &*packed].concat(), [&*one, &*packed].concat()] {
        same("Lists", &wire);
    }
    // The field is declared as not packed, and takes it all the same.
    assert!(same("Lists", &field(19, WireType::LengthDelimited, &[1, 2])).contains("\"looseInt32\":[1,2]"));
    assert!(same("Lists", &field(3, WireType::LengthDelimited, &[])).contains("\"int32\":[]"));
    let other = varint(19, 1);
    assert_eq!(written("Lists", &[&*packed, &*other, &*one].concat()), None);
    assert_eq!(written("Lists", &field(3, WireType::LengthDelimited, &[1, 0x80])), None);
}

#[test]
fn unknown_fields_are_left_out() {
    let unknown = [
        varint(90, u64::MAX),
        field(91, WireType::ThirtyTwoBit, &[0; 4]),
        field(92, WireType::SixtyFourBit, &[0; 8]),
        text(93, "\u{0}"),
    ]
    .concat();
    let wire = [text(1, "a"), unknown.clone()].concat();
    assert_eq!(same("Small", &wire), r#"{"name":"a","number":0}"#);
    let small = field(10, WireType::LengthDelimited, &unknown);
    assert_eq!(same("Optionals", &small), r#"{"small":{"name":"","number":0}}"#);
    assert_eq!(same("google.protobuf.Empty", &unknown), "{}");
    let group = [field(90, WireType::StartGroup, b""), field(90, WireType::EndGroup, b"")].concat();
    assert!(decoded("Small", &group).is_some());
    assert_eq!(written("Small", &group), None);
}

#[test]
fn numbers_are_as_reflection_writes_them() {
    let zero = (-0.0_f64).to_le_bytes();
    let nan = f64::NAN.to_le_bytes();
    let scalars = |value: &[u8]| same("Scalars", &field(15, WireType::SixtyFourBit, value));
    assert!(scalars(&zero).contains("\"double\":-0.0"));
    assert!(scalars(&nan).contains("\"double\":\"NaN\""));
    assert!(scalars(&f64::NEG_INFINITY.to_le_bytes()).contains("\"double\":\"-Infinity\""));
    let wrapped = |value: &[u8]| same("google.protobuf.DoubleValue", &field(1, WireType::SixtyFourBit, value));
    assert_eq!((&*wrapped(&zero), &*wrapped(&nan)), ("0.0", "null"));
    let small_zero = field(1, WireType::ThirtyTwoBit, &(-0.0_f32).to_le_bytes());
    assert_eq!(same("google.protobuf.FloatValue", &small_zero), "0.0");
    // More bits than the field has; the lowest count.
    assert!(same("Scalars", &varint(13, u64::MAX >> 1)).contains("\"int32\":-1"));
    assert!(same("Scalars", &varint(11, u64::MAX)).contains("\"uint32\":4294967295"));
    assert!(same("Scalars", &varint(9, u64::MAX)).contains("\"sint32\":-2147483648"));
    assert!(same("Scalars", &varint(3, 1 << 63)).contains("\"bool\":true"));
}

#[test]
fn enums_have_their_names_or_their_numbers() {
    assert!(same("Scalars", &varint(16, 1)).contains("\"colour\":\"COLOUR_"));
    assert!(same("Scalars", &varint(16, 2_000_000_000)).contains("\"COLOUR_FAR\""));
    assert!(same("Scalars", &varint(16, 5)).contains("\"colour\":5"));
    assert!(same("Scalars", &varint(16, (-3_i64).cast_unsigned())).contains("\"COLOUR_BLUE\""));
    let no_value = field(3, WireType::LengthDelimited, &text(1, "a"));
    assert_eq!(same("writer.v2.Old", &no_value), r#"{"lates":{"a":"LATE_SEVEN"}}"#);
}

#[test]
fn parts_of_entries_can_be_absent_or_the_other_way_round_but_keys_are_there_once() {
    let entry = |entry: &[Vec<u8>]| field(1, WireType::LengthDelimited, &entry.concat());
    assert!(same("Maps", &entry(&[])).contains(r#""int32":{"0":""}"#));
    assert!(same("Maps", &entry(&[text(2, "a"), varint(3, 1), varint(1, 5)])).contains(r#""int32":{"5":"a"}"#));
    for number in 1..=13 {
        same("Maps", &field(number, WireType::LengthDelimited, b""));
    }
    let five = entry(&[varint(1, 5), text(2, "a")]);
    // Another way to write 5.
    let other_five = entry(&[field(1, WireType::Varint, &[0x85, 0]), text(2, "b")]);
    assert!(decoded("Maps", &[&*five, &*other_five].concat()).is_some());
    assert_eq!(written("Maps", &[&*five, &*other_five].concat()), None);
    assert_eq!(written("Maps", &entry(&[varint(1, 5), varint(1, 5)])), None);
}

#[test]
fn times_within_their_range_are_written() {
    let time = |seconds, nanos| Timestamp { seconds, nanos }.encode_to_vec();
    let name = "google.protobuf.Timestamp";
    for (seconds, nanos, expected) in [
        (-62_135_596_800, 0, "0001-01-01T00:00:00Z"),
        (253_402_300_799, 999_999_999, "9999-12-31T23:59:59.999999999Z"),
        (951_782_400, 120_000_000, "2000-02-29T00:00:00.120Z"),
        (-1, 1_000, "1969-12-31T23:59:59.000001Z"),
    ] {
        assert_eq!(same(name, &time(seconds, nanos)), format!("\"{expected}\""));
    }
    // A leap day or the first of March of each year.
    for year in 0..9_998 {
        same(name, &time(-62_135_596_800 + 86_400 * (59 + year * 365 + year / 4), 0));
    }
    for (seconds, nanos) in [
        (-62_135_596_801, 0),
        (253_402_300_800, 0),
        (i64::MIN, 0),
        (0, -1),
        (0, 1_000_000_000),
    ] {
        assert_eq!(written(name, &time(seconds, nanos)), None);
    }
    let duration = |seconds, nanos| Duration { seconds, nanos }.encode_to_vec();
    let name = "google.protobuf.Duration";
    for (seconds, nanos, expected) in [
        (0, 0, "0s"),
        (0, -500_000_000, "-0.500s"),
        (-315_576_000_000, -999_999_999, "-315576000000.999999999s"),
        (3, 20_000, "3.000020s"),
    ] {
        assert_eq!(same(name, &duration(seconds, nanos)), format!("\"{expected}\""));
    }
    for (seconds, nanos) in [
        (315_576_000_001, 0),
        (i64::MIN, 0),
        (1, -1),
        (0, 1_000_000_000),
        (0, i32::MIN),
    ] {
        assert_eq!(written(name, &duration(seconds, nanos)), None);
    }
}

#[test]
fn a_structure_is_written_if_its_keys_are_in_order() {
    let value = |kind| Value { kind: Some(kind) };
    let list = ListValue {
        values: vec![value(BoolValue(true)), Value { kind: None }, value(NumberValue(-0.0))],
    };
    let fields = BTreeMap::from([
        ("b".to_owned(), value(StringValue("\n".to_owned()))),
        (String::new(), value(ListValue(list))),
        ("a".to_owned(), value(StructValue(Struct::default()))),
    ]);
    let wire = Struct { fields }.encode_to_vec();
    assert_eq!(
        same("google.protobuf.Struct", &wire),
        r#"{"":[true,null,-0.0],"a":{},"b":"\n"}"#
    );
    let item = |key: &str| field(1, WireType::LengthDelimited, &text(1, key));
    for (first, second) in [("b", "a"), ("a", "a")] {
        assert_eq!(
            written("google.protobuf.Struct", &[item(first), item(second)].concat()),
            None
        );
    }
    let infinite = value(NumberValue(f64::INFINITY)).encode_to_vec();
    assert_eq!(written("google.protobuf.Value", &infinite), None);
    let twice = [varint(4, 1), varint(4, 1)].concat();
    assert_eq!(written("google.protobuf.Value", &twice), None);
}

#[test]
fn the_paths_of_a_mask_are_camel_case() {
    let mask = |paths: &[&str]| paths.iter().flat_map(|path| text(1, path)).collect::<Vec<_>>();
    let name = "google.protobuf.FieldMask";
    assert_eq!(
        same(name, &mask(&["", "due.time_zone", "a_b_c", "x_.y\""])),
        r#""due.timeZone,aBC,x.y\"""#
    );
    for path in ["timeZone", "a__b", "a_1", "a_é", "_A"] {
        assert_eq!(written(name, &mask(&[path])), None);
        assert_eq!(reflected(&decoded(name, &mask(&[path])).expect("it decodes")), None);
    }
}

#[test]
fn what_can_hold_the_unknown_is_left_to_reflection() {
    assert_eq!(same("Boxed", &text(2, "a")), r#"{"name":"a"}"#);
    assert_eq!(written("Boxed", &field(1, WireType::LengthDelimited, b"")), None);
    assert_eq!(written("writer.v2.Extended", &text(1, "a")), None);
    assert_eq!(written("writer.v2.Grouped", b""), None);
}

#[test]
fn messages_nest_as_deep_as_the_writer_allows() {
    for number in [2, 3] {
        let mut wire = text(1, "leaf");
        let mut depth = 1;
        while depth < MAX_DEPTH {
            wire = field(number, WireType::LengthDelimited, &wire);
            depth += 1;
        }
        same("Tree", &wire);
        wire = field(number, WireType::LengthDelimited, &wire);
        assert_eq!(written("Tree", &wire), None);
        for _ in 0..1_000 {
            wire = field(number, WireType::LengthDelimited, &wire);
        }
        assert_eq!(written("Tree", &wire), None);
    }
    let mut value = Value { kind: None };
    for _ in 0..1_000 {
        value = Value {
            kind: Some(ListValue(prost_types::ListValue { values: vec![value] })),
        };
    }
    assert_eq!(written("google.protobuf.Value", &value.encode_to_vec()), None);
}

#[test]
fn malformed_messages_are_left_to_reflection() {
    for wire in [
        field(1, WireType::LengthDelimited, b"\xff"),
        varint(1, 1),
        text(3, "not a number"),
        vec![0x0a, 5, b'a'],
        vec![0x0a],
        vec![0x1d],
        vec![0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
        vec![0x02, 0],
        vec![0x0e],
        field(90, WireType::EndGroup, b""),
    ] {
        assert!(decoded("Small", &wire).is_none(), "{wire:x?}");
        assert_eq!(written("Small", &wire), None, "{wire:x?}");
    }
}
