//! What a reader left out or had to bend, counted by reason, with the first lines of each.

use std::fmt;

/// Lines kept for each reason.
pub const LINES_KEPT: usize = 4;

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal, kept $kept:literal;)+) => {
        /// Why a record was left out, or kept in spite of what is wrong with it ([`Reason::is_kept`]).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $($(#[doc = $doc])+ $name,)+ }

        impl Reason {
            /// Every reason, in the order of [`Skipped::iter`].
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The reason in words.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }

            /// Whether the record was kept all the same.
            #[must_use]
            pub const fn is_kept(self) -> bool {
                match self { $(Self::$name => $kept),+ }
            }
        }
    };
}

reasons! {
    /// A line that is no event in the form that is read.
    UnparsedLine = "unparsed line", kept false;
    /// A line that the tracer's reporter could not format.
    FailedToParse = "line that the reporter failed to parse", kept false;
    /// A line without the CPU's number.
    NoCpu = "line without a CPU in brackets (perf script prints it with -F +cpu)", kept false;
    /// An operation or probe event of an unknown name.
    UnknownOp = "unknown operation", kept false;
    /// A field that is missing, of the wrong type, or out of its range.
    BadField = "missing or malformed field", kept false;
    /// A size that no call can have: zero, or more than 256 KiB (for a failed map: 2^32 and more).
    AbsurdSize = "absurd size", kept false;
    /// A bounce address of zero, or a range that passes 2^64.
    BadAddress = "zero or overflowing address", kept false;
    /// An alignment that is no mask of low bits.
    BadMask = "alignment that is no mask of low bits", kept false;
    /// A time before that of the record before. The record is kept and gets its predecessor's time.
    TimeBackwards = "time going backwards (kept, time raised)", kept true;
    /// Events that the recorder itself reports as lost.
    LostEvents = "events lost by the recorder", kept false;
    /// A map's return whose entry is not in the trace.
    ReturnWithoutEntry = "map return without entry", kept false;
    /// A map's entry whose return is not in the trace.
    EntryWithoutReturn = "map entry without return", kept false;
    /// More devices than [`super::MAX_DEVICES`].
    TooManyDevices = "too many devices", kept false;
    /// The file was cut off, and reading what is left was allowed.
    CutFile = "file cut off", kept false;
    /// An unmap of an address at which no mapping starts.
    UnmapWithoutMap = "unmap without a map", kept false;
    /// An unmap of another device, size or direction than its map. It ends the mapping.
    UnmapMismatch = "unmap unlike its map (kept)", kept true;
    /// A sync of an address that lies in no mapping.
    SyncOutsideMap = "sync outside a mapping", kept false;
    /// A sync that begins in a mapping and ends behind it.
    SyncPastEnd = "sync past the end of a mapping", kept false;
    /// A map over slots that an earlier mapping still holds. The earlier one is ended first.
    MapOverLiveMap = "map over a live mapping (kept, the older one ended)", kept true;
}

/// Counts by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    counts: [Count; Reason::ALL.len()],
}

/// How often a reason applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How often.
    pub count: u64,
    lines: [u64; LINES_KEPT],
}

impl Count {
    /// The first lines, from 1; at most [`LINES_KEPT`].
    #[must_use]
    pub fn first_lines(&self) -> &[u64] {
        let known = self.lines.iter().take_while(|&&line| line != 0).count();
        &self.lines[..known]
    }
}

impl Skipped {
    /// Counts one record of `line`.
    pub fn add(&mut self, reason: Reason, line: u64) {
        self.add_many(reason, line, 1);
    }

    /// Counts `n` records that `line` speaks for.
    pub fn add_many(&mut self, reason: Reason, line: u64, n: u64) {
        let entry = &mut self.counts[reason as usize];
        entry.count = entry.count.saturating_add(n);
        if let Some(free) = entry.lines.iter_mut().find(|known| **known == 0) {
            *free = line;
        }
    }

    /// Adds what another counted.
    pub(super) fn merge(&mut self, other: &Self) {
        for (reason, count) in other.iter() {
            let lines = count.first_lines();
            lines.iter().for_each(|line| self.add(reason, *line));
            let more = count.count.saturating_sub(lines.len() as u64);
            self.add_many(reason, lines.last().copied().unwrap_or(0), more);
        }
    }

    /// How often `reason` applied.
    #[must_use]
    pub fn get(&self, reason: Reason) -> Count {
        self.counts[reason as usize]
    }

    /// The reasons that applied.
    pub fn iter(&self) -> impl Iterator<Item = (Reason, Count)> + '_ {
        Reason::ALL.iter().map(|&r| (r, self.get(r))).filter(|(_, c)| c.count > 0)
    }

    /// Records left out, all reasons together.
    #[must_use]
    pub fn total(&self) -> u64 {
        let left_out = self.iter().filter(|(reason, _)| !reason.is_kept());
        left_out.fold(0, |sum, (_, c)| sum.saturating_add(c.count))
    }

    /// Whether no reason applied.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing skipped");
        }
        for (i, (reason, c)) in self.iter().enumerate() {
            let comma = if i == 0 { "" } else { "; " };
            write!(f, "{comma}{}: {}", reason.text(), c.count)?;
            for (i, line) in c.first_lines().iter().enumerate() {
                write!(f, "{}{line}", if i == 0 { " (line " } else { ", " })?;
            }
            let known = c.first_lines().len();
            let more = known == LINES_KEPT && c.count > known as u64;
            f.write_str(match (c.first_lines().is_empty(), more) {
                (true, _) => "",
                (false, true) => ", ...)",
                (false, false) => ")",
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_first_lines() {
        let mut skipped = Skipped::default();
        assert_eq!(skipped.to_string(), "nothing skipped");
        for line in 3..9 {
            skipped.add(Reason::BadField, line);
        }
        skipped.add(Reason::TimeBackwards, 7);
        assert_eq!(skipped.get(Reason::BadField).first_lines(), [3, 4, 5, 6]);
        assert_eq!(skipped.total(), 6, "a record that was kept is not left out");
        assert_eq!(
            skipped.to_string(),
            "missing or malformed field: 6 (line 3, 4, 5, 6, ...); \
             time going backwards (kept, time raised): 1 (line 7)"
        );
    }

    #[test]
    fn counts_saturate() {
        let mut skipped = Skipped::default();
        skipped.add_many(Reason::LostEvents, 1, u64::MAX);
        skipped.add(Reason::LostEvents, 2);
        skipped.add(Reason::BadField, 3);
        assert_eq!(skipped.total(), u64::MAX);
    }
}
