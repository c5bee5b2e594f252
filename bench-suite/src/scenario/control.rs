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

/// The controls of one run.
#[derive(Debug, Default)]
pub struct Controls {
    times: Vec<Duration>,
}

impl Controls {
    /// Runs the control once more.
    pub fn take(&mut self) {
        let start = Instant::now();
        black_box(spin(black_box(ROUNDS)));
        self.times.push(start.elapsed());
    }

    /// For each batch between two controls, whether the machine was quiet on both sides of it. `fastest`
    /// is the fastest control known, of this or of earlier runs.
    pub fn quiet(&self, fastest: Duration) -> impl Iterator<Item = bool> + '_ {
        let most = fastest.mul_f64(QUIET);
        self.times.windows(2).map(move |pair| pair.iter().all(|&time| time <= most))
    }

    /// The fastest control.
    pub fn fastest(&self) -> Duration {
        self.times.iter().copied().min().unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_quiet_between_two_quiet_controls() {
        let times = [100, 105, 200, 101, 109].map(Duration::from_micros).to_vec();
        let controls = Controls { times };
        let quiet: Vec<_> = controls.quiet(controls.fastest()).collect();
        assert_eq!(quiet, [true, false, false, true]);
    }

    #[test]
    fn the_control_takes_time() {
        let mut controls = Controls::default();
        controls.take();
        assert!(controls.fastest() > Duration::from_nanos(100));
    }
}
