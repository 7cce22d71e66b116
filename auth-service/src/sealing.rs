//! Keys at rest: sealed with AES-256-GCM under the master key (ASVS 13.3.1).
//!
//! Sealed bytes are the nonce (12), then the ciphertext with its tag. What a sealed key is for is bound to it
//! as additional data, so that one cannot be put in another's place.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use platform::{
    configuration::{MasterKey, MasterKeys},
    entropy::{Entropy, random_bytes},
};
use zeroize::Zeroizing;

/// Sealed bytes and the name of the key that opens them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The id of the master key.
    pub master_key_id: String,
    /// Nonce, ciphertext, tag.
    pub bytes: Vec<u8>,
}

/// Why sealed bytes could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The key is not in the list.
    #[error("HOLDFAST_MASTER_KEY has no key named {0}, which sealed the stored keys")]
    NoSuchKey(String),
    /// The key of that name is another one, or the bytes were changed.
    #[error("the key named {0} in HOLDFAST_MASTER_KEY does not open the stored keys")]
    WrongKey(String),
}

/// Seals under the first master key.
pub fn seal(keys: &MasterKeys, purpose: &str, secret: &[u8], entropy: &dyn Entropy) -> Sealed {
    let master = keys.sealing();
    let nonce: [u8; NONCE_LEN] = random_bytes(entropy);
    let mut ciphertext = Zeroizing::new(secret.to_vec());
    #[expect(clippy::expect_used, reason = "AES-GCM refuses only more than 64 GiB")]
    cipher(master)
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(purpose.as_bytes()),
            &mut *ciphertext,
        )
        .expect("a key can be sealed");
    let bytes = [&nonce[..], &ciphertext].concat();
    Sealed {
        master_key_id: master.id.clone(),
        bytes,
    }
}

/// Opens what [`seal`] made for the same purpose.
pub fn open(keys: &MasterKeys, purpose: &str, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let id = &sealed.master_key_id;
    let master = keys.opening(id).ok_or_else(|| OpenError::NoSuchKey(id.clone()))?;
    let wrong = || OpenError::WrongKey(id.clone());
    let (nonce, ciphertext) = sealed.bytes.split_at_checked(NONCE_LEN).ok_or_else(wrong)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| wrong())?;
    let mut secret = Zeroizing::new(ciphertext.to_vec());
    let length = cipher(master)
        .open_in_place(nonce, Aad::from(purpose.as_bytes()), &mut secret)
        .map_err(|_| wrong())?
        .len();
    secret.truncate(length);
    Ok(secret)
}

fn cipher(master: &MasterKey) -> LessSafeKey {
    #[expect(clippy::expect_used, reason = "a Secret<32> has the 32 bytes that AES-256 asks for")]
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, master.key.expose()).expect("32 bytes are a key"))
}

#[cfg(test)]
mod tests {
    use platform::{entropy::SystemEntropy, secret::Secret};

    use super::*;

    fn master(keys: &[(&str, u8)]) -> MasterKeys {
        let keys = keys.iter().map(|(id, byte)| MasterKey {
            id: (*id).to_owned(),
            key: Secret::new([*byte; 32]),
        });
        MasterKeys::new(keys.collect()).unwrap()
    }

    /// TK-16: a sealed key opens with its master key wherever that stands in the list, for its purpose only.
    #[test]
    fn only_the_right_key_and_purpose_open() {
        let sealed = seal(&master(&[("old", 1)]), "signing/a", b"secret", &SystemEntropy);
        let rotated = master(&[("new", 2), ("old", 1)]);
        assert_eq!(&**open(&rotated, "signing/a", &sealed).unwrap(), b"secret");
        assert!(!sealed.bytes.windows(6).any(|window| window == b"secret"));
        assert!(matches!(
            open(&rotated, "signing/b", &sealed),
            Err(OpenError::WrongKey(_))
        ));
        assert!(matches!(
            open(&master(&[("old", 3)]), "signing/a", &sealed),
            Err(OpenError::WrongKey(_))
        ));
        assert!(matches!(
            open(&master(&[("new", 2)]), "signing/a", &sealed),
            Err(OpenError::NoSuchKey(_))
        ));
        for length in 0..sealed.bytes.len() {
            let cut = Sealed {
                bytes: sealed.bytes[..length].to_vec(),
                ..sealed.clone()
            };
            assert!(open(&rotated, "signing/a", &cut).is_err());
        }
    }
}
