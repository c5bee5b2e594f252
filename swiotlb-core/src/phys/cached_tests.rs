#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::super::{BuddyZones, CostModel, FailingBlocks, FailingDecrypt, NoEncryption, Zone};
use super::*;
use crate::rules::PAGE_SIZE;

const MIB: u64 = 1 << 20;
const NO_LIMIT: PhysAddr = PhysAddr(u64::MAX);

type Cache<D> = CachedPages<PoolPages<FailingBlocks<BuddyZones>, FailingDecrypt<D>>>;

/// A cache of `budget` bytes before 4 MiB of blocks and an atomic pool of 4 pages.
fn cache<D: Decrypt>(model: D, budget: u64) -> Cache<D> {
    let blocks = FailingBlocks::new(BuddyZones::new(&[(Zone::Dma32, PhysAddr(64 * MIB), 4 * MIB)]));
    let atomic = AtomicPool::new(PhysAddr(32 * MIB), 4 * PAGE_SIZE);
    CachedPages::new(PoolPages::new(blocks, FailingDecrypt::new(model), Some(atomic)), budget)
}

#[test]
fn a_hit_asks_nothing_of_the_source_behind() {
    let (memory, cache) = (PhysMemory::new(), cache(CostModel::default(), MIB));
    let first = cache.alloc(&memory, 9000, NO_LIMIT, Context::MayBlock).unwrap();
    let base = first.base;
    for _ in 0..100 {
        let pages = cache.alloc(&memory, 5000, NO_LIMIT, Context::MayBlock).unwrap();
        cache.free(&memory, pages);
    }
    cache.free(&memory, first);
    assert_eq!(cache.inner().blocks().allocs(), 2);
    assert_eq!(cache.inner().decrypt_model().decrypts(), 2);
    // Three pages of the four that the request may take.
    let again = cache.alloc(&memory, 3 * PAGE_SIZE, NO_LIMIT, Context::Atomic).unwrap();
    assert_eq!((again.base, again.bytes), (base, 3 * PAGE_SIZE));
    cache.free(&memory, again);
    assert_eq!(cache.ready.kept(), 5 * PAGE_SIZE);
    cache.drain(&memory);
    assert_eq!((cache.ready.kept(), cache.inner().blocks().outstanding()), (0, 0));
    assert_eq!(cache.inner().decrypt_model().encrypts(), 2);
}

#[test]
fn a_storm_that_frees_nothing_is_served_by_the_source_behind() {
    let (memory, cache) = (PhysMemory::new(), cache(NoEncryption, 8 * PAGE_SIZE));
    let storm: Vec<_> =
        (0..100).map(|_| cache.alloc(&memory, 2048, NO_LIMIT, Context::Atomic).unwrap()).collect();
    assert_eq!(cache.inner().blocks().outstanding(), 100);
    storm.into_iter().for_each(|pages| cache.free(&memory, pages));
    assert_eq!(cache.ready.kept(), 8 * PAGE_SIZE, "the budget");
    assert_eq!(cache.inner().blocks().outstanding(), 8, "the rest went back");
}

#[test]
fn what_is_kept_goes_back_before_a_request_fails() {
    let (memory, cache) = (PhysMemory::new(), cache(NoEncryption, 4 * MIB));
    let all: Vec<_> =
        (0..1024).map(|_| cache.alloc(&memory, 1, NO_LIMIT, Context::Atomic).unwrap()).collect();
    assert!(cache.alloc(&memory, 1, NO_LIMIT, Context::Atomic).is_err());
    all.into_iter().for_each(|pages| cache.free(&memory, pages));
    assert_eq!(cache.ready.kept(), 4 * MIB);
    let large = cache.alloc(&memory, 4 * MIB, NO_LIMIT, Context::Atomic).unwrap();
    assert_eq!(cache.ready.kept(), 0);
    cache.free(&memory, large);
    assert_eq!(cache.inner().blocks().outstanding(), 0, "too large to be kept");
}

#[test]
fn those_who_may_not_block_wait_for_no_encryption() {
    let (memory, cache) = (PhysMemory::new(), cache(CostModel::default(), 4 * MIB));
    let alloc = || cache.alloc(&memory, 2 * PAGE_SIZE, NO_LIMIT, Context::MayBlock).unwrap();
    [alloc(), alloc(), alloc()].into_iter().for_each(|pages| cache.free(&memory, pages));
    assert_eq!(cache.ready.kept(), 6 * PAGE_SIZE);
    let small: Vec<_> = (0..4).map(|_| cache.alloc(&memory, 1, NO_LIMIT, Context::Atomic).unwrap()).collect();
    assert_eq!(cache.inner().atomic_pool().unwrap().free_pages(), 0, "two pages are not wasted on one");
    small.into_iter().for_each(|pages| cache.free(&memory, pages));
    // All four pages of the atomic pool in a row: those that are kept go back to it, the decrypted blocks stay.
    let encrypts = cache.inner().decrypt_model().encrypts();
    let row = cache.alloc(&memory, 4 * PAGE_SIZE, NO_LIMIT, Context::Atomic).unwrap();
    assert_eq!((row.origin(), cache.ready.kept()), (Origin::AtomicPool, 6 * PAGE_SIZE));
    assert_eq!(cache.inner().decrypt_model().encrypts(), encrypts);
    cache.free(&memory, row);
    cache.drain(&memory);
    assert_eq!((cache.inner().blocks().outstanding(), cache.leaked_bytes()), (0, 0));
    assert_eq!(cache.inner().atomic_pool().unwrap().free_pages(), 4);
}

#[test]
fn reserved_memory_is_never_kept() {
    let (memory, cache) = (PhysMemory::new(), cache(NoEncryption, MIB));
    let early = cache.inner().reserve(&memory, PhysAddr(0), PAGE_SIZE).unwrap();
    cache.free(&memory, early);
    assert_eq!(cache.ready.kept(), 0);
}
