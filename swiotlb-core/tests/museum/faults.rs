//! The life of an allocator with one fault in it, or two, at every step that can fail, one run for each.
//!
//! After an operation that fails nothing has changed, the same succeeds when it is asked again, and in the end all memory
//! is where it came from, but for the one piece that each fault may make the allocator lose on purpose.

use super::faulty::{Blocks, Lends, Pages, Plan};
use super::machine::{SLOT, end, request};
use crate::common::orig;
use std::collections::BTreeMap;
use std::sync::Arc;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::boot::Geometry;
use swiotlb_core::caller::Caller;
use swiotlb_core::device::DeviceLimits;
use swiotlb_core::error::MapError;
use swiotlb_core::grow::Grown;
use swiotlb_core::mem::{Device, IoTlbMem, MemStats, Permissions};
use swiotlb_core::phys::{
    Atomic, AtomicPool, Cached, FromParts, Mapping, PageSource, PhysMemory, Source, System, Zoned,
};
use swiotlb_core::policy::{Kernel, With};

const ATOMIC: PhysAddr = PhysAddr(32 << 20);
const ATOMIC_PAGES: u64 = 512;
/// Most faults in a life: what fails so often and once more does not fail by itself.
const FAULTS: usize = 2;

type Of<S, const E: bool> = <S as Source>::Of<Blocks, Pages<E>>;
type On<S, const E: bool> = <Kernel as With>::Pages<Of<S, E>>;

/// Asks until it is served, at most once more than there are faults.
fn again<T, E: std::fmt::Debug>(mut ask: impl FnMut() -> Result<T, E>) -> T {
    let mut answers = (0..=FAULTS).map(|_| ask());
    answers.find_map(Result::ok).expect("what fails more often than there are faults fails by itself")
}

/// An allocator that set-up made; two faults may be too many for it.
fn set_up<S: Source, const E: bool>(plan: &Plan) -> Arc<IoTlbMem<On<S, E>>> {
    let atomic = AtomicPool::new(ATOMIC, ATOMIC_PAGES << 12);
    let pages: Of<S, E> = FromParts::from_parts(Blocks::new(plan), Pages::new(plan), Some(atomic));
    let memory = Arc::new(PhysMemory::new());
    again(|| pages.parts().prepare(&memory));
    // Grown pools may lie anywhere, so that memory which is not there is not passed over as out of reach.
    let permissions = Permissions { phys_limit: PhysAddr(u64::MAX), ..Permissions::default() };
    let geometry = Geometry { nslabs: 1024, nareas: 2 };
    let setup = IoTlbMem::late(2048 * SLOT, geometry, permissions, memory, pages).unwrap();
    let stats = setup.mem.stats();
    assert_eq!((setup.failed.is_none(), stats.used), (setup.mem.is_active(), 0));
    if setup.mem.is_active() {
        // Halved once for each attempt that failed.
        assert_eq!((stats.nslabs, stats.pools), (2048 >> setup.retries, 1));
    } else {
        assert_eq!((stats.nslabs, stats.pools), (0, 0));
        assert_eq!(plan.look().fired.len(), FAULTS, "one failure is no reason to give up");
    }
    setup.mem
}

/// What somebody who looks can see of pools: nothing half-made may be among it.
fn seen<S: Source, const E: bool>(
    caller: &Caller<'_, On<S, E>>,
    dev: &Device<On<S, E>>,
) -> (MemStats, usize, usize) {
    let session = caller.enter();
    (caller.mem().stats(), session.pools().count(), session.transient_pools(dev).count())
}

/// Takes memory at a place of its own and gives it back; how many pieces were lost over it.
fn reserve<S: Source, const E: bool>(plan: &Plan, mem: &IoTlbMem<On<S, E>>) -> u64 {
    let (parts, lost) = (mem.pages().parts(), plan.look().lost);
    let got = again(|| parts.reserve(mem.memory(), PhysAddr(96 << 20), 8 * SLOT));
    parts.free(mem.memory(), got);
    plan.look().lost - lost
}

