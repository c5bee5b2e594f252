//! A device of a trace: its name, and what it declared when it first mapped.

use super::call::DEFAULT_SEG_BOUNDARY;
use super::record::MapCall;

/// A device of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceDevice {
    /// Its name, for instance `0000:00:02.0`.
    pub name: String,
    /// `min_align_mask` at its first map.
    pub min_align_mask: u32,
    /// Segment boundary at its first map, a mask.
    pub seg_boundary_mask: u64,
    /// Whether a later map had other masks; each record has its own.
    pub masks_changed: bool,
    /// Whether its masks were recorded or given: the kernel's own events do not hold them.
    pub masks_known: bool,
    /// Maps that succeeded.
    pub maps: u64,
    /// Maps that failed.
    pub map_fails: u64,
}

impl TraceDevice {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            min_align_mask: 0,
            seg_boundary_mask: DEFAULT_SEG_BOUNDARY,
            masks_changed: false,
            masks_known: false,
            maps: 0,
            map_fails: 0,
        }
    }

    /// Takes note of a map call.
    pub(super) fn note(&mut self, call: &MapCall, failed: bool) {
        if self.maps + self.map_fails == 0 {
            self.min_align_mask = call.min_align_mask;
            self.seg_boundary_mask = call.seg_boundary_mask;
        }
        let first = (self.min_align_mask, self.seg_boundary_mask);
        self.masks_changed |= first != (call.min_align_mask, call.seg_boundary_mask);
        if failed {
            self.map_fails += 1;
        } else {
            self.maps += 1;
        }
    }
}
