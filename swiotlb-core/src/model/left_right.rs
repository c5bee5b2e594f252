//! Left-right: nobody is in the side that is changed, however late a reader counted itself.

use super::harness::{Bound, RACE, fails, holds, preemptions};
use super::page::Page;
use super::twin_sides::{Faults, TwinSides};
use crate::addr::PhysAddr;
use crate::lookup::{LeftRight, PoolIndex, PoolLookup};
use crate::reclaim::Leak;
use core::ptr::NonNull;
use loom::thread;
use std::sync::Arc;

/// What the models ask of it. Both are changes and reads of cells that loom watches.
trait Sides: Send + Sync + 'static {
    /// What is in from the beginning.
    fn filled() -> Self;
    /// One change, on both sides.
    fn change(&self);
    /// One look at the live side.
    fn look(&self);
}

type Index = <LeftRight as PoolLookup>::Index<Page, Leak>;

impl Sides for Index {
    fn filled() -> Self {
        let index = Self::default();
        // SAFETY: leaked, and in this index only.
        unsafe { index.insert(&(), NonNull::from(Page::leaked(PhysAddr(0x1000)))) };
        index
    }

    fn change(&self) {
        // SAFETY: as above.
        unsafe { self.insert(&(), NonNull::from(Page::leaked(PhysAddr(0x2000)))) };
    }

    fn look(&self) {
        self.find(&(), PhysAddr(0x1000), &()).expect("what stays is found").read();
    }
}

impl<F: Faults> Sides for TwinSides<F> {
    fn filled() -> Self {
        let sides = Self::default();
        sides.change();
        sides
    }

    fn change(&self) {
        TwinSides::change(self);
    }

    fn look(&self) {
        TwinSides::look(self);
    }
}

/// `readers` threads look `looks` times each while this one makes `changes`.
fn apart<S: Sides>(readers: usize, looks: usize, changes: usize) {
    let sides = Arc::new(S::filled());
    // So that no counter has its initial value.
    sides.look();
    let readers: Vec<_> = (0..readers)
        .map(|_| {
            let sides = Arc::clone(&sides);
            thread::spawn(move || (0..looks).for_each(|_| sides.look()))
        })
        .collect();
    (0..changes).for_each(|_| sides.change());
    for reader in readers {
        reader.join().expect("it looks");
    }
}

/// One change is made while one reader looks, or two while it looks once: then it may count on a turn of before.
fn one_reader<S: Sides>(name: &'static str, bound: Bound, changes: usize) {
    holds(name, bound, move || apart::<S>(1, 1, changes));
}

#[test]
fn nobody_is_in_the_side_that_is_changed() {
    one_reader::<Index>("left-right, 1 reader", None, 1);
    one_reader::<Index>("left-right, 1 reader, 2 changes", preemptions(3), 2);
    holds("left-right, 2 readers", preemptions(2), || apart::<Index>(2, 1, 1));
    holds("left-right, 1 reader twice, 2 changes", preemptions(2), || apart::<Index>(1, 2, 2));
}

/// Nothing is wrong.
struct Sound;
impl Faults for Sound {}

/// The four SeqCst accesses are AcqRel.
struct Weak;
impl Faults for Weak {
    const ONE_ORDER: bool = false;
}

/// The reader counts itself out Relaxed.
struct Leaves;
impl Faults for Leaves {
    const LEAVES: crate::sync::Ordering = crate::sync::Ordering::Relaxed;
}

/// The writer does not wait for those who counted on the turn before.
struct OneTurn;
impl Faults for OneTurn {
    const WAITS_FOR_LATE: bool = false;
}

/// The writer does not wait for those who count on this turn.
struct Hasty;
impl Faults for Hasty {
    const WAITS_FOR_REST: bool = false;
}

#[test]
fn a_step_that_is_left_out_lets_a_reader_in() {
    one_reader::<TwinSides<Sound>>("left-right, the twin without a fault", None, 1);
    one_reader::<TwinSides<Sound>>("left-right, the twin without a fault, 2 changes", preemptions(3), 2);
    fails("left-right, AcqRel for SeqCst", None, RACE, || apart::<TwinSides<Weak>>(1, 1, 1));
    fails("left-right, Relaxed count out", None, RACE, || apart::<TwinSides<Leaves>>(1, 1, 1));
    fails("left-right, no wait for this turn", None, RACE, || apart::<TwinSides<Hasty>>(1, 1, 1));
    fails("left-right, no wait for the turn before", preemptions(3), RACE, || {
        apart::<TwinSides<OneTurn>>(1, 1, 2);
    });
}
