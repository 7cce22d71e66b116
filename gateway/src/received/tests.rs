use prost::Message as _;
use prost_reflect::{OneofDescriptor, ReflectMessage as _};

use super::*;
use crate::testing;

/// The type of the kitchen's messages, with a writer.
fn sink() -> (MessageDescriptor, JsonWriter) {
    let table = testing::kitchen();
    let sink = table.iter().map(|route| route.rpc.method.output());
    let sink = sink
        .into_iter()
        .find(|message| message.name() == "Sink")
        .expect("a sink");
    let writer = JsonWriter::new(&sink);
    (sink, writer)
}

/// The same message, written and decoded.
fn both(fill: impl FnOnce(&mut DynamicMessage)) -> [Received; 2] {
    let (sink, writer) = sink();
    let mut message = DynamicMessage::new(sink.clone());
    fill(&mut message);
    let written = Received::new(&sink, Some(&writer), message.encode_to_vec().into()).expect("it decodes");
    assert!(matches!(written, Received::Written { .. }));
    [written, Received::Decoded(message)]
}

#[test]
fn parts_are_the_same_whether_it_was_decoded_or_not() {
    let child = |message: &mut DynamicMessage| {
        let path = FieldPath::resolve(&message.descriptor(), "child.child.name").expect("a path");
        path.set(message, Value::String("inner".to_owned()));
        message.set_field_by_name("etag", Value::String("\"é".to_owned()));
        message.set_field_by_name("int64_value", Value::I64(-7));
        message.set_field_by_name("strings", Value::List(vec![Value::String("one".to_owned())]));
        message.set_field_by_name("right", Value::String(String::new()));
    };
    let [written, decoded] = both(child);
    assert_eq!(written.json().expect("JSON"), decoded.json().expect("JSON"));
    assert_eq!(
        written.message().expect("a message"),
        decoded.message().expect("a message")
    );
    let descriptor = decoded.message().expect("a message").descriptor();
    for path in [
        "child.child.name",
        "etag",
        "int64_value",
        "strings",
        "right",
        "child.child",
        "family",
    ] {
        let path = FieldPath::resolve(&descriptor, path).expect("a path");
        assert!(written.value(&path).is_some());
        assert_eq!(written.value(&path), decoded.value(&path));
    }
    let beyond = FieldPath::resolve(&descriptor, "child.child.child.name").expect("a path");
    assert_eq!((written.value(&beyond), decoded.value(&beyond)), (None, None));
    let choice: OneofDescriptor = descriptor.oneofs().next().expect("a oneof");
    for received in [&written, &decoded] {
        let set: Vec<_> = choice
            .fields()
            .map(|field| (field.name().to_owned(), received.has(&field)))
            .collect();
        assert_eq!(set, [("left".to_owned(), false), ("right".to_owned(), true)]);
    }
}

#[test]
fn what_the_writer_leaves_is_decoded_and_what_does_not_decode_is_an_error() {
    let (sink, writer) = sink();
    let etag = |text: &[u8]| [&[0xda, 1, u8::try_from(text.len()).expect("short")], text].concat();
    let twice = [etag(b"a"), etag(b"b")].concat();
    let received = Received::new(&sink, Some(&writer), twice.into()).expect("it decodes");
    let path = FieldPath::resolve(&sink, "etag").expect("a path");
    assert!(matches!(received, Received::Decoded(_)));
    assert_eq!(received.value(&path), Some(Value::String("b".to_owned())));
    assert!(Received::new(&sink, Some(&writer), etag(b"\xff").into()).is_err());
    let unwritten = Received::new(&sink, None, etag(b"a").into()).expect("it decodes");
    assert!(matches!(unwritten, Received::Decoded(_)));
}
