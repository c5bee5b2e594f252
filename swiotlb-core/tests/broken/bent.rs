//! Linux's list, whose answers somebody bends.

use std::marker::PhantomData;
use std::ptr::NonNull;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::lookup::{PoolIndex, PoolLookup, PoolRange, RcuList};
use swiotlb_core::probe::Probe;
use swiotlb_core::reclaim::Reclaim;

/// How answers are bent.
pub trait Bend: Send + Sync + 'static {
    /// The answer for `addr`; `find` gives the right one for any address.
    fn answer<'g, T: PoolRange>(addr: PhysAddr, find: impl Fn(PhysAddr) -> Option<&'g T>) -> Option<&'g T>;
}

/// Pools of less than a segment are not found: all transient ones but the largest.
pub struct MissesSmall;

impl Bend for MissesSmall {
    fn answer<'g, T: PoolRange>(addr: PhysAddr, find: impl Fn(PhysAddr) -> Option<&'g T>) -> Option<&'g T> {
        find(addr).filter(|pool| pool.end().0 - pool.start().0 >= 256 << 10)
    }
}

/// The byte after a pool's last is taken for the pool's.
pub struct PastEnd;

impl Bend for PastEnd {
    fn answer<'g, T: PoolRange>(addr: PhysAddr, find: impl Fn(PhysAddr) -> Option<&'g T>) -> Option<&'g T> {
        find(addr).or_else(|| find(PhysAddr(addr.0 - 1)))
    }
}

/// The lookup.
pub struct Bent<B>(PhantomData<fn(B)>);

impl<B: Bend> PoolLookup for Bent<B> {
    type Index<T: PoolRange, R: Reclaim> = BentIndex<T, R, B>;
    const NAME: &'static str = "bent";
}

type ListOf<T, R> = <RcuList as PoolLookup>::Index<T, R>;

/// Its index.
pub struct BentIndex<T: PoolRange, R: Reclaim, B>(ListOf<T, R>, PhantomData<fn(B)>);

impl<T: PoolRange, R: Reclaim, B> Default for BentIndex<T, R, B> {
    fn default() -> Self {
        Self(ListOf::<T, R>::default(), PhantomData)
    }
}

impl<T: PoolRange, R: Reclaim, B: Bend> PoolIndex<T, R> for BentIndex<T, R, B> {
    unsafe fn insert(&self, guard: &R::Guard<'_>, pool: NonNull<T>) {
        // SAFETY: the caller's promise, passed on.
        unsafe { self.0.insert(guard, pool) };
    }

    fn remove(&self, guard: &R::Guard<'_>, pool: NonNull<T>) -> bool {
        self.0.remove(guard, pool)
    }

    fn find<'g, C: Probe>(&'g self, guard: &'g R::Guard<'_>, addr: PhysAddr, probe: &C) -> Option<&'g T> {
        B::answer(addr, |addr| self.0.find(guard, addr, probe))
    }

    fn iter<'g>(&'g self, guard: &'g R::Guard<'_>) -> impl Iterator<Item = &'g T> {
        self.0.iter(guard)
    }

    fn bytes(&self) -> usize {
        self.0.bytes()
    }
}
