//! A plan in time order: the one order in which a single thread can carry it out.
//!
//! Ops are ordered by time, then thread, then place in their thread. Invariant of a plan that passes its
//! check: in this order every mapping is mapped before it is named and named no more after it has ended.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::op::{Action, Op, Plan};

/// An op and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed<'p> {
    /// The thread's number.
    pub thread: u32,
    /// The op's place in its thread.
    pub index: usize,
    /// The op.
    pub op: &'p Op,
}

/// Iterates over a plan's ops in time order.
#[derive(Clone, Debug)]
pub struct TimeOrder<'p> {
    plan: &'p Plan,
    /// Each thread's next op: time, thread, index.
    heads: BinaryHeap<Reverse<(u64, u32, usize)>>,
}

impl Plan {
    /// All ops in time order.
    #[must_use]
    pub fn in_time_order(&self) -> TimeOrder<'_> {
        let firsts = self.threads.iter().zip(0_u32..);
        let heads = firsts
            .filter_map(|(thread, number)| thread.ops.first().map(|op| Reverse((op.at_ns, number, 0))))
            .collect();
        TimeOrder { plan: self, heads }
    }

    /// Most mappings that are live at once, in time order.
    #[must_use]
    pub fn most_live(&self) -> u64 {
        let (mut live, mut most) = (0_u64, 0);
        for placed in self.in_time_order() {
            match placed.op.action {
                Action::Map { .. } => live += 1,
                Action::Unmap { .. } => live = live.saturating_sub(1),
                _ => {}
            }
            most = most.max(live);
        }
        most
    }
}

impl<'p> Iterator for TimeOrder<'p> {
    type Item = Placed<'p>;

    fn next(&mut self) -> Option<Placed<'p>> {
        let Reverse((_, thread, index)) = self.heads.pop()?;
        let ops = &self.plan.threads[thread as usize].ops;
        if let Some(next) = ops.get(index + 1) {
            self.heads.push(Reverse((next.at_ns, thread, index + 1)));
        }
        Some(Placed { thread, index, op: &ops[index] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arena::ARENA_BASE;
    use crate::op::{Bounds, DeviceTouch, Handle, Role, ThreadPlan};

    fn thread(cpu: u32, times: &[u64]) -> ThreadPlan {
        let op = |&at_ns| Op { at_ns, action: Action::AwaitUnmap { handle: Handle(0) } };
        ThreadPlan { role: Role::Mapper, cpu, ops: times.iter().map(op).collect() }
    }

    #[test]
    fn time_then_thread_then_place() {
        let plan = Plan {
            model: String::new(),
            seed: 0,
            devices: Vec::new(),
            threads: vec![thread(0, &[5, 5, 9]), thread(1, &[]), thread(2, &[1, 5, 6])],
            handles: 0,
            arena: (ARENA_BASE, 0),
            touch: DeviceTouch::None,
            bounds: Bounds::default(),
        };
        let order: Vec<_> = plan.in_time_order().map(|p| (p.op.at_ns, p.thread, p.index)).collect();
        assert_eq!(order, [(1, 2, 0), (5, 0, 0), (5, 0, 1), (5, 2, 1), (6, 2, 2), (9, 0, 2)]);
        assert_eq!((plan.ops(), plan.end_ns()), (6, 9));
    }

    #[test]
    fn epochs_are_half_the_skew() {
        let mut plan = Plan {
            model: String::new(),
            seed: 0,
            devices: Vec::new(),
            threads: Vec::new(),
            handles: 0,
            arena: (ARENA_BASE, 0),
            touch: DeviceTouch::None,
            bounds: Bounds::default(),
        };
        assert_eq!(plan.epoch(u64::MAX), 0);
        plan.bounds.skew_ns = Some(100);
        assert_eq!((plan.epoch(49), plan.epoch(50), plan.epoch(149)), (0, 1, 2));
        plan.bounds.skew_ns = Some(0);
        assert_eq!(plan.epoch(7), 7);
    }
}
