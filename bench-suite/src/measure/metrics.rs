//! The names of metrics, so that a suite with a typo in one is refused before it runs.
//!
//! What a runner reports depends on the cell: a name that is known here may still have no number there.

use super::plan::PlannedSuite;
use crate::run::reason::Reason;
use reports::quantile::Quantile;
use swiotlb_core::probe::Counts;
use workloads::suite::error::{Place, unknown};
use workloads::suite::{Suite, SuiteError};

/// The metric that every runner with a clock reports: what one operation takes, ns.
pub const NS_PER_OP: &str = "ns_per_op";

/// What runners report beside `*_per_op` of the step counters.
const METRICS: &[&str] = &[
    // Everything that has a clock.
    NS_PER_OP,
    // Prepared states.
    "lower_quartile_ns",
    "upper_quartile_ns",
    "pairs_per_s",
    "zoned_ns",
    "fixed_ns",
    "times_fixed",
    "kept_ready_pays_from_ns_per_page",
    "ten_times_from_ns_per_page",
    "hundred_times_from_ns_per_page",
    // Models on threads.
    "warmup_ns_per_op",
    "ops_per_s",
    "jain",
    "longest_wait_ns",
    "overlap",
    "intended_per_s",
    "achieved_per_s",
    // Models on threads and in virtual time.
    "failed_share",
    // Pools that come and go.
    "index_bytes_per_pool",
    "held_back_pools",
    "held_back_kib",
    "churn_failed_share",
    "first_growth_ns",
    "failed_until_grown",
    // Virtual time.
    "missed_share",
    "spilled_share",
    "transient_share",
    "mean_used_slots",
    // Plans made from a trace.
    "size_ks",
    "lifetime_ks",
    "gap_ks",
    "burst_ks",
    "occupancy_ks",
    "departure_share",
    "departure_greatest_slots",
    // Replays.
    "map_ns_per_op",
    "unmap_ns_per_op",
    "sync_ns_per_op",
    "find_pool_ns_per_op",
    "placed_as_recorded",
    // The control and the stand-in.
    "alu_ns",
    "copy_4k_ns",
    "spread",
    "harness_closed_ns",
    "harness_inside_ns",
    "harness_batch_ns",
    "harness_open_ns",
    "mean_response_ns",
    "mean_over_m_d_1",
    "p50_over_m_d_1",
];

/// Refuses a suite that names a metric which nothing reports.
///
/// # Errors
/// The first such name, with its place and the nearest known ones.
pub fn check(planned: &PlannedSuite, suite: &Suite) -> Result<(), SuiteError> {
    let shown = suite.show.iter().map(|name| (&name.text, Some(name.place)));
    let mut names = shown.chain(suite.subjects().map(|subject| (&subject.metric, subject.place)));
    let wrong = |(name, place): (&String, Option<Place>)| {
        let source_name = planned.source_name.clone();
        mistake(name).map(|message| SuiteError { source_name, place, message })
    };
    names.find_map(wrong).map_or(Ok(()), Err)
}

/// What is wrong with a metric's name, in words.
pub(crate) fn mistake(name: &str) -> Option<String> {
    let counters: Vec<_> = Counts::default().named().map(|(counter, _)| counter).collect();
    if METRICS.contains(&name) || name == "failed" {
        return None;
    }
    match name.split_once('.') {
        Some(("counter", rest)) => strange("step counter", rest, &counters),
        Some(("failed", rest)) => strange("reason", rest, &Reason::ALL.map(Reason::name)),
        // What is counted, and which operations have histograms, is the runner's to say.
        Some(("count", _)) => None,
        Some((_, rest)) => {
            let quantiles = Quantile::TABLE.map(|quantile| quantile.to_string());
            let known: Vec<&str> = quantiles.iter().map(String::as_str).chain(["max"]).collect();
            strange("quantile", rest, &known)
        }
        None => {
            let per_op: Vec<_> = counters.iter().map(|counter| format!("{counter}_per_op")).collect();
            let known: Vec<&str> = METRICS.iter().copied().chain(per_op.iter().map(String::as_str)).collect();
            strange("metric", name, &known)
        }
    }
}

fn strange(what: &str, name: &str, known: &[&str]) -> Option<String> {
    (!known.contains(&name)).then(|| unknown(what, name, known.iter().copied()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_pass_and_typos_name_what_is_near() {
        for name in ["ns_per_op", "slots_scanned_per_op", "counter.transient_made", "failed", "map.p99"] {
            assert_eq!(mistake(name), None, "{name}");
        }
        assert_eq!((mistake("count.pools_added"), mistake("response.max")), (None, None));
        let says = |name: &str| mistake(name).unwrap_or_default();
        assert!(says("ns_per_opp").contains("there is no metric `ns_per_opp`; the nearest is ns_per_op"));
        assert!(
            says("failed.missed-by-wlk").contains("no reason `missed-by-wlk`; the nearest is missed-by-walk")
        );
        assert!(says("counter.locks_take").contains("the nearest is locks_taken"));
        assert!(says("map.p98").contains("there is no quantile `p98`"));
    }
}
