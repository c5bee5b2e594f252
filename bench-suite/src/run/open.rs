//! The open loop: every operation has an intended start, and its response time counts from there.
//!
//! The loop waits for the intended start by reading the clock and comparing, nothing else. It never skips:
//! behind schedule it makes the next call at once, so that a stall counts against every request that it
//! delayed. What can be got ready beforehand is, while the loop would be waiting anyway.

use super::clock::Clock;
use super::looper::{Looper, call};
use super::steps::Step;
use super::tally::Tally;
use super::target::Caller;

/// How the plan's time lies on the clock.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// The clock's tick at which plan time `origin_ns` begins.
    pub start: u64,
    /// The plan's time at that tick, ns.
    pub origin_ns: u64,
}

impl<C: Clock> Looper<'_, C> {
    /// Runs `steps` on schedule; stops early when the time is up.
    pub fn open<K: Caller>(&self, caller: &K, steps: &[Step], schedule: Schedule, tally: &mut Tally) {
        if self.batch == 1 {
            for step in steps {
                if !self.paced(caller, None, step, schedule, tally) {
                    return;
                }
            }
            return;
        }
        for group in steps.chunks(self.batch) {
            let section = caller.enter();
            for step in group {
                if !self.paced(caller, Some(&section), step, schedule, tally) {
                    return;
                }
            }
        }
    }

    /// Makes one call at its intended start, in `shared` or in a read section of its own; `false` when
    /// the time is up.
    #[inline]
    fn paced<'k, K: Caller>(
        &self,
        caller: &'k K,
        shared: Option<&K::Section<'k>>,
        step: &Step,
        schedule: Schedule,
        tally: &mut Tally,
    ) -> bool {
        if self.table.stopped() {
            return false;
        }
        let waits = step.call.waits();
        let early = if waits { None } else { self.ready(step, tally) };
        let intended = schedule.start + self.clock.ticks(step.at_ns.saturating_sub(schedule.origin_ns));
        let mut from = self.clock.wait_until(intended);
        if from >= self.deadline {
            self.table.stop();
            return false;
        }
        let mut addr = early;
        if waits {
            addr = self.ready(step, tally);
            from = self.clock.now();
        }
        let Some(addr) = addr else { return true };
        let answer = match shared {
            Some(section) => call(section, step, addr),
            None => call(&caller.enter(), step, addr),
        };
        let to = self.clock.now();
        self.timed(step, from, to, tally);
        if let Some(kind) = step.call.kind() {
            tally.respond(kind, self.clock.ns(to.saturating_sub(intended)));
        }
        self.done(caller, step, addr, answer, tally);
        true
    }
}
