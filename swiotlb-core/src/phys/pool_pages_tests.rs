#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::super::{BuddyZones, CostModel, FailingBlocks, FailingDecrypt, NoEncryption, PageAttribute, Zone};
use super::*;

const MIB: u64 = 1 << 20;
const NO_LIMIT: PhysAddr = PhysAddr(u64::MAX);
/// Where the tests' atomic pool lies: a window of its own below the blocks' zones.
const ATOMIC: PhysAddr = PhysAddr(32 * MIB);

type Pages<D> = PoolPages<FailingBlocks<BuddyZones>, FailingDecrypt<D>>;

/// Blocks in [`Zone::Dma32`] from 64 MiB and in [`Zone::Normal`] from 8 GiB.
fn pages<D: Decrypt>(model: D, atomic_pages: u64) -> Pages<D> {
    let ranges = [(Zone::Dma32, PhysAddr(64 * MIB), 8 * MIB), (Zone::Normal, PhysAddr(8 << 30), 8 * MIB)];
    let blocks = FailingBlocks::new(BuddyZones::new(&ranges));
    let atomic = (atomic_pages > 0).then(|| AtomicPool::new(ATOMIC, atomic_pages * PAGE_SIZE));
    PoolPages::new(blocks, FailingDecrypt::new(model), atomic)
}

/// What every model must keep: the memory is where it was asked for, can be used, and all comes back.
fn memory_can_be_used_and_comes_back<D: Decrypt>(model: D) {
    let (memory, pages) = (PhysMemory::new(), pages(model, 4));
    for context in [Context::MayBlock, Context::Atomic] {
        for (bytes, limit) in [(2048, NO_LIMIT), (10_000, PhysAddr(u64::from(u32::MAX))), (4096, NO_LIMIT)] {
            let got = pages.alloc(&memory, bytes, limit, context).unwrap();
            assert!(memory.contains(got.base, bytes) && got.bytes == bytes);
            assert!(got.base.0.is_multiple_of(PAGE_SIZE) && got.base.0 + bytes - 1 <= limit.0);
            memory.zero(got.base, got.bytes).unwrap();
            memory.write(got.base, &[1; 2048]).unwrap();
            let from_pool = D::ENCRYPTED && context == Context::Atomic;
            assert_eq!(got.origin() == Origin::AtomicPool, from_pool);
            assert_eq!(pages.blocks().outstanding(), i64::from(!from_pool));
            pages.free(&memory, got);
            assert_eq!(pages.blocks().outstanding(), 0);
        }
    }
    let early = pages.reserve(&memory, PhysAddr(0), 3 * MIB).unwrap();
    memory.write(PhysAddr(3 * MIB - 1), &[1]).unwrap();
    pages.free(&memory, early);
    let model = pages.decrypt_model();
    let atomic_decrypts = u64::from(D::ENCRYPTED);
    assert_eq!(model.decrypts(), model.encrypts() + atomic_decrypts, "the atomic pool stays decrypted");
    assert_eq!((pages.leaked_bytes(), pages.atomic_pool().unwrap().free_pages()), (0, 4));
    assert_eq!(pages.blocks().inner().bad_frees(), 0);
}

#[test]
fn every_model_gives_memory_that_can_be_used() {
    memory_can_be_used_and_comes_back(NoEncryption);
    memory_can_be_used_and_comes_back(PageAttribute::new());
    memory_can_be_used_and_comes_back(CostModel { fixed_spins: 10, per_page_spins: 1 });
}

#[test]
fn a_failed_decrypt_is_undone_and_told() {
    let (memory, pages) = (PhysMemory::new(), pages(CostModel::default(), 0));
    pages.decrypt_model().fail_next_decrypts(1);
    let outcome = pages.alloc(&memory, MIB, NO_LIMIT, Context::MayBlock);
    assert_eq!(outcome, Err(PageError::Attribute(AttributeError::Injected)));
    assert_eq!(pages.decrypt_model().encrypts(), 1, "some pages may have changed");
    assert_eq!((pages.blocks().outstanding(), pages.leaked_bytes()), (0, 0));
    let got = pages.alloc(&memory, MIB, NO_LIMIT, Context::MayBlock).unwrap();
    pages.free(&memory, got);
}

#[test]
fn what_can_be_neither_decrypted_nor_encrypted_is_leaked() {
    let (memory, pages) = (PhysMemory::new(), pages(CostModel::default(), 0));
    pages.decrypt_model().fail_next_decrypts(1);
    pages.decrypt_model().fail_next_encrypts(1);
    assert!(pages.alloc(&memory, MIB + 1, NO_LIMIT, Context::MayBlock).is_err());
    assert_eq!((pages.blocks().outstanding(), pages.leaked_bytes()), (1, 2 * MIB), "the whole block");
    let free = pages.blocks().inner().free_pages(Zone::Normal);
    assert_eq!(free * PAGE_SIZE, 6 * MIB);
}

