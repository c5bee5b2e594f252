//! In which order areas of pools are tried.
//!
//! | walk | when it wins |
//! |---|---|
//! | [`AreaMajor`] | 6.12's: the caller's own area of every pool before any neighbour's |
//! | [`PoolMajor`] | 6.6's: all areas of the newest pool first; with one pool the same |
//! | [`HomeOnly`] | the caller's own area of every pool and no other: full sooner, never a neighbour's lock |

use crate::addr::AreaIndex;

/// What a walk needs to know of a pool.
pub trait HasAreas {
    /// Areas of the pool, at least 1.
    fn nareas(&self) -> u32;
}

/// The area of a pool with `nareas` areas that step `k` of a walk from `cpu` tries
/// (`(cpu + k) & (nareas - 1)`).
#[inline]
fn area_at(cpu: u32, k: u32, nareas: u32) -> AreaIndex {
    AreaIndex(cpu.wrapping_add(k) & (nareas - 1))
}

/// An order over (area, pool) pairs.
pub trait Walk: Send + Sync + 'static {
    /// The name in policy labels.
    const NAME: &'static str;
    /// Whether the order equals Linux 6.12's.
    const KEEPS_PLACEMENT: bool;

    /// Calls `try_area` for one pair after another until it answers. `pools` starts a fresh pass over
    /// the pools, newest first; `default_nareas` bounds the steps.
    fn search<'g, T: HasAreas + 'g, I: Iterator<Item = &'g T>, A>(
        pools: impl Fn() -> I,
        cpu: u32,
        default_nareas: u32,
        try_area: impl FnMut(&'g T, AreaIndex) -> Option<A>,
    ) -> Option<A>;
}

/// Area by area, and for each every pool that has it.
pub struct AreaMajor;

impl Walk for AreaMajor {
    const NAME: &'static str = "area-major";
    const KEEPS_PLACEMENT: bool = true;

    #[inline]
    fn search<'g, T: HasAreas + 'g, I: Iterator<Item = &'g T>, A>(
        pools: impl Fn() -> I,
        cpu: u32,
        default_nareas: u32,
        mut try_area: impl FnMut(&'g T, AreaIndex) -> Option<A>,
    ) -> Option<A> {
        for k in 0..default_nareas {
            for pool in pools() {
                let nareas = pool.nareas();
                if k >= nareas {
                    continue;
                }
                if let Some(answer) = try_area(pool, area_at(cpu, k, nareas)) {
                    return Some(answer);
                }
            }
        }
        None
    }
}

/// Pool by pool, and of each every area.
pub struct PoolMajor;

impl Walk for PoolMajor {
    const NAME: &'static str = "pool-major";
    const KEEPS_PLACEMENT: bool = false;

    #[inline]
    fn search<'g, T: HasAreas + 'g, I: Iterator<Item = &'g T>, A>(
        pools: impl Fn() -> I,
        cpu: u32,
        _default_nareas: u32,
        mut try_area: impl FnMut(&'g T, AreaIndex) -> Option<A>,
    ) -> Option<A> {
        for pool in pools() {
            let nareas = pool.nareas();
            for k in 0..nareas {
                if let Some(answer) = try_area(pool, area_at(cpu, k, nareas)) {
                    return Some(answer);
                }
            }
        }
        None
    }
}

/// The caller's own area of every pool, and no neighbour's.
pub struct HomeOnly;

impl Walk for HomeOnly {
    const NAME: &'static str = "home-only";
    const KEEPS_PLACEMENT: bool = false;

    #[inline]
    fn search<'g, T: HasAreas + 'g, I: Iterator<Item = &'g T>, A>(
        pools: impl Fn() -> I,
        cpu: u32,
        _default_nareas: u32,
        mut try_area: impl FnMut(&'g T, AreaIndex) -> Option<A>,
    ) -> Option<A> {
        pools().find_map(|pool| try_area(pool, area_at(cpu, 0, pool.nareas())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Areas(u32);

    impl HasAreas for Areas {
        fn nareas(&self) -> u32 {
            self.0
        }
    }

    fn order<W: Walk>(pools: &[Areas], cpu: u32, default_nareas: u32) -> Vec<(u32, u32)> {
        let mut tried = Vec::new();
        let answer: Option<()> = W::search(
            || pools.iter(),
            cpu,
            default_nareas,
            |pool, area| {
                tried.push((pool.0, area.0));
                None
            },
        );
        assert_eq!(answer, None);
        tried
    }

    #[test]
    fn area_major_tries_the_own_area_of_every_pool_first() {
        let tried = order::<AreaMajor>(&[Areas(2), Areas(4)], 3, 4);
        assert_eq!(tried, [(2, 1), (4, 3), (2, 0), (4, 0), (4, 1), (4, 2)]);
    }

    #[test]
    fn area_major_is_bounded_by_the_default_area_count() {
        assert_eq!(order::<AreaMajor>(&[Areas(4)], 0, 2), [(4, 0), (4, 1)]);
    }

    #[test]
    fn home_only_leaves_neighbours_alone() {
        assert_eq!(order::<HomeOnly>(&[Areas(2), Areas(4)], 3, 4), [(2, 1), (4, 3)]);
    }

    #[test]
    fn pool_major_exhausts_a_pool_first() {
        let tried = order::<PoolMajor>(&[Areas(2), Areas(4)], 3, 4);
        assert_eq!(tried, [(2, 1), (2, 0), (4, 3), (4, 0), (4, 1), (4, 2)]);
    }
}
