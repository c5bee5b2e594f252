//! Cross-CPU unmap: some threads map, others end what was mapped, as an interrupt on another CPU does.
//!
//! Of `threads` (two at least) the first are mappers and the last `unmappers` are unmappers, each on a CPU
//! of its own. A mapper whose queue is full waits ([`Action::AwaitUnmap`]) until the unmapper has ended the
//! mapping that makes room; that holds the depth in a closed loop as well, and lets it use the original
//! again. `partners` says who ends whose. `ops_per_thread` and `depth` are per mapper.
//!
//! Times: arrivals as everywhere, but at least 2 ns apart. A mapping ends when its lifetime is up, though
//! at the latest just before the arrival that needs its place; without lifetimes (`fifo`, `random`), half a
//! gap before that arrival. The end is strictly between its map and that arrival.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::builder::{Mapping, PlanBuilder, Request, ThreadBuilder, device};
use super::common::{Common, Defaults, Settings};
use super::error::{self, ModelError};
use super::live::LiveSet;
use super::mix::{SizeMix, Table};
use super::random::{Purpose, Stream, stream};
use crate::op::{Action, Handle, Op, Plan, Role, ThreadPlan};
use swiotlb_core::rules;

/// The model's name.
pub const NAME: &str = "cross_cpu";

/// Who ends whose mappings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Partners {
    /// Each mapper has one unmapper.
    #[default]
    Paired,
    /// Each mapping's unmapper is any.
    Spread,
}

/// Parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Parameters {
    /// Threads that end mappings; 0 is half of all. Default 0.
    pub unmappers: u32,
    /// Who ends whose mappings. Default paired.
    pub partners: Partners,
    /// Sizes in bytes and their weights. Default 4 KiB alone.
    pub sizes: SizeMix,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { unmappers: 0, partners: Partners::Paired, sizes: SizeMix::new(&[(4096, 1.0)]) }
    }
}

/// What each unmapper ends, and when.
struct Ended {
    by_unmapper: Vec<Vec<(u64, Handle)>>,
    partners: Partners,
}

/// A mapping and when it was mapped, ns.
type Mapped = (u64, Mapping);

impl Parameters {
    /// Makes the plan.
    ///
    /// # Errors
    /// [`ModelError`]: a parameter is out of its range.
    pub fn plan(&self, common: &Common, seed: u64) -> Result<Plan, ModelError> {
        let (settings, depth, unmappers, sizes) = self.bounds(common)?;
        let mappers = settings.threads - unmappers;
        let by_unmapper = vec![Vec::new(); unmappers as usize];
        let mut ended = Ended { by_unmapper, partners: self.partners };
        let mut plan = PlanBuilder::new(NAME, seed, common.touch, vec![device(NAME, 0)]);
        for cpu in 0..mappers {
            let thread = plan.thread(Role::Mapper, cpu);
            mapper(thread, &settings, &sizes, &mut ended, seed, cpu)?;
        }
        for (ends, cpu) in ended.by_unmapper.into_iter().zip(mappers..) {
            plan.push_thread(unmapper(ends, cpu))?;
        }
        Ok(plan.finish_held(mappers, Some(u64::from(depth))))
    }

    /// What the plan is made from, once every parameter is within its bounds: with the mappings that a mapper
    /// holds, and the threads that unmap.
    pub(super) fn bounds(&self, common: &Common) -> Result<(Settings, u32, u32, Table<u32>), ModelError> {
        let settings = common.settings(Defaults { ops_per_map: 3, ..Defaults::default() })?;
        let depth = settings.depth.held().ok_or(ModelError::NeedsDepth { model: NAME })?;
        error::within("threads", settings.threads, 2, settings.threads.max(2))?;
        error::within("unmappers", self.unmappers, 0, settings.threads - 1)?;
        let unmappers = if self.unmappers == 0 { settings.threads / 2 } else { self.unmappers };
        let sizes = self.sizes.table("sizes", rules::IO_TLB_MAX_BYTES)?;
        Ok((settings, depth, unmappers, sizes))
    }
}

