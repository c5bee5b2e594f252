//! The closed loop: the next operation begins when the last is done. Service time and throughput.
//!
//! The steps are cut into blocks of at least [`BLOCK`] ops. Odd blocks time each call by two readings of
//! the clock around it, for the histogram. Even blocks are timed as a whole, for the batch mean: no
//! reading inside, so that an operation shorter than ten readings has a number at all. The two alternate
//! over the whole run, so that both see the same states of the allocator. A batch includes the runner's
//! own work for each op: one load or store of the handle's table, and counting. [`overhead`](mod@super::overhead)
//! measures how much that is (10 to 20 ns on a 2.4 GHz virtual machine).
//!
//! Whole blocks are not timed where their time would not be the allocator's: while the oracle watches every
//! byte, while a device acts or a transfer is waited for, and where threads wait for each other's mappings.
//! Then every call is timed, and the batch mean is the mean of the service times.

use super::clock::Clock;
use super::looper::{Answer, Looper, call};
use super::steps::Step;
use super::tally::Tally;
use super::target::Caller;

/// Fewest ops in a block.
pub const BLOCK: usize = 64;

/// Ops in a block for read sections of `batch` ops: whole sections.
#[must_use]
pub fn block_len(batch: usize) -> usize {
    BLOCK.next_multiple_of(batch.max(1))
}

impl<C: Clock> Looper<'_, C> {
    /// Runs `steps` back to back; stops early when the time is up.
    pub fn closed<K: Caller>(&self, caller: &K, steps: &[Step], tally: &mut Tally) {
        for (number, block) in steps.chunks(block_len(self.batch)).enumerate() {
            if self.table.stopped() || self.clock.now() >= self.deadline {
                self.table.stop();
                return;
            }
            if self.batched && number % 2 == 0 {
                self.whole_block(caller, block, tally);
            } else if self.batch == 1 {
                self.each_with_section(caller, block, tally);
            } else {
                self.each_in_sections(caller, block, tally);
            }
        }
    }

    /// Times the block as a whole.
    fn whole_block<K: Caller>(&self, caller: &K, block: &[Step], tally: &mut Tally) {
        let before = tally.ops();
        let from = self.clock.now();
        self.in_sections(caller, block, tally);
        let took = self.clock.now().saturating_sub(from);
        let waited = tally.slowdown.after(self.clock, took);
        tally.batch(tally.ops() - before, self.clock.ns(took + waited));
    }

    /// The block's steps; no clock in between.
    #[inline(never)]
    pub(super) fn in_sections<K: Caller>(&self, caller: &K, block: &[Step], tally: &mut Tally) {
        for group in block.chunks(self.batch) {
            let section = caller.enter();
            for step in group {
                if let Some(addr) = self.ready(step, tally) {
                    let answer = call(&section, step, addr);
                    self.done(caller, step, addr, answer, tally);
                }
            }
        }
    }

    /// Times each call with its own read section: entering and leaving count.
    fn each_with_section<K: Caller>(&self, caller: &K, block: &[Step], tally: &mut Tally) {
        for step in block {
            let Some(addr) = self.ready(step, tally) else { continue };
            let from = self.clock.now();
            let answer = call(&caller.enter(), step, addr);
            let to = self.clock.now();
            self.timed(step, from, to, tally);
            let mapped = matches!(answer, Answer::Mapped(Ok(_)));
            self.done(caller, step, addr, answer, tally);
            if mapped && self.transfer > 0 {
                // From the end of the map: what the runner does in between belongs to the transfer.
                self.clock.wait_until(to.saturating_add(self.transfer));
            }
        }
    }

    /// Times each call inside a read section that many share.
    fn each_in_sections<K: Caller>(&self, caller: &K, block: &[Step], tally: &mut Tally) {
        for group in block.chunks(self.batch) {
            let section = caller.enter();
            for step in group {
                let Some(addr) = self.ready(step, tally) else { continue };
                let from = self.clock.now();
                let answer = call(&section, step, addr);
                let to = self.clock.now();
                self.timed(step, from, to, tally);
                self.done(caller, step, addr, answer, tally);
            }
        }
    }

    #[inline]
    pub(super) fn timed(&self, step: &Step, from: u64, to: u64, tally: &mut Tally) {
        if let Some(kind) = step.call.kind() {
            tally.record(kind, self.clock.ns(to.saturating_sub(from)));
        }
    }
}
