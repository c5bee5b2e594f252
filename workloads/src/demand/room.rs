//! Occupancy without an allocator: a room in which every request finds room.
//!
//! What it counts is the load's own: how many slots are wanted at once if nobody ever waits.

use super::{Answer, Demand, Load, Request, Room, play};

/// Slots in use over time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Occupancy {
    /// The most at once.
    pub high_water: u64,
    /// When that was first reached, ns.
    pub high_water_ns: u64,
    /// The most in each quarter of the time, in order.
    pub quarters: [u64; 4],
    /// Slot-ns over ns: the mean.
    pub mean: f64,
    /// How long it took, ns.
    pub end_ns: u64,
}

impl Occupancy {
    /// Whether the last quarter went above all before it by more than a hundredth.
    #[must_use]
    pub fn still_rising(&self) -> bool {
        let before = self.quarters[..3].iter().copied().max().unwrap_or(0);
        self.quarters[3] > before + before / 100
    }
}

struct Unbounded<'a> {
    demand: &'a Demand,
    used: u64,
    /// Every change: when, and what is in use from then on.
    steps: Vec<(u64, u64)>,
}

impl Unbounded<'_> {
    fn step(&mut self, now_ns: u64) {
        self.steps.push((now_ns, self.used));
    }
}

impl Room for Unbounded<'_> {
    fn map(&mut self, now_ns: u64, _: usize, _: u32, _: u32, request: &Request) -> Answer {
        self.used += self.demand.slots_of(request);
        self.step(now_ns);
        Answer::Mapped
    }

    fn end(&mut self, now_ns: u64, _: usize, _: u32, _: u32, request: &Request) {
        self.used -= self.demand.slots_of(request);
        self.step(now_ns);
    }
}

/// The occupancy of a load if nobody ever waits.
#[must_use]
pub fn unbounded(load: &Load<'_>) -> Occupancy {
    let mut room = Unbounded { demand: load.demand, used: 0, steps: Vec::new() };
    let flow = play(load, load.demand.cpus, &mut room);
    of_steps(&room.steps, flow.end_ns)
}

#[expect(clippy::cast_precision_loss, reason = "a mean")]
fn of_steps(steps: &[(u64, u64)], end_ns: u64) -> Occupancy {
    let mut occupancy = Occupancy { end_ns, ..Occupancy::default() };
    let quarter =
        |at: u64| usize::try_from((u128::from(at) * 4 / u128::from(end_ns.max(1))).min(3)).unwrap_or(3);
    let (mut area, mut before) = (0_u128, (0_u64, 0_u64));
    for &(at, used) in steps.iter().chain([&(end_ns, 0)]) {
        // What was in use lasts through every quarter that it spans.
        for q in quarter(before.0)..=quarter(at.saturating_sub(1).max(before.0)) {
            occupancy.quarters[q] = occupancy.quarters[q].max(before.1);
        }
        area += u128::from(before.1) * u128::from(at - before.0);
        if used > occupancy.high_water {
            (occupancy.high_water, occupancy.high_water_ns) = (used, at);
        }
        before = (at, used);
    }
    occupancy.mean = area as f64 / end_ns.max(1) as f64;
    occupancy
}
