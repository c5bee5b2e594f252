//! What the machine alone needs for the memory accesses of a slot search: no lock, no counters, no checks.
//!
//! A table of descriptors of 24 bytes is written and read as Linux's data layout demands it, in the plainest
//! loops there are. No allocator with that layout can be faster on this machine, so these rows say how much
//! of a difference to Linux's figures, which come from another machine, is the machine's.

use super::{NSLABS, Prepared, ScenarioError};
use core::hint::black_box;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// What is done to the table, again and again, further on each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Floor {
    /// So many descriptors in a row are claimed, given an owner and freed: seven stores each.
    Write(u32),
    /// The free-run counts of so many descriptors are looked at, every second one: none serves.
    Look(u32),
}

/// A descriptor's fields, as large and in the same places as the allocator's. One thread uses them, so the
/// atomics (Relaxed throughout) are plain loads and stores that the compiler may not merge or leave out.
#[derive(Default)]
#[repr(C)]
struct Descriptor {
    orig_addr: AtomicU64,
    alloc_size: AtomicU64,
    run: AtomicU16,
    start: AtomicU16,
}

/// The table.
pub(super) struct State {
    floor: Floor,
    table: Vec<Descriptor>,
}

impl State {
    pub(super) fn new(floor: Floor) -> Self {
        let table = (0..NSLABS).map(|_| Descriptor::default()).collect();
        Self { floor, table }
    }
}

/// Claim, owner, free: the loops of a map and an unmap.
#[inline(never)]
fn write(part: &[Descriptor], orig: u64) {
    for (i, slot) in (0_u64..).zip(part) {
        slot.run.store(0, Relaxed);
        slot.alloc_size.store(orig.wrapping_sub(i << 11), Relaxed);
    }
    for (i, slot) in (0_u64..).zip(part) {
        slot.orig_addr.store(orig.wrapping_add(i << 11), Relaxed);
    }
    for (run, slot) in (1_u16..).zip(part.iter().rev()) {
        slot.run.store(run, Relaxed);
        slot.orig_addr.store(u64::MAX, Relaxed);
        slot.alloc_size.store(0, Relaxed);
        slot.start.store(0, Relaxed);
    }
}

/// Whether a run of at least `wanted` is among those looked at.
#[inline(never)]
fn look(part: &[Descriptor], wanted: u16) -> bool {
    part.iter().step_by(2).any(|slot| slot.run.load(Relaxed) >= wanted)
}

impl Prepared for State {
    fn run(&mut self, batches: usize, ops: u64, each: &mut dyn FnMut(Duration)) -> Result<(), ScenarioError> {
        let width = match self.floor {
            Floor::Write(slots) => slots as usize,
            Floor::Look(slots) => 2 * slots as usize,
        };
        let mut parts = self.table.chunks_exact(width).cycle();
        for _ in 0..batches {
            let mut wrong = 0;
            let start = Instant::now();
            for (op, part) in (0..ops).zip(&mut parts) {
                match self.floor {
                    Floor::Write(_) => write(black_box(part), black_box(op)),
                    Floor::Look(_) => wrong += u64::from(look(black_box(part), black_box(u16::MAX))),
                }
            }
            let took = start.elapsed();
            if wrong > 0 {
                return Err(ScenarioError::Unverified { wrong, ops });
            }
            each(took);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_is_as_large_as_the_allocator_s() {
        assert_eq!(size_of::<Descriptor>(), 24);
    }
}