/// A map that no memory, or no transient pool, can serve: nothing is left of it, however far it gets.
fn map_in_vain<S: Source, const E: bool>(caller: &Caller<'_, On<S, E>>, dev: &Device<On<S, E>>) {
    let before = seen::<S, E>(caller, dev);
    // A pool starts on a page, and the original in the middle of one.
    let got = caller.enter().map(dev, &request(orig(30).wrapping_add(0x800), 4 * SLOT, 0));
    assert!(matches!(got, Err(MapError::TransientUnusable { .. } | MapError::OutOfPages { .. })), "{got:?}");
    assert_eq!(seen::<S, E>(caller, dev), before);
}

/// Maps; if that fails, nothing has changed, and it succeeds when asked again.
fn map<S: Source, const E: bool>(caller: &Caller<'_, On<S, E>>, dev: &Device<On<S, E>>, i: u64) -> PhysAddr {
    let (req, before) = (request(orig(i), 128 * SLOT, 0), seen::<S, E>(caller, dev));
    again(|| {
        caller.enter().map(dev, &req).inspect_err(|error| {
            assert!(matches!(error, MapError::OutOfPages { .. }), "{error}");
            assert_eq!(seen::<S, E>(caller, dev), before, "after {error}");
        })
    })
}

/// Lets the worker add a pool; if it cannot, nothing has changed, and it can when asked again.
fn grow<S: Source, const E: bool>(caller: &Caller<'_, On<S, E>>, dev: &Device<On<S, E>>, i: u64) {
    let before = seen::<S, E>(caller, dev);
    let nslabs = again(|| match caller.run_worker() {
        Grown::Added { nslabs } => Ok(nslabs),
        Grown::Failed(error) => {
            assert_eq!(seen::<S, E>(caller, dev), before, "after {error}");
            end(&caller.enter(), dev, map::<S, E>(caller, dev, i), 128 * SLOT);
            Err(error)
        }
        Grown::NotAsked => panic!("nobody asked"),
    });
    let after = caller.mem().stats();
    assert_eq!((after.pools, after.nslabs), (before.0.pools + 1, before.0.nslabs + nslabs));
}

/// A whole life in which these steps fail; what failed, of the steps that there were.
fn life<S: Source, const E: bool>(steps: &[u64]) -> Vec<&'static str> {
    let plan = Plan::failing(steps);
    let mem = set_up::<S, E>(&plan);
    let mut lost_apart = 0;
    if mem.is_active() {
        lost_apart = reserve::<S, E>(&plan, &mem);
        work::<S, E>(&mem);
    }
    mem.pages().drain(mem.memory());
    assert_eq!((mem.stats().used, mem.stats().transient_nslabs), (0, 0));
    let parts = mem.pages().parts();
    let atomic = parts.atomic_pool().unwrap();
    assert_eq!((atomic.free_pages(), atomic.bad_frees()), (ATOMIC_PAGES, 0), "the atomic pool's balance");
    assert_eq!(parts.blocks().bad_frees(), 0);
    assert_eq!(plan.look().lost > 0, mem.pages().leaked_bytes() > 0, "what is lost is counted");
    drop(mem);
    let mut ledger = plan.look();
    let out = ledger.blocks.len() as u64 + ledger.loans;
    assert_eq!(out + lost_apart, ledger.lost, "the balance, after {:?}", ledger.fired);
    assert!(ledger.lost <= ledger.fired.len() as u64, "one fault loses one piece");
    let atomic = ATOMIC.0..ATOMIC.0 + (ATOMIC_PAGES << 12);
    let shared = ledger.decrypted.iter().filter(|page| !atomic.contains(page)).count();
    assert!(shared == 0 || ledger.lost > 0, "{shared} pages that are nobody's are decrypted");
    std::mem::take(&mut ledger.fired)
}

