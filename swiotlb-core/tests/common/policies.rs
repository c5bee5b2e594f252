//! The list of every policy that the suites run on: all that the registry names (a test of `bench-suite` compares),
//! and the strategies' other forms.
//!
//! Invariant: a policy that can be measured is in it.

use swiotlb_core::area::{LockFree, Locked, Metered, Padded, Shared, Spread};
use swiotlb_core::lock::{Backoff, Mcs, ParkingLot, QueuedSpin, StdMutex, TestAndSet, Ticket};
use swiotlb_core::lookup::{
    ArcSwapArray, GranuleHash, LeftRight, MutexArray, PageDirectory, RwLockArray, SkipList, SortedArray,
};
use swiotlb_core::phys::{Atomic, Cached, Mapping, System};
use swiotlb_core::policy::{Fast, Kernel, PagesFrom, Policy, Warm, With};
use swiotlb_core::publish::{FullBarrierTwice, NoFlag, ReleaseFence};
use swiotlb_core::reclaim::{Delayed, Epoch, Leak, Quiescent, RefCounted, RwLocked};
use swiotlb_core::search::{Bitmap, FreeRunList, Lifo, Offset, Summary};
use swiotlb_core::slot::{EachSlot, FirstSlot, Wide};
use swiotlb_core::stats::{ByArea, Off, Sharded};
use swiotlb_core::trip::{EachStep, Twice};
use swiotlb_core::walk::{HomeOnly, PoolMajor};

type Area<A> = <Kernel as With>::Area<A>;
type Lock<L> = Area<Locked<L, FreeRunList>>;
type Search<S> = Area<Locked<QueuedSpin, S>>;
type Lookup<L> = <Kernel as With>::Lookup<L>;
type Reclaim<R> = <Kernel as With>::Reclaim<R>;
type Pages<S> = <Kernel as With>::Pages<PagesFrom<S>>;
type Apart<P> = <P as With>::Stats<Sharded>;
type Free<S> = Apart<<Area<LockFree<FirstSlot, S>> as With>::Publish<ReleaseFence>>;

/// What is done with each policy.
pub trait Each {
    /// With this one.
    fn each<P: With>(&mut self);
}

/// Does it with every policy.
pub fn with_every_policy(it: &mut impl Each) {
    it.each::<Kernel>();
    it.each::<Fast>();
    it.each::<Warm>();
    with_every_area(it);
    with_every_lookup(it);
    with_every_reclamation(it);
    it.each::<<Kernel as With>::Publish<ReleaseFence>>();
    it.each::<<Kernel as With>::Publish<FullBarrierTwice>>();
    it.each::<<Kernel as With>::Publish<NoFlag>>();
    it.each::<Pages<Atomic>>();
    it.each::<Pages<System>>();
    it.each::<Pages<Mapping>>();
    it.each::<Pages<Cached>>();
    it.each::<<Kernel as With>::Stats<Sharded>>();
    it.each::<<Kernel as With>::Stats<Off>>();
    it.each::<<Area<Metered<<Kernel as Policy>::Area>> as With>::Stats<ByArea>>();
    it.each::<<Kernel as With>::Trip<Twice>>();
    it.each::<<Kernel as With>::Trip<EachStep>>();
    it.each::<<Kernel as With>::Walk<PoolMajor>>();
    it.each::<<Kernel as With>::Walk<HomeOnly>>();
}

fn with_every_area(it: &mut impl Each) {
    it.each::<Lock<TestAndSet>>();
    it.each::<Lock<Backoff>>();
    it.each::<Lock<Ticket>>();
    it.each::<Lock<Mcs>>();
    it.each::<Lock<StdMutex>>();
    it.each::<Lock<ParkingLot>>();
    it.each::<Search<Bitmap>>();
    it.each::<Search<Summary>>();
    it.each::<Search<Summary<FirstSlot>>>();
    it.each::<Search<FreeRunList<Wide>>>();
    it.each::<Search<Lifo>>();
    it.each::<Search<Offset>>();
    it.each::<Area<Padded<<Kernel as Policy>::Area>>>();
    it.each::<Apart<Area<Padded<<Kernel as Policy>::Area>>>>();
    it.each::<<Fast as With>::Area<Padded<<Fast as Policy>::Area>>>();
    it.each::<Area<LockFree>>();
    it.each::<Area<LockFree<EachSlot, Shared>>>();
    it.each::<Area<LockFree<FirstSlot, Spread>>>();
    it.each::<Free<Shared>>();
    it.each::<Free<Spread>>();
}

/// With the kernel's policy and each lookup in turn.
pub fn with_every_lookup(it: &mut impl Each) {
    it.each::<Lookup<SortedArray>>();
    it.each::<Lookup<ArcSwapArray>>();
    it.each::<Lookup<LeftRight>>();
    it.each::<Lookup<GranuleHash>>();
    it.each::<Lookup<PageDirectory>>();
    it.each::<Lookup<SkipList>>();
    it.each::<Lookup<RwLockArray>>();
    it.each::<Lookup<MutexArray>>();
}

/// With the kernel's policy and each reclaimer in turn.
pub fn with_every_reclamation(it: &mut impl Each) {
    it.each::<Reclaim<Quiescent>>();
    it.each::<Reclaim<RefCounted>>();
    it.each::<Reclaim<RwLocked>>();
    it.each::<Reclaim<Leak>>();
    it.each::<Reclaim<Delayed<Epoch, 1>>>();
    it.each::<Reclaim<Delayed<Epoch, 10>>>();
    it.each::<Reclaim<Delayed<Epoch, 50>>>();
}
