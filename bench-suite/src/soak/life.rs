//! One allocator from its set-up to its end: its geometry by chance, phases of work, and stock after each.

use super::buffer::{Buffer, Live};
use super::stock::{Stock, nothing_is_left};
use super::thread::{STEPS, Thread};
use super::{Broken, Settings, Tally};
use crate::policies::Entry;
use crate::run::Owners;
use crate::scenario::seed::Seeded;
use crate::subject::{Blocks, How, Parts, Session, Subject};
use crate::verify::machine::{Handle, broken_rule};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::boot::Geometry;
use swiotlb_core::device::{Attrs, DeviceLimits, MapRequest};
use swiotlb_core::mem::Permissions;
use swiotlb_core::phys::{BuddyZones, FailingBlocks, PhysMemory, Zone};
use swiotlb_core::reclaim::{Leak, Reclaim as _};
use swiotlb_core::rules::IO_TLB_SHIFT;

/// Phases of a life; after every fourth everything is unmapped.
const PHASES: u64 = 16;
const EBB: u64 = 4;
/// Fewest steps of a thread in a phase: there are more buffers than it has come by in fewer.
const LEAST_STEPS: u64 = 4096;
/// Originals, how far they are apart, and the most bytes that one has: of most, and of one in so many.
const BUFFERS: u64 = 1024;
const APART: u64 = 512 << 10;
const MOST: u64 = 8 << 10;
const LARGE: u64 = 192 << 10;
const LARGE_EVERY: u64 = 256;
/// Where originals lie, and the first pool.
const ARENA: PhysAddr = PhysAddr(8 << 30);
const POOL: PhysAddr = PhysAddr(64 << 20);
const MIB: u64 = 1 << 20;

/// What the devices declare: they keep bits of an address, have a boundary, or reach the lowest zone only.
pub fn device_limits() -> [DeviceLimits; 6] {
    let all = DeviceLimits::default();
    let keeps = |min_align_mask| DeviceLimits { min_align_mask, ..all };
    let bounded = DeviceLimits { seg_boundary_mask: 0xffff, ..all };
    [
        all,
        keeps(0xfff),
        keeps(0x7ff),
        keeps(0x3fff),
        bounded,
        DeviceLimits { dma_mask: (16 * MIB) - 1, ..all },
    ]
}

/// What threads share.
pub struct Shared<'a> {
    /// The allocator.
    pub subject: &'a dyn Subject,
    /// Where originals and pools lie.
    pub memory: Arc<PhysMemory>,
    /// Where the pages of pools come from.
    pub blocks: Arc<FailingBlocks<BuddyZones>>,
    /// The originals.
    pub buffers: Vec<Mutex<Buffer>>,
    /// Which buffer has which slots.
    pub owners: Owners,
    /// The most pools that growth may come to.
    pub most_pools: u64,
    /// Set when everybody stops.
    pub ends: AtomicBool,
}

impl Shared<'_> {
    /// The slots of a new mapping were nobody's; one that is `watched` also keeps the rules of its device.
    pub fn claims(
        &self,
        session: &dyn Session,
        index: usize,
        live: &Live,
        watched: bool,
    ) -> Result<(), Broken> {
        let end = live.addr.0 + live.request.size;
        let mut range = (live.addr.0, end);
        if watched {
            let mapping = session.mapping(live.device, live.addr);
            if let Some(broken) = broken_rule(mapping.as_ref(), &device_limits()[live.device], &handle(live))
            {
                return Err(format!("{broken}: {live:?}"));
            }
            range = mapping.map_or(range, |mapping| {
                let start = mapping.pool.slot_addr(mapping.first).0;
                (start, start + (mapping.nslots << IO_TLB_SHIFT))
            });
        }
        self.owners.claim(number(index), range).map_err(|other| {
            let other = &self.buffers[other as usize];
            // Its lock may be held by who unmaps it: then what it has is not shown.
            let has = other.try_lock().ok().and_then(|buffer| buffer.live);
            format!("a slot has two owners: {live:?} and {has:?}")
        })
    }

    /// Ends a mapping: what the device wrote is in the original, unless nobody asked for it.
    pub fn unmap(
        &self,
        session: &dyn Session,
        index: usize,
        mut live: Live,
        attrs: Attrs,
    ) -> Result<(), Broken> {
        live.bounce_holds(&self.memory)?;
        if !self.owners.release(number(index)) {
            return Err(format!("another mapping has taken slots of {live:?}"));
        }
        let (size, dir) = (live.request.size, live.request.dir);
        let done = session.unmap(live.device, live.addr, size, dir, attrs);
        done.map_err(|error| format!("unmap of a live mapping: {error}: {live:?}"))?;
        if dir.from_device() && !attrs.skip_cpu_sync {
            live.orig = live.bounce;
        }
        live.orig_holds(&self.memory)
    }
}

/// The number of a buffer in the book.
fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// A mapping as the rules know it.
pub fn handle(live: &Live) -> Handle {
    let MapRequest { orig, size, dir, .. } = live.request;
    Handle { dev: live.device as u64, orig: orig.0, size, dir, addr: live.addr }
}

