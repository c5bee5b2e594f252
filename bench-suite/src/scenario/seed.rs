//! A seeded sequence of numbers for prepared states: the same everywhere, for ever.

/// `SplitMix64`: a counter run through a mixing function.
#[derive(Clone, Debug)]
pub struct Seeded(u64);

impl Seeded {
    /// The sequence of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is not 0. The bias of at most `bound / 2^64` is nothing here.
    pub fn below(&mut self, bound: usize) -> usize {
        let product = u128::from(self.next()) * bound as u128;
        // The high half is below `bound`.
        usize::try_from(product >> 64).unwrap_or(0)
    }

    /// Puts `items` into a random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for left in (2..=items.len()).rev() {
            items.swap(left - 1, self.below(left));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shuffle_loses_nothing_and_repeats() {
        let mut one: Vec<_> = (0..100).collect();
        let mut two = one.clone();
        Seeded::new(7).shuffle(&mut one);
        Seeded::new(7).shuffle(&mut two);
        assert_eq!(one, two);
        assert!(!one.is_sorted());
        one.sort_unstable();
        assert!(one.iter().copied().eq(0..100));
    }

    #[test]
    fn the_reference_sequence() {
        let mut seeded = Seeded::new(1_234_567);
        assert_eq!([seeded.next(), seeded.next()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }
}
