//! The scenarios that a suite may name, and the parameters that each takes.

use super::error::unknown;
use super::model_keys;
use super::value::Kind;
use swiotlb_core::rules::{MAX_AREAS, MAX_POOL_SLABS};

/// What a suite's cells run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Which sort of run.
    pub sort: Sort,
    /// The workload model, for those sorts that run one.
    pub model: Option<String>,
}

/// The sorts of run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// One map and its unmap in a prepared pool.
    SlotSearch,
    /// `find_pool` among many pools.
    FindPool,
    /// The transient fallback, in parts.
    Fallback,
    /// A workload model on real threads.
    Model,
    /// A workload model in virtual time, on one thread.
    Virtual,
    /// A recorded trace.
    Replay,
    /// Nothing of ours: arithmetic and copies, to judge the host.
    Control,
    /// A stand-in of known service time, to judge the harness.
    Dummy,
}

/// Sort, the word for it, and whether a model's name follows.
const SORTS: [(Sort, &str, bool); 8] = [
    (Sort::SlotSearch, "slot_search", false),
    (Sort::FindPool, "find_pool", false),
    (Sort::Fallback, "fallback", false),
    (Sort::Model, "model", true),
    (Sort::Virtual, "virtual", true),
    (Sort::Replay, "replay", false),
    (Sort::Control, "control", false),
    (Sort::Dummy, "dummy", false),
];

/// The workload models, by name.
pub fn models() -> impl Iterator<Item = &'static str> {
    model_keys::MODELS.iter().map(|(name, _)| *name)
}

impl Sort {
    /// The word that a suite writes.
    #[must_use]
    pub fn word(self) -> &'static str {
        SORTS.iter().find(|(sort, ..)| *sort == self).map_or("", |(_, word, _)| word)
    }

    /// Whether a policy is under test in it.
    #[must_use]
    pub const fn has_policy(self) -> bool {
        !matches!(self, Self::Control | Self::Dummy)
    }
}

impl Scenario {
    /// Reads `slot_search` or `model nvme`.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let first = words.next().unwrap_or("");
        let known = SORTS.iter().find(|(_, word, _)| *word == first);
        let &(sort, word, wants_model) =
            known.ok_or_else(|| unknown("scenario", first, SORTS.iter().map(|(_, word, _)| *word)))?;
        let model = words.next();
        if words.next().is_some() || (!wants_model && model.is_some()) {
            return Err(format!("`{}`: nothing may follow", text.escape_debug()));
        }
        match model {
            Some(name) if models().all(|model| model != name) => {
                Err(unknown("workload model", name, models()))
            }
            None if wants_model => {
                Err(format!("`{word}` wants a workload model: {}", models().collect::<Vec<_>>().join(", ")))
            }
            model => Ok(Self { sort, model: model.map(str::to_owned) }),
        }
    }
}

impl core::fmt::Display for Scenario {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match &self.model {
            Some(model) => write!(f, "{} {model}", self.sort.word()),
            None => f.write_str(self.sort.word()),
        }
    }
}

/// What a pool's slots are before a slot search, in percent; `failing-F` is F % fragmented and every
/// search is meant to fail (the buffer is longer than any free run).
pub const STATES: [&str; 12] = [
    "empty",
    "taken-10",
    "taken-50",
    "taken-90",
    "taken-99",
    "fragmented-10",
    "fragmented-50",
    "fragmented-90",
    "aged-50",
    "aged-90",
    "failing-50",
    "failing-90",
];

/// What of a transient fallback is measured: the round trip and its parts, the reclaim and its parts; what a
/// decryption model takes; the round trip beside those that it is compared with.
pub const PARTS: [&str; 13] = [
    "round-trip",
    "search",
    "pages",
    "zeroing",
    "descriptors",
    "publication",
    "unlink",
    "copy",
    "reclaim",
    "free",
    "grace",
    "decryption",
    "break-even",
];

