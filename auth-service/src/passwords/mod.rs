//! Passwords: which may be chosen, and their hashing.

mod choice;
mod hashing;
mod pool;

pub use choice::normalised;
pub use hashing::{HashingParameters, Verdict};
pub use pool::{Passwords, Place};
