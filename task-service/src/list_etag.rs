//! The entity tags of lists: they change with every change of the owner's tasks, and differ between owners and requests.

use aws_lc_rs::digest::{Context, SHA256};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use prost::Message as _;
use proto::task::v1 as wire;

use crate::owner::OwnerId;

/// The number changes with whatever lists answer, so that no client keeps what an older version answered.
const LABEL: &[u8] = b"holdfast.task.v1 lists 1";
/// Of the hash: nobody but the owner is told one, so that 64 bits would do.
const BYTES: usize = 12;

/// The tag of what a request lists, where every change up to this `change_seq` was there, or more.
pub(crate) fn of(owner: OwnerId, request: &wire::ListTasksRequest, seq: i64) -> String {
    let asked = wire::ListTasksRequest {
        known_etag: String::new(),
        ..request.clone()
    };
    let mut context = Context::new(&SHA256);
    context.update(LABEL);
    context.update(owner.as_uuid().as_bytes());
    context.update(&seq.to_be_bytes());
    context.update(&asked.encode_to_vec());
    let hash = context.finish();
    BASE64_URL_SAFE_NO_PAD.encode(hash.as_ref().get(..BYTES).unwrap_or_default())
}