/// An allocator in its life.
pub struct Life {
    subject: Box<dyn Subject>,
    memory: Arc<PhysMemory>,
    blocks: Arc<FailingBlocks<BuddyZones>>,
    stock: Stock,
    most_pools: u64,
    seeds: Seeded,
    threads: u32,
    operations: u64,
}

impl Life {
    /// Sets an allocator up.
    pub fn new(entry: &Entry, settings: &Settings, seeds: &mut Seeded) -> Result<Self, Broken> {
        let mut chance = |of: u64| seeds.below(usize::try_from(of).unwrap_or(1)) as u64;
        let (nslabs, nareas) = (512 << chance(2), 1 << chance(3));
        // One in four may not grow; others differ in how much memory there is for it.
        let can_grow = chance(4) > 0;
        let (dma32, most_pools) = (MIB << (1 + chance(5)), 1 + chance(3));
        let zones = [(Zone::Dma, PhysAddr(MIB), MIB), (Zone::Dma32, PhysAddr(1 << 30), dma32)];
        let blocks = Arc::new(FailingBlocks::new(BuddyZones::new(&zones)));
        let memory = Arc::new(PhysMemory::new());
        let reserve = &mut |_bytes| Some(POOL);
        let parts = Parts {
            how: How::Early(reserve),
            geometry: Geometry { nslabs, nareas },
            permissions: Permissions { can_grow, ..Permissions::default() },
            memory: Arc::clone(&memory),
            blocks: Blocks::Shared(Arc::clone(&blocks)),
        };
        let mut subject = entry.build.build(parts).map_err(|error| error.to_string())?.subject;
        for limits in device_limits() {
            subject.add_device(limits).map_err(|error| error.to_string())?;
        }
        let leaks = entry.policy_name().axes.get("reclaim").is_some_and(|name| name == Leak::NAME);
        let stock = Stock { declared: entry.reproduces, abilities: entry.build.abilities(), leaks };
        let (threads, operations) = (settings.threads, settings.operations);
        Ok(Self {
            subject,
            memory,
            blocks,
            stock,
            most_pools,
            seeds: Seeded::new(seeds.next()),
            threads,
            operations,
        })
    }

    /// Lives.
    pub fn run(
        mut self,
        tally: &mut Tally,
        stop: &AtomicBool,
        said: &mut dyn FnMut(&Tally),
    ) -> Result<(), Broken> {
        let pool = (POOL.0, POOL.0 + (self.subject.stats().nslabs << IO_TLB_SHIFT));
        let shared = Shared {
            subject: &*self.subject,
            memory: Arc::clone(&self.memory),
            blocks: Arc::clone(&self.blocks),
            buffers: buffers(),
            owners: Owners::new(&[pool]),
            most_pools: self.most_pools,
            ends: AtomicBool::new(false),
        };
        for phase in 0..PHASES {
            let left = self.operations.saturating_sub(tally.operations()) / u64::from(self.threads);
            let steps = left.clamp(LEAST_STEPS, STEPS);
            *tally += work(&shared, &mut self.seeds, (self.threads, steps), stop)?;
            *tally += self.stock.take(&shared)?;
            // Relaxed: it orders nothing.
            let last =
                phase + 1 == PHASES || tally.operations() >= self.operations || stop.load(Ordering::Relaxed);
            if last || phase % EBB == EBB - 1 {
                *tally += self.stock.ebb(&shared)?;
            }
            said(tally);
            if last {
                break;
            }
        }
        tally.page_faults += self.blocks.failures();
        tally.lives += 1;
        drop(shared);
        drop(self.subject);
        nothing_is_left(&self.stock, &self.blocks, &self.memory)
    }
}

fn buffers() -> Vec<Mutex<Buffer>> {
    let buffer = |i: u64| {
        let most = if i.is_multiple_of(LARGE_EVERY) { LARGE } else { MOST };
        Mutex::new(Buffer { base: ARENA.wrapping_add(i * APART), most, live: None, before: None })
    };
    (0..BUFFERS).map(buffer).collect()
}

/// A phase: all threads do so many steps, in which they fill or drain.
fn work(
    shared: &Shared<'_>,
    seeds: &mut Seeded,
    (threads, steps): (u32, u64),
    stop: &AtomicBool,
) -> Result<Tally, Broken> {
    // From a few mappings to more than there is room for.
    let maps = 1 + seeds.below(63);
    let works = |id: u32, seed: u64| {
        let done = Thread::new(shared, id, seed, maps).run(steps, stop);
        if done.is_err() {
            // Relaxed: it orders nothing.
            shared.ends.store(true, Ordering::Relaxed);
        }
        done
    };
    thread::scope(|scope| {
        let works = &works;
        let others: Vec<_> = (1..threads)
            .map(|id| (id, seeds.next()))
            .map(|(id, seed)| scope.spawn(move || works(id, seed)))
            .collect();
        let mut all = works(0, seeds.next());
        for other in others {
            let done = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            all = all.and_then(|mut sum| {
                sum += done?;
                Ok(sum)
            });
        }
        all
    })
}

/// A buffer when nobody works.
pub fn opened(buffer: &Mutex<Buffer>) -> std::sync::MutexGuard<'_, Buffer> {
    buffer.lock().unwrap_or_else(PoisonError::into_inner)
}
