//! Memory of pools: decrypted or not there, back where it came from, and lost only on purpose.

use super::machine::{SLOT, end, request};
use crate::common::{ARENA, POOL, orig};
use std::sync::Arc;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::boot::Geometry;
use swiotlb_core::device::DeviceLimits;
use swiotlb_core::error::{AttributeError, InitError, MapError, PageError};
use swiotlb_core::grow::Grown;
use swiotlb_core::mem::{Device, IoTlbMem, Permissions};
use swiotlb_core::phys::{
    Atomic, AtomicPool, BuddyZones, Cached, Context, CostModel, Decrypt, FailingBlocks, FailingDecrypt,
    FromParts, Mapping, NoEncryption, PageSource, PhysMemory, Source, System, Zone, Zoned,
};
use swiotlb_core::policy::{Kernel, With};

const NO_LIMIT: PhysAddr = PhysAddr(u64::MAX);
const ATOMIC: PhysAddr = PhysAddr(32 << 20);
const ATOMIC_PAGES: u64 = 256;
const REFUSED: PageError = PageError::Attribute(AttributeError::Injected);

type Of<S, D> = <S as Source>::Of<FailingBlocks<BuddyZones>, FailingDecrypt<D>>;
type On<S, D> = <Kernel as With>::Pages<Of<S, D>>;

fn source<S: Source, D: Decrypt + 'static>(model: D) -> Of<S, D> {
    let zones = [(Zone::Dma32, PhysAddr(1 << 30), 16 << 20), (Zone::Normal, PhysAddr(5 << 30), 16 << 20)];
    let atomic = AtomicPool::new(ATOMIC, ATOMIC_PAGES << 12);
    FromParts::from_parts(
        FailingBlocks::new(BuddyZones::new(&zones)),
        FailingDecrypt::new(model),
        Some(atomic),
    )
}

/// What is out of each place that memory comes from: blocks, lent pieces, pages of the atomic pool, and pieces that
/// went to a place they did not come from.
fn balances<S: Source, D: Decrypt + 'static>(memory: &PhysMemory, source: &Of<S, D>) -> [i64; 4] {
    source.drain(memory);
    let parts = source.parts();
    let atomic = parts.atomic_pool().unwrap();
    let bad = parts.blocks().inner().bad_frees() + atomic.bad_frees();
    [
        parts.blocks().outstanding(),
        i64::try_from(memory.lent_stretches()).unwrap(),
        i64::try_from(ATOMIC_PAGES - atomic.free_pages()).unwrap(),
        i64::try_from(bad).unwrap(),
    ]
}

/// A full allocator with its device.
type Full<P> = (Arc<IoTlbMem<P>>, Device<P>);

fn an_allocator<S: Source, D: Decrypt + 'static>(model: D) -> Full<On<S, D>> {
    let (memory, pages) = (Arc::new(PhysMemory::new()), source::<S, D>(model));
    pages.parts().prepare(&memory).unwrap();
    let geometry = Geometry { nslabs: 1024, nareas: 1 };
    let reserve = &mut |bytes| (bytes <= 512 * SLOT).then_some(POOL);
    // Grown pools may lie wherever a source has memory.
    let permissions = Permissions { phys_limit: NO_LIMIT, ..Permissions::default() };
    let mem = IoTlbMem::early(geometry, permissions, None, memory, pages, reserve).unwrap().mem;
    let dev = mem.device(DeviceLimits::default()).unwrap();
    for i in 0..4 {
        mem.caller(0).enter().map(&dev, &request(orig(i), 128 * SLOT, 0)).unwrap();
    }
    (mem, dev)
}

