//! Which pool the allocator begins with: as recorded, or as flags say.
//!
//! Invariant of a [`FirstPool`]: its areas are a power of two and whole segments each, unless there is one.

use super::ReplayError;
use std::path::PathBuf;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::boot::{BootParam, Geometry};
use swiotlb_core::error::InitError;
use swiotlb_core::phys::PhysMemory;
use swiotlb_core::rules::{IO_TLB_SEGSIZE, IO_TLB_SHIFT, MAX_AREAS, MAX_POOL_SLABS, PAGE_SIZE};
use workloads::trace::{Trace, meta_path};

/// What flags change of what was recorded.
#[derive(Clone, Copy, Debug, Default)]
pub struct Overrides {
    /// Slots and areas, as the kernel's boot parameter gives them.
    pub swiotlb: Option<BootParam>,
    /// Whether the allocator grows.
    pub grow: Option<bool>,
    /// Where the first pool starts.
    pub base: Option<PhysAddr>,
}

/// The pool that the allocator begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstPool {
    /// Its first byte.
    pub base: PhysAddr,
    /// Its slots and areas.
    pub geometry: Geometry,
    /// Whether the allocator grows and makes transient pools.
    pub can_grow: bool,
}

impl FirstPool {
    /// Its bytes.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.geometry.nslabs << IO_TLB_SHIFT
    }
}

/// The first pool of a replay of `trace`.
///
/// # Errors
/// [`ReplayError::NoGeometry`] if something is neither recorded nor given, [`ReplayError::FirstPool`] if it
/// makes no pool.
pub(super) fn first_pool(trace: &Trace, overrides: &Overrides) -> Result<FirstPool, ReplayError> {
    let refuse = |source| ReplayError::FirstPool { path: trace.path.clone(), source };
    let recorded = &trace.geometry;
    let base = overrides.base.or(recorded.base);
    let geometry = match overrides.swiotlb.filter(|param| param.nslabs.is_some()) {
        Some(param) => Some(Geometry::new(param, cpus(trace), None).map_err(refuse)?),
        None => recorded.nslabs.zip(recorded.nareas).map(|(nslabs, nareas)| Geometry { nslabs, nareas }),
    };
    let (Some(base), Some(geometry)) = (base, geometry) else { return Err(missing(trace, overrides)) };
    buildable(base, geometry).map_err(refuse)?;
    let can_grow = overrides.grow.or(recorded.can_grow).unwrap_or(false);
    Ok(FirstPool { base, geometry, can_grow })
}

/// That what was asked for is built otherwise, if it is: the kernel rounds, and each area has a segment at least.
#[must_use]
pub fn rounded(asked: BootParam, built: Geometry) -> Option<String> {
    let nslabs = asked.nslabs?;
    let same = nslabs == built.nslabs && asked.nareas.is_none_or(|nareas| nareas == built.nareas);
    let asked = asked.nareas.map_or_else(|| nslabs.to_string(), |nareas| format!("{nslabs},{nareas}"));
    (!same).then(|| format!("{asked} is built as {},{}, as the kernel rounds", built.nslabs, built.nareas))
}

/// CPUs of the recorded machine: as many areas as that are the kernel's default.
fn cpus(trace: &Trace) -> u32 {
    let seen = || trace.records.iter().map(|record| record.cpu).max().unwrap_or(0).saturating_add(1);
    trace.geometry.cpus.unwrap_or_else(seen)
}