#[test]
fn what_cannot_be_encrypted_again_is_never_handed_out() {
    let (memory, pages) = (PhysMemory::new(), pages(CostModel::default(), 0));
    let got = pages.alloc(&memory, 4 * MIB, NO_LIMIT, Context::MayBlock).unwrap();
    let lost = got.base;
    pages.decrypt_model().fail_next_encrypts(1);
    pages.free(&memory, got);
    assert_eq!((pages.blocks().frees(), pages.leaked_bytes()), (0, 4 * MIB));
    let rest: Vec<_> =
        core::iter::from_fn(|| pages.alloc(&memory, 4 * MIB, NO_LIMIT, Context::MayBlock).ok()).collect();
    assert!(rest.len() == 3 && rest.iter().all(|pages| pages.base != lost));
    rest.into_iter().for_each(|got| pages.free(&memory, got));
    assert_eq!(pages.blocks().outstanding(), 1);
}

#[test]
fn reserved_memory_never_reaches_the_blocks() {
    let (memory, pages) = (PhysMemory::new(), pages(CostModel::default(), 0));
    // Even where its address is one that the blocks could have handed out.
    let early = pages.reserve(&memory, PhysAddr(64 * MIB), 4 * MIB).unwrap();
    assert_eq!(early.origin(), Origin::Reserved);
    pages.decrypt_model().fail_next_encrypts(1);
    pages.free(&memory, early);
    assert_eq!((pages.blocks().frees(), pages.leaked_bytes()), (0, 4 * MIB));
    pages.decrypt_model().fail_next_decrypts(1);
    assert!(pages.reserve(&memory, PhysAddr(0), MIB).is_err());
    assert_eq!((pages.blocks().frees(), pages.leaked_bytes()), (0, 4 * MIB));
}

#[test]
fn the_atomic_pool_serves_those_who_may_not_block() {
    let (memory, pages) = (PhysMemory::new(), pages(CostModel::default(), 3));
    pages.prepare(&memory).unwrap();
    pages.prepare(&memory).unwrap();
    assert_eq!(pages.decrypt_model().decrypts(), 1);
    let a = pages.alloc(&memory, 2049, NO_LIMIT, Context::Atomic).unwrap();
    let b = pages.alloc(&memory, 8192, NO_LIMIT, Context::Atomic).unwrap();
    assert_eq!((a.base, b.base), (ATOMIC, ATOMIC.wrapping_add(PAGE_SIZE)));
    let outcome = pages.alloc(&memory, 1, NO_LIMIT, Context::Atomic);
    assert_eq!(outcome, Err(PageError::AtomicPoolEmpty { pages: 1 }));
    pages.free(&memory, a);
    let limit = PhysAddr(ATOMIC.0 + 2047);
    let fits = pages.alloc(&memory, 2048, limit, Context::Atomic).unwrap();
    pages.free(&memory, fits);
    let outcome = pages.alloc(&memory, 2049, limit, Context::Atomic);
    assert_eq!(outcome, Err(PageError::AboveLimit { limit }));
    pages.free(&memory, b);
    assert_eq!(pages.atomic_pool().map(AtomicPool::free_pages), Some(3));
    assert_eq!((pages.decrypt_model().decrypts(), pages.decrypt_model().encrypts()), (1, 0));
    assert_eq!((pages.blocks().allocs(), pages.leaked_bytes()), (0, 0));
}

#[test]
fn without_an_atomic_pool_those_who_may_not_block_get_nothing() {
    let (memory, pages) = (PhysMemory::new(), pages(CostModel::default(), 0));
    let outcome = pages.alloc(&memory, 8193, NO_LIMIT, Context::Atomic);
    assert_eq!(outcome, Err(PageError::AtomicPoolEmpty { pages: 3 }));
}

#[test]
fn a_failed_preparation_is_tried_again() {
    let (memory, pages) = (PhysMemory::new(), pages(PageAttribute::new(), 2));
    pages.decrypt_model().fail_next_decrypts(1);
    assert!(pages.alloc(&memory, 1, NO_LIMIT, Context::Atomic).is_err());
    assert_eq!(pages.atomic_pool().map(AtomicPool::free_pages), Some(2));
    let got = pages.alloc(&memory, 1, NO_LIMIT, Context::Atomic).unwrap();
    memory.write(got.base, &[1; 4096]).unwrap();
    pages.free(&memory, got);
}

#[test]
fn a_failure_of_the_blocks_is_passed_on() {
    let (memory, pages) = (PhysMemory::new(), pages(NoEncryption, 0));
    pages.blocks().fail_next(1);
    let full = PageError::OutOfPages { order: 0, zone: Zone::Normal };
    assert_eq!(pages.alloc(&memory, 1, NO_LIMIT, Context::Atomic), Err(full));
    let limit = PhysAddr(64 * MIB);
    let outcome = pages.alloc(&memory, 4096, limit, Context::MayBlock);
    // The block at 64 MiB is a page too high and goes back; below it there is no zone with memory.
    assert_eq!(outcome, Err(PageError::OutOfPages { order: 0, zone: Zone::Dma }));
    assert_eq!((pages.blocks().outstanding(), memory.mapped_windows()), (0, 0));
}

#[test]
fn memory_that_the_space_lacks_goes_back_to_the_blocks() {
    let ranges = [(Zone::Normal, PhysAddr(super::super::SPACE), MIB)];
    let blocks = FailingBlocks::new(BuddyZones::new(&ranges));
    let pages = PoolPages::new(blocks, NoEncryption, None);
    let outcome = pages.alloc(&PhysMemory::new(), MIB, NO_LIMIT, Context::MayBlock);
    assert!(matches!(outcome, Err(PageError::BeyondSpace { .. })));
    assert_eq!((pages.blocks().allocs(), pages.blocks().outstanding()), (1, 0));
}
