//! Requests to messages, by a contract with every kind of field. The expected message is written as JSON.

use http::Method;
use serde_json::{Value as Expected, json};

use super::*;
use crate::{
    routes::{Found, RouteTable},
    testing,
};

fn bind_to(table: &RouteTable, line: &str, body: &str) -> Result<DynamicMessage, Problem> {
    let (method, uri) = line.split_once(' ').expect("a method and a URI");
    let (path, query) = uri
        .split_once('?')
        .map_or((uri, None), |(path, query)| (path, Some(query)));
    match table.find(&method.parse::<Method>().expect("a method"), path) {
        Found::Route(route, segments) => bind(route, &segments, query, body.as_bytes()),
        other => panic!("{line}: {other:?}"),
    }
}

#[track_caller]
fn bound(line: &str, body: &str, expected: &Expected) {
    let message =
        bind_to(&testing::kitchen(), line, body).unwrap_or_else(|problem| panic!("{line} {body}: {problem:?}"));
    let bound = serde_json::to_value(&message).expect("it has a JSON form");
    assert_eq!(bound, *expected, "{line} {body}");
}

/// The fields at fault, in order.
#[track_caller]
fn refused(line: &str, body: &str, fields: &[&str]) {
    let problem = bind_to(&testing::kitchen(), line, body).map(|message| panic!("{line} {body}: {message:?}"));
    let problem = problem.unwrap_err_or_never();
    assert_eq!(
        (&*problem.reason, problem.status.as_u16()),
        ("FIELD_INVALID", 400),
        "{line} {body}"
    );
    let named: Vec<&str> = problem.violations.iter().map(|violation| &*violation.field).collect();
    assert_eq!(named, fields, "{line} {body}: {problem:?}");
}

trait Refused {
    fn unwrap_err_or_never(self) -> Problem;
}

impl Refused for Result<std::convert::Infallible, Problem> {
    fn unwrap_err_or_never(self) -> Problem {
        let Err(problem) = self;
        problem
    }
}

#[test]
fn path_variables_are_unescaped_and_typed() {
    bound("GET /v1/sinks/-5", "", &json!({"int64Value": "-5"}));
    bound(
        "GET /v1/rooms/a%20b+c/sinks/%C3%A9%2F%3A",
        "",
        &json!({"child": {"name": "a b+c"}, "stringValue": "é/:"}),
    );
    bound(
        "GET /v1/rooms/a%2Fb%20c/all",
        "",
        &json!({"child": {"name": "rooms/a%2Fb c"}}),
    );
    refused("GET /v1/sinks/five", "", &["int64_value"]);
    refused("GET /v1/sinks/9223372036854775808", "", &["int64_value"]);
    refused("GET /v1/rooms/%ff/sinks/%4", "", &["child.name", "string_value"]);
}

#[test]
fn query_parameters_of_every_kind() {
    for (query, expected) in [
        ("", json!({})),
        ("&&", json!({})),
        ("int32Value=-7", json!({"int32Value": -7})),
        ("int32_value=7", json!({"int32Value": 7})),
        ("int64Value=9007199254740993", json!({"int64Value": "9007199254740993"})),
        (
            "uint64_value=18446744073709551615",
            json!({"uint64Value": "18446744073709551615"}),
        ),
        (
            "doubleValue=1.5e3&floatValue=NaN",
            json!({"doubleValue": 1500.0, "floatValue": "NaN"}),
        ),
        ("boolValue=true", json!({"boolValue": true})),
        ("stringValue=a+b%2Bc%26%3D%C3%A9=", json!({"stringValue": "a b+c&=é="})),
        ("bytesValue=-_8", json!({"bytesValue": "+/8="})),
        ("colour=COLOUR_RED", json!({"colour": "COLOUR_RED"})),
        ("colour=2", json!({"colour": "COLOUR_BLUE"})),
        ("colour=77", json!({"colour": 77})),
        ("strings=a&strings=&strings=b", json!({"strings": ["a", "", "b"]})),
        ("numbers=1&numbers=2", json!({"numbers": [1, 2]})),
        ("child.name=x&child.age=3", json!({"child": {"name": "x", "age": 3}})),
        (
            "child.child.child.name=x",
            json!({"child": {"child": {"child": {"name": "x"}}}}),
        ),
        ("maybe=0", json!({"maybe": 0})),
        (
            "time=2026-01-31T12:00:00.5%2B01:00",
            json!({"time": "2026-01-31T11:00:00.500Z"}),
        ),
        ("duration=1.5s", json!({"duration": "1.500s"})),
        (
            "mask=stringValue,int32_value",
            json!({"mask": "stringValue,int32Value"}),
        ),
        ("mask=", json!({"mask": ""})),
        (
            "wrapped=0&wrappedText=null",
            json!({"wrapped": 0, "wrappedText": "null"}),
        ),
        ("left=x", json!({"left": "x"})),
    ] {
        bound(&format!("GET /v1/sinks?{query}"), "", &expected);
    }
}

