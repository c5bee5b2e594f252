//! A small machine for the tests: an allocator of any policy, memory, a helper for every policy in turn.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "shared by several test binaries; a test fails by panicking"
)]

pub mod crowd;
pub mod hand_over;
pub mod held;
pub mod lifetime;
pub mod owners;
pub mod policies;
pub mod sharing;
pub mod violation;

/// The threads of suites that shuttle may run: then it decides whose turn it is.
#[cfg(shuttle)]
pub use shuttle::thread;
#[cfg(not(shuttle))]
pub use std::thread;

use crate::{ensure, ensure_eq};
use std::sync::Arc;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::boot::Geometry;
use swiotlb_core::caller::Session;
use swiotlb_core::device::{Attrs, DeviceLimits, Direction, MapRequest};
use swiotlb_core::mem::{Device, IoTlbMem, Permissions};
use swiotlb_core::phys::{
    AtomicPool, BuddyZones, FailingBlocks, FromParts, NoEncryption, PageSource, PhysMemory, Source, Zone,
};
use swiotlb_core::policy::{Policy, SourceOf, With};
use swiotlb_core::probe::Counters;
use swiotlb_core::reclaim::Reclaim;
use swiotlb_core::rules::PAGE_SIZE;
use swiotlb_core::stats::{Off, Stats};
use violation::Verdict;

/// Blocks that can fail on demand.
pub type TestBlocks = FailingBlocks<BuddyZones>;
/// Pages of `P`'s kind from blocks that can fail; memory that is never encrypted.
pub type TestPages<P> = <SourceOf<P> as Source>::Of<TestBlocks, NoEncryption>;
/// `P` with pages that can fail and every step counted.
pub type Tested<P> = <<P as With>::Pages<TestPages<P>> as With>::Probe<Counters>;
/// A policy that the tests can set up.
pub trait Testable: Policy<Pages: FromParts<TestBlocks, NoEncryption>, Probe = Counters> {}
impl<P: Policy<Pages: FromParts<TestBlocks, NoEncryption>, Probe = Counters>> Testable for P {}

/// Where originals lie.
pub const ARENA: PhysAddr = PhysAddr(8 << 30);
/// Where the default pool lies.
pub const POOL: PhysAddr = PhysAddr(64 << 20);
/// The atomic pool, small enough that a storm empties it.
const ATOMIC: PhysAddr = PhysAddr(32 << 20);
const ATOMIC_PAGES: u64 = 64;

pub fn pages<S: FromParts<TestBlocks, NoEncryption>>() -> S {
    let zones = [
        (Zone::Dma, PhysAddr(1 << 20), 15 << 20),
        (Zone::Dma32, PhysAddr(1 << 30), 256 << 20),
        (Zone::Normal, PhysAddr(5 << 30), 256 << 20),
    ];
    let atomic = AtomicPool::new(ATOMIC, ATOMIC_PAGES * PAGE_SIZE);
    S::from_parts(FailingBlocks::new(BuddyZones::new(&zones)), NoEncryption, Some(atomic))
}

pub fn mem<P: Testable>(nslabs: u64, nareas: u32, can_grow: bool) -> Arc<IoTlbMem<P>> {
    let geometry = Geometry { nslabs, nareas };
    let permissions = Permissions { can_grow, ..Permissions::default() };
    let memory = Arc::new(PhysMemory::new());
    let reserve = &mut |_bytes| Some(POOL);
    IoTlbMem::early(geometry, permissions, None, memory, pages(), reserve).unwrap().mem
}

/// Runs `one` with 0 here, and with each number below `n` in a thread of its own; a violation, if there was one. (Their
/// handles are not joined: in a scope of shuttle's, one may answer while its thread is not past its thread-locals.)
pub fn together(n: u64, one: impl Fn(u64) -> Verdict + Sync) -> Verdict {
    let verdict = std::sync::Mutex::new(Ok(()));
    let run = |id| {
        if let Err(violation) = one(id) {
            *verdict.lock().unwrap() = Err(violation);
        }
    };
    thread::scope(|s| {
        let run = &run;
        for id in 1..n {
            s.spawn(move || run(id));
        }
        run(0);
    });
    verdict.into_inner().unwrap()
}

/// The blocks that pages are made of.
pub fn blocks<P: Testable>(mem: &IoTlbMem<P>) -> &TestBlocks {
    mem.pages().parts().blocks()
}

/// What of memory pools have, whichever place it came from: blocks, pieces that are lent, pages of the atomic pool. What a
/// cache keeps ready is nobody's, and goes back.
pub fn memory_out<P: Testable>(mem: &IoTlbMem<P>) -> u64 {
    mem.pages().drain(mem.memory());
    let blocks = u64::try_from(blocks(mem).outstanding()).unwrap();
    let free = mem.pages().parts().atomic_pool().unwrap().free_pages();
    blocks + mem.memory().lent_stretches() as u64 + (ATOMIC_PAGES - free)
}

/// Whether all memory has come back but for `left`, each piece to its place once; where nothing is freed, at least that.
pub fn memory_is_back<P: Testable>(mem: &IoTlbMem<P>, left: u64) -> Verdict {
    let out = memory_out(mem);
    ensure!(out == left || !P::Reclaim::FREES && out > left, "memory given back", "{out} pieces are out");
    let parts = mem.pages().parts();
    let bad = (parts.blocks().inner().bad_frees(), parts.atomic_pool().unwrap().bad_frees());
    ensure_eq!(bad, (0, 0), "memory given back once");
    Ok(())
}

/// `slots` as the statistics of `P` say them: off, they say nothing.
pub fn counted<P: Testable>(slots: u64) -> u64 {
    if P::Stats::NAME == Off::NAME { 0 } else { slots }
}

/// The statistics' used slots, and those in transient pools.
pub fn used<P: Testable>(mem: &IoTlbMem<P>) -> (u64, u64) {
    let stats = mem.stats();
    (stats.used, stats.transient_nslabs)
}

pub fn device<P: Testable>(mem: &Arc<IoTlbMem<P>>) -> Device<P> {
    mem.device(DeviceLimits::default()).unwrap()
}

/// The `i`th original: 512 KiB apart, so that none overlap.
pub fn orig(i: u64) -> PhysAddr {
    ARENA.wrapping_add(i * (512 << 10))
}

pub fn map<P: Testable>(session: &Session<'_, P>, dev: &Device<P>, i: u64, size: u64) -> PhysAddr {
    session.map(dev, &MapRequest::new(orig(i), size, Direction::Bidirectional)).unwrap()
}

pub fn unmap<P: Testable>(session: &Session<'_, P>, dev: &Device<P>, addr: PhysAddr, size: u64) {
    session.unmap(dev, addr, size, Direction::Bidirectional, Attrs::default()).unwrap();
}

/// Runs the suite `$test::<P>()` for every policy in the list. The output of one that fails ends with its policy.
#[macro_export]
macro_rules! for_every_policy {
    ($($name:ident => $test:ident;)*) => { $(
        #[test]
        fn $name() {
            struct Suite;

            impl $crate::common::policies::Each for Suite {
                fn each<P: swiotlb_core::policy::With>(&mut self) {
                    println!("{}", swiotlb_core::policy::label::<P>());
                    $crate::common::violation::settle(self::$test::<$crate::common::Tested<P>>());
                }
            }

            $crate::common::policies::with_every_policy(&mut Suite);
        }
    )* };
}
