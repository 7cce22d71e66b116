//! The strict reading of compact JSON Web Tokens, before any signature is checked.
//!
//! Only what Holdfast itself writes is read: three base64url segments (RFC 7515, section 7.1), a header with
//! exactly `alg`, `typ` and `kid`, JSON objects without repeated members (RFC 8725, sections 3.1 and 3.11).

use std::{collections::HashSet, fmt};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{
    Deserialize,
    de::{DeserializeOwned, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor},
};

/// The longest token that is looked at, in bytes.
pub(crate) const MAX_TOKEN_BYTES: usize = 4096;

/// The header of a token. Any other member (`crit`, `jku`, `jwk`, `x5u`, `zip`, `b64`, ...) is refused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    pub(crate) alg: String,
    pub(crate) typ: String,
    pub(crate) kid: String,
}

/// A token taken apart; nothing about it is proven.
pub(crate) struct Parts<'t> {
    pub(crate) header: Header,
    /// Header and payload as signed.
    pub(crate) message: &'t str,
    pub(crate) payload: &'t str,
    pub(crate) signature: &'t str,
}

/// Takes a token apart, or says nothing: a caller learns only that it is not usable.
pub(crate) fn split(token: &str) -> Option<Parts<'_>> {
    if token.len() > MAX_TOKEN_BYTES {
        return None;
    }
    let (message, signature) = token.rsplit_once('.')?;
    let (header, payload) = message.split_once('.')?;
    if payload.contains('.') {
        return None;
    }
    Some(Parts {
        header: decode_json(header)?,
        message,
        payload,
        signature,
    })
}

/// Decodes a segment that holds a JSON object.
pub(crate) fn decode_json<T: DeserializeOwned>(segment: &str) -> Option<T> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(segment).ok()?;
    serde_json::from_slice::<UniqueMembers>(&bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Accepts a JSON object in which no member is repeated.
struct UniqueMembers;

impl<'de> Deserialize<'de> for UniqueMembers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = UniqueMembers;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut seen = HashSet::new();
                while let Some(name) = map.next_key::<String>()? {
                    map.next_value::<IgnoredAny>()?;
                    if !seen.insert(name) {
                        return Err(A::Error::custom("a member is repeated"));
                    }
                }
                Ok(UniqueMembers)
            }
        }
        deserializer.deserialize_map(Members)
    }
}
