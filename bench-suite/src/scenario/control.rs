//! The control: a loop that runs none of our code and touches no memory, so that it always takes the same
//! time unless somebody else uses the core, or the other hardware thread of it.

use core::hint::black_box;
use std::time::{Duration, Instant};

/// Rounds of the control: some microseconds.
const ROUNDS: u64 = 4_000;
/// A control of at most so many times the fastest one counts as quiet.
const QUIET: f64 = 1.1;

/// Four chains of arithmetic that a core can run side by side: what is left of that when another hardware
/// thread shares the core shows at once.
#[inline(never)]
fn spin(rounds: u64) -> u64 {
    let (mut a, mut b, mut c, mut d) = black_box((1_u64, 2_u64, 3_u64, 4_u64));
    for i in 0..rounds {
        a = (a ^ i).wrapping_add(a << 5);
        b = (b ^ i).wrapping_add(b >> 3);
        c = (c ^ i).wrapping_sub(c << 7);
        d = (d ^ i).wrapping_sub(d >> 2);
    }
    a ^ b ^ c ^ d
}

/// Runs the control once.
pub fn control() -> Duration {
    let start = Instant::now();
    black_box(spin(black_box(ROUNDS)));
    start.elapsed()
}

/// How long a control may take on a machine where the fastest took `fastest`, if nobody else was on the core.
pub fn quiet_below(fastest: Duration) -> Duration {
    fastest.mul_f64(QUIET)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_control_takes_time() {
        assert!(control() > Duration::from_nanos(100));
    }
}