fn lost_on_purpose<S: Source>() {
    const BYTES: u64 = 3 * 4096;
    let (memory, source) = (PhysMemory::new(), source::<S, _>(CostModel::default()));
    source.parts().prepare(&memory).unwrap();
    let model = source.parts().decrypt_model();
    let take = || source.alloc(&memory, BYTES, NO_LIMIT, Context::MayBlock).unwrap();
    let got = take();
    let (lost, before) = (got.base, balances::<S, _>(&memory, &source));
    model.fail_next_encrypts(1);
    source.free(&memory, got);
    assert_eq!(balances::<S, _>(&memory, &source), before, "{}: it stays out", S::NAME);
    assert!(source.leaked_bytes() >= BYTES, "{}: and is counted", S::NAME);
    let again: Vec<_> = (0..100).map(|_| take()).collect();
    assert!(again.iter().all(|pages| pages.base != lost), "{}: handed out while shared", S::NAME);
    again.into_iter().for_each(|pages| source.free(&memory, pages));
    source.drain(&memory);
    // Pages that could not be decrypted may be, in part: they are encrypted before they go back, or lost as well.
    let (leaked, encrypts) = (source.leaked_bytes(), model.encrypts());
    model.fail_next_decrypts(1);
    assert_eq!(source.alloc(&memory, BYTES, NO_LIMIT, Context::MayBlock), Err(REFUSED), "{}", S::NAME);
    assert_eq!((model.encrypts(), source.leaked_bytes()), (encrypts + 1, leaked), "{}", S::NAME);
    model.fail_next_decrypts(1);
    model.fail_next_encrypts(1);
    assert_eq!(source.alloc(&memory, BYTES, NO_LIMIT, Context::MayBlock), Err(REFUSED), "{}", S::NAME);
    assert!(source.leaked_bytes() >= leaked + BYTES, "{}", S::NAME);
    let [blocks, lent, atomic, bad] = balances::<S, _>(&memory, &source);
    assert_eq!((blocks + lent, atomic, bad), (2, 0, 0), "{}: two pieces are lost", S::NAME);
}

fn refused_decryption<S: Source>() {
    let (mem, dev) = an_allocator::<S, _>(CostModel::default());
    let (source, memory) = (mem.pages(), mem.memory());
    let model = source.parts().decrypt_model();
    let caller = mem.caller(0);
    let ask = |i| caller.enter().map(&dev, &request(orig(i), SLOT, 0)).unwrap();
    for failures in [u64::MAX, 1] {
        let (addr, stats) = (ask(10), mem.stats());
        let balance = balances::<S, _>(memory, source);
        model.fail_next_decrypts(failures);
        assert_eq!(caller.run_worker(), Grown::Failed(REFUSED), "{}", S::NAME);
        assert_eq!((mem.stats(), balances::<S, _>(memory, source)), (stats, balance), "{}", S::NAME);
        assert_eq!((caller.enter().pools().count(), source.leaked_bytes()), (1, 0), "{}", S::NAME);
        end(&caller.enter(), &dev, addr, SLOT);
        model.fail_next_decrypts(0);
    }
    // The next request for a pool is answered.
    ask(11);
    assert_eq!(caller.run_worker(), Grown::Added { nslabs: 512 });
}

