//! One recorded device's maps, dealt anew: bursts, pauses between them, and the device's queue.
//!
//! A device had no more slots live at once than its queue let it; so a map that would pass the recorded
//! high-water mark waits, as its driver did, until enough has ended, and all later ones with it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use rand::RngExt;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::rules;

use super::deck::Deck;
use super::random::{Purpose, Stream, stream};
use crate::fit::{BurstRule, DeviceProfile, Observed};

/// A map that will be made; times are the trace's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planned {
    pub at_ns: u64,
    pub device: u16,
    pub of: Observed,
}

/// How a device's maps are dealt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deal {
    pub seed: u64,
    pub number: u16,
    pub rule: BurstRule,
    /// Each map and pause for itself, instead of whole bursts from a deck.
    pub independent: bool,
}

impl Deal {
    /// Appends `maps` maps of a device.
    pub(super) fn device(&self, profile: &DeviceProfile, maps: usize, planned: &mut Vec<Planned>) {
        let recorded = &profile.mappings;
        let bursts = profile.bursts(self.rule);
        let pauses = self.pauses(recorded, &bursts);
        let rng = |purpose| stream(self.seed, u32::from(self.number), purpose);
        let mut order = Deck::new(bursts.len(), self.independent, rng(Purpose::Choice));
        let mut pause = Deck::new(pauses.len(), self.independent, rng(Purpose::Arrivals));
        let mut bodies = rng(Purpose::Requests);
        let mut queue = Queue::new(profile.limits.min_align_mask, recorded);
        let mut now = recorded.first().map_or(0, |first| first.at_ns);
        let mut left = maps;
        while left > 0 && !bursts.is_empty() {
            let burst = &recorded[bursts[order.draw()].clone()];
            let mut before = burst.first().map_or(0, |first| first.at_ns);
            for map in burst.iter().take(left) {
                let body = if self.independent { any(recorded, &mut bodies) } else { *map };
                now = queue.admit(now.saturating_add(map.at_ns - before), &body);
                before = map.at_ns;
                let of = Observed { cpu: map.cpu, ..body };
                planned.push(Planned { at_ns: now, device: self.number, of });
            }
            now = now.saturating_add(pauses[pause.draw()]);
            left -= burst.len().min(left);
        }
    }

    /// The pauses between bursts, ns; one just above the rule's gap where there is one burst only.
    fn pauses(&self, recorded: &[Observed], bursts: &[Range<usize>]) -> Vec<u64> {
        let pause = |pair: &[Range<usize>]| recorded[pair[1].start].at_ns - recorded[pair[0].end - 1].at_ns;
        let mut pauses: Vec<u64> = bursts.windows(2).map(pause).collect();
        if pauses.is_empty() {
            pauses.push(self.rule.gap_ns.saturating_add(1));
        }
        pauses
    }
}

fn any(recorded: &[Observed], rng: &mut Stream) -> Observed {
    #[expect(clippy::cast_possible_truncation, reason = "below a length")]
    let which = rng.random_range(0..recorded.len() as u64) as usize;
    recorded[which]
}

/// A device's live slots, and when they end.
struct Queue {
    min_align_mask: u64,
    most: u64,
    live: u64,
    /// End in ns and slots.
    ends: BinaryHeap<Reverse<(u64, u64)>>,
}

impl Queue {
    /// An empty queue with room for what was live at most when recorded.
    fn new(min_align_mask: u64, recorded: &[Observed]) -> Self {
        let mut queue = Self { min_align_mask, most: u64::MAX, live: 0, ends: BinaryHeap::new() };
        let most = recorded.iter().map(|map| {
            queue.admit(map.at_ns, map);
            queue.live
        });
        let most = most.max().unwrap_or(0);
        Self { min_align_mask, most, live: 0, ends: BinaryHeap::new() }
    }

    /// When a map that is ready at `at_ns` finds room; it is live from then on.
    fn admit(&mut self, at_ns: u64, map: &Observed) -> u64 {
        let align = u64::from(map.alloc_align_mask);
        let offset = rules::align_offset(self.min_align_mask, align, PhysAddr(u64::from(map.low_bits)));
        let bytes = rules::alloc_size(u64::from(map.size), offset, align);
        let slots = rules::nr_slots(bytes.unwrap_or(u64::MAX));
        let mut now = at_ns;
        while let Some(&Reverse((end, ended))) = self.ends.peek() {
            if end > now && self.live.saturating_add(slots) <= self.most {
                break;
            }
            self.ends.pop();
            self.live -= ended;
            now = now.max(end);
        }
        self.live = self.live.saturating_add(slots);
        self.ends.push(Reverse((now.saturating_add(map.lifetime_ns), slots)));
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use swiotlb_core::device::{DeviceLimits, Direction};

    fn map(at_ns: u64, lifetime_ns: u64, size: u32) -> Observed {
        let dir = Direction::ToDevice;
        Observed { at_ns, lifetime_ns, ended: true, size, alloc_align_mask: 0, low_bits: 0, dir, cpu: 0 }
    }

    #[test]
    fn the_queue_keeps_the_recorded_high_water() {
        let recorded = [map(0, 10, 4096), map(5, 10, 2048), map(20, 5, 2048)];
        let mut queue = Queue::new(0, &recorded);
        assert_eq!(queue.most, 3);
        assert_eq!(queue.admit(0, &map(0, 100, 4096)), 0);
        assert_eq!(queue.admit(1, &map(0, 10, 2048)), 1);
        assert_eq!(queue.admit(2, &map(0, 10, 2048)), 11, "when the second has ended");
        assert_eq!(queue.admit(12, &map(0, 50, 6144)), 100, "when all have");
        assert_eq!(queue.admit(101, &map(0, 1, 9000)), 150, "what never fits waits for all");
    }

    #[test]
    fn a_deck_deals_every_map_once() {
        let mappings: Vec<Observed> = (0..100).map(|n| map(n * n * 1_000, n, 512)).collect();
        let profile = DeviceProfile {
            name: String::new(),
            limits: DeviceLimits::default(),
            mappings: mappings.clone(),
        };
        let rule = BurstRule { gap_ns: 50_000, maps: 8 };
        let deal = Deal { seed: 1, number: 0, rule, independent: false };
        let mut planned = Vec::new();
        deal.device(&profile, 100, &mut planned);
        let mut lives: Vec<u64> = planned.iter().map(|map| map.of.lifetime_ns).collect();
        lives.sort_unstable();
        assert_eq!(lives, (0..100).collect::<Vec<_>>());
        assert_eq!(planned.last().map(|map| map.at_ns), mappings.last().map(|map| map.at_ns));
        deal.device(&profile, 7, &mut planned);
        assert_eq!(planned.len(), 107);
    }
}
