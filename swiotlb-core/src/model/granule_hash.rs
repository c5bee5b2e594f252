//! The hash of granules: a pool that stays is found while others are put beside it and taken out from before it, and while
//! the table is replaced; who finds one by an older key sees it whole.

use super::harness::{RACE, fails, holds, preemptions};
use super::insertion::insertion;
use super::page::Page;
use super::twin_table::{Faults, SOUND, TwinTable};
use crate::addr::PhysAddr;
use crate::lookup::{GranuleHash, PoolIndex, PoolLookup};
use crate::reclaim::{Quiescent, Reclaim};
use core::ptr::NonNull;
use loom::thread;
use std::sync::Arc;

const MISSED: &str = "what stays is found";
/// Pages whose keys point to one entry, in tables of 4 and of 16 entries.
const GOES: PhysAddr = PhysAddr(0x1000);
const STAYS: PhysAddr = PhysAddr(18 << 12);
/// The newest, which is compared before any table is asked.
const NEWEST: PhysAddr = PhysAddr(0x3000);

type Index = <GranuleHash as PoolLookup>::Index<Page, Quiescent>;

/// The pool that was entered first goes, and comes again, while a thread looks for the one behind it and for itself.
fn behind(comes_again: bool) {
    let model = Arc::new((Index::default(), Quiescent::default()));
    let insert = |(index, reclaim): &(Index, Quiescent), page: &'static Page| {
        let local = reclaim.register();
        // SAFETY: leaked, and in this index only.
        unsafe { index.insert(&Quiescent::enter(&local), NonNull::from(page)) };
        Quiescent::advance(&local);
    };
    let goes = Page::leaked(GOES);
    [goes, Page::leaked(STAYS), Page::leaked(NEWEST)].into_iter().for_each(|page| insert(&model, page));
    let theirs = Arc::clone(&model);
    let reader = thread::spawn(move || {
        let local = theirs.1.register();
        let section = Quiescent::enter(&local);
        theirs.0.find(&section, STAYS, &()).expect(MISSED).read();
        if let Some(page) = theirs.0.find(&section, GOES, &()) {
            page.read();
        }
    });
    let local = model.1.register();
    assert!(model.0.remove(&Quiescent::enter(&local), NonNull::from(goes)));
    drop(local);
    if comes_again {
        insert(&model, Page::leaked(GOES));
    }
    reader.join().expect("it looks");
}

#[test]
fn what_stays_is_found() {
    holds("granule-hash, the entry before goes", preemptions(2), || behind(false));
    holds("granule-hash, the entry before goes and comes", preemptions(2), || behind(true));
    // The third pool is one too many for the first table.
    holds("granule-hash, a larger table", preemptions(2), || {
        insertion::<GranuleHash>(&[PhysAddr(0x1000), NEWEST])
    });
}

/// The same on the twin: its first entry is taken out and used again while a thread looks for both pools.
fn twin(faults: Faults) {
    let table = Arc::new(TwinTable::new(faults));
    table.put(1, Page::leaked(GOES));
    table.put(2, Page::leaked(STAYS));
    let theirs = Arc::clone(&table);
    let reader = thread::spawn(move || {
        theirs.find(2).expect(MISSED).read();
        if let Some(page) = theirs.find(1) {
            page.read();
        }
    });
    table.take(1);
    table.put(1, Page::leaked(GOES));
    reader.join().expect("it looks");
}

/// A larger table takes the twin's place while a thread looks.
fn twin_grows(faults: Faults) {
    let table = Arc::new(TwinTable::new(faults));
    table.put(1, Page::leaked(STAYS));
    let theirs = Arc::clone(&table);
    let reader = thread::spawn(move || theirs.find(1).expect(MISSED).read());
    table.replace();
    reader.join().expect("it looks");
}

#[test]
fn a_step_that_is_left_out_loses_a_pool() {
    holds("granule-hash, the twin without a fault", preemptions(2), || twin(SOUND));
    holds("granule-hash, the twin without a fault, a larger table", None, || twin_grows(SOUND));
    let empties = Faults { keeps_key: false, ..SOUND };
    fails("granule-hash, an entry emptied before another", None, MISSED, move || twin(empties));
    let relaxed = Faults { pool: crate::sync::Ordering::Relaxed, ..SOUND };
    fails("granule-hash, Relaxed store of a pool", None, RACE, move || twin(relaxed));
    let table = Faults { table: crate::sync::Ordering::Relaxed, ..SOUND };
    fails("granule-hash, Relaxed store of a table", None, RACE, move || twin_grows(table));
    let early = Faults { fills_first: false, ..SOUND };
    fails("granule-hash, a table linked before it is filled", None, MISSED, move || twin_grows(early));
}
