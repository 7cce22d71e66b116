//! The bare limit of a sign-in: Argon2id, one after the other, in the same memory.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use argon2::{Algorithm, Argon2, Block, Params, Version};

/// Hashes for so many milliseconds, and prints how often, and how long it took in microseconds.
pub(crate) fn run(milliseconds: u64) -> Result<(), argon2::Error> {
    // As the service has it by default.
    let params = Params::new(19_456, 2, 1, Some(32))?;
    let mut memory = vec![Block::new(); params.block_count()];
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let (began, mut count) = (Instant::now(), 0_u64);
    while began.elapsed() < Duration::from_millis(milliseconds) {
        let mut hash = [0; 32];
        hasher.hash_password_into_with_memory(b"correct horse battery staple", &[7; 16], &mut hash, &mut memory)?;
        black_box(hash);
        count += 1;
    }
    #[expect(clippy::print_stdout, reason = "the figure is what this is for")]
    {
        println!("{count} {}", began.elapsed().as_micros());
    }
    Ok(())
}
