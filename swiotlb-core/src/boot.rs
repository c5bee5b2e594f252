//! The boot parameter and what follows from it: how many slots and areas the default pool gets.

use crate::error::InitError;
use crate::rules::{IO_TLB_DEFAULT_SLABS, IO_TLB_SEGSIZE, IO_TLB_SHIFT, MAX_AREAS, MAX_POOL_SLABS};
use core::str::FromStr;

/// Whether mappings bounce that need not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Force {
    /// Every mapping bounces (`force`).
    Bounce,
    /// The allocator is off (`noforce`).
    Off,
}

/// `swiotlb=<slots>[,<areas>][,force|noforce]`, as written. What was not given stays unset: a size that
/// equals the default is still a size that was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct BootParam {
    /// Slots of the default pool.
    pub nslabs: Option<u64>,
    /// Areas of the default pool.
    pub nareas: Option<u32>,
    /// Whether bouncing is forced or off.
    pub force: Option<Force>,
}

impl BootParam {
    const fn error(text: &str, what: &'static str) -> impl FnOnce() -> InitError {
        move || InitError::BootParameter { text: text.to_owned(), what }
    }
}

impl FromStr for BootParam {
    type Err = InitError;

    /// Reads the value with or without its `swiotlb=`.
    fn from_str(text: &str) -> Result<Self, InitError> {
        let value = text.strip_prefix("swiotlb=").unwrap_or(text);
        let mut param = Self::default();
        for part in value.split(',') {
            match part {
                "force" if param.force.is_none() => param.force = Some(Force::Bounce),
                "noforce" if param.force.is_none() => param.force = Some(Force::Off),
                _ if param.force.is_some() => {
                    return Err(Self::error(text, "nothing may follow force or noforce")());
                }
                number if param.nslabs.is_none() => {
                    let nslabs =
                        number.parse().map_err(|_| Self::error(text, "the slots are not a number")())?;
                    param.nslabs = Some(nslabs);
                }
                number if param.nareas.is_none() => {
                    let nareas =
                        number.parse().map_err(|_| Self::error(text, "the areas are not a number")())?;
                    param.nareas = Some(nareas);
                }
                _ => return Err(Self::error(text, "more than two numbers")()),
            }
        }
        Ok(param)
    }
}

/// Slots and areas that are asked for: of the default pool, and of every pool that growth adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Geometry {
    /// Slots (`default_nslabs`).
    pub nslabs: u64,
    /// Areas, a power of two (`default_nareas`).
    pub nareas: u32,
}

impl Geometry {
    /// The geometry that `param` asks for on a machine with `cpus` possible CPUs. `platform_bytes` is
    /// the size that a platform sets where the user set none (`swiotlb_adjust_size`).
    ///
    /// # Errors
    /// [`InitError::TooLarge`] for more than [`MAX_POOL_SLABS`] slots or [`MAX_AREAS`] areas.
    pub fn new(param: BootParam, cpus: u32, platform_bytes: Option<u64>) -> Result<Self, InitError> {
        let asked = param.nslabs.or(platform_bytes.map(|bytes| bytes.div_ceil(1 << IO_TLB_SHIFT)));
        let asked = asked.unwrap_or(IO_TLB_DEFAULT_SLABS);
        check("the number of slots", asked, MAX_POOL_SLABS)?;
        let nareas = param.nareas.unwrap_or(cpus);
        check("the number of areas", u64::from(nareas), u64::from(MAX_AREAS))?;
        Ok(Self { nslabs: asked.next_multiple_of(u64::from(IO_TLB_SEGSIZE)), nareas: 1 }.with_nareas(nareas))
    }

    /// With an area count set (`swiotlb_adjust_nareas`): rounded up to a power of two, and the slots
    /// raised to a segment per area and to a power of two.
    fn with_nareas(self, nareas: u32) -> Self {
        let nareas = nareas.max(1).next_power_of_two();
        let nslabs = self.nslabs.max(u64::from(IO_TLB_SEGSIZE) * u64::from(nareas));
        Self { nslabs: nslabs.next_power_of_two(), nareas }
    }
}

fn check(what: &'static str, value: u64, max: u64) -> Result<(), InitError> {
    if value > max { Err(InitError::TooLarge { what, value, max }) } else { Ok(()) }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    fn parse(text: &str) -> BootParam {
        text.parse().unwrap()
    }

    #[test]
    fn reads_every_form() {
        let of = |nslabs, nareas, force| BootParam { nslabs, nareas, force };
        assert_eq!(parse("swiotlb=32768"), of(Some(32_768), None, None));
        assert_eq!(parse("1024,4,force"), of(Some(1024), Some(4), Some(Force::Bounce)));
        assert_eq!(parse("force"), of(None, None, Some(Force::Bounce)));
        assert_eq!(parse("2048,noforce"), of(Some(2048), None, Some(Force::Off)));
    }

    #[test]
    fn refuses_what_it_does_not_understand() {
        for text in ["", "x", "1,2,3", "force,1", "1,,2", "1024,4,force,force", "-1", "99999999999999999999"]
        {
            assert!(text.parse::<BootParam>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_size_that_equals_the_default_is_still_a_size() {
        let param = parse("32768,2");
        let geometry = Geometry::new(param, 8, Some(1 << 20)).unwrap();
        assert_eq!(geometry, Geometry { nslabs: 32_768, nareas: 2 });
        let unset = Geometry::new(BootParam::default(), 2, Some(3 << 20)).unwrap();
        assert_eq!(unset, Geometry { nslabs: 2048, nareas: 2 });
    }

    #[test]
    fn every_area_gets_a_whole_number_of_segments() {
        for nslabs in (1..5_000).step_by(37) {
            for nareas in 0..70 {
                let param = BootParam { nslabs: Some(nslabs), nareas: Some(nareas), force: None };
                let got = Geometry::new(param, 1, None).unwrap();
                let area = got.nslabs / u64::from(got.nareas);
                assert!(area >= 128 && area.is_multiple_of(128) && got.nslabs >= nslabs, "{got:?}");
            }
        }
    }

    /// The claim: guests with 64 CPUs saved 18 to 22 MiB with `swiotlb=1,1`. Sixty-four areas hold a
    /// segment each, so the smallest pool is 16 MiB; one area holds 256 KiB. Areas explain that much of it.
    #[test]
    fn claim_n9_areas_cost_memory() {
        let bytes = |param: &str| {
            let slots = Geometry::new(parse(param), 64, None).unwrap().nslabs;
            slots * ((1 << IO_TLB_SHIFT) + size_of::<crate::slot::Slot<crate::sync::AtomicU16>>() as u64)
        };
        let saved = bytes("swiotlb=1") - bytes("swiotlb=1,1");
        assert_eq!(saved, (8_192 - 128) * (2_048 + 24));
        assert!((15..17).contains(&(saved >> 20)));
    }

    #[test]
    fn absurd_sizes_are_refused() {
        let param = BootParam { nslabs: Some(u64::MAX), nareas: None, force: None };
        assert!(matches!(Geometry::new(param, 1, None), Err(InitError::TooLarge { .. })));
        let param = BootParam { nslabs: None, nareas: Some(u32::MAX), force: None };
        assert!(matches!(Geometry::new(param, 1, None), Err(InitError::TooLarge { .. })));
    }
}
