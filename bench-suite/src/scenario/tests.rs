//! Every cell runs, and its operations end as it promises.

use super::*;
use crate::subject;
use swiotlb_core::lookup::SortedArray;
use swiotlb_core::policy::Kernel;
use swiotlb_core::trip::EachStep;
use workloads::suite::keys::PARTS;

/// How many batches were reported.
fn batches(state: &mut dyn Prepared, batches: usize, ops: u64) -> Result<usize, ScenarioError> {
    let mut count = 0;
    state.run(batches, ops, &mut |_| count += 1)?;
    // Threads report those batches in which they met.
    assert!(count == batches || !state.runs_alone());
    Ok(count)
}

#[test]
fn every_cell_runs_for_the_kernel_s_policy() {
    for cell in cells::all() {
        match prepare::<Kernel>(&cell.scenario).and_then(|mut state| batches(&mut *state, 2, 70)) {
            Ok(_) => {}
            Err(ScenarioError::TooFewCores { .. }) => {}
            Err(error) => panic!("{}: {error}", cell.name),
        }
    }
}

#[test]
fn fallbacks_and_rival_lookups_run() {
    for (part, word) in FallbackPart::ALL {
        assert!(PARTS.contains(&word), "{word}: a suite may say it");
        let state = prepare::<Kernel>(&Scenario::Fallback(Fallback { slots: 2, part }));
        assert!(state.and_then(|mut state| batches(&mut *state, 2, 70)).is_ok());
    }
    let lookup = FindPool { pools: 16, address: Address::Random, section: Section::PerBatch };
    let state = prepare::<<Kernel as With>::Lookup<SortedArray>>(&Scenario::FindPool(lookup));
    assert!(state.and_then(|mut state| batches(&mut *state, 2, 70)).is_ok());
}

#[test]
fn lookups_find_their_pools_while_others_come_and_go() -> Result<(), ScenarioError> {
    for address in [Address::Head, Address::Tail, Address::Miss, Address::Random] {
        for pairs_per_s in [0, 1_000_000] {
            let churn = Scenario::Churn(Churn { pools: 8, address, pairs_per_s, stalled: false });
            let mut state = match prepare::<Kernel>(&churn) {
                Err(ScenarioError::TooFewCores { .. }) => continue,
                prepared => prepared?,
            };
            assert_eq!(batches(&mut *state, 20, 1_000)?, 20);
            assert_eq!(state.more().is_empty(), pairs_per_s == 0, "{address:?}: the achieved rate is told");
        }
    }
    Ok(())
}

#[test]
fn a_device_that_never_bounced_is_told_so_without_a_search() -> Result<(), ScenarioError> {
    let visited = |address| -> Result<_, ScenarioError> {
        let cell = Scenario::FindPool(FindPool { pools: 64, address, section: Section::PerBatch });
        assert_eq!(batches(&mut *prepare::<Kernel>(&cell)?, 2, 70)?, 2);
        let counted = count_steps(subject::build::<Kernel>(), &cell)?;
        Ok(counted.map(|(counts, ops)| (counts.lookups / ops, counts.pools_visited / ops)))
    };
    assert_eq!(visited(Address::Unflagged)?, Some((1, 0)));
    assert_eq!(visited(Address::Miss)?, Some((1, 64)));
    Ok(())
}

#[test]
fn a_search_that_should_fail_and_does_not_gives_no_number() {
    let cell = SlotSearch { nslabs: NSLABS, occupancy: Occupancy::Empty, slots: 1, copy: false, fails: true };
    let state = prepare::<Kernel>(&Scenario::SlotSearch(cell));
    let run = state.and_then(|mut state| batches(&mut *state, 1, 10));
    assert!(matches!(run, Err(ScenarioError::Unverified { wrong: 10, ops: 10 })));
}

#[test]
fn a_round_trip_looks_its_pool_up_once_and_six_times_at_each_step() -> Result<(), ScenarioError> {
    let cell = SlotSearch { nslabs: NSLABS, occupancy: Occupancy::Empty, slots: 2, copy: true, fails: false };
    let builds = [subject::build::<Kernel>(), subject::build::<<Kernel as With>::Trip<EachStep>>()];
    for (build, lookups) in builds.into_iter().zip([1, 6]) {
        let counted = count_steps(build, &Scenario::SlotSearch(cell))?;
        assert_eq!(counted.map(|(counts, ops)| counts.lookups / ops), Some(lookups));
    }
    Ok(())
}
