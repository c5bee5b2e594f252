//! Comparing what an operation did with what Linux did, field by field.

use crate::subject::Abilities;
use swiotlb_core::policy::Reproduces;
use workloads::golden::{Cause, Init, InitMode, Op, Out};

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The field of `out`.
    pub field: &'static str,
    /// What the vector holds.
    pub expected: String,
    /// What the policy did.
    pub got: String,
}

/// What a field belongs to: a policy that does not reproduce it is not compared on it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Follows from rules that every policy keeps.
    Rule,
    /// Follows from which slots requests get.
    Placement,
    /// The same, and is seen only by who can look inside.
    Inside,
    /// Follows from exact statistics (and from placement, where requests fail or not).
    Statistics,
    /// Follows from which pages are taken and given back.
    Pages,
    /// Follows from what is freed after a grace period.
    Reclaim,
    /// Follows from placement and from the device's flag.
    Lookup,
    /// A CRC of data, which no policy may lose.
    Data,
}

/// The groups of fields that a policy is not compared on, in words.
pub fn left_out(reproduces: Reproduces, abilities: Abilities) -> Option<String> {
    let mut groups: Vec<_> =
        reproduces.words().into_iter().filter(|&(_, kept)| !kept).map(|(what, _)| what).collect();
    if !reproduces.placement {
        groups.push("what follows from placement");
    }
    if reproduces.placement && !abilities.inside {
        let inside = ["areas", "pools that come and go", "page events", "reclaim order", "notes"];
        groups.extend(inside.into_iter().filter(|what| !reproduces.leaves_out(what)));
    }
    if !abilities.set_up {
        groups.push("late and restricted set-up");
    }
    if groups.is_empty() { None } else { Some(groups.join(", ")) }
}

fn compared(kind: Kind, op: &Op, reproduces: Reproduces, abilities: Abilities) -> bool {
    let Reproduces { placement, statistics, page_events, reclaim_order, flag } = reproduces;
    match kind {
        Kind::Data => true,
        // Set-up and declarations do not depend on what came before; late set-up does on what pages there are.
        Kind::Rule => {
            let late = |init: &Init| init.mode != InitMode::Early;
            let set_up = matches!(op, Op::Init(_) | Op::Device(_) | Op::Restricted(_));
            placement || set_up && !matches!(op, Op::Init(init) if late(init))
        }
        Kind::Placement => placement,
        Kind::Inside => placement && abilities.inside,
        Kind::Statistics => placement && statistics,
        Kind::Pages => placement && page_events && abilities.inside,
        Kind::Reclaim => placement && reclaim_order && abilities.inside,
        Kind::Lookup => placement && flag,
    }
}

macro_rules! differences {
    ($op:expr, $reproduces:expr, $abilities:expr, $expected:expr, $got:expr, $($kind:ident: $($field:ident)*;)*) => {{
        let mut differences = Vec::new();
        $($(
            if compared(Kind::$kind, $op, $reproduces, $abilities) && $expected.$field != $got.$field {
                differences.push(Difference {
                    field: stringify!($field),
                    expected: shown(&$expected.$field),
                    got: shown(&$got.$field),
                });
            }
        )*)*
        differences
    }};
}

/// Where `got` differs from `expected` in what the policy declares to reproduce. A CRC that the policy
/// could not take, because its mapping failed where Linux's did not, is no difference for a policy of
/// another placement.
pub fn compare(
    op: &Op,
    reproduces: Reproduces,
    abilities: Abilities,
    expected: &Out,
    got: &Out,
) -> Vec<Difference> {
    let mut differences = differences!(op, reproduces, abilities, expected, got,
        Rule: nslabs nareas area_nslabs base default_nslabs default_nareas can_grow phys_limit rc
            max_mapping_size active force_bounce for_alloc notes ok err bug cause;
        Placement: transient off slot pad_slots first nslots alloc_left paddr;
        Inside: pools_added pools_removed work_scheduled pool area pools ran;
        Pages: pages;
        Reclaim: rcu_queued callbacks;
        Lookup: found;
        Statistics: total_used used_hiwater transient_nslabs;
        Data: dev_crc cpu_crc;
    );
    // What would be logged is a rule, and known inside only.
    differences.retain(|d| abilities.inside || !["notes", "cause"].contains(&d.field));
    // The kernel's vectors have no word for causes.
    let used_alone = || !reproduces.statistics && uncounted(expected) == uncounted(got);
    differences.retain(|d| d.field != "cause" || expected.cause.is_some() && !used_alone());
    if !reproduces.placement {
        let absent = |d: &Difference| d.expected == ABSENT || d.got == ABSENT;
        differences.retain(|d| !(d.field.ends_with("_crc") && absent(d)));
    }
    differences
}

/// The cause, but for the number that comes from statistics.
fn uncounted(out: &Out) -> Option<Cause> {
    match out.cause {
        Some(Cause::Full { wanted, total, .. }) => Some(Cause::Full { wanted, total, used: 0 }),
        cause => cause,
    }
}

const ABSENT: &str = "absent";

/// A value for a reader: what is absent is called so.
fn shown<T: core::fmt::Debug>(value: &T) -> String {
    let text = format!("{value:?}");
    match text.as_str() {
        "None" | "[]" => ABSENT.to_owned(),
        _ => text.strip_prefix("Some(").and_then(|t| t.strip_suffix(')')).unwrap_or(&text).to_owned(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    const ALL: Reproduces = Reproduces::ALL;

    #[test]
    fn every_differing_field_is_named() {
        let expected = Out { slot: Some(3), ok: Some(true), ..Out::default() };
        let got = Out { slot: Some(4), ..expected.clone() };
        let found = compare(&Op::RunRcu, ALL, Abilities::ALL, &expected, &got);
        assert_eq!(found.len(), 1);
        let first = found.first().unwrap();
        assert_eq!((first.field, first.expected.as_str(), first.got.as_str()), ("slot", "3", "4"));
    }

    #[test]
    fn a_policy_is_not_held_to_what_it_does_not_reproduce() {
        let all = |n| Out {
            slot: Some(n),
            total_used: Some(n),
            dev_crc: Some(n),
            callbacks: Some(n),
            ..Out::default()
        };
        let (expected, got) = (all(3), all(9));
        let fields = |reproduces| -> Vec<_> {
            compare(&Op::RunRcu, reproduces, Abilities::ALL, &expected, &got)
                .iter()
                .map(|d| d.field)
                .collect()
        };
        assert_eq!(fields(ALL), ["slot", "callbacks", "total_used", "dev_crc"]);
        assert_eq!(fields(Reproduces { statistics: false, ..ALL }), ["slot", "callbacks", "dev_crc"]);
        assert_eq!(fields(Reproduces { placement: false, ..ALL }), ["dev_crc"]);
    }

    #[test]
    fn who_cannot_look_inside_is_not_held_to_what_is_there() {
        let outside = Abilities { inside: false, ..Abilities::ALL };
        let all = |n| Out { slot: Some(n), ran: Some(n > 0), callbacks: Some(n), ..Out::default() };
        let found = compare(&Op::RunRcu, ALL, outside, &all(0), &all(1));
        assert_eq!(found.iter().map(|d| d.field).collect::<Vec<_>>(), ["slot"]);
        let said = left_out(Reproduces { statistics: false, ..ALL }, outside);
        assert_eq!(
            said.unwrap(),
            "statistics, areas, pools that come and go, page events, reclaim order, notes"
        );
    }
}
