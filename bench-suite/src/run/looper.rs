//! One thread's loop, common part: getting a step ready, making its call, publishing what came of it.
//!
//! A step has three parts. *Ready*: wait for the mapping that it names and for the device, let the oracle
//! look. *Call*: what is timed, nothing but the target's own work. *Done*: publish the address, count, let
//! the oracle look again. Only the closed loop's whole batches time all three; see [`super::closed`].
//!
//! The oracle and the device are branches and not types: they stand outside the timed part, and cost a
//! predicted branch each in a timed batch.

use super::clock::Clock;
use super::gate::Epochs;
use super::steps::{Call, Step};
use super::table::Table;
use super::tally::Tally;
use super::target::{Caller, Section};
use super::touch::Touch;
use super::watch::Watch;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::error::MapError;
use workloads::op::DeviceTouch;

/// What one thread needs to run steps.
pub struct Looper<'a, C> {
    /// The time.
    pub clock: &'a C,
    /// Bounce addresses.
    pub table: &'a Table,
    /// The oracle, if one watches.
    pub watch: Option<&'a Watch>,
    /// The device between map and unmap.
    pub touch: &'a Touch,
    /// How far the threads have come.
    pub epochs: &'a Epochs,
    /// This thread's number among those with ops.
    pub thread: usize,
    /// Ops in a read section, at least 1.
    pub batch: usize,
    /// Whether whole batches may be timed.
    pub batched: bool,
    /// When everything stops, ticks.
    pub deadline: u64,
    /// How long after each map it waits for the transfer, ticks: only in a closed loop with a read section
    /// for each call.
    pub transfer: u64,
}

/// What a loop that runs alone needs beside its clock: nobody watches it, no device touches, no thread waits.
pub(super) struct Alone {
    table: Table,
    touch: Touch,
    epochs: Epochs,
}

impl Alone {
    /// For steps of so many mappings.
    pub(super) fn new(handles: u32) -> Self {
        let touch = Touch::new(DeviceTouch::None, None, 1);
        Self { table: Table::new(handles), touch, epochs: Epochs::new(1) }
    }

    /// A loop over them, without an end.
    pub(super) const fn looper<'a, C>(&'a self, clock: &'a C, batched: bool) -> Looper<'a, C> {
        Looper {
            clock,
            table: &self.table,
            watch: None,
            touch: &self.touch,
            epochs: &self.epochs,
            thread: 0,
            batch: 1,
            batched,
            deadline: u64::MAX,
            transfer: 0,
        }
    }
}

/// What came of a call.
pub(super) enum Answer {
    /// A map.
    Mapped(Result<PhysAddr, MapError>),
    /// Anything else: whether the target agreed.
    Done(bool),
}

