//! Our run: each thread maps one buffer of its own, holds it for the transfer time and unmaps it, again and
//! again, in a closed loop.
//!
//! The plan is short and is gone through until the time is up, so that what the loop reads of it stays in
//! the caches. The first pass is a warm-up. Invariant: the device reaches all of the pool, and the pool holds
//! one mapping of every thread at once, so that no map fails.

use super::options::{Options, OptionsError};
use crate::run::{Oracle, Settings};
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::boot::{BootParam, Geometry};
use swiotlb_core::device::DeviceLimits;
use swiotlb_core::error::InitError;
use swiotlb_core::rules::{IO_TLB_SEGSIZE, IO_TLB_SHIFT};
use thiserror::Error;
use workloads::arena::{Arena, ArenaFull, MAX_ARENA};
use workloads::op::{
    Action, Bounds, DeviceIndex, DeviceTouch, Handle, Op, Plan, PlanDevice, Role, ThreadPlan,
};

/// The plan's model, and the records' scenario.
pub const NAME: &str = "dma-map-benchmark";
/// Of how many mappings the oracle watches one.
pub const WATCHED: u32 = 64;
/// Round trips of a thread in a pass: the loop looks at the time only so often.
const TRIPS: (u64, u64) = (32, 4_096);
/// Round trips of all threads in a pass.
const TRIPS_IN_ALL: u64 = 65_536;
/// About how long a pass with long transfers takes at most, ns.
const PASS_NS: u64 = 20_000_000;
/// About what a round trip takes beside the transfer, ns: only for the length of a pass.
const TRIP_NS: u64 = 1_000;

/// A run that is ready to begin.
#[derive(Clone, Debug)]
pub struct Ready {
    /// What is run.
    pub plan: Plan,
    /// How.
    pub settings: Settings,
}

/// Why a run cannot be.
#[derive(Debug, Error)]
pub enum ReadyError {
    /// An option out of its range.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// There is no such pool.
    #[error("--swiotlb: {0}")]
    Geometry(#[from] InitError),
    /// The device does not reach the pool, wherever it lies.
    #[error(
        "--dma-bits {bits}: a device that reaches 2^{bits} bytes has no place for a pool of {nslabs} slots: at most {most} (--swiotlb)"
    )]
    OutOfReach {
        /// Bits of the mask.
        bits: u32,
        /// Slots of the pool.
        nslabs: u64,
        /// Most slots that have a place.
        most: u64,
    },
    /// The pool does not hold all threads' mappings.
    #[error(
        "--threads {threads}: the pool of {nslabs} slots holds {holds} mappings of {slots} slots at once: make it larger (--swiotlb)"
    )]
    TooSmall {
        /// Threads.
        threads: u32,
        /// Slots of the pool.
        nslabs: u64,
        /// Mappings that it holds.
        holds: u64,
        /// Slots of a mapping.
        slots: u32,
    },
    /// The originals take too much of the address space.
    #[error(transparent)]
    Arena(#[from] ArenaFull),
}

/// Makes a run ready: for `options`, on the pool that `swiotlb` asks for (areas left out: one per thread).
/// With `maps` it ends after so many maps of each thread, rounded up to whole passes, if the time is not
/// up before.
///
/// # Errors
/// [`ReadyError`]: before anything runs.
pub fn ready(
    options: &Options,
    swiotlb: BootParam,
    maps: Option<u64>,
    seed: u64,
) -> Result<Ready, ReadyError> {
    options.check()?;
    let geometry = Geometry::new(swiotlb, options.threads, None)?;
    room(options, geometry)?;
    let trips = trips(options, maps);
    // The first pass is warm-up, so there are two at least.
    let passes = maps.map_or(u64::MAX, |maps| maps.div_ceil(trips).saturating_add(1));
    let repeat = u32::try_from(passes).unwrap_or(u32::MAX);
    let settings = Settings {
        nslabs: geometry.nslabs,
        nareas: geometry.nareas,
        base: base(options, geometry.nslabs)?,
        // One pass, and so little more that no rounding makes it less.
        warmup_share: (1.0 + 1e-9) / f64::from(repeat),
        oracle: Oracle::Sampled(WATCHED),
        seed,
        time_limit_ns: u64::from(options.seconds) * 1_000_000_000,
        repeat,
        transfer_ns: Some(u64::from(options.transfer_ns)),
        ..Settings::default()
    };
    Ok(Ready { plan: plan(options, trips, seed)?, settings })
}

/// Whether every thread has its mapping: as many in each segment as fit whole.
fn room(options: &Options, geometry: Geometry) -> Result<(), ReadyError> {
    let (threads, slots, nslabs) = (options.threads, options.slots(), geometry.nslabs);
    let segment = u64::from(IO_TLB_SEGSIZE);
    let holds = nslabs / segment * (segment / u64::from(slots));
    if u64::from(threads) > holds {
        return Err(ReadyError::TooSmall { threads, nslabs, holds, slots });
    }
    Ok(())
}

