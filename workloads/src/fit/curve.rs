//! Occupancy over time: how many mappings and slots are live, as a step function.
//!
//! Invariant: times never decrease; where several steps share a time, the last one holds from there on.

use swiotlb_core::device::DeviceLimits;
use swiotlb_core::rules;

use super::sample::Sample;
use crate::op::{Action, Op, Plan};
use crate::trace::{Event, PairedAction, Trace, pair};

/// What is live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Live {
    /// Mappings.
    pub maps: u64,
    /// Slots that they take, padding included.
    pub slots: u64,
}

/// Occupancy over time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Curve {
    steps: Vec<(u64, Live)>,
}

/// How far one curve departs from another.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Departure {
    /// Greatest difference, slots.
    pub greatest_slots: u64,
    /// Where it is first reached, ns.
    pub at_ns: u64,
    /// Mean difference over time, slots; its sign left out.
    pub mean_slots: f64,
    /// Mean of the first curve over time, slots.
    pub recorded_mean_slots: f64,
    /// High-water marks of the two, slots.
    pub most_slots: (u64, u64),
}

impl Departure {
    /// The mean difference as a share of the first curve's mean; 0 where that is 0.
    #[must_use]
    pub fn relative(&self) -> f64 {
        if self.recorded_mean_slots > 0.0 { self.mean_slots / self.recorded_mean_slots } else { 0.0 }
    }
}

/// Slots that a mapping of a plan takes, padding included.
#[must_use]
pub fn slots(limits: &DeviceLimits, action: &Action) -> u64 {
    let Action::Map { orig, size, alloc_align_mask, .. } = *action else { return 0 };
    let align = u64::from(alloc_align_mask);
    let offset = rules::align_offset(limits.min_align_mask, align, orig);
    rules::nr_slots(rules::alloc_size(u64::from(size), offset, align).unwrap_or(u64::MAX))
}

impl Curve {
    /// A step; a time that goes back is raised to the last one.
    fn step(&mut self, at_ns: u64, live: Live) {
        match self.steps.last_mut() {
            Some(last) if last.0 >= at_ns => last.1 = live,
            _ => self.steps.push((at_ns, live)),
        }
    }

    /// The curve of a plan that is carried out on time and never fails.
    #[must_use]
    pub fn of_plan(plan: &Plan) -> Self {
        Self::of_order(plan, plan.in_time_order().map(|placed| placed.op))
    }