fn missing(trace: &Trace, overrides: &Overrides) -> ReplayError {
    let given = overrides.swiotlb.is_some_and(|param| param.nslabs.is_some());
    let recorded = &trace.geometry;
    let lacks = [
        (overrides.base.or(recorded.base).is_none(), "where the pool starts", "--base ADDRESS"),
        (!given && recorded.nslabs.is_none(), "how many slots it has", "--swiotlb SLOTS,AREAS"),
        (!given && recorded.nareas.is_none(), "how many areas it has", "--swiotlb SLOTS,AREAS"),
    ];
    let of = |pick: fn(&(bool, &'static str, &'static str)) -> &'static str| {
        let mut words: Vec<_> = lacks.iter().filter(|lack| lack.0).map(pick).collect();
        words.dedup();
        words.join(" and ")
    };
    let meta = meta_path(&trace.path).unwrap_or_else(|| PathBuf::from("a file of facts"));
    ReplayError::NoGeometry {
        path: trace.path.clone(),
        meta,
        missing: of(|lack| lack.1),
        flags: of(|lack| lack.2),
    }
}

fn buildable(base: PhysAddr, geometry: Geometry) -> Result<(), InitError> {
    let Geometry { nslabs, nareas } = geometry;
    if nslabs > MAX_POOL_SLABS {
        return Err(InitError::TooLarge { what: "the number of slots", value: nslabs, max: MAX_POOL_SLABS });
    }
    if nareas > MAX_AREAS {
        let (value, max) = (u64::from(nareas), u64::from(MAX_AREAS));
        return Err(InitError::TooLarge { what: "the number of areas", value, max });
    }
    let what = if nslabs == 0 {
        "it has no slots"
    } else if !nareas.is_power_of_two() {
        "its areas are no power of two"
    } else if nareas > 1 && !nslabs.is_multiple_of(u64::from(nareas) * u64::from(IO_TLB_SEGSIZE)) {
        "its areas are not whole segments"
    } else {
        return placed(base, nslabs << IO_TLB_SHIFT);
    };
    Err(InitError::Placement { base, bytes: nslabs << IO_TLB_SHIFT, what })
}

/// Whether a pool of `bytes` bytes can start at `base`.
///
/// # Errors
/// [`InitError::Placement`] for one that is not page aligned or not whole in the made-up address space.
pub fn placed(base: PhysAddr, bytes: u64) -> Result<(), InitError> {
    let what = if !base.0.is_multiple_of(PAGE_SIZE) {
        "it is not page aligned"
    } else if !PhysMemory::in_space(base, bytes) {
        "it does not lie in the made-up address space"
    } else {
        return Ok(());
    };
    Err(InitError::Placement { base, bytes, what })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_must_be_whole_segments() {
        let of = |nslabs, nareas| buildable(PhysAddr(0x1000), Geometry { nslabs, nareas }).is_ok();
        assert!(of(1024, 4) && of(2, 1) && of(MAX_POOL_SLABS, 64));
        assert!(!of(0, 1) && !of(1024, 3) && !of(1024, 0) && !of(1000, 2) && !of(128, 2));
        assert!(!of(MAX_POOL_SLABS + 128, 1) && !of(u64::MAX, 1));
    }

    #[test]
    fn what_is_built_otherwise_than_asked_is_told() -> Result<(), InitError> {
        let of = |text: &str| {
            let asked: BootParam = text.parse()?;
            Ok::<_, InitError>(rounded(asked, Geometry::new(asked, 4, None)?))
        };
        let said =
            |asked: &str, built: &str| Some(format!("{asked} is built as {built}, as the kernel rounds"));
        assert_eq!((of("1024,4")?, of("1024")?, of("force")?), (None, None, None));
        assert_eq!((of("1000,4")?, of("0,0")?), (said("1000,4", "1024,4"), said("0,0", "128,1")));
        assert_eq!((of("128,256")?, of("100")?), (said("128,256", "32768,256"), said("100", "512,4")));
        Ok(())
    }

    #[test]
    fn a_pool_lies_on_pages_and_in_the_address_space() {
        let at = |base, bytes| placed(PhysAddr(base), bytes).is_ok();
        assert!(at(0x1000, 1 << 20) && at((1 << 40) - (1 << 20), 1 << 20));
        assert!(!at(0x1800, 1 << 20) && !at((1 << 40) - (1 << 20), (1 << 20) + 1));
        assert!(!at(u64::MAX - 4095, 1 << 20) && !at(1 << 40, 1));
    }
}
