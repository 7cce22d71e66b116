//! Requests that have their effect once, however often they are sent (AIP-155).

use aws_lc_rs::digest::{SHA256, digest};
use prost::Message;

use crate::{
    store::{Effect, RequestId},
    validation::Violations,
};

const MAX_BYTES: usize = 64;

/// The effect of a request: once, if the client gave it an id. `asked` is the request without its id.
pub(crate) fn effect(
    method: &str,
    request_id: &str,
    asked: &impl Message,
    violations: &mut Violations,
) -> Option<Effect> {
    if request_id.is_empty() {
        return Some(Effect::Stored);
    }
    if request_id.len() > MAX_BYTES || !request_id.bytes().all(|byte| byte.is_ascii_graphic()) {
        violations.add("request_id", "must be 1 to 64 printable ASCII characters");
        return None;
    }
    // Two methods may ask in the same bytes.
    let text = [method.as_bytes(), &[0], &asked.encode_to_vec()].concat();
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, &text).as_ref());
    Some(Effect::Once(RequestId {
        id: request_id.to_owned(),
        digest: hash,
    }))
}
