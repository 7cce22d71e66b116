//! Randomness, passed in.

use uuid::Uuid;

use crate::clock::Timestamp;

/// A cryptographically secure source of random bytes.
pub trait Entropy: Send + Sync + 'static {
    /// Fills the buffer with random bytes.
    fn fill(&self, buffer: &mut [u8]);
}

/// The random number generator of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        #[expect(
            clippy::expect_used,
            reason = "the generator fails only when the operating system has none; then no token may be made"
        )]
        aws_lc_rs::rand::fill(buffer).expect("the operating system gives random bytes");
    }
}

/// `N` random bytes.
pub fn random_bytes<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}

/// A random UUID (version 4; RFC 9562, section 5.4).
pub fn uuid_v4(entropy: &dyn Entropy) -> Uuid {
    uuid::Builder::from_random_bytes(random_bytes(entropy)).into_uuid()
}

/// A UUID that sorts by time (version 7; RFC 9562, section 5.7).
pub fn uuid_v7(now: Timestamp, entropy: &dyn Entropy) -> Uuid {
    uuid::Builder::from_unix_timestamp_millis(now.as_millis(), &random_bytes(entropy)).into_uuid()
}
