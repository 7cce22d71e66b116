//! The table itself: what a case has, and the files it is read from.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    path::Path,
};

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The subjects, and how many cases each has at least: one that is taken away is missed.
const SUBJECTS: [(&str, usize); 12] = [
    ("path", 81),
    ("query", 83),
    ("body", 79),
    ("bindings", 11),
    ("numbers", 85),
    ("texts", 32),
    ("maps", 22),
    ("messages", 36),
    ("times", 51),
    ("masks", 20),
    ("answers", 46),
    ("raw", 13),
];

/// A request, what becomes of it at the far end, and what is answered.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    /// What it shows, in a few words.
    pub(super) name: String,
    /// What is asked.
    pub(super) request: Asked,
    /// The method that is called; none: the gateway refuses it.
    pub(super) calls: Option<String>,
    /// The request message as canonical proto3 JSON: what has its default is left out. A list if it is a stream.
    pub(super) message: Option<Value>,
    /// What the far end answers, as proto3 JSON; else the empty message.
    pub(super) answer: Option<Value>,
    /// What it answers where it answers a stream.
    #[serde(default)]
    pub(super) answers: Vec<Value>,
    /// The gRPC code with which it fails instead.
    pub(super) fails: Option<i32>,
    /// What is answered.
    pub(super) response: Expected,
    /// What Envoy or grpc-gateway do instead, and why it is done otherwise here.
    pub(super) differs: Option<String>,
}

/// An HTTP request. One with a body is `application/json` unless its headers say otherwise.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    pub(super) method: String,
    /// Path and query.
    pub(super) path: String,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    /// The body, if it is JSON that the table can hold.
    #[serde(default, deserialize_with = "even_null")]
    pub(super) body: Option<Value>,
    /// The body to the letter.
    pub(super) text: Option<String>,
}

/// An HTTP response.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expected {
    pub(super) status: u16,
    /// Those that the case is about.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    /// The body as JSON.
    #[serde(default, deserialize_with = "even_null")]
    pub(super) body: Option<Value>,
    /// The body to the letter.
    pub(super) text: Option<String>,
    /// The reason of a problem.
    pub(super) problem: Option<String>,
    /// The fields that the problem names, in this order.
    #[serde(default)]
    pub(super) fields: Vec<String>,
}

/// `null` is a body like any other.
fn even_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// All subjects with their cases.
pub(super) fn read() -> Vec<(&'static str, Vec<Case>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gateway/conformance");
    let read = |(subject, least): &(&'static str, usize)| {
        let text = fs::read_to_string(directory.join(format!("{subject}.json"))).expect(subject);
        let cases: Vec<Case> = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{subject}: {error}"));
        assert!(cases.len() >= *least, "{subject} has only {} cases", cases.len());
        (*subject, cases)
    };
    SUBJECTS.iter().map(read).collect()
}

#[test]
fn every_subject_has_its_cases_and_every_case_a_name_of_its_own() {
    let table = read();
    let mut names = HashSet::new();
    for (subject, cases) in &table {
        for case in cases {
            assert!(names.insert(&case.name), "{subject}: {} twice", case.name);
            let has_end = case.differs.as_ref().is_none_or(|differs| differs.ends_with('.'));
            assert!(has_end, "{subject}: {}: what differs is a sentence", case.name);
        }
    }
    assert!(names.len() >= 150, "the table has only {} cases", names.len());
}
