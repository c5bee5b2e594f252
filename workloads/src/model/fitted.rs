//! Fitted to a trace: each recorded device's sizes, lifetimes and bursts, drawn anew.
//!
//! A device's maps are cut into bursts (`burst_gap_ns`, `burst_maps`). With `draw = "shuffled"` whole bursts
//! are dealt from a shuffled deck, and the pauses between them from another: what belongs together within
//! a burst stays together (sizes with lifetimes, a ring's buffers with each other), and at the recorded
//! number of maps the single distributions are the recorded ones; what is lost is the order of bursts and
//! what devices had to do with each other. With `draw = "independent"` a burst only says how many maps come
//! and when: each map's size, direction and lifetime are drawn from all of the device's, and pauses with
//! replacement. [`Distances`] says how far either is from the trace.
//!
//! A device's live slots never pass its recorded high-water mark: a map waits for an end instead, which is
//! where gaps differ from the recorded ones (`deal.rs`).
//!
//! Maps are shared out over devices as recorded, `threads` x `ops_per_thread` in all, the recorded number by
//! default. A mapping is made and ended on thread (recorded CPU modulo threads); ends on other CPUs are not
//! modelled (`cross_cpu` and `parallel_replay` are for that). Low address bits are kept.
//!
//! Times: a device begins when it did; within a burst gaps are the recorded ones, then comes a pause. A
//! mapping ends when its recorded lifetime is up; one that the trace does not end lives as long as it was seen
//! to. `speed` divides all times.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use swiotlb_core::rules;

use super::arrivals;
use super::builder::{Mapping, PlanBuilder, Request, ThreadBuilder};
use super::common::{Common, MAX_DEPTH, MAX_THREADS, few_enough};
use super::deal::{Deal, Planned};
use super::error::{self, ModelError};
use super::live::{Ends, LiveSet};
use super::random::{Purpose, stream};
use crate::fit::{BurstRule, Distances, Profile};
use crate::op::{DeviceIndex, Plan, PlanDevice, Role};
use crate::trace::{Trace, TraceOptions};

/// The model's name.
pub const NAME: &str = "fitted";

const RECORDED: &str = "the trace says when maps come, when they end and which way data goes";

/// How recorded mappings are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Draw {
    /// Bursts as they were recorded, in another order.
    #[default]
    Shuffled,
    /// Each mapping for itself.
    Independent,
}

/// Parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// The trace's file.
    pub trace: PathBuf,
    /// How mappings are drawn. Default shuffled.
    #[serde(default)]
    pub draw: Draw,
    /// Longest gap within a burst, ns. Default 100,000.
    #[serde(default = "default_gap")]
    pub burst_gap_ns: u64,
    /// Most maps in a burst. Default 64.
    #[serde(default = "default_maps")]
    pub burst_maps: u32,
    /// What all times are divided by, 0.001 to 1,000,000. Default 1.
    #[serde(default = "default_speed")]
    pub speed: f64,
}

fn default_gap() -> u64 {
    BurstRule::default().gap_ns
}

fn default_maps() -> u32 {
    BurstRule::default().maps
}

const fn default_speed() -> f64 {
    1.0
}

impl Parameters {
    /// The defaults for a trace.
    #[must_use]
    pub fn new(trace: impl Into<PathBuf>) -> Self {
        let BurstRule { gap_ns, maps } = BurstRule::default();
        let (draw, trace) = (Draw::default(), trace.into());
        Self { trace, draw, burst_gap_ns: gap_ns, burst_maps: maps, speed: 1.0 }
    }

    /// How bursts are told apart.
    #[must_use]
    pub const fn rule(&self) -> BurstRule {
        BurstRule { gap_ns: self.burst_gap_ns, maps: self.burst_maps }
    }

    /// Reads the trace and makes the plan.
    ///
    /// # Errors
    /// [`ModelError`]: the trace cannot be read or has no mapping; a parameter is out of its range or set
    /// and not used.
    pub fn plan(&self, common: &Common, seed: u64) -> Result<Plan, ModelError> {
        self.plan_from(&Trace::open(&self.trace, &TraceOptions::default())?, common, seed)
    }