    /// The curve of a plan whose ops were carried out in this order: what a run on threads made of it.
    /// Its time is the latest time that any op had until then.
    #[must_use]
    pub fn of_order<'p>(plan: &'p Plan, order: impl IntoIterator<Item = &'p Op>) -> Self {
        let mut taken = vec![0; plan.handles as usize];
        let mut curve = Self::default();
        let (mut live, mut now) = (Live::default(), 0);
        for op in order {
            now = now.max(op.at_ns);
            match op.action {
                Action::Map { handle, device, .. } => {
                    let limits = plan.devices.get(usize::from(device.0)).map(|d| d.limits);
                    let of = slots(&limits.unwrap_or_default(), &op.action);
                    taken[handle.0 as usize] = of;
                    live.add(of);
                }
                Action::Unmap { handle, .. } => live.remove(taken[handle.0 as usize]),
                _ => continue,
            }
            curve.step(now, live);
        }
        curve
    }

    /// The recorded curve, from the trace's first record on.
    #[must_use]
    pub fn of_trace(trace: &Trace) -> Self {
        let start_ns = trace.records.first().map_or(0, |record| record.t_ns);
        let mut curve = Self::default();
        let mut live = Live::default();
        for op in &pair(trace).ops {
            let record = &trace.records[op.record as usize];
            let taken = |map: Option<u32>| match map.map(|map| trace.records[map as usize].event) {
                Some(Event::Map(call)) => call.slots(),
                _ => 0,
            };
            match (op.action, record.event) {
                (PairedAction::Call, Event::Map(call)) => live.add(call.slots()),
                (PairedAction::Call, Event::Unmap(_)) | (PairedAction::End, _) => live.remove(taken(op.map)),
                _ => continue,
            }
            curve.step(record.t_ns - start_ns, live);
        }
        curve
    }

    /// The steps: a time in ns and what is live from then on.
    #[must_use]
    pub fn steps(&self) -> &[(u64, Live)] {
        &self.steps
    }

    /// What is live at a time, ns.
    #[must_use]
    pub fn at(&self, at_ns: u64) -> Live {
        let behind = self.steps.partition_point(|step| step.0 <= at_ns);
        behind.checked_sub(1).map_or(Live::default(), |last| self.steps[last].1)
    }

    /// The curve up to a time, ns.
    #[must_use]
    pub fn until(&self, end_ns: u64) -> Self {
        let mut steps = self.steps[..self.steps.partition_point(|step| step.0 < end_ns)].to_vec();
        steps.push((end_ns, self.at(end_ns)));
        Self { steps }
    }

    /// High-water marks, each at its own time; what lasts for no time is left out.
    #[must_use]
    pub fn most(&self) -> Live {
        let all = self.steps.iter().map(|step| step.1);
        all.fold(Live::default(), |most, live| Live {
            maps: most.maps.max(live.maps),
            slots: most.slots.max(live.slots),
        })
    }

    /// Live slots, weighted by the time that they were live.
    #[must_use]
    pub fn slot_sample(&self) -> Sample {
        #[expect(clippy::cast_precision_loss, reason = "slots and ns below 2^53")]
        let point = |pair: &[(u64, Live)]| (pair[0].1.slots as f64, (pair[1].0 - pair[0].0) as f64);
        Sample::weighted(self.steps.windows(2).map(point))
    }

    /// How far `run` departs from this curve, over the time of both.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "slots and ns below 2^53")]
    pub fn departure(&self, run: &Self) -> Departure {
        let mut times: Vec<u64> = self.steps.iter().chain(&run.steps).map(|step| step.0).collect();
        times.sort_unstable();
        times.dedup();
        let mut result =
            Departure { most_slots: (self.most().slots, run.most().slots), ..Departure::default() };
        let (mut area, mut recorded, mut span) = (0.0, 0.0, 0.0);
        for (index, &at_ns) in times.iter().enumerate() {
            let (a, b) = (self.at(at_ns).slots, run.at(at_ns).slots);
            if a.abs_diff(b) > result.greatest_slots {
                (result.greatest_slots, result.at_ns) = (a.abs_diff(b), at_ns);
            }
            let width = times.get(index + 1).map_or(0, |next| next - at_ns) as f64;
            area += a.abs_diff(b) as f64 * width;
            recorded += a as f64 * width;
            span += width;
        }
        if span > 0.0 {
            result.mean_slots = area / span;
            result.recorded_mean_slots = recorded / span;
        }
        result
    }
}

impl Live {
    const fn add(&mut self, slots: u64) {
        self.maps += 1;
        self.slots += slots;
    }

    const fn remove(&mut self, slots: u64) {
        self.maps = self.maps.saturating_sub(1);
        self.slots = self.slots.saturating_sub(slots);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(steps: &[(u64, u64)]) -> Curve {
        let mut curve = Curve::default();
        steps.iter().for_each(|&(at, slots)| curve.step(at, Live { maps: slots, slots }));
        curve
    }

    #[test]
    fn a_step_holds_until_the_next() {
        let curve = curve(&[(10, 1), (20, 5), (20, 3), (15, 4)]);
        assert_eq!(curve.steps().len(), 2, "one step for each time");
        let at = [0, 9, 10, 19, 20, 99].map(|at| curve.at(at).slots);
        assert_eq!(at, [0, 0, 1, 1, 4, 4]);
        assert_eq!(curve.slot_sample().mean(), 1.0);
        assert_eq!(curve.until(13).steps(), [(10, curve.at(10)), (13, curve.at(10))]);
    }

    #[test]
    fn departure_is_the_area_between() {
        let recorded = curve(&[(0, 4), (10, 8), (20, 0)]);
        assert_eq!(recorded.departure(&recorded).greatest_slots, 0);
        let departure = recorded.departure(&curve(&[(0, 4), (15, 9), (20, 0)]));
        assert_eq!((departure.greatest_slots, departure.at_ns), (4, 10));
        assert_eq!((departure.mean_slots, departure.recorded_mean_slots), (25.0 / 20.0, 6.0));
        assert_eq!(departure.most_slots, (8, 9));
        assert_eq!(Curve::default().departure(&Curve::default()), Departure::default());
    }
}
