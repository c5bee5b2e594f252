//! Every page source with every decryption model, through the same tests.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::source::whole_pages;
use super::*;
use crate::addr::PhysAddr;
use crate::error::{AttributeError, PageError};
use crate::rules::PAGE_SIZE;
use parking_lot::Mutex;
use std::collections::BTreeSet;

const MIB: u64 = 1 << 20;
const NO_LIMIT: PhysAddr = PhysAddr(u64::MAX);
/// A window of its own.
const ATOMIC: PhysAddr = PhysAddr(32 * MIB);
const ATOMIC_PAGES: u64 = 256;

type Blocks = FailingBlocks<BuddyZones>;
type Of<S, D> = <S as Source>::Of<Blocks, FailingDecrypt<D>>;

fn source<S: Source, D: Decrypt + 'static>(model: D) -> Of<S, D> {
    let ranges = [(Zone::Dma32, PhysAddr(64 * MIB), 8 * MIB), (Zone::Normal, PhysAddr(8 << 30), 8 * MIB)];
    let blocks = FailingBlocks::new(BuddyZones::new(&ranges));
    let atomic = AtomicPool::new(ATOMIC, ATOMIC_PAGES * PAGE_SIZE);
    FromParts::from_parts(blocks, FailingDecrypt::new(model), Some(atomic))
}

/// Everything is back where it came from, but for what was leaked on purpose.
fn all_is_back<S: Source, D: Decrypt + 'static>(memory: &PhysMemory, source: &Of<S, D>) {
    source.drain(memory);
    let parts = source.parts();
    let out = parts.blocks().outstanding() + i64::try_from(memory.lent_stretches()).unwrap();
    assert_eq!(out == 0, source.leaked_bytes() == 0, "{}: {out} pieces are out", S::NAME);
    let atomic = parts.atomic_pool().unwrap();
    assert_eq!((atomic.free_pages(), atomic.bad_frees()), (ATOMIC_PAGES, 0), "{}", S::NAME);
    assert_eq!(parts.blocks().inner().bad_frees(), 0, "{}", S::NAME);
}

/// Whether a source has memory for devices that reach no further than `limit`.
fn reaches<S: Source>(limit: PhysAddr) -> bool {
    limit > PhysAddr(SPACE) || !["system", "mmap"].contains(&S::NAME)
}

fn memory_is_usable_within_the_limit_and_comes_back<S: Source, D: Decrypt + 'static>(model: D) {
    let (memory, source) = (PhysMemory::new(), source::<S, D>(model));
    source.parts().prepare(&memory).unwrap();
    for context in [Context::MayBlock, Context::Atomic, Context::Atomic] {
        for limit in [NO_LIMIT, PhysAddr(u64::from(u32::MAX)), PhysAddr((1 << 41) - 1)] {
            // From the atomic pool, or for set-up and growth, which every source serves.
            let served = context == Context::MayBlock
                || D::ENCRYPTED
                || S::NAME == Atomic::NAME
                || reaches::<S>(limit);
            let held: Vec<_> = [2048, 10_000, 4096, 256 << 10]
                .into_iter()
                .filter_map(|bytes| {
                    let got = source.alloc(&memory, bytes, limit, context);
                    if !served {
                        assert_eq!(got, Err(PageError::AboveLimit { limit }));
                    }
                    let got = got.ok()?;
                    assert!(memory.contains(got.base, bytes) && got.bytes >= bytes);
                    assert!(got.base.0.is_multiple_of(PAGE_SIZE) && got.base.0 + (bytes - 1) <= limit.0);
                    memory.zero(got.base, got.bytes).unwrap();
                    memory.write(got.base, &[1; 2048]).unwrap();
                    Some(got)
                })
                .collect();
            assert_eq!(held.len(), if served { 4 } else { 0 }, "{}", S::NAME);
            held.into_iter().for_each(|pages| source.free(&memory, pages));
        }
    }
    all_is_back::<S, D>(&memory, &source);
    let model = source.parts().decrypt_model();
    assert_eq!(
        model.decrypts(),
        model.encrypts() + u64::from(D::ENCRYPTED),
        "the atomic pool stays decrypted"
    );
    assert_eq!(source.leaked_bytes(), 0);
}

/// Knows which pages are decrypted, and that none is decrypted or encrypted twice.
#[derive(Default)]
struct Pages(Mutex<BTreeSet<u64>>);

impl Pages {
    fn each(base: PhysAddr, bytes: u64) -> impl Iterator<Item = u64> {
        (base.0..base.0 + whole_pages(bytes)).step_by(usize::try_from(PAGE_SIZE).unwrap())
    }

    fn are_decrypted(&self, base: PhysAddr, bytes: u64) -> bool {
        let decrypted = self.0.lock();
        Self::each(base, bytes).all(|page| decrypted.contains(&page))
    }
}

impl Decrypt for Pages {
    const ENCRYPTED: bool = true;

    fn decrypt(&self, _: &PhysMemory, base: PhysAddr, bytes: u64) -> Result<(), AttributeError> {
        let mut decrypted = self.0.lock();
        assert!(Self::each(base, bytes).all(|page| decrypted.insert(page)), "decrypted twice");
        Ok(())
    }

    fn encrypt(&self, _: &PhysMemory, base: PhysAddr, bytes: u64) -> Result<(), AttributeError> {
        let mut decrypted = self.0.lock();
        assert!(Self::each(base, bytes).all(|page| decrypted.remove(&page)), "encrypted twice");
        Ok(())
    }
}

