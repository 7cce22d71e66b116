//! Tokens that only this service can read: where a list or a synchronisation goes on.

use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use platform::{
    entropy::{Entropy, random_bytes},
    secret::Secret,
};

use crate::owner::OwnerId;

/// What a token is for. One of another kind, owner or query does not open.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose<'a> {
    /// The next page of a list: everything of its query but the size of a page and the token.
    Page(&'a [u8]),
    /// The next page of a synchronisation that began with this sync token.
    SyncPage(&'a str),
    /// What changed since.
    Sync,
}

/// Makes and reads tokens.
///
/// A token is a random nonce and the sealed content (AES-256-GCM), base64url without padding. Random nonces are
/// safe for 2^32 tokens of one key (NIST SP 800-38D, section 8.3).
pub(crate) struct Tokens {
    key: LessSafeKey,
    entropy: Arc<dyn Entropy>,
}

/// Keeps tokens apart from whatever else is sealed with the key; the number changes with their layout.
const LABEL: &[u8] = b"holdfast.task.v1 tokens 2";

impl Tokens {
    pub(crate) fn new(key: &Secret<32>, entropy: Arc<dyn Entropy>) -> Self {
        #[expect(clippy::expect_used, reason = "the key has the length of the algorithm's keys")]
        let key = UnboundKey::new(&AES_256_GCM, key.expose()).expect("a 32-byte key");
        Self {
            key: LessSafeKey::new(key),
            entropy,
        }
    }

    /// The token that holds the content.
    pub(crate) fn seal(&self, owner: OwnerId, purpose: Purpose<'_>, content: Vec<u8>) -> String {
        let nonce: [u8; NONCE_LEN] = random_bytes(&*self.entropy);
        let mut sealed = content;
        #[expect(clippy::expect_used, reason = "sealing fails only beyond 64 GiB")]
        self.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                bound_to(owner, purpose),
                &mut sealed,
            )
            .expect("a token's content can be sealed");
        BASE64_URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat())
    }

    /// The content of a token that was made for this owner and purpose; `None` for anything else.
    pub(crate) fn open(&self, owner: OwnerId, purpose: Purpose<'_>, token: &str) -> Option<Vec<u8>> {
        let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
        let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let opened = self.key.open_in_place(nonce, bound_to(owner, purpose), sealed).ok()?;
        Some(opened.to_vec())
    }
}

fn bound_to(owner: OwnerId, purpose: Purpose<'_>) -> Aad<Vec<u8>> {
    let (kind, query): (u8, &[u8]) = match purpose {
        Purpose::Page(query) => (1, query),
        Purpose::SyncPage(begun_with) => (2, begun_with.as_bytes()),
        Purpose::Sync => (3, &[]),
    };
    Aad::from([LABEL, owner.as_uuid().as_bytes(), &[kind], query].concat())
}
