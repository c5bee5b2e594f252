//! A caller: what belongs to one thread that uses an allocator, and its read sections.
//!
//! A [`Caller`] holds the thread's registration with the reclaimer, its statistics shard, its probe and
//! the CPU that it stands for; it cannot be shared between threads. A [`Session`] is a caller inside a
//! read section, as a softirq is: all operations happen in one, and one may span many operations, which
//! then share the cost of entering. While a session lives, no unlinked pool expires.
//!
//! That any CPU which obtains a map's address finds its pool is settled by [`crate::publish`].

use crate::addr::PhysAddr;
use crate::grow::{self, Grown};
use crate::lookup::PoolIndex;
use crate::mem::{Device, GuardOf, IoTlbMem};
use crate::policy::Policy;
use crate::pool::Pool;
use crate::probe::Probe;
use crate::publish::Publish;
use crate::reclaim::Reclaim;
use crate::stats::Stats;
use crate::sync::thread;
use core::cell::Cell;

/// One thread's access to an allocator.
pub struct Caller<'m, P: Policy> {
    mem: &'m IoTlbMem<P>,
    local: <P::Reclaim as Reclaim>::Local,
    shard: <P::Stats as Stats>::Shard,
    probe: P::Probe,
    cpu: Cell<u32>,
}

impl<'m, P: Policy> Caller<'m, P> {
    pub(crate) fn new(mem: &'m IoTlbMem<P>, cpu: u32) -> Self {
        Self {
            mem,
            local: mem.reclaim.register(),
            shard: mem.stats.shard(),
            probe: P::Probe::default(),
            cpu: Cell::new(cpu),
        }
    }

    /// The allocator.
    pub fn mem(&self) -> &'m IoTlbMem<P> {
        self.mem
    }

    /// The step counters.
    pub fn probe(&self) -> &P::Probe {
        &self.probe
    }

    /// Moves the caller to another CPU: its next search starts in that CPU's area.
    pub fn set_cpu(&self, cpu: u32) {
        self.cpu.set(cpu);
    }

    /// Enters a read section.
    #[inline]
    pub fn enter(&self) -> Session<'_, P> {
        Session { caller: self, guard: P::Reclaim::enter(&self.local) }
    }

    /// Runs the growth worker once, here.
    pub fn run_worker(&self) -> Grown {
        grow::run(self)
    }

    /// Waits until every pool that was retired before has expired, then frees them in order of
    /// retirement; how many. Waits for other threads' sessions, but for no tick of a reclaimer that delays; that this
    /// caller has none is what `&mut self` says.
    ///
    /// Under [`crate::reclaim::Quiescent`] it waits for other threads' callers, until each has ended a session, called
    /// [`Caller::free_expired`] or been dropped: for ever, if one does nothing.
    pub fn quiesce(&mut self) -> usize {
        let retired = &self.mem.retired;
        let target = retired.retired();
        while P::Reclaim::FREES && retired.past_grace() < target {
            P::Reclaim::expedite(&self.local);
            thread::yield_now();
        }
        retired.drain(&self.mem.memory, &self.mem.pages)
    }

    /// Pushes grace periods along and frees what has expired, without waiting for anybody; how many pools. Giving memory
    /// back may block ([`PageSource::FREE_MAY_BLOCK`]): not for where nothing may, as inside of a session.
    ///
    /// [`PageSource::FREE_MAY_BLOCK`]: crate::phys::PageSource::FREE_MAY_BLOCK
    pub fn free_expired(&self) -> usize {
        self.advance();
        self.mem.retired.drain(&self.mem.memory, &self.mem.pages)
    }

    /// Pools that were unlinked and not yet past their grace period, or their delay.
    pub fn waiting_for_readers(&self) -> u64 {
        self.mem.retired.retired().saturating_sub(self.mem.retired.past_grace())
    }

    pub(crate) fn advance(&self) {
        P::Reclaim::advance(&self.local);
    }

    pub(crate) fn local(&self) -> &<P::Reclaim as Reclaim>::Local {
        &self.local
    }
}