const SLOTS: Kind = Kind::Count(1, 128);
const POOL: [(&str, Kind); 5] = [
    ("nslabs", Kind::Count(1, MAX_POOL_SLABS)),
    ("nareas", Kind::Count(1, MAX_AREAS as u64)),
    ("can_grow", Kind::Flag),
    ("growth_delay", Kind::Time),
    ("copy", Kind::Flag),
];
const LOOP: [(&str, Kind); 5] = [
    ("loop", Kind::Word(&["closed", "open"])),
    ("batch", Kind::Count(1, 1 << 20)),
    ("warmup", Kind::Count(0, 90)),
    ("time_limit", Kind::Time),
    ("repeat", Kind::Count(1, 1 << 20)),
];
const MACHINE: [(&str, Kind); 2] = [("pin", Kind::Flag), ("huge_pages", Kind::Flag)];

/// The parameters of a scenario.
fn own(scenario: &Scenario) -> Vec<(&'static str, Kind)> {
    let sort = scenario.sort;
    let mut keys = match sort {
        Sort::SlotSearch => vec![
            ("state", Kind::Word(&STATES)),
            ("slots", SLOTS),
            ("copy", Kind::Flag),
            ("threads", Kind::Count(1, 2)),
            ("nareas", Kind::Count(1, 2)),
        ],
        Sort::FindPool => vec![
            ("pools", Kind::Count(1, 65_536)),
            ("position", Kind::Word(&["head", "tail", "miss", "random", "never-bounced", "insert-remove"])),
            ("section", Kind::Word(&["per-batch", "per-lookup", "after-copy", "stalled"])),
            ("churn", Kind::Rate),
            ("decrypt", Kind::Word(&["none", "cost"])),
        ],
        Sort::Fallback => vec![
            ("slots", SLOTS),
            ("part", Kind::Word(&PARTS)),
            ("storm", Kind::Word(&["kept-up", "outruns"])),
            ("decrypt", Kind::Word(&["none", "cost", "attribute"])),
            ("fixed_spins", Kind::Count(0, 1 << 32)),
            ("page_spins", Kind::Count(0, 1 << 32)),
        ],
        Sort::Model | Sort::Virtual => {
            let model = scenario.model.as_deref().map(model_keys::own).unwrap_or_default();
            model_keys::COMMON.iter().chain(model).copied().collect()
        }
        Sort::Replay => vec![("trace", Kind::Any), ("pace", Kind::Word(&["closed", "open"]))],
        Sort::Control => vec![],
        Sort::Dummy => vec![
            ("service", Kind::Time),
            ("stall", Kind::Time),
            ("stall_every", Kind::Time),
            ("rate", Kind::Rate),
            ("arrivals", Kind::Word(&["poisson", "constant"])),
            ("operations", Kind::Count(1, 1 << 32)),
        ],
    };
    match sort {
        Sort::Model => keys.extend(POOL.iter().chain(&LOOP).chain(&MACHINE)),
        Sort::Virtual | Sort::Replay => keys.extend(POOL),
        Sort::Dummy => keys.extend(LOOP.iter().take(1)),
        _ => {}
    }
    keys
}

/// The kind of parameter `key` of `scenario`.
///
/// # Errors
/// An unknown key, with the nearest known ones.
pub fn kind(scenario: &Scenario, key: &str) -> Result<Kind, String> {
    let keys = own(scenario);
    match keys.iter().find(|(name, _)| *name == key) {
        Some((_, kind)) => Ok(*kind),
        None => Err(unknown("parameter", key, keys.iter().map(|(name, _)| *name).chain(["policy"]))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenarios_are_read_and_written_alike() {
        for text in ["slot_search", "model nvme", "virtual storm", "control"] {
            assert_eq!(Scenario::parse(text).map(|s| s.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn mistakes_name_what_is_near() {
        let says = |text: &str| Scenario::parse(text).expect_err(text);
        assert!(says("slot_serach").contains("the nearest is slot_search"));
        assert!(says("model nvem").contains("the nearest is nvme"));
        assert!(says("model").contains("wants a workload model"));
        assert!(says("control nvme").contains("nothing may follow"));
        let find_pool = Scenario { sort: Sort::FindPool, model: None };
        assert!(kind(&find_pool, "pool").expect_err("typo").contains("the nearest is pools"));
    }
}
