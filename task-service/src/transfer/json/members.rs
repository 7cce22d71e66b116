//! The members of a JSON object.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::transfer::draft::Problem;

/// The members of an object. One that is null counts as absent, as in proto3 JSON.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Members<'a>(Cow<'a, Map<String, Value>>);

impl<'a> Members<'a> {
    /// The members of a value; `None` if it is no object.
    pub(super) fn of(value: &'a Value) -> Option<Self> {
        value.as_object().map(|members| Self(Cow::Borrowed(members)))
    }

    /// Whether there is a member of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The value of a member. `names` are the names that it may have, such as `createTime` and `create_time`.
    pub(super) fn value(&self, names: &[&str]) -> Option<&Value> {
        names
            .iter()
            .find_map(|name| self.0.get(*name).filter(|value| !value.is_null()))
    }

    /// A text; empty if it is absent.
    pub(super) fn text(&self, names: &[&str], field: &'static str) -> Result<&str, Problem> {
        match self.value(names) {
            None => Ok(""),
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(Problem::of(field, "must be a string")),
        }
    }

    /// Yes or no, if it is there.
    pub(super) fn flag(&self, names: &[&str], field: &'static str) -> Result<Option<bool>, Problem> {
        match self.value(names) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(Problem::of(field, "must be true or false")),
        }
    }

    /// The elements of an array; none if it is absent.
    pub(super) fn list(&self, names: &[&str], field: &'static str) -> Result<&[Value], Problem> {
        match self.value(names) {
            None => Ok(&[]),
            Some(Value::Array(values)) => Ok(values),
            Some(_) => Err(Problem::of(field, "must be an array")),
        }
    }
}
