//! The identity of a task that its file gives no id.

use std::collections::HashMap;

use aws_lc_rs::digest::{Context, SHA256};

use super::draft::{Identity, Problem};

/// So many different tasks without ids are told apart: counting them is the one thing that takes memory for each.
const MAX_DISTINCT: usize = 100_000;

/// Tells the tasks without ids of one file apart.
#[derive(Default)]
pub(super) struct Fingerprints(HashMap<[u8; 32], u64>);

impl Fingerprints {
    /// The identity of the next task that says these things. Equal ones are told apart by their order, so that the
    /// same file names the same tasks again. A problem after 100,000 different ones.
    pub(super) fn next(&mut self, said: &[&str]) -> Result<Identity, Problem> {
        let plain = digest(said, 0);
        if self.0.len() >= MAX_DISTINCT && !self.0.contains_key(&plain) {
            return Err(Problem::of(
                "id",
                format!("is missing, and the file has {MAX_DISTINCT} other tasks without one; divide the file"),
            ));
        }
        let before = self.0.entry(plain).or_default();
        let hash = if *before == 0 { plain } else { digest(said, *before) };
        *before += 1;
        Ok(Identity::Fingerprint(hash))
    }

    /// About how many bytes it keeps.
    #[cfg(test)]
    pub(super) fn kept_bytes(&self) -> usize {
        self.0.capacity() * size_of::<([u8; 32], u64)>()
    }
}

fn digest(said: &[&str], before: u64) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for text in said {
        // The length keeps ("ab", "c") apart from ("a", "bc").
        context.update(&(text.len() as u64).to_be_bytes());
        context.update(text.as_bytes());
    }
    context.update(&before.to_be_bytes());
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_file_names_the_same_tasks() {
        let names = || {
            let mut fingerprints = Fingerprints::default();
            [["a", "b"], ["a", "b"], ["ab", ""], ["", "ab"], ["a", "b"]].map(|said| fingerprints.next(&said))
        };
        let first = names();
        assert_eq!(first, names());
        for (place, name) in first.iter().enumerate() {
            assert!(first.iter().skip(place + 1).all(|other| other != name), "{place}");
        }
    }

    #[test]
    fn they_take_bounded_memory() {
        let mut fingerprints = Fingerprints::default();
        for number in 0..MAX_DISTINCT {
            assert!(fingerprints.next(&[&number.to_string()]).is_ok());
        }
        assert!(fingerprints.next(&["one more"]).is_err());
        assert!(fingerprints.next(&["7"]).is_ok(), "an equal one takes no memory");
    }
}