fn memory_in_use_is_decrypted_and_no_other<S: Source>() {
    let (memory, source) = (PhysMemory::new(), source::<S, Pages>(Pages::default()));
    source.parts().prepare(&memory).unwrap();
    let mut held = Vec::new();
    for i in 0..200_u64 {
        let context = if i % 3 == 0 { Context::Atomic } else { Context::MayBlock };
        let got = source.alloc(&memory, 1 + i * 97 % 20_000, NO_LIMIT, context).unwrap();
        assert!(source.parts().decrypt_model().inner().are_decrypted(got.base, got.bytes), "{}", S::NAME);
        held.push(got);
        if held.len() > 5 {
            source.free(&memory, held.swap_remove(usize::try_from(i * 7 % 5).unwrap()));
        }
    }
    held.into_iter().for_each(|pages| source.free(&memory, pages));
    all_is_back::<S, Pages>(&memory, &source);
    let decrypted = source.parts().decrypt_model().inner().0.lock();
    assert_eq!(decrypted.len() as u64, ATOMIC_PAGES, "{}: but for the atomic pool", S::NAME);
}

fn failures_leak_nothing_but_what_is_counted<S: Source>() {
    let (memory, source) = (PhysMemory::new(), source::<S, _>(CostModel::default()));
    let alloc = || source.alloc(&memory, 3 * PAGE_SIZE, NO_LIMIT, Context::MayBlock);
    let model = source.parts().decrypt_model();
    model.fail_next_decrypts(1);
    assert_eq!(alloc(), Err(PageError::Attribute(AttributeError::Injected)), "{}", S::NAME);
    assert_eq!(source.leaked_bytes(), 0);
    all_is_back::<S, _>(&memory, &source);

    let got = alloc().unwrap();
    let lost = got.base;
    source.free(&memory, got);
    model.fail_next_encrypts(1);
    // A cache encrypts when it gives back.
    source.drain(&memory);
    let got = alloc().unwrap();
    source.free(&memory, got);
    source.drain(&memory);
    assert!(source.leaked_bytes() >= 3 * PAGE_SIZE || model.encrypts() == 0, "{}", S::NAME);
    let held: Vec<_> = (0..20).map(|_| alloc().unwrap()).collect();
    if source.parts().blocks().frees() == 0 {
        assert!(held.iter().all(|pages| pages.base != lost), "{}: what is not encrypted came back", S::NAME);
    }
    held.into_iter().for_each(|pages| source.free(&memory, pages));
    all_is_back::<S, _>(&memory, &source);
}

fn an_empty_source_says_so_and_recovers<S: Source>() {
    let (memory, source) = (PhysMemory::new(), source::<S, _>(NoEncryption));
    let limit = PhysAddr(u64::from(u32::MAX));
    source.parts().blocks().fail_next(u64::MAX);
    assert!(source.alloc(&memory, 4096, limit, Context::MayBlock).is_err());
    source.parts().blocks().fail_next(0);
    let got = source.alloc(&memory, 4096, NO_LIMIT, Context::MayBlock).unwrap();
    source.free(&memory, got);
    all_is_back::<S, _>(&memory, &source);
}

fn threads_never_share_memory<S: Source>() {
    let (memory, source) = (PhysMemory::new(), source::<S, _>(NoEncryption));
    std::thread::scope(|scope| {
        for id in 1..4_u8 {
            let (memory, source) = (&memory, &source);
            scope.spawn(move || {
                for i in 0..300_u64 {
                    let bytes = 1 + (i * 977) % 12_000;
                    let held: Vec<_> = (0..3)
                        .map(|_| source.alloc(memory, bytes, NO_LIMIT, Context::Atomic).unwrap())
                        .collect();
                    let mut seen = vec![0; usize::try_from(bytes).unwrap()];
                    let mine = vec![id; seen.len()];
                    held.iter().for_each(|pages| memory.write(pages.base, &mine).unwrap());
                    for pages in held {
                        memory.read(pages.base, &mut seen).unwrap();
                        assert!(seen == mine, "{}", S::NAME);
                        source.free(memory, pages);
                    }
                }
            });
        }
    });
    all_is_back::<S, _>(&memory, &source);
}

fn every_test<S: Source>() {
    memory_is_usable_within_the_limit_and_comes_back::<S, _>(NoEncryption);
    memory_is_usable_within_the_limit_and_comes_back::<S, _>(PageAttribute::new());
    memory_is_usable_within_the_limit_and_comes_back::<S, _>(CostModel { fixed_spins: 9, per_page_spins: 1 });
    memory_in_use_is_decrypted_and_no_other::<S>();
    failures_leak_nothing_but_what_is_counted::<S>();
    an_empty_source_says_so_and_recovers::<S>();
    threads_never_share_memory::<S>();
}

#[test]
fn zoned_blocks_pass() {
    every_test::<Zoned>();
}

#[test]
fn the_atomic_pool_passes() {
    every_test::<Atomic>();
}

#[test]
fn the_system_allocator_passes() {
    every_test::<System>();
}

#[test]
fn a_mapping_each_passes() {
    every_test::<Mapping>();
}

#[test]
fn the_cache_passes() {
    every_test::<Cached>();
}

#[test]
fn no_two_sources_share_a_name() {
    let names =
        [Zoned::NAME, Atomic::NAME, <System as Source>::NAME, <Mapping as Source>::NAME, Cached::NAME];
    assert_eq!(BTreeSet::from(names).len(), names.len());
    const { assert!(Zoned::KEEPS_PLACEMENT && !Cached::KEEPS_PLACEMENT) };
}