/// What an allocator does in its life.
fn work<S: Source, const E: bool>(mem: &Arc<IoTlbMem<On<S, E>>>) {
    let all = DeviceLimits::default();
    let dev = mem.device(all).unwrap();
    // One that reaches less than most blocks have: those go back, and a lower zone is asked.
    let short = mem.device(DeviceLimits { dma_mask: (1 << 30) - 1, ..all }).unwrap();
    let isa = mem.device(DeviceLimits { dma_mask: (1 << 24) - 1, ..all }).unwrap();
    let nvme = mem.device(DeviceLimits { min_align_mask: 0xfff, ..all }).unwrap();
    let mut caller = mem.caller(0);
    let segments = mem.stats().nslabs / 128;
    let mut held: Vec<_> = (0..segments).map(|i| map::<S, E>(&caller, &dev, i)).collect();
    // Two that need pools of their own; one is unmapped, the other left to its device.
    held.push(map::<S, E>(&caller, &dev, 20));
    map::<S, E>(&caller, &dev, 21);
    let lends = [<System as Source>::NAME, <Mapping as Source>::NAME].contains(&S::NAME);
    if E || !lends {
        map::<S, E>(&caller, &short, 24);
    }
    if E || lends {
        map_in_vain::<S, E>(&caller, &isa);
    } else {
        map::<S, E>(&caller, &isa, 25);
    }
    map_in_vain::<S, E>(&caller, &nvme);
    grow::<S, E>(&caller, &dev, 22);
    held.push(map::<S, E>(&caller, &dev, 23));
    held.iter().for_each(|&addr| end(&caller.enter(), &dev, addr, 128 * SLOT));
    caller.quiesce();
}

/// Faults injected, by what failed.
type Injected = BTreeMap<&'static str, u64>;

/// Lives until one ends before its step comes: each fault that was injected, by what failed.
fn every_life<S: Source, const E: bool>(injected: &mut Injected) {
    for nth in 1.. {
        let fired = life::<S, E>(&[nth]);
        let Some(what) = fired.first() else { break };
        *injected.entry(what).or_default() += 1;
    }
    assert!(life::<S, E>(&[]).is_empty(), "and a life without a fault");
}

/// The same with two steps: each with every fifth of those that come after it.
fn every_two<S: Source, const E: bool>(injected: &mut Injected) {
    for nth in 1.. {
        for other in (nth + 1 + nth % 5..).step_by(5) {
            let fired = life::<S, E>(&[nth, other]);
            if fired.is_empty() {
                return;
            }
            if fired.len() < FAULTS {
                break;
            }
            fired.iter().for_each(|what| *injected.entry(what).or_default() += 1);
        }
    }
}

/// Runs `$lives` on every source, with and without encryption: faults in all, and by what failed.
macro_rules! on_every_source {
    ($lives:ident) => {{
        let mut injected = Injected::new();
        on_every_source!($lives, &mut injected, Zoned, Atomic, Lends<System>, Lends<Mapping>, Cached);
        let total: u64 = injected.values().sum();
        println!("{total} faults: {injected:?}");
        assert_eq!(injected.len(), 8, "every kind of step has failed: {injected:?}");
        total
    }};
    ($lives:ident, $injected:expr, $($source:ty),*) => { $(
        $lives::<$source, false>($injected);
        $lives::<$source, true>($injected);
    )* };
}

/// Crash in initialisation: areas and slots that were freed were freed, or used, again. Every step of making a pool fails
/// once here, and everything goes back once.
#[test]
fn row_09_a_failure_at_every_step_gives_everything_back_once() {
    // As many as there are steps: one that is no longer reached, or a new one, changes it.
    assert_eq!(on_every_source!(every_life), 138, "faults in all");
}

#[test]
fn two_failures_in_a_life_give_everything_back_once() {
    assert_eq!(on_every_source!(every_two), 528, "faults in all");
}
