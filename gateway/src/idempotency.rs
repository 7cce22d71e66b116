//! `Idempotency-Key` becomes the request id of the request message.

use http::HeaderMap;
use prost_reflect::{DynamicMessage, Value};

use crate::{problem::Problem, rpc::Rpc};

const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Puts the key into the request message, bare: the header's draft writes it in quotes, most clients do not. A key for a
/// method that cannot keep its promise is refused: who sends one would repeat the request.
pub(crate) fn apply(headers: &HeaderMap, rpc: &Rpc, message: &mut DynamicMessage) -> Result<(), Problem> {
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = keys.next() else {
        return Ok(());
    };
    let refuse = |problem: &str| Problem::field("Idempotency-Key", problem);
    let Some(field) = &rpc.request_id_field else {
        return Err(refuse("is not something that this method can keep"));
    };
    let key = key.to_str().unwrap_or_default().trim();
    let bare = key
        .strip_prefix('"')
        .and_then(|key| key.strip_suffix('"'))
        .unwrap_or(key);
    if bare.is_empty() || keys.next().is_some() {
        return Err(refuse("must be one key of 1 to 64 printable ASCII characters"));
    }
    let in_body = field.get(message);
    let in_body = in_body.as_ref().and_then(Value::as_str).filter(|id| !id.is_empty());
    if in_body.is_some_and(|id| id != bare) {
        return Err(Problem::field(&field.name(), "differs from Idempotency-Key"));
    }
    field.set(message, Value::String(bare.to_owned()));
    Ok(())
}