fn refused_at_set_up<S: Source>() {
    let set_up = |failures, slots: u64| {
        let (memory, pages) = (Arc::new(PhysMemory::new()), source::<S, _>(CostModel::default()));
        pages.parts().decrypt_model().fail_next_decrypts(failures);
        let geometry = Geometry { nslabs: 2048, nareas: 4 };
        IoTlbMem::<On<S, CostModel>>::late(slots * SLOT, geometry, Permissions::default(), memory, pages)
            .unwrap()
    };
    let none = set_up(u64::MAX, 2048);
    assert!(matches!(none.failed, Some(InitError::NoMemory { .. })), "{}", S::NAME);
    assert!(!none.mem.is_active() && none.mem.caller(0).enter().pools().next().is_none());
    assert_eq!(balances::<S, _>(none.mem.memory(), none.mem.pages()), [0; 4], "{}", S::NAME);
    let dev = none.mem.device(DeviceLimits::default()).unwrap();
    let map = none.mem.caller(0).enter().map(&dev, &request(ARENA, 1, 0));
    assert_eq!(map, Err(MapError::NoPool), "{}", S::NAME);
    let half = set_up(1, 2048);
    assert_eq!((half.mem.stats().nslabs, half.retries), (1024, 1), "{}", S::NAME);
    // The atomic pool too is decrypted before anybody gets a page of it, or nobody does.
    let (memory, pages) = (PhysMemory::new(), source::<S, _>(CostModel::default()));
    pages.parts().decrypt_model().fail_next_decrypts(2);
    assert_eq!(pages.parts().prepare(&memory), Err(REFUSED));
    assert_eq!(pages.alloc(&memory, 1, NO_LIMIT, Context::Atomic), Err(REFUSED), "{}", S::NAME);
    let got = pages.alloc(&memory, 1, NO_LIMIT, Context::Atomic).unwrap();
    assert_eq!(pages.parts().decrypt_model().decrypts(), 1, "{}", S::NAME);
    pages.free(&memory, got);
    assert_eq!(balances::<S, _>(&memory, &pages), [0; 4], "{}", S::NAME);
}

fn back_to_its_own_place<S: Source, D: Decrypt + 'static>(model: D) {
    let (mem, dev) = an_allocator::<S, D>(model);
    let (source, memory) = (mem.pages(), mem.memory());
    let what = format!("{}, encrypted: {}", S::NAME, D::ENCRYPTED);
    let mut caller = mem.caller(0);
    for round in 0..3 {
        let held: Vec<_> = (1..20)
            .map(|i| {
                let size = (i * 7 + round) % 30 * SLOT + 1;
                (caller.enter().map(&dev, &request(orig(10 + i), size, 0)).unwrap(), size)
            })
            .collect();
        let [blocks, lent, atomic, bad] = balances::<S, D>(memory, source);
        assert!(blocks + lent + atomic >= 19 && bad == 0, "{what}");
        assert!(atomic > 0 || !D::ENCRYPTED, "{what}: whoever may not block gets what was decrypted before");
        held.into_iter().for_each(|(addr, size)| end(&caller.enter(), &dev, addr, size));
        assert_eq!(caller.quiesce(), 19);
        assert_eq!(balances::<S, D>(memory, source), [0; 4], "{what}: round {round}");
    }
    // Pools that go with their device, and one that the worker added.
    caller.enter().map(&dev, &request(orig(50), 5 * SLOT, 0)).unwrap();
    assert!(matches!(caller.run_worker(), Grown::Added { nslabs: 512 | 1024 }), "{what}");
    drop(dev);
    let [blocks, lent, atomic, bad] = balances::<S, D>(memory, source);
    assert_eq!((blocks + lent, atomic, bad), (1, 0, 0), "{what}: the worker's pool stays");
    assert_eq!(source.leaked_bytes(), 0, "{what}");
}

/// Calls `$suite` with every page source.
macro_rules! with_every_source {
    ($suite:ident) => {
        $suite::<Zoned>();
        $suite::<Atomic>();
        $suite::<System>();
        $suite::<Mapping>();
        $suite::<Cached>();
    };
}

/// Memory that stays shared was given back to general use on an error path.
#[test]
fn row_33_what_cannot_be_encrypted_again_is_lost_and_never_handed_out() {
    with_every_source!(lost_on_purpose);
}

/// Private memory was used as shared: the answer of the decryption was not looked at.
#[test]
fn row_35_a_pool_that_cannot_be_decrypted_is_none() {
    with_every_source!(refused_decryption);
    with_every_source!(refused_at_set_up);
}

fn to_its_own_place<S: Source>() {
    back_to_its_own_place::<S, _>(CostModel::default());
    back_to_its_own_place::<S, _>(NoEncryption);
}

/// Where memory goes was worked out from where it lies, and not kept: the atomic pool's never came back.
#[test]
fn row_36_memory_goes_back_to_the_place_that_it_came_from() {
    with_every_source!(to_its_own_place);
}
