//! The control: a loop that runs none of our code and touches no memory, so that it always takes the same
//! time unless somebody else uses the core, or the other hardware thread of it.

use super::pin::{cores, pin_to};
use core::hint::black_box;
use std::sync::Barrier;
use std::thread;
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

/// How much longer the control takes while the second core runs it too: 1 where the first two cores have
/// nothing in common, about 2 where they are two hardware threads of one. `None` with less than two cores.
#[must_use]
pub fn beside_itself() -> Option<f64> {
    const TIMES: usize = 2_000;
    let cores = cores();
    let [first, second, ..] = cores[..] else { return None };
    let middle = |core: usize, gate: &Barrier| {
        pin_to(core);
        gate.wait();
        let mut times: Vec<Duration> = (0..TIMES).map(|_| control()).collect();
        times.sort_unstable();
        (times[0], times[TIMES / 2])
    };
    let run = |on: &[usize]| -> Option<(Duration, Duration)> {
        let (gate, middle) = (Barrier::new(on.len()), &middle);
        thread::scope(|scope| {
            let gate = &gate;
            let threads: Vec<_> = on.iter().map(|&core| scope.spawn(move || middle(core, gate))).collect();
            threads.into_iter().filter_map(|thread| thread.join().ok()).max_by_key(|&(_, middle)| middle)
        })
    };
    let ((alone, _), (_, together)) = (run(&[first])?, run(&[first, second])?);
    Some(together.as_secs_f64() / alone.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_control_takes_time() {
        assert!(control() > Duration::from_nanos(100));
    }
}
