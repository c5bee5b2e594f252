//! Map calls that were entered and have not returned, and where a finished one belongs in the trace.
//!
//! An entry and its return have one task and one context; an interrupt's call can lie within a task's on
//! the same CPU, and a task may change CPUs in between. A call's place is its entry, with one exception: if
//! another mapping's unmap freed some of its slots while the call ran, its place is right behind the last
//! such unmap, since it cannot have got them before.

use std::collections::{HashMap, VecDeque};

use swiotlb_core::rules::IO_TLB_SHIFT;

use super::call::RawMap;
use super::record::{Context, DeviceId, MapCall, UnmapCall};

/// Most calls that are open at a time; the oldest is given up for a new one.
const MAX_OPEN: usize = 1024;
/// Most calls of one task in an unknown context.
const MAX_NESTED: usize = 4;
/// Unmaps that are remembered while a call is open.
const MAX_UNMAPS: usize = 1 << 16;

/// Whose call it is. All idle tasks are number 0, so they are told apart by CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Caller {
    pid: u32,
    idle_cpu: Option<u64>,
    ctx: Option<Context>,
}

impl Caller {
    pub(super) fn new(pid: u32, cpu: u64, ctx: Option<Context>) -> Self {
        Self { pid, idle_cpu: (pid == 0).then_some(cpu), ctx }
    }
}

/// A call that was entered.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenCall {
    /// Line of the entry: its place.
    pub line: u64,
    pub t_ns: u64,
    pub cpu: u32,
    /// Device and arguments; `None` if they were unusable (and have been counted).
    pub args: Option<(DeviceId, RawMap)>,
}

/// Slots that an unmap freed.
#[derive(Clone, Copy, Debug)]
struct Freed {
    line: u64,
    t_ns: u64,
    first: u64,
    last: u64,
}

#[derive(Debug, Default)]
pub(super) struct OpenCalls {
    open: HashMap<Caller, Vec<OpenCall>>,
    count: usize,
    freed: VecDeque<Freed>,
}

impl OpenCalls {
    /// A call is entered. Returns a call that was given up: a context has one call at a time, so an entry
    /// that follows another has lost the other's return.
    pub(super) fn enter(&mut self, caller: Caller, call: OpenCall) -> Option<OpenCall> {
        let nested = if caller.ctx.is_some() { 1 } else { MAX_NESTED };
        let calls = self.open.entry(caller).or_default();
        calls.push(call);
        let given_up = if calls.len() > nested {
            Some(calls.remove(0))
        } else {
            self.count += 1;
            None
        };
        if self.count > MAX_OPEN { self.drop_oldest() } else { given_up }
    }

    /// A call returns; `None` if its entry is not known.
    pub(super) fn leave(&mut self, caller: Caller) -> Option<OpenCall> {
        let calls = self.open.get_mut(&caller)?;
        let call = calls.pop()?;
        if calls.is_empty() {
            self.open.remove(&caller);
        }
        self.count -= 1;
        Some(call)
    }

    /// After a call has left and been placed: forgets unmaps that no open call needs.
    pub(super) fn forget(&mut self) {
        if self.count == 0 {
            self.freed.clear();
        }
    }

    /// An unmap was entered.
    pub(super) fn freed(&mut self, line: u64, t_ns: u64, call: &UnmapCall) {
        if self.count == 0 {
            return;
        }
        if self.freed.len() == MAX_UNMAPS {
            self.freed.pop_front();
        }
        let (first, last) = slots(call.tlb.0, call.size);
        self.freed.push_back(Freed { line, t_ns, first, last });
    }

    /// Where a call belongs that was entered at `line` and got these slots: line and time.
    pub(super) fn place(&self, line: u64, t_ns: u64, call: &MapCall) -> (u64, u64) {
        let (first, last) = slots(call.tlb.0, call.size);
        let during = self.freed.iter().rev().take_while(|f| f.line > line);
        let mut sharing = during.filter(|f| f.first <= last && first <= f.last);
        match sharing.next() {
            Some(f) => (f.line, f.t_ns.max(t_ns)),
            None => (line, t_ns),
        }
    }

    /// The calls that never returned.
    pub(super) fn into_open(self) -> impl Iterator<Item = OpenCall> {
        self.open.into_values().flatten()
    }

    fn drop_oldest(&mut self) -> Option<OpenCall> {
        let oldest = self.open.iter().min_by_key(|(_, calls)| calls.first().map(|c| c.line));
        let caller = *oldest?.0;
        let calls = self.open.get_mut(&caller)?;
        let call = calls.remove(0);
        if calls.is_empty() {
            self.open.remove(&caller);
        }
        self.count -= 1;
        Some(call)
    }
}

/// First and last slot of a range of addresses.
fn slots(tlb: u64, size: u32) -> (u64, u64) {
    let last = tlb.saturating_add(u64::from(size.max(1)) - 1);
    (tlb >> IO_TLB_SHIFT, last >> IO_TLB_SHIFT)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn call(line: u64) -> OpenCall {
        OpenCall { line, t_ns: line, cpu: 0, args: None }
    }

    #[test]
    fn an_interrupts_call_lies_within_a_tasks() {
        let mut calls = OpenCalls::default();
        let task = Caller::new(5, 0, Some(Context::Task));
        let irq = Caller::new(5, 0, Some(Context::Hardirq));
        assert!(calls.enter(task, call(1)).is_none());
        assert!(calls.enter(irq, call(2)).is_none());
        assert_eq!(calls.leave(irq).unwrap().line, 2);
        let elsewhere = Caller::new(5, 3, Some(Context::Task));
        assert_eq!(calls.leave(elsewhere).unwrap().line, 1, "the task has moved to another CPU");
        assert!(calls.leave(task).is_none());
    }

    #[test]
    fn idle_tasks_are_told_apart() {
        let mut calls = OpenCalls::default();
        let idle = |cpu| Caller::new(0, cpu, Some(Context::Softirq));
        calls.enter(idle(0), call(1));
        calls.enter(idle(1), call(2));
        assert_eq!(calls.leave(idle(0)).unwrap().line, 1);
    }

    #[test]
    fn an_entry_that_follows_an_entry_gives_the_first_up() {
        let mut calls = OpenCalls::default();
        let task = Caller::new(5, 0, Some(Context::Task));
        calls.enter(task, call(1));
        assert_eq!(calls.enter(task, call(2)).unwrap().line, 1);
        let unknown = Caller::new(5, 0, None);
        assert!((3..7).all(|line| calls.enter(unknown, call(line)).is_none()));
        assert_eq!(calls.enter(unknown, call(7)).unwrap().line, 3);
        assert_eq!(calls.leave(unknown).unwrap().line, 7, "last in, first out");
        assert_eq!(calls.into_open().count(), 4);
    }

    #[test]
    fn open_calls_are_bounded() {
        let mut calls = OpenCalls::default();
        for pid in 1..=3_000 {
            let given_up = calls.enter(Caller::new(pid, 0, None), call(u64::from(pid)));
            let expected = u64::from(pid).checked_sub(MAX_OPEN as u64).filter(|&line| line > 0);
            assert_eq!(given_up.map(|c| c.line), expected);
        }
        assert_eq!(calls.into_open().count(), MAX_OPEN);
    }
}