fn mapper(
    mut thread: ThreadBuilder<'_>,
    settings: &Settings,
    sizes: &Table<u32>,
    ended: &mut Ended,
    seed: u64,
    cpu: u32,
) -> Result<(), ModelError> {
    let mut arrivals = settings.rate.arrivals(seed, cpu, settings.threads);
    let mut live: LiveSet<Mapped> = LiveSet::new(settings.ends, stream(seed, cpu, Purpose::Ends));
    let mut rng = stream(seed, cpu, Purpose::Requests);
    let mut choice = stream(seed, cpu, Purpose::Choice);
    let depth = settings.depth.held().unwrap_or(1);
    let mut before = 0;
    for _ in 0..settings.maps {
        let at_ns = arrivals.next_ns().max(before + 2);
        if live.len() >= depth as usize
            && let Some((deadline, (mapped_ns, mapping))) = live.take()
        {
            let end = deadline.unwrap_or(at_ns - (at_ns - before) / 2);
            ended.add(cpu, &mut choice, end.clamp(mapped_ns + 1, at_ns - 1), mapping.handle);
            thread.await_unmap(at_ns, mapping);
        }
        let (size, dir) = (sizes.draw(&mut rng), settings.directions.draw(&mut rng));
        let mapping = thread.map(at_ns, Request::new(size, 0, dir))?;
        live.add(at_ns, (at_ns, mapping));
        before = at_ns;
    }
    while let Some((deadline, (mapped_ns, mapping))) = live.take() {
        let end = deadline.unwrap_or_else(|| arrivals.next_ns());
        ended.add(cpu, &mut choice, end.max(mapped_ns + 1), mapping.handle);
    }
    thread.finish()
}

impl Ended {
    fn add(&mut self, mapper: u32, choice: &mut Stream, at_ns: u64, handle: Handle) {
        let unmappers = self.by_unmapper.len() as u64;
        let unmapper = match self.partners {
            Partners::Paired => u64::from(mapper) % unmappers,
            Partners::Spread => choice.random_range(0..unmappers),
        };
        #[expect(clippy::cast_possible_truncation, reason = "below a length")]
        self.by_unmapper[unmapper as usize].push((at_ns, handle));
    }
}

fn unmapper(mut ends: Vec<(u64, Handle)>, cpu: u32) -> ThreadPlan {
    ends.sort_unstable();
    let op = |(at_ns, handle)| Op { at_ns, action: Action::Unmap { handle, skip_cpu_sync: false } };
    ThreadPlan { role: Role::Unmapper, cpu, ops: ends.into_iter().map(op).collect() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::model::common::Depth;

    #[test]
    fn nobody_ends_its_own() {
        for partners in [Partners::Paired, Partners::Spread] {
            let parameters = Parameters { unmappers: 3, partners, ..Parameters::default() };
            let common = Common {
                threads: 5,
                ops_per_thread: Some(2_000),
                rate_per_s: Some(1e9),
                depth: Some(Depth::Held(1)),
                ..Common::default()
            };
            let plan = parameters.plan(&common, 8).unwrap();
            plan.check().unwrap();
            let unmaps = |thread: &ThreadPlan| {
                let ops = thread.ops.iter();
                ops.filter(|op| matches!(op.action, Action::Unmap { .. })).count()
            };
            let counts: Vec<usize> = plan.threads.iter().map(unmaps).collect();
            assert_eq!((counts[0], counts[1], counts.iter().sum::<usize>()), (0, 0, 4_000));
            let busy = counts[2..].iter().filter(|&&n| n > 1_000).count();
            assert_eq!(busy, if partners == Partners::Paired { 2 } else { 3 });
        }
    }

    #[test]
    fn two_threads_at_least() {
        let error = Parameters::default().plan(&Common::default(), 8).unwrap_err();
        assert!(matches!(error, ModelError::OutOfRange { field: "threads", .. }));
        let common = Common { threads: 2, ..Common::default() };
        let error = Parameters { unmappers: 2, ..Parameters::default() }.plan(&common, 8).unwrap_err();
        assert!(matches!(error, ModelError::OutOfRange { field: "unmappers", .. }));
    }
}
