//! `find_pool` on a device's list of transient pools, while another thread makes and ends mappings of the same
//! device, each with a pool of its own: pools come and go at a declared rate.
//!
//! The default pool is full, so every mapping has a transient pool. Those that are looked up stay; the other
//! thread's come in at the head of the list and leave it again. Readers hold a read section for
//! [`PER_SECTION`] lookups, or do not leave it at all. What unlinked pools hold back meanwhile is reported.

use super::find_pool::{dependent, same_address};
use super::ground::{ATTRS, MORE_POOLS, request};
use super::pin::{cores, pin_to};
use super::rig::{Make, Rig};
use super::seed::Seeded;
use super::{Address, PER_SECTION, Prepared, ScenarioError};
use crate::calls::{Caller, Mem, Session};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::error::MapError;

/// Slots of the default pool and of every mapping.
const SLOTS: u32 = 2;
/// Addresses that the random lookups take turns with.
const TARGETS: usize = 1 << 12;

/// A cell of the churn table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Churn {
    /// Pools on the device's list that stay.
    pub pools: u32,
    /// Which address is looked up.
    pub address: Address,
    /// Pools that come and go again, per second; 0 is a reader alone.
    pub pairs_per_s: u64,
    /// Whether memory is encrypted, so that all transient pools come from the atomic pool, or from what a source keeps
    /// ready. Decryption itself costs nothing here.
    pub encrypted: bool,
    /// Whether the reader stays in one read section for a whole run of batches.
    pub stalled: bool,
}

/// What the other thread did.
#[derive(Clone, Copy, Default)]
struct Done {
    /// Pools that came and went.
    pairs: u64,
    /// Maps that found no memory.
    failed: u64,
    time: Duration,
}

/// The device with its pools.
pub(super) struct State<M: Mem> {
    rig: Rig<M>,
    cell: Churn,
    targets: Vec<PhysAddr>,
    cores: Vec<usize>,
    done: Done,
}

impl<M: Mem> State<M> {
    pub(super) fn new(make: Make<'_, M>, cell: &Churn) -> Result<Self, ScenarioError> {
        let cores = cores();
        let wanted = if cell.pairs_per_s > 0 { 2 } else { 1 };
        if cores.len() < wanted {
            return Err(ScenarioError::TooFewCores { wanted, cores: cores.len() });
        }
        let rig = Rig::new(make, u64::from(SLOTS), 1, true)?;
        rig.touch(u64::from(SLOTS), SLOTS)?;
        let all = {
            let caller = rig.mem.caller(0);
            let session = caller.enter();
            let map = |_| session.map(&rig.device, &request(SLOTS));
            // The first one fills the default pool.
            map(0)?;
            (0..cell.pools).map(map).collect::<Result<Vec<_>, MapError>>()?
        };
        let targets = targets(cell.address, &all);
        Ok(Self { rig, cell: *cell, targets, cores, done: Done::default() })
    }

    /// One batch of lookups; how many were not as expected.
    fn batch(&self, caller: &M::Caller<'_>, ops: u64) -> u64 {
        let device = &self.rig.device;
        let (mut found, mut left) = (0, ops);
        while left > 0 {
            let section = left.min(PER_SECTION);
            left -= section;
            found += match self.targets[..] {
                [addr] => same_address(caller, device, addr, section),
                _ => dependent(caller, device, &self.targets, section),
            };
        }
        found.abs_diff(if self.cell.address == Address::Miss { 0 } else { ops })
    }

