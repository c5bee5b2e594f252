//! What a metric's name says of it: its unit, and which direction is better.

use crate::compare::effect::Better;
use crate::quantile::Quantile;
use crate::record::RunRecord;
use std::collections::BTreeSet;

/// Endings of names, and the unit that each stands for.
const ENDINGS: [(&str, &str); 5] =
    [("_per_s", "/s"), ("_per_op", "/op"), ("_ns", "ns"), ("_kib", "KiB"), ("_share", "share")];

/// The unit of a metric: `ns/op`, `ops/s`, `ns`; `1` where its name says none.
#[must_use]
pub fn unit(name: &str) -> String {
    if is_quantile(name) {
        return "ns".to_owned();
    }
    let found = ENDINGS.iter().find_map(|(ending, unit)| Some((name.strip_suffix(ending)?, *unit)));
    match found {
        Some((what, unit)) if unit.starts_with('/') => format!("{what}{unit}"),
        Some((_, unit)) => unit.to_owned(),
        None if name.starts_with("ns_per_") => "ns".to_owned(),
        None => "1".to_owned(),
    }
}

/// Which direction is better; nothing where a metric only describes.
#[must_use]
pub fn better(name: &str) -> Option<Better> {
    let judged = is_quantile(name)
        || name.starts_with("counter.")
        || name.starts_with("failed")
        || ["_per_s", "_per_op", "_ns", "_kib", "_share"].iter().any(|ending| name.ends_with(ending))
        || name == "jain";
    judged.then(|| Better::of(name))
}

/// `map.p99`, `response.max`.
fn is_quantile(name: &str) -> bool {
    let Some((operation, which)) = name.split_once('.') else { return false };
    let known = || Quantile::TABLE.iter().any(|quantile| which == quantile.to_string());
    !matches!(operation, "counter" | "count" | "failed") && (which == "max" || known())
}

/// What a run is known by: its metrics, and the quantiles of its histograms.
#[must_use]
pub fn main_names(record: &RunRecord) -> BTreeSet<String> {
    let quantiles = record.latencies.keys().flat_map(|operation| {
        let which = Quantile::TABLE.iter().map(ToString::to_string).chain(["max".to_owned()]);
        which.map(move |which| format!("{operation}.{which}"))
    });
    record.metrics.keys().cloned().chain(quantiles).collect()
}

/// Every name under which [`crate::metric::of`] may find a number in this record.
#[must_use]
pub fn all_names(record: &RunRecord) -> BTreeSet<String> {
    let named = |prefix: &'static str, keys: Vec<&String>| {
        let names: Vec<String> = keys.into_iter().map(|key| format!("{prefix}.{key}")).collect();
        names
    };
    let mut names = main_names(record);
    names.extend(named("counter", record.counters.keys().collect()));
    names.extend(named("count", record.counts.keys().collect()));
    names.extend(named("failed", record.failures.keys().collect()));
    names.insert("failed".to_owned());
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric;
    use crate::record::tests::sample;

    #[test]
    fn units_by_name() {
        for (name, of) in [
            ("ns_per_op", "ns/op"),
            ("slots_scanned_per_op", "slots_scanned/op"),
            ("ops_per_s", "ops/s"),
            ("longest_wait_ns", "ns"),
            ("map.p99.9", "ns"),
            ("response.max", "ns"),
            ("held_back_kib", "KiB"),
            ("jain", "1"),
            ("counter.max", "1"),
        ] {
            assert_eq!(unit(name), of, "{name}");
        }
    }

    #[test]
    fn what_only_describes_has_no_better_direction() {
        assert_eq!(better("ns_per_op"), Some(Better::Lower));
        assert_eq!(better("map.p99"), Some(Better::Lower));
        assert_eq!(["ops_per_s", "jain"].map(better), [Some(Better::Higher); 2]);
        assert_eq!(["overlap", "count.maps", "size_ks"].map(better), [None; 3]);
    }

    #[test]
    fn every_name_leads_to_its_number_or_to_too_few_samples() {
        let record = sample();
        let names = all_names(&record);
        let found = names.iter().filter(|name| metric::of(&record, name).is_some()).count();
        // One metric, two counters, two counts, two reasons and their sum; five quantiles and a maximum of
        // `map`, of which 20,001 samples are too few for p99.99; the median and the maximum of `find_pool`.
        assert_eq!((found, names.len()), (8 + 5 + 2, 8 + 6 + 6));
    }
}
