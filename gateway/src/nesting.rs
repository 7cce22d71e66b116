//! How deep the messages of a request are in each other. Services read them only so deep; what is deeper is told to the
//! client here, before it is a mistake of nobody's in a service.

use prost_reflect::{DynamicMessage, Value};

use crate::problem::Problem;

/// What prost decodes. An entry of a map is a message too.
const MOST: usize = 100;

/// Refuses a message that services would not read.
pub(crate) fn require_readable(message: &DynamicMessage) -> Result<(), Problem> {
    if is_within(message, MOST) {
        return Ok(());
    }
    let too_deep = format!("more than {MOST} messages are in each other");
    Err(Problem::new("MESSAGE_MALFORMED", too_deep))
}

fn is_within(message: &DynamicMessage, levels: usize) -> bool {
    message.fields().all(|(_, value)| match value {
        Value::Map(entries) => entries.values().all(|value| is_value_within(value, levels, 2)),
        Value::List(values) => values.iter().all(|value| is_value_within(value, levels, 1)),
        value => is_value_within(value, levels, 1),
    })
}

/// Whether a value that is so many messages further in is within the levels.
fn is_value_within(value: &Value, levels: usize, further: usize) -> bool {
    match value {
        Value::Message(message) => levels
            .checked_sub(further)
            .is_some_and(|levels| is_within(message, levels)),
        _ => true,
    }
}
