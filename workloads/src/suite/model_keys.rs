//! The parameters that workload models take, as suites write them.

use super::value::Kind;

const SHARE: Kind = Kind::Any;
const MASK: Kind = Kind::Any;
const TEXT: Kind = Kind::Any;
const NUMBER: Kind = Kind::Any;

/// What every model takes (those that a model does not use, it refuses).
pub const COMMON: [(&str, Kind); 9] = [
    ("threads", Kind::Count(1, 4_096)),
    ("ops_per_thread", Kind::Count(1, 1 << 27)),
    ("rate_per_s", Kind::Rate),
    ("arrivals", Kind::Word(&["poisson", "constant"])),
    ("depth", TEXT),
    ("ends", TEXT),
    ("read_share", SHARE),
    ("bidirectional_share", SHARE),
    ("touch", Kind::Word(&["none", "other_core", "flush"])),
];

/// A model's name and its own parameters.
type Model = (&'static str, &'static [(&'static str, Kind)]);

/// The models with their own parameters. `sizes` and the like are one size (`4KiB`) or several with
/// weights (`70x4KiB+30x64KiB`).
pub const MODELS: [Model; 12] = [
    ("nvme", &[("bytes", Kind::Size), ("min_align_mask", MASK), ("placement", TEXT)]),
    (
        "storage",
        &[("sizes", TEXT), ("placement", TEXT), ("min_align_mask", MASK), ("alloc_align_mask", MASK)],
    ),
    (
        "net_rx",
        &[
            ("buffer_bytes", Kind::Size),
            ("packets", TEXT),
            ("copybreak", Kind::Size),
            ("recycle_share", SHARE),
            ("headroom", Kind::Size),
        ],
    ),
    ("net_tx", &[("payloads", TEXT), ("header_bytes", Kind::Size), ("fragment_bytes", Kind::Size)]),
    ("storm", &[("pool_slots", Kind::Count(1, 1 << 25)), ("beyond", NUMBER), ("sizes", TEXT)]),
    (
        "growth",
        &[
            ("pool_slots", Kind::Count(1, 1 << 25)),
            ("peak", NUMBER),
            ("ramp_up_share", SHARE),
            ("ramp_down_share", SHARE),
            ("sizes", TEXT),
        ],
    ),
    (
        "fragmentation",
        &[
            ("long_lived", Kind::Count(1, 1 << 24)),
            ("long_lived_bytes", Kind::Size),
            ("turnover", SHARE),
            ("sizes", TEXT),
        ],
    ),
    (
        "cross_cpu",
        &[
            ("unmappers", Kind::Count(0, 4_096)),
            ("partners", Kind::Word(&["paired", "spread"])),
            ("sizes", TEXT),
        ],
    ),
    (
        "lookup",
        &[
            ("lookups_per_map", Kind::Count(0, 10_000)),
            ("foreign_share", SHARE),
            ("bytes", Kind::Size),
            ("lookers", Kind::Count(0, 4_096)),
            ("anchors", Kind::Count(1, 1 << 24)),
        ],
    ),
    (
        "many_devices",
        &[("devices", Kind::Count(1, 65_535)), ("skew", NUMBER), ("masked_share", SHARE), ("sizes", TEXT)],
    ),
    (
        "fitted",
        &[
            ("trace", TEXT),
            ("draw", TEXT),
            ("burst_gap_ns", Kind::Time),
            ("burst_maps", Kind::Count(1, 1 << 24)),
            ("speed", NUMBER),
        ],
    ),
    ("parallel_replay", &[("trace", TEXT), ("skew_ns", Kind::Time), ("try_failed", Kind::Flag)]),
];

/// The parameters of the model called `name`, its own alone.
#[must_use]
pub fn own(name: &str) -> &'static [(&'static str, Kind)] {
    MODELS.iter().find(|(model, _)| *model == name).map_or(&[], |(_, keys)| keys)
}
