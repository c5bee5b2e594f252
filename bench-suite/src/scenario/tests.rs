//! Every cell runs, and its operations end as it promises.

use super::*;
use crate::subject;
use swiotlb_core::lookup::SortedArray;
use swiotlb_core::phys::{Atomic, Cached, CostModel, Mapping, System};
use swiotlb_core::policy::{Kernel, PagesFrom};
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
        match AboutMemory::prepare::<Kernel>(&cell.scenario).and_then(|mut state| batches(&mut *state, 2, 70))
        {
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
        let mut cell = Fallback::new(2, part);
        if part == FallbackPart::Decryption {
            cell.platform = Platform::Attribute;
        }
        let state = AboutMemory::prepare::<Kernel>(&Scenario::Fallback(cell));
        assert!(state.and_then(|mut state| batches(&mut *state, 2, 70)).is_ok());
    }
    let lookup = FindPool { pools: 16, address: Address::Random, section: Section::PerBatch };
    let state = AboutMemory::prepare::<<Kernel as With>::Lookup<SortedArray>>(&Scenario::FindPool(lookup));
    assert!(state.and_then(|mut state| batches(&mut *state, 2, 70)).is_ok());
}

#[test]
fn fallbacks_run_with_every_source_in_every_storm_and_on_every_platform() {
    fn run<P: With>(name: &str) {
        let cost = Platform::Cost(CostModel { fixed_spins: 10, per_page_spins: 1 });
        for (storm, word) in Storm::ALL {
            for platform in [Platform::Plain, cost, Platform::Attribute] {
                let cell = Fallback { storm, platform, ..Fallback::new(3, FallbackPart::RoundTrip) };
                let state = AboutMemory::prepare::<P>(&Scenario::Fallback(cell));
                let ran = state.and_then(|mut state| batches(&mut *state, 2, 300));
                assert!(ran.is_ok(), "{name}, {word}, {platform:?}: {ran:?}");
            }
        }
    }
    run::<Kernel>("zoned");
    run::<<Kernel as With>::Pages<PagesFrom<Atomic>>>("atomic");
    run::<<Kernel as With>::Pages<PagesFrom<System>>>("system");
    run::<<Kernel as With>::Pages<PagesFrom<Mapping>>>("mmap");
    run::<<Kernel as With>::Pages<PagesFrom<Cached>>>("cached");
}

#[test]
fn a_break_even_is_told_with_what_it_follows_from() -> Result<(), ScenarioError> {
    let cell = Scenario::Fallback(Fallback::new(4, FallbackPart::BreakEven));
    let mut state = AboutMemory::prepare::<<Kernel as With>::Pages<PagesFrom<Cached>>>(&cell)?;
    batches(&mut *state, 2, 70)?;
    let more = state.more();
    let metric = |name| more.iter().find(|(known, _)| *known == name).map_or(f64::NAN, |(_, number)| *number);
    assert!(metric("fixed_ns") > 0.0 && metric("zoned_ns") > 0.0);
    assert!(metric("hundred_times_from_ns_per_page") >= metric("ten_times_from_ns_per_page"));
    Ok(())
}

#[test]
fn lookups_find_their_pools_while_others_come_and_go() -> Result<(), ScenarioError> {
    for address in [Address::Head, Address::Tail, Address::Miss, Address::Random] {
        for pairs_per_s in [0, 1_000_000] {
            let churn =
                Scenario::Churn(Churn { pools: 8, address, pairs_per_s, encrypted: false, stalled: false });
            let mut state = match AboutMemory::prepare::<Kernel>(&churn) {
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
        assert_eq!(batches(&mut *AboutMemory::prepare::<Kernel>(&cell)?, 2, 70)?, 2);
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
    let state = AboutMemory::prepare::<Kernel>(&Scenario::SlotSearch(cell));
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
