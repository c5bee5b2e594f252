//! Tests of the registry.

use super::conformance::{Each, with_every_policy};
use super::*;
use std::collections::BTreeSet;

#[test]
fn every_policy_goes_through_the_suites_of_the_core() {
    struct Labels(BTreeSet<String>);

    impl Each for Labels {
        fn each<P: With>(&mut self) {
            self.0.insert(label::<P>());
        }
    }

    let mut suites = Labels(BTreeSet::new());
    with_every_policy(&mut suites);
    let missing: Vec<_> =
        ALL.iter().filter(|entry| !suites.0.contains(&entry.label())).map(|entry| entry.name).collect();
    assert!(missing.is_empty(), "{missing:?} need a line in swiotlb-core/tests/common/policies.rs");
}

#[test]
fn no_two_policies_share_a_name_or_a_label() {
    let names: BTreeSet<_> = ALL.iter().map(|entry| entry.name).collect();
    let labels: BTreeSet<_> = ALL.iter().map(Entry::label).collect();
    assert_eq!((names.len(), labels.len()), (ALL.len(), ALL.len()));
}

#[test]
fn an_unknown_name_is_met_with_the_nearest() {
    let error = by_name("lock-tiket").err().unwrap_or_default();
    assert!(error.starts_with("there is no policy `lock-tiket`; the nearest is lock-ticket"), "{error}");
}