/// A caller inside a read section.
pub struct Session<'c, P: Policy> {
    pub(crate) caller: &'c Caller<'c, P>,
    pub(crate) guard: GuardOf<'c, P>,
}

impl<P: Policy> Session<'_, P> {
    #[inline]
    pub(crate) fn mem(&self) -> &IoTlbMem<P> {
        self.caller.mem
    }

    #[inline]
    pub(crate) fn probe(&self) -> &P::Probe {
        &self.caller.probe
    }

    #[inline]
    pub(crate) fn cpu(&self) -> u32 {
        self.caller.cpu.get()
    }

    #[inline]
    pub(crate) fn add_used(&self, slots: u64) {
        self.caller.mem.stats.add_used(&self.caller.shard, slots);
    }

    #[inline]
    pub(crate) fn sub_used(&self, slots: u64) {
        self.caller.mem.stats.sub_used(&self.caller.shard, slots);
    }

    /// Whether `dev` uses this caller's allocator.
    #[inline]
    pub(crate) fn is_mine(&self, dev: &Device<P>) -> bool {
        core::ptr::eq(&raw const *dev.mem, self.caller.mem)
    }

    /// The pool that holds `addr` for `dev` (`swiotlb_find_pool`): mostly none without a search if the
    /// device never had a bounce buffer ([`Publish::ASKS_FLAG`]); else the allocator's pools first, then the device's transient ones.
    /// None for a device of another allocator: this session guards nothing of that one.
    #[inline]
    pub fn find_pool<'a>(&'a self, dev: &'a Device<P>, addr: PhysAddr) -> Option<&'a Pool<P>> {
        if self.is_mine(dev) { self.find_own_pool(dev, addr) } else { None }
    }

    /// [`Session::find_pool`] for a device that is known to be this allocator's.
    #[inline]
    pub(crate) fn find_own_pool<'a>(&'a self, dev: &'a Device<P>, addr: PhysAddr) -> Option<&'a Pool<P>> {
        debug_assert!(self.is_mine(dev));
        self.probe().lookup();
        if P::Publish::may_have_pools(&dev.uses_io_tlb) { self.look_up(dev, addr) } else { None }
    }

    /// A later look-up of the same round trip, counted like the first.
    #[inline]
    pub(crate) fn look_again<'a>(&'a self, dev: &'a Device<P>, addr: PhysAddr) -> Option<&'a Pool<P>> {
        self.probe().lookup();
        self.look_up(dev, addr)
    }

    /// The search behind [`Session::find_pool`]. The device must be this allocator's.
    #[inline]
    pub(crate) fn look_up<'a>(&'a self, dev: &'a Device<P>, addr: PhysAddr) -> Option<&'a Pool<P>> {
        debug_assert!(self.is_mine(dev));
        let mem: &'a IoTlbMem<P> = &dev.mem;
        if let Some(pool) = mem.pools.find(&self.guard, addr, self.probe()) {
            return Some(pool);
        }
        dev.transient.find(&self.guard, addr, self.probe())
    }

    /// Whether `addr` is a bounce address of `dev` (`is_swiotlb_buffer`).
    #[inline]
    pub fn is_swiotlb_buffer(&self, dev: &Device<P>, addr: PhysAddr) -> bool {
        self.find_pool(dev, addr).is_some()
    }

    /// The allocator's pools, newest first.
    pub fn pools(&self) -> impl Iterator<Item = &Pool<P>> {
        self.caller.mem.pools.iter(&self.guard)
    }

    /// The device's transient pools, newest first; none for a device of another allocator.
    pub fn transient_pools<'a>(&'a self, dev: &'a Device<P>) -> impl Iterator<Item = &'a Pool<P>> {
        self.is_mine(dev).then(|| dev.transient.iter(&self.guard)).into_iter().flatten()
    }
}
