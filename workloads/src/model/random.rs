//! Random numbers that reproduce: one generator of a fixed algorithm for each thread and each purpose.
//!
//! The purposes have streams of their own, so that another rate changes no size and another size mix
//! changes no arrival. Integers reproduce to the bit everywhere; so does what the distributions make of
//! them, wherever `ln` and `exp` round alike (they come from Rust's `libm`, or from the platform's C
//! library where another crate of the build asks for that).

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

/// The generator of all models: xoshiro256++ 1.0.
pub type Stream = Xoshiro256PlusPlus;

/// What random numbers are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// When requests arrive.
    Arrivals = 1,
    /// What is asked: sizes, directions, offsets.
    Requests = 2,
    /// When mappings end, or which.
    Ends = 3,
    /// What stands between map and unmap: syncs, lookups.
    Between = 4,
    /// Which device, which partner.
    Choice = 5,
}

/// The generator for one purpose of one thread.
pub(super) fn stream(seed: u64, thread: u32, purpose: Purpose) -> Stream {
    let mut state = seed;
    state = split_mix(&mut state) ^ (u64::from(thread) << 8 | purpose as u64);
    let mut bytes = [0; 32];
    for word in bytes.chunks_exact_mut(8) {
        word.copy_from_slice(&split_mix(&mut state).to_le_bytes());
    }
    Stream::from_seed(bytes)
}

/// One step of SplitMix64.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;
    use std::collections::HashSet;

    #[test]
    fn split_mix_is_the_published_one() {
        let mut state = 1_234_567;
        assert_eq!(split_mix(&mut state), 6_457_827_717_110_365_317);
        assert_eq!(split_mix(&mut state), 3_203_168_211_198_807_973);
    }

    #[test]
    fn streams_differ_and_reproduce() {
        let first = |seed, thread, purpose| stream(seed, thread, purpose).random::<u64>();
        let mut seen = HashSet::new();
        for seed in 0..8 {
            for thread in 0..8 {
                for purpose in [Purpose::Arrivals, Purpose::Requests, Purpose::Ends, Purpose::Choice] {
                    assert!(seen.insert(first(seed, thread, purpose)));
                    assert_eq!(first(seed, thread, purpose), first(seed, thread, purpose));
                }
            }
        }
    }
}
