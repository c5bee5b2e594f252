//! Two threads, each on a core of its own, doing the same without pause: mapping and unmapping for a device of
//! its own, or, for the machine alone, adding to one word.
//!
//! A batch counts only if the other thread came about as far during it: where a thread was preempted, the
//! other one ran alone, and that is not what is measured.

use super::ground::request;
use super::pin::{cores, pin_to};
use super::rig::{Make, Rig};
use super::slot_search::round_trips;
use super::{PER_SECTION, Prepared, ScenarioError};
use crate::calls::Mem;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::{DeviceLimits, MapRequest};
use swiotlb_core::rules::PAGE_SIZE;

/// Slots of the one pool.
const NSLABS: u64 = 32_768;
/// Threads.
const THREADS: usize = 2;
/// Round trips of each thread before the clock starts.
const WARM_UP: u64 = 4_096;

/// A cell of the contention table: an empty pool of 32,768 slots. Each thread has an original of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TwoThreads {
    /// 1: both threads use one area; 2: each its own.
    pub areas: u32,
    /// Slots of the buffer.
    pub slots: u32,
    /// Whether the bytes are copied, at map and at unmap.
    pub copy: bool,
}

/// What the threads do.
pub(super) trait Pair: Send + Sync {
    /// One thread's part, made on that thread: it is told how many operations and answers how many failed.
    fn worker(&self, me: usize) -> impl FnMut(u64) -> u64;
}

/// Two cores and what is done on them.
pub(super) struct State<W: Pair> {
    pair: W,
    cores: Vec<usize>,
}

/// What one thread brings back.
struct Part {
    counted: Vec<Duration>,
    failed: u64,
}

impl<W: Pair> State<W> {
    fn on_two_cores(pair: W) -> Result<Self, ScenarioError> {
        let cores = cores();
        if cores.len() < THREADS {
            return Err(ScenarioError::TooFewCores { wanted: THREADS, cores: cores.len() });
        }
        Ok(Self { pair, cores })
    }

    /// One thread's part: its own batches, between a common start and a common end.
    fn work(&self, me: usize, batches: usize, ops: u64, gate: &Gate) -> Part {
        let mut worker = self.pair.worker(me);
        let mut counted = Vec::with_capacity(batches);
        let mut sections = |ops: u64| {
            let mut failed = 0;
            for done in (0..ops).step_by(usize::try_from(PER_SECTION).unwrap_or(1)) {
                let section = PER_SECTION.min(ops - done);
                failed += worker(section);
                gate.advance(me, section);
            }
            failed
        };
        let mut failed = sections(WARM_UP);
        gate.meet();
        for _ in 0..batches {
            let (start, before) = (Instant::now(), gate.progress(1 - me));
            failed += sections(ops);
            let (took, after) = (start.elapsed(), gate.progress(1 - me));
            if (ops / 2..=ops * 2).contains(&(after - before)) {
                counted.push(took);
            }
        }
        // Whoever is done first keeps the other company, outside its own clock.
        gate.leave();
        while !gate.all_left() {
            failed += sections(PER_SECTION);
        }
        Part { counted, failed }
    }
}

/// Round trips on one pool.
pub(super) struct RoundTrips<M: Mem> {
    rig: Rig<M>,
    /// By thread; apart in memory, as a driver's devices are.
    devices: [Box<Line<M::Device>>; THREADS],
    requests: [MapRequest; THREADS],
}

impl<M: Mem> State<RoundTrips<M>> {
    pub(super) fn new(make: Make<'_, M>, cell: &TwoThreads) -> Result<Self, ScenarioError> {
        let rig = Rig::new(make, NSLABS, cell.areas, false)?;
        let device = || rig.mem.device(DeviceLimits::default()).map(|device| Box::new(Line(device)));
        let devices = [device()?, device()?];
        let first = request(cell.slots);
        let behind = PhysAddr(first.orig.0 + first.size.next_multiple_of(PAGE_SIZE));
        let requests = [first, MapRequest { orig: behind, ..first }];
        if cell.copy {
            rig.touch(NSLABS, 2 * cell.slots.next_multiple_of(2))?;
        }
        Self::on_two_cores(RoundTrips { rig, devices, requests })
    }
}

impl<M: Mem> Pair for RoundTrips<M> {
    fn worker(&self, me: usize) -> impl FnMut(u64) -> u64 {
        let caller = self.rig.mem.caller(u32::try_from(me).unwrap_or(0));
        move |ops| round_trips(&caller, &self.devices[me].0, &self.requests[me], ops)
    }
}

/// A word that both threads add to. Relaxed: nobody reads it.
#[derive(Default)]
pub(super) struct SharedWord(Line<AtomicU64>);

impl State<SharedWord> {
    pub(super) fn shared_word() -> Result<Self, ScenarioError> {
        Self::on_two_cores(SharedWord::default())
    }
}

impl Pair for SharedWord {
    fn worker(&self, _me: usize) -> impl FnMut(u64) -> u64 {
        move |ops| {
            for _ in 0..ops {
                self.0.0.fetch_add(1, Ordering::Relaxed);
            }
            0
        }
    }
}

impl<W: Pair> Prepared for State<W> {
    fn run(&mut self, batches: usize, ops: u64, each: &mut dyn FnMut(Duration)) -> Result<(), ScenarioError> {
        let gate = Gate::default();
        let (this, gate) = (&*self, &gate);
        let parts: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|me| {
                    scope.spawn(move || {
                        pin_to(this.cores[me]);
                        this.work(me, batches, ops, gate)
                    })
                })
                .collect();
            threads.into_iter().map(thread::ScopedJoinHandle::join).collect()
        });
        for part in parts {
            let Part { counted, failed } = part.map_err(|_| ScenarioError::ThreadPanicked)?;
            if failed > 0 {
                return Err(ScenarioError::Unverified { wrong: failed, ops: ops * batches as u64 });
            }
            counted.into_iter().for_each(&mut *each);
        }
        Ok(())
    }

    fn runs_alone(&self) -> bool {
        false
    }
}

/// Where the threads meet before the clock, see how far the other is, and wait for each other after it.
/// Relaxed throughout: only the moment matters; no data is passed.
#[derive(Default)]
struct Gate {
    arrived: AtomicUsize,
    left: AtomicUsize,
    progress: [Line<AtomicU64>; THREADS],
}

/// Something on cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
struct Line<T>(T);

impl Gate {
    /// Spins until every thread is here.
    fn meet(&self) {
        self.arrived.fetch_add(1, Ordering::Relaxed);
        while self.arrived.load(Ordering::Relaxed) < THREADS {
            core::hint::spin_loop();
        }
    }

    fn advance(&self, me: usize, ops: u64) {
        let progress = &self.progress[me].0;
        // Not a read-modify-write: only this thread writes it.
        progress.store(progress.load(Ordering::Relaxed) + ops, Ordering::Relaxed);
    }

    fn progress(&self, of: usize) -> u64 {
        self.progress[of].0.load(Ordering::Relaxed)
    }

    fn leave(&self) {
        self.left.fetch_add(1, Ordering::Relaxed);
    }

    fn all_left(&self) -> bool {
        self.left.load(Ordering::Relaxed) == THREADS
    }
}
