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
//! Maps are shared out over devices as recorded, `threads` x `ops_per_thread` in all, the recorded number by
//! default. A mapping is made and ended on thread (recorded CPU modulo threads); ends on other CPUs are not
//! modelled (`cross_cpu` and `parallel_replay` are for that). Low address bits are kept.
//!
//! Times: a device begins when it did; within a burst gaps are the recorded ones, then comes a pause. A
//! mapping ends when its recorded lifetime is up, or with the plan if the trace does not end it. `speed`
//! divides all times.

use std::path::PathBuf;

use rand::RngExt;
use serde::{Deserialize, Serialize};
use swiotlb_core::rules;

use super::builder::{Mapping, PlanBuilder, Request, ThreadBuilder};
use super::common::{Common, MAX_DEPTH, MAX_THREADS, few_enough};
use super::error::{self, ModelError};
use super::live::{Ends, LiveSet};
use super::random::{Purpose, Stream, stream};
use crate::fit::{BurstRule, Distances, Observed, Profile};
use crate::op::{DeviceIndex, Plan, PlanDevice, Role};
use crate::trace::{Trace, TraceOptions};

use super::deck::Deck;

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

/// A map that will be made.
#[derive(Clone, Copy, Debug)]
struct Planned {
    at_ns: u64,
    device: u16,
    of: Observed,
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
        let fields = ["rate_per_s", "arrivals", "depth", "ends", "read_share", "bidirectional_share"];
        common.refuse(NAME, &fields.map(|field| (field, RECORDED)))?;
        let threads = error::within("threads", common.threads, 1, MAX_THREADS)?;
        error::within("burst_maps", self.burst_maps, 1, MAX_DEPTH)?;
        error::within("speed", self.speed, 1e-3, 1e6)?;
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
            let deal = Deal { parameters: self, seed, number };
            deal.device(&device.mappings, &device.bursts(self.rule()), share as usize, &mut planned);
        }
        planned.sort_by_key(|map: &Planned| (map.at_ns, map.device));
        let named = |d: &crate::fit::DeviceProfile| PlanDevice { name: d.name.clone(), limits: d.limits };
        let devices = profile.devices.iter().map(named).collect();
        let mut plan = PlanBuilder::new(NAME, seed, common.touch, devices);
        let end_ns = planned.iter().map(|map| map.at_ns + self.lifetime(map).unwrap_or(0)).max();
        for cpu in 0..threads {
            let own = planned.iter().filter(|map| map.of.cpu % threads == cpu);
            self.thread(plan.thread(Role::Mapper, cpu), own, &profile, end_ns.unwrap_or(0))?;
        }
        Ok(plan.finish_held(1, None))
    }

    /// How far a plan of this model is from its trace.
    #[must_use]
    pub fn distances(&self, trace: &Trace, plan: &Plan) -> Distances {
        Distances::between(trace, plan, self.rule())
    }

    fn lifetime(&self, map: &Planned) -> Option<u64> {
        map.of.lifetime_ns.map(|life| scaled(life, self.speed))
    }

    fn thread<'a>(
        &self,
        mut thread: ThreadBuilder<'_>,
        maps: impl Iterator<Item = &'a Planned>,
        profile: &Profile,
        end_ns: u64,
    ) -> Result<(), ModelError> {
        let mut live: LiveSet<Mapping> = LiveSet::new(Ends::Fifo, stream(0, 0, Purpose::Ends));
        for map in maps {
            while live.next_deadline().is_some_and(|deadline| deadline <= map.at_ns) {
                end_next(&mut thread, &mut live, end_ns);
            }
            let mask = profile.devices[usize::from(map.device)].limits.min_align_mask.min(0xffff);
            let mapping = thread.map(map.at_ns, request(map, mask))?;
            // What the trace does not end lives on until the plan's end.
            let deadline = self.lifetime(map).map_or(u64::MAX, |life| map.at_ns.saturating_add(life));
            live.add_until(Some(deadline), mapping);
        }
        while live.len() > 0 {
            end_next(&mut thread, &mut live, end_ns);
        }
        thread.finish()
    }
}

fn end_next(thread: &mut ThreadBuilder<'_>, live: &mut LiveSet<Mapping>, end_ns: u64) {
    if let Some((deadline, mapping)) = live.take() {
        thread.unmap(deadline.unwrap_or(end_ns).min(end_ns), mapping);
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

fn scaled(ns: u64, speed: f64) -> u64 {
    #[expect(clippy::cast_precision_loss, reason = "below 2^53 ns, 104 days")]
    let scaled = ns as f64 / speed;
    super::arrivals::ns(scaled)
}

/// Draws one device's maps.
struct Deal<'a> {
    parameters: &'a Parameters,
    seed: u64,
    number: u16,
}

impl Deal<'_> {
    fn device(
        &self,
        recorded: &[Observed],
        bursts: &[std::ops::Range<usize>],
        maps: usize,
        planned: &mut Vec<Planned>,
    ) {
        let rng = |purpose| stream(self.seed, u32::from(self.number), purpose);
        let independent = self.parameters.draw == Draw::Independent;
        let mut order = Deck::new(bursts.len(), independent, rng(Purpose::Choice));
        let gap =
            |pair: &[std::ops::Range<usize>]| recorded[pair[1].start].at_ns - recorded[pair[0].end - 1].at_ns;
        let mut pauses: Vec<u64> = bursts.windows(2).map(gap).collect();
        if pauses.is_empty() {
            pauses.push(self.parameters.burst_gap_ns.saturating_add(1));
        }
        let mut pause = Deck::new(pauses.len(), independent, rng(Purpose::Arrivals));
        let mut bodies = rng(Purpose::Requests);
        let mut begin = recorded.first().map_or(0, |first| first.at_ns);
        let mut left = maps;
        while left > 0 {
            let burst = &recorded[bursts[order.draw()].clone()];
            let burst = &burst[..burst.len().min(left)];
            let (Some(first), Some(last)) = (burst.first(), burst.last()) else { return };
            for map in burst {
                let at_ns = begin + (map.at_ns - first.at_ns);
                let of = if independent { body(recorded, &mut bodies) } else { *map };
                let of = Observed { cpu: map.cpu, ..of };
                planned.push(Planned {
                    at_ns: scaled(at_ns, self.parameters.speed),
                    device: self.number,
                    of,
                });
            }
            begin = begin.saturating_add(last.at_ns - first.at_ns).saturating_add(pauses[pause.draw()]);
            left -= burst.len();
        }
    }
}

fn body(recorded: &[Observed], rng: &mut Stream) -> Observed {
    #[expect(clippy::cast_possible_truncation, reason = "below a length")]
    let which = rng.random_range(0..recorded.len() as u64) as usize;
    recorded[which]
}