    /// Makes the plan from a trace that has been read.
    ///
    /// # Errors
    /// As [`Parameters::plan`].
    pub fn plan_from(&self, trace: &Trace, common: &Common, seed: u64) -> Result<Plan, ModelError> {
        let threads = self.bounds(common)?;
        let profile = Profile::of(trace);
        let devices = profile.devices.iter().zip(0..=u16::MAX);
        if profile.devices.is_empty() || profile.devices.len() > devices.len() {
            let what = "a fit needs from 1 to 65,536 devices with mappings";
            return Err(ModelError::UnfitTrace { trace: trace.name.clone(), what });
        }
        let recorded = profile.mappings() as u64;
        let per_thread = common.ops_per_thread;
        let maps = per_thread.map_or(recorded, |maps| maps.saturating_mul(u64::from(threads)));
        few_enough(maps.saturating_mul(2))?;
        let mut planned = Vec::new();
        for (device, number) in devices {
            let share = u128::from(maps) * device.mappings.len() as u128;
            let share = share.div_ceil(u128::from(recorded));
            let share = usize::try_from(share).unwrap_or(usize::MAX);
            let independent = self.draw == Draw::Independent;
            Deal { seed, number, rule: self.rule(), independent }.device(device, share, &mut planned);
        }
        planned.iter_mut().for_each(|map| self.scale(map));
        planned.sort_by_key(|map| (map.at_ns, map.device));
        let named = |d: &crate::fit::DeviceProfile| PlanDevice { name: d.name.clone(), limits: d.limits };
        let devices = profile.devices.iter().map(named).collect();
        let mut plan = PlanBuilder::new(NAME, seed, common.touch, devices);
        for cpu in 0..threads {
            let own = planned.iter().filter(|map| map.of.cpu % threads == cpu);
            map_all(plan.thread(Role::Mapper, cpu), own, &profile)?;
        }
        Ok(plan.finish_held(1, None))
    }

    /// How many threads, once every parameter is within its bounds; the trace is not looked at.
    pub(super) fn bounds(&self, common: &Common) -> Result<u32, ModelError> {
        let fields = ["rate_per_s", "arrivals", "depth", "ends", "read_share", "bidirectional_share"];
        common.refuse(NAME, &fields.map(|field| (field, RECORDED)))?;
        let threads = error::within("threads", common.threads, 1, MAX_THREADS)?;
        error::within("burst_maps", self.burst_maps, 1, MAX_DEPTH)?;
        error::within("speed", self.speed, 1e-3, 1e6)?;
        let maps = common.ops_per_thread.unwrap_or(0).saturating_mul(u64::from(threads));
        few_enough(maps.saturating_mul(2))?;
        Ok(threads)
    }

    /// How far a plan of this model is from its trace.
    #[must_use]
    pub fn distances(&self, trace: &Trace, plan: &Plan) -> Distances {
        Distances::between(trace, plan, self.rule())
    }

    fn scale(&self, map: &mut Planned) {
        map.at_ns = self.scaled(map.at_ns);
        map.of.lifetime_ns = self.scaled(map.of.lifetime_ns);
    }

    fn scaled(&self, ns: u64) -> u64 {
        #[expect(clippy::cast_precision_loss, reason = "below 2^53 ns, 104 days")]
        let scaled = ns as f64 / self.speed;
        arrivals::ns(scaled)
    }
}

fn map_all<'a>(
    mut thread: ThreadBuilder<'_>,
    maps: impl Iterator<Item = &'a Planned>,
    profile: &Profile,
) -> Result<(), ModelError> {
    let mut live: LiveSet<Mapping> = LiveSet::new(Ends::Fifo, stream(0, 0, Purpose::Ends));
    for map in maps {
        while live.next_deadline().is_some_and(|deadline| deadline <= map.at_ns) {
            end_next(&mut thread, &mut live);
        }
        let mask = profile.devices[usize::from(map.device)].limits.min_align_mask.min(0xffff);
        let mapping = thread.map(map.at_ns, request(map, mask))?;
        let deadline = map.at_ns.saturating_add(map.of.lifetime_ns);
        live.add_until(Some(deadline), mapping);
    }
    while live.len() > 0 {
        end_next(&mut thread, &mut live);
    }
    thread.finish()
}

fn end_next(thread: &mut ThreadBuilder<'_>, live: &mut LiveSet<Mapping>) {
    if let Some((deadline, mapping)) = live.take() {
        thread.unmap(deadline.unwrap_or(thread.now()), mapping);
    }
}

fn request(map: &Planned, min_align_mask: u64) -> Request {
    let orig_align = (min_align_mask + 1).next_power_of_two().max(rules::PAGE_SIZE);
    Request {
        device: DeviceIndex(map.device),
        size: map.of.size,
        offset: map.of.low_bits,
        orig_align,
        alloc_align_mask: map.of.alloc_align_mask,
        dir: map.of.dir,
    }
}
