//! Pages of a list, and the tokens that lead from one to the next.

use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use platform::{
    clock::Timestamp,
    entropy::{Entropy, random_bytes},
    secret::Secret,
};
use uuid::Uuid;

use crate::{owner::OwnerId, task::Task};

/// Which tasks a list holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateFilter {
    /// Active and completed ones.
    Any,
    /// Those that are not completed.
    Active,
    /// Those that are.
    Completed,
}

/// A place in a list that runs from the newest task to the oldest: between two tasks, just after this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// When the task before it was created.
    pub create_time: Timestamp,
    /// The id of the task before it.
    pub task_id: Uuid,
}

impl Cursor {
    /// Before the first task: the end of the year 9999, which both engines can write.
    pub const START: Self = Self {
        create_time: Timestamp::from_micros(253_402_300_799_999_999),
        task_id: Uuid::max(),
    };

    /// Just after a task.
    pub fn after(task: &Task) -> Self {
        Self {
            create_time: task.create_time,
            task_id: task.id,
        }
    }
}

/// A page of a list.
#[derive(Debug)]
pub struct Page {
    /// Its tasks.
    pub tasks: Vec<Task>,
    /// The token of the next page; empty if this is the last one.
    pub next_page_token: String,
}

/// Makes page tokens that only this service can read, and only for the same owner and query.
///
/// A token is a random nonce and the sealed cursor (AES-256-GCM), base64url without padding. Random nonces are
/// safe for 2^32 tokens of one key (NIST SP 800-38D, section 8.3).
pub(crate) struct PageTokens {
    key: LessSafeKey,
    entropy: Arc<dyn Entropy>,
}

/// Keeps tokens of other kinds and layouts apart.
const LABEL: &[u8] = b"holdfast.task.v1 ListTasks 1";
const CURSOR_BYTES: usize = 24;

impl PageTokens {
    pub(crate) fn new(key: &Secret<32>, entropy: Arc<dyn Entropy>) -> Self {
        #[expect(clippy::expect_used, reason = "the key has the length of the algorithm's keys")]
        let key = UnboundKey::new(&AES_256_GCM, key.expose()).expect("a 32-byte key");
        Self {
            key: LessSafeKey::new(key),
            entropy,
        }
    }

    /// The token for the page that begins at a cursor.
    pub(crate) fn seal(&self, owner: OwnerId, state: StateFilter, cursor: Cursor) -> String {
        let nonce: [u8; NONCE_LEN] = random_bytes(&*self.entropy);
        let mut sealed = Vec::with_capacity(CURSOR_BYTES + AES_256_GCM.tag_len());
        sealed.extend(cursor.create_time.as_micros().to_be_bytes());
        sealed.extend(cursor.task_id.as_bytes());
        #[expect(clippy::expect_used, reason = "sealing fails only beyond 64 GiB")]
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), context(owner, state), &mut sealed)
            .expect("a cursor can be sealed");
        BASE64_URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat())
    }

    /// The cursor that was sealed for this owner and query; `None` for anything else.
    pub(crate) fn open(&self, owner: OwnerId, state: StateFilter, token: &str) -> Option<Cursor> {
        let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
        let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let opened = self.key.open_in_place(nonce, context(owner, state), sealed).ok()?;
        let (create_time, task_id) = opened.split_first_chunk()?;
        Some(Cursor {
            create_time: Timestamp::from_micros(i64::from_be_bytes(*create_time)),
            task_id: Uuid::from_slice(task_id).ok()?,
        })
    }
}

/// What a token is bound to: its kind, the owner, and everything of the query but the size of a page.
fn context(owner: OwnerId, state: StateFilter) -> Aad<Vec<u8>> {
    let state = match state {
        StateFilter::Any => 0,
        StateFilter::Active => 1,
        StateFilter::Completed => 2,
    };
    Aad::from([LABEL, owner.as_uuid().as_bytes(), &[state]].concat())
}
