//! `Last-Event-ID` (WHATWG HTML, section 9.2) becomes the field of the request from which a stream goes on.

use http::HeaderMap;
use prost_reflect::{DynamicMessage, Value};

use crate::{
    problem::Problem,
    rpc::{Answers, Rpc},
};

const LAST_EVENT_ID: &str = "last-event-id";

/// Puts the id into the request message. A stream that cannot go on from there refuses it: the client would take what
/// follows for all that it missed.
pub(crate) fn apply(headers: &HeaderMap, rpc: &Rpc, message: &mut DynamicMessage) -> Result<(), Problem> {
    let mut ids = headers.get_all(LAST_EVENT_ID).iter();
    let Some(id) = ids.next().filter(|id| !id.is_empty() && rpc.answers == Answers::Events) else {
        return Ok(());
    };
    let refuse = |problem: &str| Err(Problem::field("Last-Event-ID", problem));
    let Some(field) = &rpc.events.resume else {
        return refuse("is not something from which this stream can go on");
    };
    // Browsers send it in UTF-8.
    let (Ok(id), None) = (std::str::from_utf8(id.as_bytes()), ids.next()) else {
        return refuse("must be one id of an event");
    };
    // Browsers connect again to the address that they began with: what it says is older.
    field.set(message, Value::String(id.to_owned()));
    Ok(())
}
