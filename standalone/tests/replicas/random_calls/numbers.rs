//! Numbers that a seed decides.

/// The same numbers in the same order for the same seed (SplitMix64).
pub(super) struct Numbers(u64);

impl Numbers {
    /// Those of one who calls, of a seed.
    pub(super) fn new(seed: u64, who: usize) -> Self {
        let mut numbers = Self(seed);
        for _ in 0..=who {
            numbers.0 = numbers.next().rotate_left(7);
        }
        numbers
    }

    /// Those of something that is done at the same time as others.
    pub(super) fn branch(&mut self) -> Self {
        Self(self.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap() % limit
    }

    pub(super) fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    pub(super) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// One of them; mostly one of the last, so that those who call meet.
    pub(super) fn recent<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        let among = [2, 2, 8, choices.len()][self.below(4)].min(choices.len());
        (among > 0).then(|| &choices[choices.len() - 1 - self.below(among)])
    }
}
