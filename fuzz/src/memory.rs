//! What is allocated.

use std::alloc::System;

use cap::Cap;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// What an importer may keep between two chunks: a record of 256 KiB, with the room that vectors take beforehand, twice;
/// and the fingerprints of the few thousand different tasks that an input has room for.
const MOST_KEPT: usize = 2 * 1024 * 1024;
/// What it may take while it reads a chunk.
const MOST_TAKEN: usize = 32 * 1024 * 1024;

/// Watches what one importer takes. Beyond what it may the allocator fails, and with it the process.
pub struct Watch(usize);

impl Watch {
    /// Begins before the importer is made.
    pub fn begin() -> Self {
        let before = ALLOCATOR.allocated();
        ALLOCATOR
            .set_limit(before + MOST_TAKEN)
            .expect("nothing else allocates that much");
        Self(before)
    }

    /// Between two chunks.
    pub fn check(&self) {
        let kept = ALLOCATOR.allocated().saturating_sub(self.0);
        assert!(kept <= MOST_KEPT, "the importer keeps {kept} bytes");
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        ALLOCATOR
            .set_limit(usize::MAX)
            .expect("it is more than ever was allocated");
    }
}