    /// The other thread: pools come and go on schedule until `stop`. What is behind schedule is made up for.
    /// `going` is told after the first pair, and however this ends.
    fn churn(&self, stop: &AtomicBool, going: &AtomicBool) -> Result<Done, ScenarioError> {
        let _told = Over(going);
        let caller = self.rig.mem.caller(0);
        let gap = Duration::from_nanos(1_000_000_000 / self.cell.pairs_per_s.max(1));
        let (start, mut done, mut due) = (Instant::now(), Done::default(), Duration::ZERO);
        // Relaxed: a wish to stop, no data comes with it.
        while !stop.load(Ordering::Relaxed) {
            if start.elapsed() < due {
                core::hint::spin_loop();
                continue;
            }
            due += gap;
            let (session, asked) = (caller.enter(), request(SLOTS));
            match session.map(&self.rig.device, &asked) {
                Ok(addr) => session.unmap(&self.rig.device, addr, asked.size, asked.dir, ATTRS)?,
                // All memory is held back.
                Err(MapError::OutOfPages { .. }) => done.failed += 1,
                Err(error) => return Err(error.into()),
            }
            drop(session);
            done.pairs += 1;
            // Relaxed: only the moment matters, here and in `run`.
            going.store(true, Ordering::Relaxed);
            if done.pairs % PER_SECTION == 0 {
                caller.free_expired();
            }
        }
        done.time = start.elapsed();
        Ok(done)
    }

    /// The reader's batches, between the other thread's start and its stop.
    fn read(&self, batches: usize, ops: u64) -> (Vec<Duration>, u64) {
        let caller = self.rig.mem.caller(1);
        let _stalled = self.cell.stalled.then(|| caller.enter());
        let (mut times, mut wrong) = (Vec::with_capacity(batches), 0);
        for _ in 0..batches {
            let start = Instant::now();
            wrong += self.batch(&caller, ops);
            times.push(start.elapsed());
        }
        (times, wrong)
    }
}

/// Tells the other thread, however this one ends.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        // Relaxed: see `churn`.
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The addresses that are looked up, in turns.
fn targets(address: Address, all: &[PhysAddr]) -> Vec<PhysAddr> {
    match address {
        Address::Head => all.last().copied().into_iter().collect(),
        Address::Tail => all.first().copied().into_iter().collect(),
        Address::Miss | Address::Unflagged => vec![MORE_POOLS],
        Address::Random => {
            let mut seed = Seeded::new(3);
            (0..TARGETS).map(|_| all[seed.below(all.len())]).collect()
        }
    }
}

impl<M: Mem> Prepared for State<M> {
    fn run(&mut self, batches: usize, ops: u64, each: &mut dyn FnMut(Duration)) -> Result<(), ScenarioError> {
        let (stop, going) = (AtomicBool::new(false), AtomicBool::new(self.cell.pairs_per_s == 0));
        let (this, stop, going) = (&*self, &stop, &going);
        let (read, churned) = thread::scope(|scope| {
            let churner = (this.cell.pairs_per_s > 0).then(|| {
                scope.spawn(move || {
                    pin_to(this.cores[1]);
                    this.churn(stop, going)
                })
            });
            let reader = scope.spawn(move || {
                pin_to(this.cores[0]);
                let _over = Over(stop);
                while !going.load(Ordering::Relaxed) {
                    core::hint::spin_loop();
                }
                this.read(batches, ops)
            });
            (reader.join(), churner.map(thread::ScopedJoinHandle::join))
        });
        let (times, wrong) = read.map_err(|_| ScenarioError::ThreadPanicked)?;
        if let Some(churned) = churned {
            let Done { pairs, failed, time } = churned.map_err(|_| ScenarioError::ThreadPanicked)??;
            self.done.pairs += pairs;
            self.done.failed += failed;
            self.done.time += time;
        }
        if wrong > 0 {
            return Err(ScenarioError::Unverified { wrong, ops: ops * batches as u64 });
        }
        times.into_iter().for_each(&mut *each);
        Ok(())
    }

    fn runs_alone(&self) -> bool {
        false
    }

    fn more(&self) -> Vec<(&'static str, f64)> {
        let Done { pairs, failed, time } = self.done;
        if pairs == 0 {
            return Vec::new();
        }
        let mut more = vec![
            ("pairs_per_s", pairs as f64 / time.as_secs_f64()),
            ("churn_failed_share", failed as f64 / pairs as f64),
        ];
        if let Some(held) = self.rig.mem.held_back() {
            more.push(("held_back_pools", held.most_pools as f64));
            more.push(("held_back_kib", held.most_bytes as f64 / 1024.0));
        }
        more
    }
}