impl<C: Clock> Looper<'_, C> {
    /// Gets a step ready: the address that its call is made with, or `None` if there is no call to make.
    #[inline]
    pub(super) fn ready(&self, step: &Step, tally: &mut Tally) -> Option<PhysAddr> {
        let addr = match step.call {
            Call::Map { .. } => {
                if let Some(watch) = self.watch {
                    watch.before_map(step.handle);
                }
                return Some(PhysAddr(0));
            }
            Call::LookupForeign { addr } => return Some(addr),
            Call::Unmap { foreign, .. } | Call::Sync { foreign, .. } => {
                let addr =
                    if foreign { self.table.wait_settled(step.handle) } else { self.table.own(step.handle) };
                addr.filter(|_| !self.touch.acts() || self.table.wait_touched(step.handle))
            }
            Call::LookupLive => self.table.wait_addr(step.handle),
            Call::Await => {
                self.table.wait_over(step.handle);
                return None;
            }
            Call::Epoch { epoch } => {
                self.epochs.enter(self.thread, epoch, |waiter| self.table.gives_up(waiter));
                return None;
            }
        };
        let Some(addr) = addr else {
            tally.skipped += 1;
            return None;
        };
        if let Call::Unmap { .. } = step.call {
            if let Some(watch) = self.watch {
                watch.before_unmap(step.handle, addr);
            }
            self.table.ending(step.handle);
        }
        Some(addr)
    }

    /// Publishes and counts what came of a call.
    #[inline]
    pub(super) fn done<K: Caller>(
        &self,
        caller: &K,
        step: &Step,
        addr: PhysAddr,
        answer: Answer,
        tally: &mut Tally,
    ) {
        let Some(kind) = step.call.kind() else { return };
        tally.count(kind);
        match answer {
            Answer::Mapped(Ok(addr)) => self.mapped(caller, step, addr, tally),
            Answer::Mapped(Err(error)) => self.failed(caller, step, &error, tally),
            Answer::Done(agreed) => self.finished(step, addr, agreed, tally),
        }
    }

    #[inline]
    fn mapped<K: Caller>(&self, caller: &K, step: &Step, addr: PhysAddr, tally: &mut Tally) {
        if let Call::Map { request } = &step.call {
            tally.bytes += request.size;
            if let Some(watch) = self.watch {
                watch.after_map(&caller.enter(), step.handle, addr);
            }
            if self.touch.acts() {
                self.table.touch_begins(step.handle);
                self.table.set(step.handle, Some(addr));
                self.touch.act(self.table, self.thread, step.handle, addr, request.size, request.dir);
                return;
            }
        }
        self.table.set(step.handle, Some(addr));
    }

    #[cold]
    fn failed<K: Caller>(&self, caller: &K, step: &Step, error: &MapError, tally: &mut Tally) {
        self.table.set(step.handle, None);
        self.touch.map_failed();
        if let Call::Map { request } = &step.call {
            tally.failed(|examine| caller.enter().reason(step.device, request, error, examine));
        }
    }

    #[inline]
    fn finished(&self, step: &Step, addr: PhysAddr, agreed: bool, tally: &mut Tally) {
        match step.call {
            Call::Unmap { skip_cpu_sync, .. } => {
                tally.refused += u64::from(!agreed);
                if let Some(watch) = self.watch {
                    watch.after_unmap(step.handle, skip_cpu_sync);
                }
                self.table.end(step.handle);
            }
            Call::Sync { offset, len, for_cpu, .. } => {
                tally.refused += u64::from(!agreed);
                if let Some(watch) = self.watch {
                    watch.after_sync(step.handle, addr, offset, len, for_cpu);
                }
            }
            Call::LookupLive if !agreed => self.lookup_missed(step, addr, tally),
            Call::LookupForeign { .. } if agreed => {
                tally.refused += 1;
            }
            _ => {}
        }
    }

    /// A lookup found no pool: right only if the mapping was being ended meanwhile.
    #[cold]
    fn lookup_missed(&self, step: &Step, addr: PhysAddr, tally: &mut Tally) {
        // Acquire: pairs with the Release by which the unmap took the pool out of its index; having missed
        // the pool, this thread then sees that the handle was marked before.
        std::sync::atomic::fence(std::sync::atomic::Ordering::Acquire);
        if self.table.own(step.handle) == Some(addr) {
            tally.refused += 1;
            if let Some(watch) = self.watch {
                watch.lost(step.handle, addr);
            }
        }
    }

    /// Ends what this thread mapped and nobody ended, and forgets its handles. Between two rendezvous.
    pub(super) fn clean_up<K: Caller>(&self, caller: &K, steps: &[Step], tally: &mut Tally) {
        let section = caller.enter();
        for step in steps {
            let Call::Map { request } = &step.call else { continue };
            if let Some(addr) = self.table.own(step.handle) {
                // The device may still be at it if the time limit struck; it never takes long.
                self.touch.wait_idle(self.table, step.handle);
                if let Some(watch) = self.watch {
                    watch.before_unmap(step.handle, addr);
                }
                let agreed = section.unmap(step.device, addr, request.size, request.dir, false);
                tally.refused += u64::from(!agreed);
                if let Some(watch) = self.watch {
                    watch.after_unmap(step.handle, false);
                }
            }
            self.table.reset(step.handle);
        }
    }
}

/// Makes the call: what is timed.
#[inline]
pub(super) fn call<S: Section>(section: &S, step: &Step, addr: PhysAddr) -> Answer {
    let device = step.device;
    match &step.call {
        Call::Map { request } => Answer::Mapped(section.map(device, request)),
        Call::Unmap { bytes, dir, skip_cpu_sync, .. } => {
            Answer::Done(section.unmap(device, addr, u64::from(*bytes), *dir, *skip_cpu_sync))
        }
        Call::Sync { offset, len, dir, for_cpu: true, .. } => {
            let at = addr.wrapping_add(u64::from(*offset));
            Answer::Done(section.sync_for_cpu(device, at, u64::from(*len), *dir))
        }
        Call::Sync { offset, len, dir, for_cpu: false, .. } => {
            let at = addr.wrapping_add(u64::from(*offset));
            Answer::Done(section.sync_for_device(device, at, u64::from(*len), *dir))
        }
        Call::LookupLive | Call::LookupForeign { .. } => Answer::Done(section.lookup(device, addr)),
        Call::Await | Call::Epoch { .. } => Answer::Done(true),
    }
}
