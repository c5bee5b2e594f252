//! The advice in sentences: what to boot with, why, what speaks against it, what to record next.

use super::job::Tuned;
use super::recording::{Clock, some_of};
use super::row::Row;
use reports::units::{count, plural, time};

impl Tuned {
    /// The line for the kernel's command line, and what it is worth.
    #[must_use]
    pub fn headline(&self) -> String {
        let chosen = &self.chosen;
        let mib = chosen.slots * 2 / 1024;
        let surely = match (self.enough, self.unsure) {
            (false, _) => "at least, and more is likely to be needed",
            (true, true) => "until a better recording says more",
            (true, false) => "enough for what was recorded",
        };
        format!("boot with {} ({mib} MiB): {surely}", chosen.boot)
    }

    /// Why, each reason a sentence.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        let mut all = vec![self.want(), self.head_room()];
        all.push(match self.chosen.delayed {
            0 => format!("With it none of {} requests would have waited.", count(self.chosen.requests)),
            _ => format!("With it {}.", delays(&self.chosen)),
        });
        all.push(self.one_smaller());
        all.push(self.areas());
        all.extend(self.growth());
        if !self.ties.is_empty() {
            all.push(format!("As good, as far as this can tell: {}.", self.ties.join("; ")));
        }
        all.extend(self.drawn.iter().map(|drawn| {
            let (some, all) = (drawn.draws_with_delay, drawn.draws);
            let (delayed, longest) = (drawn.delayed, drawn.longest_wait_ns);
            if some == 0 {
                return format!("{}: in none of {all} draws was a request delayed.", drawn.boot);
            }
            format!(
                "{}: requests were delayed in {some} of {all} draws; at the median {} requests, at worst {} with a wait of {}.",
                drawn.boot,
                count(delayed.median),
                count(delayed.most),
                time(longest.most)
            )
        }));
        all
    }

    fn want(&self) -> String {
        let wanted = &self.wanted;
        let bound = if self.recording.censored.is_empty() { "" } else { " at least" };
        if wanted.draws > 1 {
            let spread = wanted.high_water;
            return format!(
                "With {} the devices want {} slots at once{bound} at the median of {} random overlays, {} at the most; {} if all copies peak together.",
                self.scale.as_deref().unwrap_or_default(),
                count(spread.median),
                wanted.draws,
                count(spread.most),
                count(wanted.in_phase)
            );
        }
        let scaled = self.scale.as_ref().map(|scale| format!("With {scale} the")).unwrap_or("The".to_owned());
        format!(
            "{scaled} devices want {} slots at once{bound} ({:.0} in the mean); recorded were {}.",
            count(wanted.high_water.most),
            wanted.mean,
            count(self.recording.high_water)
        )
    }

    fn head_room(&self) -> String {
        let (slots, wanted) = (self.chosen.slots, self.wanted.high_water.most);
        let free = slots.saturating_sub(wanted);
        format!(
            "Head-room: {} of {} slots ({} %) stay free at the peak.",
            count(free),
            count(slots),
            free * 100 / slots.max(1)
        )
    }

    fn one_smaller(&self) -> String {
        match &self.smaller {
            None => {
                "Nothing smaller is tried: a pool has 1 MiB at least, and each area a segment.".to_owned()
            }
            Some(row) if row.delayed == 0 => format!(
                "One step smaller, {}, would have delayed nobody either, but leaves less head-room{}.",
                row.boot,
                self.first_delays()
                    .map(|row| format!("; with {}: {}", row.boot, delays(row)))
                    .unwrap_or_default()
            ),
            Some(row) => format!("One step smaller, {}: {}.", row.boot, delays(row)),
        }
    }

    /// The largest with the choice's areas that delays somebody.
    fn first_delays(&self) -> Option<&Row> {
        let same = |row: &&Row| {
            !row.growth
                && row.policy == self.chosen.policy
                && row.areas == self.chosen.areas
                && row.delayed > 0
        };
        self.tried.iter().filter(same).max_by_key(|row| row.slots)
    }

    fn areas(&self) -> String {
        let spilled = percent(self.chosen.spilled, self.chosen.maps);
        let cpus = self.recording.cpus;
        format!(
            "Areas: {} for {cpus} CPUs; {spilled} of the maps would have spilled to a neighbour's area.",
            self.chosen.areas
        )
    }

    fn growth(&self) -> Option<String> {
        let row = self.growing.as_ref()?;
        let extra = match (row.pools_added, row.transient) {
            (0, 0) => "without having to grow".to_owned(),
            (pools, transient) => format!(
                "by adding {pools} {} and serving {transient} {} from pools of their own",
                plural(pools, "pool"),
                plural(transient, "map")
            ),
        };
        let (boot, mib) = (&row.boot, mib(row.memory_bytes));
        Some(format!(
            "A kernel that grows (CONFIG_SWIOTLB_DYNAMIC) would have delayed nobody with {boot}, {extra}: {mib:.2} MiB at the most."
        ))
    }

    /// What limits the advice, each a sentence.
    #[must_use]
    pub fn limits(&self) -> Vec<String> {
        let recording = &self.recording;
        let mut all = vec![format!(
            "The recording is {} long; its clock is {}.",
            time(recording.length_ns),
            match &recording.clock {
                Clock::Emulated(how) =>
                    format!("emulated ({how}): rates and lifetimes are not those of hardware"),
                Clock::NotSaid => "taken as real, as nothing beside the trace says otherwise".to_owned(),
            }
        )];
        if !recording.censored.is_empty() {
            all.push(format!(
                "It is censored: {}. Its high-water mark is a lower bound of what is wanted.",
                recording.censored.join("; ")
            ));
        }
        if recording.nslabs.is_none() {
            all.push(
                "Nothing beside the trace says how large its kernel's pool was: whether it was ever full is told by failures alone."
                    .to_owned(),
            );
        }
        let [a, b, c, d] = self.wanted.quarters.map(count);
        let rising = if self.wanted.still_rising { "was still rising" } else { "was not rising any more" };
        all.push(format!(
            "The high-water mark {rising} in the last quarter (quarters: {a}, {b}, {c}, {d} slots)."
        ));
        if !recording.left_out.is_empty() {
            let all_of_it: Vec<String> =
                recording.left_out.iter().map(|(why, n)| format!("{why} ({})", count(*n))).collect();
            all.push(format!("Not everything in it could be used: {}.", all_of_it.join("; ")));
        }
        if recording.live_at_end > 0 {
            let n = recording.live_at_end;
            let (what, are) = (plural(n, "mapping"), if n == 1 { "is" } else { "are" });
            all.push(format!("{} {what} {are} never ended in it.", count(n)));
        }
        if recording.lost > 0 {
            let what = plural(recording.lost, "event");
            all.push(format!("The recorder lost {} {what}.", count(recording.lost)));
        }
        if !recording.unknown_masks.is_empty() {
            all.push(format!(
                "Its events hold no alignment masks, and none were given for {}: a device that has one wants more slots than is said here.",
                some_of(&recording.unknown_masks)
            ));
        }
        if self.devices.iter().any(|device| device.cost == "unknown") {
            all.push(
                "Of devices without a failure the recording does not say what one costs; they are taken to ask again."
                    .to_owned(),
            );
        }
        all
    }

    /// What to record next.
    #[must_use]
    pub fn next(&self) -> Vec<String> {
        self.recording.next(self.wanted.still_rising, self.chosen.slots)
    }
}

fn delays(row: &Row) -> String {
    let never = match row.never {
        0 => String::new(),
        n => format!(", {} of them for good", count(n)),
    };
    let waits = match (row.median_wait_ns, row.longest_wait_ns) {
        (Some(median), Some(longest)) => {
            format!(", for {} at the median and {} at the longest", time(median), time(longest))
        }
        _ => String::new(),
    };
    format!(
        "{} of {} requests ({}) would have been delayed{never}{waits}, on {} {}",
        count(row.delayed),
        count(row.requests),
        percent(row.delayed, row.requests),
        row.devices_hit,
        plural(row.devices_hit as u64, "device")
    )
}

/// Bytes as MiB.
#[expect(clippy::cast_precision_loss, reason = "two decimals are shown")]
pub(super) fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// A share with one decimal, rounded up where it is not 0.
pub(super) fn percent(part: u64, of: u64) -> String {
    let tenths = (u128::from(part) * 1000).div_ceil(u128::from(of.max(1)));
    format!("{}.{} %", tenths / 10, tenths % 10)
}
