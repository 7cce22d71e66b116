//! JSON text to a tree: order kept, repeated keys refused, depth bounded.

use std::{collections::HashSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::Number;

use crate::problem::Problem;

/// A JSON value (RFC 8259).
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Parses a whole body. Anything malformed is MESSAGE_MALFORMED with its position, never with its text, which
    /// may hold a password. Nesting beyond 127 levels is malformed (serde_json's limit).
    pub(crate) fn parse(text: &[u8]) -> Result<Self, Problem> {
        serde_json::from_slice(text)
            .map_err(|error| Problem::new("MESSAGE_MALFORMED", format!("the body is not JSON: {error}")))
    }

    /// The members of an object.
    pub(crate) fn as_object(&self) -> Option<&[(String, Json)]> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The elements of an array.
    pub(crate) fn as_array(&self) -> Option<&[Json]> {
        match self {
            Self::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// The member of an object with one of two names.
    pub(crate) fn member(&self, name: &str, other_name: &str) -> Option<&Self> {
        self.as_object()?
            .iter()
            .find(|(key, _)| key == name || key == other_name)
            .map(|(_, value)| value)
    }
}

impl From<&Json> for serde_json::Value {
    fn from(json: &Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => Self::Number(number.clone()),
            Json::String(text) => Self::String(text.clone()),
            Json::Array(values) => Self::Array(values.iter().map(Self::from).collect()),
            Json::Object(members) => Self::Object(
                members
                    .iter()
                    .map(|(key, value)| (key.clone(), Self::from(value)))
                    .collect(),
            ),
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Tree)
    }
}

struct Tree;

impl<'de> Visitor<'de> for Tree {
    type Value = Json;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Json, E> {
        Number::from_f64(value)
            .map(Json::Number)
            .ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Json, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = sequence.next_element()? {
            values.push(value);
        }
        Ok(Json::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members: Vec<(String, Json)> = Vec::new();
        let mut keys = HashSet::new();
        while let Some((key, value)) = map.next_entry::<String, Json>()? {
            if !keys.insert(key.clone()) {
                return Err(A::Error::custom("a key is repeated within its object"));
            }
            members.push((key, value));
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        let problem = Json::parse(text.as_bytes()).expect_err(text);
        assert_eq!(problem.reason, "MESSAGE_MALFORMED", "{text}");
        problem.detail
    }

    #[test]
    fn malformed_text_is_refused_with_its_position() {
        for text in [
            "",
            "{",
            "{\"a\":1,}",
            "nul",
            "{} {}",
            "[1,]",
            "\"\u{1}\"",
            r#""\ud800""#,
            "1e999",
            "\u{feff}{}",
            "NaN",
        ] {
            assert!(refused(text).contains("line 1 column"), "{text}: {}", refused(text));
        }
        assert!(Json::parse(b"\"\xff\"").is_err());
        assert!(refused("{\n  \"password\": \"hunter2\" \"x\"}").contains("line 2 column"));
        assert!(!refused("{\"password\": \"hunter2\" \"x\"}").contains("hunter2"));
    }

    #[test]
    fn repeated_keys_are_refused_at_any_depth() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"x":[{"a":1,"\u0061":2}]}"#] {
            assert!(refused(text).contains("repeated"), "{text}");
        }
        assert!(Json::parse(br#"{"a":{"a":1},"b":{"a":1}}"#).is_ok());
    }

    #[test]
    fn deep_nesting_is_refused_before_the_stack_ends() {
        assert!(Json::parse("[".repeat(120).as_bytes()).is_err());
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(Json::parse(nested(100).as_bytes()).is_ok());
        assert!(refused(&nested(200_000)).contains("recursion limit"));
    }
}
