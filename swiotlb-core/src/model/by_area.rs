//! Exact statistics by allowances: the mark is the most that was in use at one moment, also while areas fill and are held.

use super::harness::{Bound, fails, holds, preemptions};
use crate::addr::PhysAddr;
use crate::area::{AreaNames, AreaSlots, Hold, Locked, Metered};
use crate::device::DeviceLimits;
use crate::lock::{AreaLock, HoldLock};
use crate::probe::Probe;
use crate::search::{AreaRange, FreeRunList, InWindow, SlotRequest};
use crate::slot::SlotTable;
use crate::stats::{ByArea, Stats};
use crate::sync::{AtomicU64, Mutex, Ordering::Relaxed};
use loom::thread;
use std::sync::Arc;

const MISSED: &str = "the mark missed what was in use";
const PHANTOM: &str = "the mark is more than was in use at one moment";

/// loom's mutex around an area: the locks of our own have models of their own, and waiters that spin cost interleavings.
#[derive(Default)]
struct Modelled(Mutex<()>);

impl AreaLock for Modelled {
    const NAME: &'static str = "modelled";

    fn with<C: Probe, R>(&self, _probe: &C, section: impl FnOnce() -> R) -> R {
        let _held = self.0.lock();
        section()
    }
}

impl HoldLock for Modelled {
    fn hold(&self) -> impl Sized {
        self.0.lock()
    }
}

type Plain = Locked<Modelled, FreeRunList>;
type Table = <Plain as AreaSlots>::Table;

/// Areas of two slots.
const LEN: u32 = 2;

/// An area that takes a fault.
trait Area: Sized + Send + Sync + 'static {
    type Slots: AreaSlots<Table = Table>;
    /// Claims one slot; whether more are in use than were allowed.
    fn claim(area: &Self::Slots, table: &Table, range: AreaRange) -> (u32, bool);
}

fn find<A: AreaSlots<Table = Table>>(area: &A, table: &Table, range: AreaRange) -> u32 {
    let req = SlotRequest::new(&DeviceLimits::default(), PhysAddr(4096), 2048, 0, 0);
    let window = InWindow { base: 0, shift: 0 };
    area.find_slots(table, range, window, &req, &()).expect("the models map no more than there is room for")
}

/// The area as it is.
struct Sound;

impl Area for Sound {
    type Slots = Metered<Plain>;

    fn claim(area: &Self::Slots, table: &Table, range: AreaRange) -> (u32, bool) {
        let first = find(area, table, range);
        (first, area.is_over())
    }
}

/// The allowance is looked at before the claim.
struct LooksFirst;

impl Area for LooksFirst {
    type Slots = Twin<true>;

    fn claim(area: &Self::Slots, table: &Table, range: AreaRange) -> (u32, bool) {
        let would_be_over = area.area.used() + 1 > area.allowance.load(Relaxed);
        (find(area, table, range), would_be_over)
    }
}

/// Areas are asked, and not held.
struct NotHeld;

impl Area for NotHeld {
    type Slots = Twin<false>;

    fn claim(area: &Self::Slots, table: &Table, range: AreaRange) -> (u32, bool) {
        let first = find(area, table, range);
        (first, area.is_over())
    }
}

/// The twin without a fault.
struct Copied;

impl Area for Copied {
    type Slots = Twin<true>;

    fn claim(area: &Self::Slots, table: &Table, range: AreaRange) -> (u32, bool) {
        let first = find(area, table, range);
        (first, area.is_over())
    }
}

/// A copy of [`Metered`]; `HOLDS`: an area is held while its allowance is decided.
struct Twin<const HOLDS: bool> {
    area: Plain,
    allowance: AtomicU64,
}

impl<const HOLDS: bool> AreaSlots for Twin<HOLDS> {
    type Table = Table;
    const KEEPS_PLACEMENT: bool = true;
    const METERED: bool = true;

    fn names() -> AreaNames {
        Plain::names()
    }
    fn new(slots: &Table, range: AreaRange) -> Self {
        Self { area: Plain::new(slots, range), allowance: AtomicU64::new(0) }
    }
    fn find_slots<C: Probe>(
        &self,
        slots: &Table,
        range: AreaRange,
        at: InWindow,
        req: &SlotRequest,
        probe: &C,
    ) -> Option<u32> {
        self.area.find_slots(slots, range, at, req, probe)
    }
    fn release_slots<C: Probe>(&self, slots: &Table, range: AreaRange, first: u32, n: u32, probe: &C) {
        self.area.release_slots(slots, range, first, n, probe);
    }
    fn claim_at(&self, slots: &Table, range: AreaRange, first: u32, req: &SlotRequest) -> bool {
        self.area.claim_at(slots, range, first, req)
    }
    fn peek(&self, slots: &Table, range: AreaRange, at: InWindow, req: &SlotRequest) -> Option<u32> {
        self.area.peek(slots, range, at, req)
    }
    fn free_run(&self, slots: &Table, slot: u32) -> u32 {
        self.area.free_run(slots, slot)
    }
    fn used(&self) -> u64 {
        self.area.used()
    }
    fn index(&self) -> u32 {
        self.area.index()
    }
    fn set_index(&self, range: AreaRange, index: u32) {
        self.area.set_index(range, index);
    }
    fn is_over(&self) -> bool {
        self.area.used() > self.allowance.load(Relaxed)
    }
    fn hold(&self) -> impl Sized {
        HOLDS.then(|| self.area.hold_still())
    }
    fn allow(&self, slots: u64) {
        self.allowance.store(slots, Relaxed);
    }
}

