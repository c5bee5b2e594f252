//! The bytes that vectors write: a pattern that depends on seed and place.

/// Byte `i` of the pattern of `seed`: bits 24 to 31 of `(seed + i) * 2654435761`, all modulo 2^32.
#[inline]
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "the rule is modulo 2^32, then one byte")]
pub const fn pattern(seed: u64, i: u64) -> u8 {
    let at = seed.wrapping_add(i) as u32;
    (at.wrapping_mul(2_654_435_761) >> 24) as u8
}

/// Fills `bytes` with the pattern of `seed`, from its byte 0 on.
pub fn fill_pattern(bytes: &mut [u8], seed: u64) {
    for (byte, i) in bytes.iter_mut().zip(0..) {
        *byte = pattern(seed, i);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_spelled_with_remainders() {
        for (seed, i) in [(0, 0), (1, 0), (7, 5), (u64::from(u32::MAX), 3), (123_456, 789)] {
            let at = (u128::from(seed) + u128::from(i)) % (1 << 32);
            let product = at * 2_654_435_761 % (1 << 32);
            assert_eq!(u128::from(pattern(seed, i)), product >> 24);
        }
    }

    #[test]
    fn fill_starts_at_byte_zero() {
        let mut bytes = [0; 5];
        fill_pattern(&mut bytes, 9);
        assert_eq!(bytes, [0, 1, 2, 3, 4].map(|i| pattern(9, i)));
    }
}
