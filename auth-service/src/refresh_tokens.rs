//! Refresh tokens: authentic by themselves, so that nothing per token is stored and rubbish is refused before
//! the database is asked.
//!
//! `hfr_` + base64url(key id, 1 byte; session id, 16; generation, 4, big-endian; MAC, 32), where the MAC is
//! HMAC-SHA-256(refresh key, "refresh" | key id | session id | generation).

use aws_lc_rs::hmac;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use platform::secret::Secret;
use uuid::Uuid;

const PREFIX: &str = "hfr_";
const BODY_BYTES: usize = 1 + 16 + 4;
const MAC_BYTES: usize = 32;

/// What an authentic refresh token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presented {
    /// The session it belongs to.
    pub session: Uuid,
    /// How many rotations came before it.
    pub generation: u32,
}

/// The keys that authenticate refresh tokens: the first writes, all read.
pub struct RefreshKeys(Vec<(u8, hmac::Key)>);

impl RefreshKeys {
    /// Keys by id, newest first; `None` if there is none.
    pub fn new(keys: Vec<(u8, Secret<32>)>) -> Option<Self> {
        let keys: Vec<_> = keys
            .into_iter()
            .map(|(id, key)| (id, hmac::Key::new(hmac::HMAC_SHA256, key.expose())))
            .collect();
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// A key for each of them, of use for one purpose only: HMAC-SHA-256(refresh key, "derive" | purpose).
    pub fn derive(&self, purpose: &str) -> Vec<(u8, hmac::Key)> {
        let derive = |key: &hmac::Key| {
            let mut context = hmac::Context::with_key(key);
            context.update(b"derive");
            context.update(purpose.as_bytes());
            hmac::Key::new(hmac::HMAC_SHA256, context.sign().as_ref())
        };
        self.0.iter().map(|(id, key)| (*id, derive(key))).collect()
    }

    /// The refresh token of a session and generation. Always the same text for the same ones.
    pub fn write(&self, session: Uuid, generation: u32) -> String {
        let (id, key) = &self.0[0];
        let mut token = Vec::with_capacity(BODY_BYTES + MAC_BYTES);
        token.push(*id);
        token.extend_from_slice(session.as_bytes());
        token.extend_from_slice(&generation.to_be_bytes());
        let mac = authenticate(key, &token);
        token.extend_from_slice(mac.as_ref());
        PREFIX.to_owned() + &BASE64_URL_SAFE_NO_PAD.encode(token)
    }

    /// What a token says; `None` if it is not one of ours.
    pub fn read(&self, token: &str) -> Option<Presented> {
        let encoded = token.strip_prefix(PREFIX)?;
        let mut bytes = [0; BODY_BYTES + MAC_BYTES];
        // `decode_slice` refuses more than the buffer holds; less is refused here.
        let length = BASE64_URL_SAFE_NO_PAD.decode_slice(encoded, &mut bytes).ok()?;
        if length != bytes.len() {
            return None;
        }
        let (body, mac) = bytes.split_at(BODY_BYTES);
        let (_, key) = self.0.iter().find(|(id, _)| *id == body[0])?;
        verify(key, body, mac)?;
        Some(Presented {
            session: Uuid::from_slice(&body[1..17]).ok()?,
            generation: u32::from_be_bytes(body[17..].try_into().ok()?),
        })
    }
}

fn authenticate(key: &hmac::Key, body: &[u8]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    context.update(b"refresh");
    context.update(body);
    context.sign()
}

fn verify(key: &hmac::Key, body: &[u8], mac: &[u8]) -> Option<()> {
    aws_lc_rs::constant_time::verify_slices_are_equal(authenticate(key, body).as_ref(), mac).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(id: u8, byte: u8) -> RefreshKeys {
        RefreshKeys::new(vec![(id, Secret::new([byte; 32]))]).unwrap()
    }

    #[test]
    fn a_token_says_what_was_written() {
        let session = Uuid::from_u128(7);
        let token = keys(0, 1).write(session, 3);
        assert_eq!(token, keys(0, 1).write(session, 3));
        assert_eq!(token.len(), 75);
        assert_eq!(keys(0, 1).read(&token), Some(Presented { session, generation: 3 }));
    }

    /// SE-01: nothing but the key makes a token.
    #[test]
    fn a_changed_token_is_not_ours() {
        let token = keys(0, 1).write(Uuid::from_u128(7), 3);
        for position in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(keys(0, 1).read(&changed), None, "{position}");
        }
        for other in [
            "",
            "hfr_",
            &token[..74],
            &format!("{token}A"),
            &format!("{token}="),
            &token[4..],
        ] {
            assert_eq!(keys(0, 1).read(other), None, "{other}");
        }
        assert_eq!(keys(0, 2).read(&token), None);
        assert_eq!(keys(1, 1).read(&token), None);
    }
}