#[test]
fn a_query_that_is_wrong_is_refused_by_name() {
    for (query, fields) in [
        ("bogus=1", vec!["bogus"]),
        ("access_token=secret", vec!["access_token"]),
        ("a%20b=1&%zz=1", vec!["a b", "%zz"]),
        ("int32Value=1&int32_value=2", vec!["int32_value"]),
        ("int32Value=", vec!["int32_value"]),
        ("int32Value=2147483648", vec!["int32_value"]),
        ("boolValue=yes&colour=GREEN", vec!["bool_value", "colour"]),
        ("stringValue=%ff", vec!["string_value"]),
        ("numbers=1&numbers=x", vec!["numbers"]),
        ("child=x", vec!["child"]),
        ("child.bogus=x", vec!["child.bogus"]),
        ("family=x", vec!["family"]),
        ("family.name=x", vec!["family.name"]),
        ("counts=1", vec!["counts"]),
        ("left=a&right=b", vec!["right"]),
        ("time=2026-01-31", vec!["time"]),
        ("time=2026-02-31T00:00:00Z", vec!["time"]),
        ("duration=5", vec!["duration"]),
        ("structure=%7B%7D", vec!["structure"]),
        (".=1&child.=1", vec![".", "child."]),
    ] {
        refused(&format!("GET /v1/sinks?{query}"), "", &fields);
    }
}

