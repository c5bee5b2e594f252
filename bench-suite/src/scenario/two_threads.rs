//! Two threads, each on a core of its own, mapping and unmapping without pause.

use super::pin::{cores, pin_to};
use super::rig::Rig;
use super::slot_search::round_trips;
use super::{Measurable, Prepared, ScenarioError};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use swiotlb_core::device::MapRequest;

/// Slots of the one pool.
const NSLABS: u64 = 32_768;
/// Threads.
const THREADS: usize = 2;
/// Round trips of each thread before the clock starts.
const WARM_UP: u64 = 4_096;

/// A cell of the contention table: an empty pool of 32,768 slots, copying off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TwoThreads {
    /// 1: both threads use one area; 2: each its own.
    pub areas: u32,
    /// Slots of the buffer.
    pub slots: u32,
}

/// The prepared pool.
pub(super) struct State<P: Measurable> {
    rig: Rig<P>,
    request: MapRequest,
    cores: Vec<usize>,
}

impl<P: Measurable> State<P> {
    pub(super) fn new(cell: &TwoThreads) -> Result<Self, ScenarioError> {
        let cores = cores();
        if cores.len() < THREADS {
            return Err(ScenarioError::TooFewCores { wanted: THREADS, cores: cores.len() });
        }
        Ok(Self {
            rig: Rig::new(NSLABS, cell.areas, false)?,
            request: Rig::<P>::request(cell.slots),
            cores,
        })
    }

    /// One thread's part: its own batches, between a common start and a common end.
    fn work(&self, cpu: u32, batches: usize, ops: u64, gate: &Gate) -> (Vec<Duration>, u64) {
        let caller = self.rig.mem.caller(cpu);
        let device = &self.rig.device;
        let mut times = Vec::with_capacity(batches);
        let mut failed = round_trips(&caller, device, &self.request, WARM_UP);
        gate.meet();
        for _ in 0..batches {
            let start = Instant::now();
            failed += round_trips(&caller, device, &self.request, ops);
            times.push(start.elapsed());
        }
        // Whoever is done first keeps the other company, outside its own clock.
        gate.leave();
        while !gate.all_left() {
            failed += round_trips(&caller, device, &self.request, 64);
        }
        (times, failed)
    }
}

impl<P: Measurable> Prepared for State<P> {
    fn run(&mut self, batches: usize, ops: u64) -> Result<Vec<Duration>, ScenarioError> {
        let gate = Gate::default();
        let (this, gate) = (&*self, &gate);
        let done: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0_u32..)
                .zip(&this.cores[..THREADS])
                .map(|(cpu, &core)| {
                    scope.spawn(move || {
                        pin_to(core);
                        this.work(cpu, batches, ops, gate)
                    })
                })
                .collect();
            threads.into_iter().map(thread::ScopedJoinHandle::join).collect()
        });
        let mut times = Vec::with_capacity(THREADS * batches);
        for thread in done {
            let (of_one, failed) = thread.map_err(|_| ScenarioError::ThreadPanicked)?;
            if failed > 0 {
                return Err(ScenarioError::Unverified { wrong: failed, ops: ops * batches as u64 });
            }
            times.extend(of_one);
        }
        Ok(times)
    }
}

/// Where the threads meet before the clock and wait for each other after it.
#[derive(Default)]
struct Gate {
    arrived: AtomicUsize,
    left: AtomicUsize,
}

impl Gate {
    /// Spins until every thread is here.
    fn meet(&self) {
        // Relaxed: only the moment matters; no data is passed.
        self.arrived.fetch_add(1, Ordering::Relaxed);
        while self.arrived.load(Ordering::Relaxed) < THREADS {
            core::hint::spin_loop();
        }
    }

    fn leave(&self) {
        // Relaxed: as in `meet`.
        self.left.fetch_add(1, Ordering::Relaxed);
    }

    fn all_left(&self) -> bool {
        self.left.load(Ordering::Relaxed) == THREADS
    }
}
