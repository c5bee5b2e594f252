//! The control scenario: arithmetic and memory copies, none of our code. Only it may declare a host unfit.
//!
//! A measuring run takes it before and after each block of cells. If it wanders, the machine did; if a cell
//! wanders and it does not, the cell did.

use super::clock::{Clock, HostClock};
use std::hint::black_box;

/// Rounds of each part: the median of their times is the answer.
const ROUNDS: usize = 64;
/// Multiplications of a dependent chain in a round: about 20 us.
const CHAIN: u64 = 16_384;
/// Bytes copied in a round, from memory that the second-level cache holds.
const COPY: usize = 128 << 10;

/// What the control scenario took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Control {
    /// One step of a dependent chain (multiply, rotate, add), ns.
    pub alu_ns: f64,
    /// Copying 4 KiB inside the second-level cache, ns.
    pub copy_4k_ns: f64,
    /// Longest round over median round, both parts: 1 is a machine without interruptions.
    pub spread: f64,
}

/// Runs it; takes a few ms on the calling thread, where that is.
#[must_use]
pub fn control() -> Control {
    let clock = HostClock::get();
    let (mut from, mut to) = (vec![1_u8; COPY], vec![2_u8; COPY]);
    // One round apart: first touch, and the copy routine's own.
    to.copy_from_slice(&from);
    let alu = rounds(&clock, || {
        black_box(chain(black_box(CHAIN)));
    });
    let copy = rounds(&clock, || {
        to.copy_from_slice(black_box(&from));
        black_box(&mut to);
        black_box(&mut from);
    });
    Control {
        alu_ns: alu.0 / CHAIN as f64,
        copy_4k_ns: copy.0 * 4_096.0 / COPY as f64,
        spread: (alu.1 / alu.0).max(copy.1 / copy.0),
    }
}

/// Median and longest time of a round, ns.
fn rounds(clock: &HostClock, mut round: impl FnMut()) -> (f64, f64) {
    let mut times = [0_u64; ROUNDS];
    for time in &mut times {
        let from = clock.now();
        round();
        *time = clock.ns(clock.now().saturating_sub(from));
    }
    times.sort_unstable();
    (times[ROUNDS / 2].max(1) as f64, times[ROUNDS - 1].max(1) as f64)
}

fn chain(steps: u64) -> u64 {
    (0..steps).fold(1_u64, |x, i| x.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_add(i))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_numbers() {
        let control = control();
        assert!(control.alu_ns > 0.0 && control.copy_4k_ns > 0.0 && control.spread >= 1.0, "{control:?}");
    }
}