#[test]
fn each_field_has_one_place() {
    refused("GET /v1/sinks/1?int64Value=1", "", &["int64_value"]);
    refused("GET /v1/rooms/a/sinks/b?child.name=a", "", &["child.name"]);
    bound(
        "GET /v1/rooms/a/sinks/b?child.age=1",
        "",
        &json!({"child": {"name": "a", "age": 1}, "stringValue": "b"}),
    );
    refused("POST /v1/sinks/a:make?boolValue=true", "{}", &["bool_value"]);
    refused("PATCH /v1/sinks/a?sink.etag=x", "{}", &["sink.etag"]);
    bound(
        "POST /v1/sinks/a:make",
        r#"{"stringValue": "a", "boolValue": true}"#,
        &json!({"stringValue": "a", "boolValue": true}),
    );
    refused("POST /v1/sinks/a:make", r#"{"string_value": "b"}"#, &["string_value"]);
    refused("POST /v1/sinks/a:make", r#"{"stringValue": ""}"#, &["string_value"]);
}

#[test]
fn bodies_of_every_kind() {
    for (body, expected) in [
        ("", json!({})),
        (" {} ", json!({})),
        (
            r#"{"int32Value": 1, "int64_value": "2", "uint64Value": 3}"#,
            json!({"int32Value": 1, "int64Value": "2", "uint64Value": "3"}),
        ),
        (
            r#"{"int32Value": 1.0, "uint32Value": 1e3, "numbers": ["4", 5]}"#,
            json!({"int32Value": 1, "uint32Value": 1000, "numbers": [4, 5]}),
        ),
        (
            r#"{"doubleValue": 1, "floatValue": "1.5"}"#,
            json!({"doubleValue": 1.0, "floatValue": 1.5}),
        ),
        (
            r#"{"boolValue": true, "bytesValue": "-_8"}"#,
            json!({"boolValue": true, "bytesValue": "+/8="}),
        ),
        (r#"{"colour": "COLOUR_RED"}"#, json!({"colour": "COLOUR_RED"})),
        (r#"{"colour": 2}"#, json!({"colour": "COLOUR_BLUE"})),
        (r#"{"strings": [], "counts": {}}"#, json!({})),
        (
            r#"{"counts": {"a": 1}, "children": {"-1": {"name": "x"}}}"#,
            json!({"counts": {"a": 1}, "children": {"-1": {"name": "x"}}}),
        ),
        (
            r#"{"child": {}, "family": [{"age": 1}, {}]}"#,
            json!({"child": {}, "family": [{"age": 1}, {}]}),
        ),
        (r#"{"left": null, "right": "x"}"#, json!({"right": "x"})),
        (r#"{"maybe": 0}"#, json!({"maybe": 0})),
        (
            r#"{"int32Value": null, "child": null, "strings": null, "time": null, "maybe": null}"#,
            json!({}),
        ),
        (
            r#"{"time": "2026-01-31T12:00:00Z", "duration": "-3s", "mask": "childName,etag"}"#,
            json!({"time": "2026-01-31T12:00:00Z", "duration": "-3s", "mask": "childName,etag"}),
        ),
        (
            r#"{"wrapped": 0, "wrappedText": ""}"#,
            json!({"wrapped": 0, "wrappedText": ""}),
        ),
        (
            r#"{"structure": {"a": [1, null]}, "anything": null}"#,
            json!({"structure": {"a": [1.0, null]}, "anything": null}),
        ),
    ] {
        let mut expected = expected;
        expected["stringValue"] = "a".into();
        bound("POST /v1/sinks/a:make", body, &expected);
    }
}

#[test]
fn a_body_that_is_wrong_is_refused_by_path() {
    for (body, fields) in [
        (r#"{"bogus": 1, "child": {"bogus": 1}}"#, vec!["bogus", "child.bogus"]),
        (r#"{"family": [{}, {"bogus": 1}]}"#, vec!["family[1].bogus"]),
        (
            r#"{"children": {"1": {"age": "x"}, "x": {}}}"#,
            vec!["children[\"1\"].age", "children[\"x\"]"],
        ),
        (r#"{"int32Value": 1, "int32_value": 1}"#, vec!["int32_value"]),
        (
            r#"{"int32Value": 1.5, "uint32Value": -1, "int64Value": 1e30}"#,
            vec!["int32_value", "uint32_value", "int64_value"],
        ),
        (
            r#"{"int32Value": true, "stringValue": 1, "boolValue": "true"}"#,
            vec!["int32_value", "string_value", "bool_value"],
        ),
        (r#"{"colour": "GREEN"}"#, vec!["colour"]),
        (r#"{"colour": 1.5}"#, vec!["colour"]),
        (
            r#"{"strings": "a", "numbers": [1, null], "counts": []}"#,
            vec!["strings", "numbers[1]", "counts"],
        ),
        (r#"{"child": [], "family": {}}"#, vec!["child", "family"]),
        (r#"{"left": "a", "right": "b"}"#, vec!["right"]),
        (
            r#"{"time": 5, "duration": "5", "wrapped": "x"}"#,
            vec!["time", "duration", "wrapped"],
        ),
        (r#"{"structure": []}"#, vec!["structure"]),
    ] {
        refused("POST /v1/sinks/a:make", body, &fields);
    }
}

#[test]
fn a_body_can_be_one_field() {
    bound(
        "PUT /v1/sinks/a/tags",
        r#"["x", "y"]"#,
        &json!({"stringValue": "a", "strings": ["x", "y"]}),
    );
    bound(
        "PUT /v1/sinks/a/tags?boolValue=true",
        "[]",
        &json!({"stringValue": "a", "boolValue": true}),
    );
    refused("PUT /v1/sinks/a/tags?strings=x", "[]", &["strings"]);
    refused("PUT /v1/sinks/a/tags", "[1]", &["strings[0]"]);
}

#[test]
fn a_body_where_none_is_taken_and_none_where_one_is_needed() {
    for (line, body) in [
        ("GET /v1/sinks", "{}"),
        ("PATCH /v1/sinks/a", ""),
        ("PUT /v1/sinks/a", ""),
        ("PUT /v1/sinks/a/tags", ""),
        ("POST /v1/sinks/a:make", "[]"),
        ("POST /v1/sinks/a:make", "null"),
    ] {
        let problem = bind_to(&testing::kitchen(), line, body).expect_err(line);
        assert_eq!(problem.reason, "MESSAGE_MALFORMED", "{line}");
    }
}

#[test]
fn a_patch_changes_what_its_body_names() {
    for (body, sink, mask) in [
        (r#"{"int32Value": 1}"#, json!({"int32Value": 1}), "int32Value"),
        (
            r#"{"colour": null, "int32_value": 0, "child": {"age": 1}}"#,
            json!({"child": {"age": 1}}),
            "colour,int32Value,child",
        ),
        ("{}", json!({}), ""),
        (r#"{"etag": "v1"}"#, json!({"etag": "v1"}), ""),
        (r#"{"stringValue": "a", "maybe": 0}"#, json!({"maybe": 0}), "maybe"),
        (r#"{"stringValue": null}"#, json!({}), ""),
    ] {
        let mut sink = sink;
        sink["stringValue"] = "a".into();
        bound("PATCH /v1/sinks/a", body, &json!({"sink": sink, "updateMask": mask}));
    }
    refused("PATCH /v1/sinks/a", r#"{"stringValue": "b"}"#, &["sink.string_value"]);
    refused("PATCH /v1/sinks/a", r#"{"bogus": 1}"#, &["sink.bogus"]);
    refused("PATCH /v1/sinks/a", "[]", &["sink"]);
}

#[test]
fn a_patch_with_a_mask_of_its_own_keeps_it() {
    bound(
        "PATCH /v1/sinks/a?updateMask=int32Value,etag&validateOnly=true",
        r#"{"boolValue": true}"#,
        &json!({"sink": {"stringValue": "a", "boolValue": true}, "updateMask": "int32Value,etag", "validateOnly": true}),
    );
    bound(
        "PATCH /v1/sinks/a?update_mask=",
        r#"{"boolValue": true}"#,
        &json!({"sink": {"stringValue": "a", "boolValue": true}, "updateMask": ""}),
    );
}

#[test]
fn each_request_of_a_batch_changes_what_it_names() {
    let body = json!({"requests": [
        {"sink": {"stringValue": "a", "int32Value": 0, "colour": null, "strings": [], "etag": "v1"}},
        {"sink": {"string_value": "b", "boolValue": true}, "updateMask": "maybe"},
        {"sink": {"stringValue": "c", "boolValue": true}, "update_mask": ""},
        {"sink": {}},
        {},
    ]});
    bound(
        "POST /v1/sinks:change",
        &body.to_string(),
        &json!({"requests": [
            {"sink": {"stringValue": "a", "etag": "v1"}, "updateMask": "colour,int32Value,strings"},
            {"sink": {"stringValue": "b", "boolValue": true}, "updateMask": "maybe"},
            {"sink": {"stringValue": "c", "boolValue": true}, "updateMask": ""},
            {"sink": {}, "updateMask": ""},
            {},
        ]}),
    );
    refused(
        "POST /v1/sinks:change",
        r#"{"requests": [{"sink": {"bogus": 1}}, {"sink": []}]}"#,
        &["requests[0].sink.bogus", "requests[1].sink"],
    );
    bound("POST /v1/sinks:change", r#"{"requests": null}"#, &json!({}));
}

#[test]
fn a_put_replaces_its_fields_whatever_the_body_has() {
    let mask = "int32Value,colour,child.age";
    for (body, sink) in [
        ("{}", json!({})),
        (
            r#"{"int32Value": 1, "colour": null, "stringValue": "a"}"#,
            json!({"int32Value": 1}),
        ),
        (
            r#"{"boolValue": true, "etag": "v1"}"#,
            json!({"boolValue": true, "etag": "v1"}),
        ),
    ] {
        let mut sink = sink;
        sink["stringValue"] = "a".into();
        bound("PUT /v1/sinks/a", body, &json!({"sink": sink, "updateMask": mask}));
    }
    bound(
        "PUT /v1/sinks/a?validateOnly=true",
        "{}",
        &json!({"sink": {"stringValue": "a"}, "updateMask": mask, "validateOnly": true}),
    );
    refused("PUT /v1/sinks/a?updateMask=etag", "{}", &["update_mask"]);
    refused("PUT /v1/sinks/a?update_mask.paths=etag", "{}", &["update_mask.paths"]);
    refused(
        "PUT /v1/sinks/a",
        r#"{"bogus": 1, "stringValue": "b"}"#,
        &["sink.bogus", "sink.string_value"],
    );
    refused("PUT /v1/sinks/a", "null", &["sink"]);
    refused("PUT /v1/sinks/a", "[]", &["sink"]);
}