/// An allocator as its statistics see it.
struct Pool<A: Area> {
    table: Table,
    areas: Vec<(AreaRange, A::Slots)>,
    stats: ByArea,
}

impl<A: Area> Pool<A> {
    fn new(nareas: u32) -> Arc<Self> {
        let table = Table::new(nareas * LEN);
        let ranges = (0..nareas).map(|i| AreaRange { first: i * LEN, len: LEN });
        let areas = ranges.map(|range| (range, A::Slots::new(&table, range))).collect();
        Arc::new(Self { table, areas, stats: ByArea::default() })
    }

    fn settle(&self) {
        self.stats.settle(&mut self.areas.iter().map(|(_, area)| area));
    }

    /// As a map does, in area `at`.
    fn map(&self, at: usize) -> u32 {
        let (range, area) = &self.areas[at];
        let (first, over) = A::claim(area, &self.table, *range);
        if over {
            self.settle();
        }
        first
    }

    fn unmap(&self, at: usize, first: u32) {
        let (range, area) = &self.areas[at];
        area.release_slots(&self.table, *range, first, 1, &());
    }

    /// As a map that makes a transient pool of one slot does.
    fn transient(&self) {
        self.stats.add_transient(1);
        self.settle();
    }

    fn used(&self) -> u64 {
        self.stats.used(|| self.areas.iter().map(|(_, area)| area.used()).sum())
    }
}

/// Two threads map a slot each, in one area or in two, and keep it.
fn both_map<A: Area>(nareas: u32) {
    let pool = Pool::<A>::new(nareas);
    let theirs = Arc::clone(&pool);
    let other = thread::spawn(move || theirs.map(0));
    pool.map(nareas as usize - 1);
    other.join().expect("it maps");
    assert_eq!((pool.used(), pool.stats.used_hiwater()), (2, 2), "{MISSED}");
}

/// The area may take one slot more. One thread takes it; the other makes a transient pool, which uses the allowance up.
fn allowance_goes<A: Area>() {
    let pool = Pool::<A>::new(1);
    let first = pool.map(0);
    pool.unmap(0, first);
    let theirs = Arc::clone(&pool);
    let other = thread::spawn(move || theirs.transient());
    pool.map(0);
    other.join().expect("it makes a transient pool");
    assert_eq!((pool.used(), pool.stats.used_hiwater()), (2, 2), "{MISSED}");
}

/// One thread's slot moves from the first area to the second while the other settles: never more than one and the
/// transient pool are in use.
fn moves<A: Area>() {
    let pool = Pool::<A>::new(2);
    let first = pool.map(0);
    let theirs = Arc::clone(&pool);
    let other = thread::spawn(move || theirs.transient());
    pool.unmap(0, first);
    pool.map(1);
    other.join().expect("it makes a transient pool");
    assert!(pool.stats.used_hiwater() <= 2, "{PHANTOM}");
}

fn exact<A: Area>([one, two, goes, moved]: [&'static str; 4], bound: Bound) {
    holds(one, bound, || both_map::<A>(1));
    holds(two, bound, || both_map::<A>(2));
    holds(goes, bound, allowance_goes::<A>);
    holds(moved, bound, moves::<A>);
}

#[test]
fn the_mark_is_exact() {
    let names = [
        "by-area, 2 maps in an area",
        "by-area, 2 maps in two areas",
        "by-area, an allowance goes",
        "by-area, a slot moves to another area",
    ];
    exact::<Sound>(names, preemptions(2));
}

#[test]
fn a_step_that_is_left_out_makes_it_wrong() {
    let bound = preemptions(2);
    holds("by-area, the twin without a fault, an allowance goes", bound, allowance_goes::<Copied>);
    holds("by-area, the twin without a fault, a slot moves", bound, moves::<Copied>);
    fails("by-area, the allowance read before the claim", bound, MISSED, allowance_goes::<LooksFirst>);
    fails("by-area, areas asked and not held", bound, PHANTOM, moves::<NotHeld>);
}