/// Where the pool lies: at its usual place, or in the upper half of what the device reaches.
fn base(options: &Options, nslabs: u64) -> Result<PhysAddr, ReadyError> {
    let bytes = nslabs << IO_TLB_SHIFT;
    let device = DeviceLimits { dma_mask: options.dma_mask(), ..DeviceLimits::default() };
    let half = 1_u64 << (options.dma_bits - 1);
    let places = [Settings::default().base, PhysAddr(half)];
    let reached = places.into_iter().find(|&base| device.reaches(base, bytes));
    let (bits, most) = (options.dma_bits, half >> IO_TLB_SHIFT);
    reached.ok_or(ReadyError::OutOfReach { bits, nslabs, most })
}

/// Round trips of a thread in a pass.
fn trips(options: &Options, maps: Option<u64>) -> u64 {
    let by_time = PASS_NS / (TRIP_NS + u64::from(options.transfer_ns));
    let by_threads = TRIPS_IN_ALL / u64::from(options.threads);
    by_time.min(by_threads).clamp(TRIPS.0, TRIPS.1).min(maps.unwrap_or(u64::MAX).max(1))
}

/// `trips` round trips of each thread, one after the other, all of the thread's one buffer.
fn plan(options: &Options, trips: u64, seed: u64) -> Result<Plan, ArenaFull> {
    let limits = DeviceLimits { dma_mask: options.dma_mask(), ..DeviceLimits::default() };
    let mut arena = Arena::new(MAX_ARENA);
    let each_ns = TRIP_NS + u64::from(options.transfer_ns);
    let (mut handles, mut threads) = (0_u32, Vec::new());
    for cpu in 0..options.threads {
        // Never given back: the buffers of no two threads are one.
        let orig = arena.take(options.bytes(), 0, 0)?.orig();
        let mut ops = Vec::new();
        for trip in 0..trips {
            let (handle, at_ns) = (Handle(handles), trip * each_ns);
            let (device, size, dir) = (DeviceIndex(0), options.bytes(), options.dir);
            let map = Action::Map { handle, device, orig, size, alloc_align_mask: 0, dir };
            let unmap = Action::Unmap { handle, skip_cpu_sync: false };
            ops.push(Op { at_ns, action: map });
            ops.push(Op { at_ns: at_ns + u64::from(options.transfer_ns), action: unmap });
            handles += 1;
        }
        threads.push(ThreadPlan { role: Role::Mapper, cpu, ops });
    }
    Ok(Plan {
        model: NAME.to_owned(),
        seed,
        devices: vec![PlanDevice { name: NAME.to_owned(), limits }],
        threads,
        handles,
        arena: arena.span(),
        touch: DeviceTouch::None,
        bounds: Bounds { live: u64::from(options.threads), live_at_end: 0, skew_ns: None },
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;

    fn slots(nslabs: u64) -> BootParam {
        BootParam { nslabs: Some(nslabs), ..BootParam::default() }
    }

    fn refused(options: &Options, nslabs: u64) -> String {
        ready(options, slots(nslabs), None, 1).unwrap_err().to_string()
    }

    #[test]
    fn plans_keep_their_promises() {
        for (threads, transfer_ns, granule) in [(1, 0, 1), (3, 10_000_000, 64), (1_024, 500, 1)] {
            let options = Options { threads, transfer_ns, granule, ..Options::default() };
            let ready = ready(&options, slots(131_072), None, 1).unwrap();
            ready.plan.check().unwrap();
            assert_eq!(ready.plan.threads.len(), threads as usize);
            assert_eq!((ready.settings.repeat, ready.settings.time_limit_ns), (u32::MAX, 20_000_000_000));
        }
    }

    #[test]
    fn a_number_of_maps_is_rounded_up_to_passes_behind_one_of_warm_up() {
        let of = |maps| {
            let ready = ready(&Options::default(), slots(128), Some(maps), 1).unwrap();
            (ready.plan.handles, ready.settings.repeat)
        };
        assert_eq!([1, 100, 4_096, 4_097].map(of), [(1, 2), (100, 2), (4_096, 2), (4_096, 3)]);
    }

    #[test]
    fn the_pool_lies_where_the_device_reaches_it() {
        let base = |dma_bits, nslabs| {
            let options = Options { dma_bits, ..Options::default() };
            ready(&options, slots(nslabs), None, 1).unwrap().settings.base.0
        };
        assert_eq!(base(32, 32_768), 1 << 30);
        assert_eq!(base(64, 32_768), 1 << 30);
        assert_eq!(base(24, 4_096), 8 << 20);
        assert_eq!(base(20, 256), 512 << 10);
        let narrow = Options { dma_bits: 24, ..Options::default() };
        let said = refused(&narrow, 32_768);
        assert!(said.contains("--dma-bits 24") && said.contains("at most 4096"), "{said}");
    }

    #[test]
    fn a_pool_that_does_not_hold_all_mappings_is_refused() {
        let options = Options { threads: 4, granule: 33, ..Options::default() };
        assert!(ready(&options, slots(512), None, 1).is_ok(), "one in each segment");
        let options = Options { threads: 8, ..options };
        let one_area = BootParam { nareas: Some(1), ..slots(512) };
        let said = ready(&options, one_area, None, 1).unwrap_err().to_string();
        assert!(said.contains("holds 4 mappings of 66 slots"), "{said}");
        assert!(refused(&Options { granule: 65, ..options }, 512).contains("--granule 65"));
    }
}
