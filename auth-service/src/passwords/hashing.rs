//! Argon2id (RFC 9106) and its PHC strings.

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
};
use platform::entropy::{Entropy, random_bytes};

/// The cost of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashingParameters {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
}

impl HashingParameters {
    /// What the OWASP Password Storage Cheat Sheet asks for at least with two passes: 19 MiB.
    pub const DEFAULT: Self = Self {
        memory_kib: 19_456,
        passes: 2,
    };
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The password is the right one.
    Right {
        /// A hash with the current parameters, if the stored one is weaker.
        rehashed: Option<String>,
    },
    /// It is not.
    Wrong,
}

/// Hashes, and keeps its memory from one hash to the next.
pub(super) struct Hasher {
    parameters: HashingParameters,
    memory: Vec<Block>,
}

/// A failure that is our own: parameters that Argon2 refuses, or a stored string that is none of ours.
pub(super) type HashingError = argon2::password_hash::Error;

const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

impl Hasher {
    pub(super) fn new(parameters: HashingParameters) -> Self {
        Self {
            parameters,
            memory: Vec::new(),
        }
    }

    /// The PHC string of a password with a new salt.
    pub(super) fn hash(&mut self, password: &str, entropy: &dyn Entropy) -> Result<String, HashingError> {
        let params = params(self.parameters)?;
        let salt: [u8; SALT_BYTES] = random_bytes(entropy);
        let hash = self.compute(&params, password, &salt, HASH_BYTES)?;
        phc(&params, &salt, &hash)
    }

    /// Whether a password is the one of a PHC string; with the current parameters if the string has weaker
    /// ones.
    pub(super) fn verify(
        &mut self,
        password: &str,
        stored: &str,
        entropy: &dyn Entropy,
    ) -> Result<Verdict, HashingError> {
        let stored = PasswordHash::new(stored).map_err(|_| HashingError::EncodingInvalid)?;
        let params = Params::try_from(&stored)?;
        let (Some(salt), Some(expected)) = (&stored.salt, &stored.hash) else {
            return Err(HashingError::EncodingInvalid);
        };
        let hash = self.compute(&params, password, salt, expected.len())?;
        if aws_lc_rs::constant_time::verify_slices_are_equal(&hash, expected.as_bytes()).is_err() {
            return Ok(Verdict::Wrong);
        }
        let weaker = params.m_cost() < self.parameters.memory_kib || params.t_cost() < self.parameters.passes;
        let rehashed = weaker.then(|| self.hash(password, entropy)).transpose()?;
        Ok(Verdict::Right { rehashed })
    }

    fn compute(
        &mut self,
        params: &Params,
        password: &str,
        salt: &[u8],
        length: usize,
    ) -> Result<Vec<u8>, HashingError> {
        let blocks = params.block_count();
        if self.memory.len() < blocks {
            self.memory.resize(blocks, Block::new());
        }
        let mut hash = vec![0; length];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone()).hash_password_into_with_memory(
            password.as_bytes(),
            salt,
            &mut hash,
            &mut self.memory[..blocks],
        )?;
        Ok(hash)
    }
}

/// A PHC string that no password matches, for accounts that do not exist: checking against it is the same
/// work as checking a real one. Its hash is random, so it costs no hashing to make.
pub(super) fn decoy(parameters: HashingParameters, entropy: &dyn Entropy) -> Result<String, HashingError> {
    phc(
        &params(parameters)?,
        &random_bytes::<SALT_BYTES>(entropy),
        &random_bytes::<HASH_BYTES>(entropy),
    )
}

fn params(parameters: HashingParameters) -> Result<Params, HashingError> {
    Ok(Params::new(
        parameters.memory_kib,
        parameters.passes,
        1,
        Some(HASH_BYTES),
    )?)
}

fn phc(params: &Params, salt: &[u8], hash: &[u8]) -> Result<String, HashingError> {
    let encoded = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(params)?,
        salt: Some(Salt::new(salt).map_err(|_| HashingError::SaltInvalid)?),
        hash: Some(Output::new(hash).map_err(|_| HashingError::OutputSize)?),
    };
    Ok(encoded.to_string())
}
