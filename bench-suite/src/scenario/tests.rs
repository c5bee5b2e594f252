//! Every cell runs, and its operations end as it promises.

use super::*;
use swiotlb_core::lookup::SortedArray;
use swiotlb_core::policy::Kernel;

#[test]
fn every_cell_runs_for_the_kernel_s_policy() {
    for cell in cells::all() {
        match prepare::<Kernel>(&cell.scenario).and_then(|mut state| state.run(2, 70)) {
            Ok(times) => assert!(times.len() >= 2, "{}", cell.name),
            Err(ScenarioError::TooFewCores { .. }) => {}
            Err(error) => panic!("{}: {error}", cell.name),
        }
    }
}

#[test]
fn fallbacks_and_rival_lookups_run() {
    for part in [FallbackPart::RoundTrip, FallbackPart::Reclaim] {
        let state = prepare::<Kernel>(&Scenario::Fallback(Fallback { slots: 2, part }));
        assert!(state.and_then(|mut state| state.run(2, 70)).is_ok());
    }
    let lookup = FindPool { pools: 16, address: Address::Random, section: Section::PerBatch };
    let state = prepare::<<Kernel as With>::Lookup<SortedArray>>(&Scenario::FindPool(lookup));
    assert!(state.and_then(|mut state| state.run(2, 70)).is_ok());
}

#[test]
fn a_search_that_should_fail_and_does_not_gives_no_number() {
    let cell = SlotSearch { occupancy: Occupancy::Empty, slots: 1, copy: false, fails: true };
    let state = prepare::<Kernel>(&Scenario::SlotSearch(cell));
    let run = state.and_then(|mut state| state.run(1, 10));
    assert!(matches!(run, Err(ScenarioError::Unverified { wrong: 10, ops: 10 })));
}
