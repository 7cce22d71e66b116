//! Examples of calls, one after the other as a test makes them: `examples.json`.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Map, Value};

/// A call and its answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Example {
    operation: String,
    /// Values of parameters, by name.
    #[serde(default)]
    pub(super) parameters: Map<String, Value>,
    /// The body of the request.
    pub(super) body: Option<Value>,
    /// The body of the answer.
    pub(super) answer: Option<Value>,
}

/// All of them, by the operation's id.
pub(super) struct Examples(HashMap<String, Example>);

impl Examples {
    /// Those that the gateway was built with.
    pub(super) fn read() -> serde_json::Result<Self> {
        let examples: Vec<Example> = serde_json::from_str(include_str!("examples.json"))?;
        let by_operation = examples.into_iter().map(|example| (example.operation.clone(), example));
        Ok(Self(by_operation.collect()))
    }

    /// That of an operation.
    pub(super) fn of(&self, operation: &str) -> Option<&Example> {
        self.0.get(operation)
    }
}
