//! The cells of the slot-search tables, and what Linux's own code took for each.
//!
//! Linux's figures are for orientation: 6.12's code compiled for user space, on a virtual machine of this
//! project's kind, copying off unless the cell says on. They were taken apart from ours, so a ratio says
//! "about as fast", not "faster by so much".

use super::{Address, FindPool, Floor, NSLABS, Occupancy, Scenario, Section, SlotSearch, TwoThreads};

/// The ratio to Linux's own code that counts as the same algorithm: slower is a straw man, faster is
/// another algorithm.
pub const AIM: (f64, f64) = (0.87, 1.15);

/// One cell.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Its table.
    pub group: &'static str,
    /// What is done, in words.
    pub name: String,
    /// The same for the machine.
    pub scenario: Scenario,
    /// Linux's figure in ns per operation, if there is one.
    pub linux_ns: Option<f64>,
}

impl Cell {
    /// Ours over Linux's.
    #[must_use]
    pub fn ratio(&self, ns: f64) -> Option<f64> {
        self.linux_ns.map(|linux| ns / linux)
    }
}

/// Slot search without copying: occupancy, slots, Linux's figure.
const SLOT_SEARCH: [(Occupancy, u32, Option<f64>); 21] = {
    use Occupancy::{Aged, Empty, Fragmented, Taken};
    [
        (Empty, 1, Some(97.0)),
        (Empty, 2, Some(97.0)),
        (Empty, 8, None),
        (Empty, 32, Some(120.0)),
        (Empty, 128, Some(215.0)),
        (Taken(50), 1, Some(100.0)),
        (Taken(50), 2, Some(101.0)),
        (Taken(50), 32, Some(142.0)),
        (Taken(50), 128, Some(301.0)),
        (Taken(90), 1, Some(109.0)),
        (Taken(90), 2, Some(110.0)),
        (Taken(90), 32, Some(284.0)),
        (Taken(90), 128, Some(862.0)),
        (Fragmented(50), 1, Some(44.0)),
        (Fragmented(50), 2, Some(45.0)),
        (Fragmented(90), 1, Some(52.0)),
        (Fragmented(90), 2, Some(52.0)),
        (Aged(50), 1, None),
        (Aged(50), 32, None),
        (Aged(90), 1, None),
        (Aged(90), 32, None),
    ]
};

/// `find_pool` in one read section: pools, Linux's figure for a hit in the last.
const LAST_OF: [(u32, f64); 6] = [(1, 1.2), (4, 2.3), (16, 7.6), (64, 55.0), (256, 321.0), (1_024, 1_704.0)];

/// Every cell, in the order of the tables.
#[must_use]
pub fn all() -> Vec<Cell> {
    let mut cells: Vec<_> =
        SLOT_SEARCH.iter().map(|&(occupancy, slots, linux)| search(occupancy, slots, linux)).collect();
    cells.extend([
        small(Occupancy::Empty, 2),
        small(Occupancy::Empty, 128),
        small(Occupancy::Taken(90), 128),
    ]);
    cells.extend([Floor::Write(32), Floor::Write(128), Floor::Look(576)].map(floor));
    cells.extend([search_failing(50, 128), search_failing(90, 32)]);
    cells.extend([copying(Occupancy::Empty, 370.0), copying(Occupancy::Fragmented(90), 162.0)]);
    cells.extend([two_threads(1, 457.0), two_threads(2, 180.0), shared_word()]);
    cells.extend(
        LAST_OF.map(|(pools, linux)| find_pool(pools, Address::Tail, Section::PerBatch, Some(linux))),
    );
    cells.push(find_pool(1_024, Address::Miss, Section::PerBatch, Some(2_271.0)));
    cells.push(find_pool(1_024, Address::Head, Section::PerBatch, None));
    cells.push(find_pool(1_024, Address::Random, Section::PerBatch, None));
    cells.push(find_pool(1, Address::Tail, Section::PerLookup, None));
    cells
}

fn search(occupancy: Occupancy, slots: u32, linux_ns: Option<f64>) -> Cell {
    let cell = SlotSearch { nslabs: NSLABS, occupancy, slots, copy: false, fails: false };
    Cell {
        group: "slot search",
        name: format!("{slots} x 2 KiB, {occupancy}"),
        scenario: Scenario::SlotSearch(cell),
        linux_ns,
    }
}

/// What the machine needs for the memory accesses alone, whatever the policy.
fn floor(floor: Floor) -> Cell {
    let name = match floor {
        Floor::Write(slots) => format!("write {slots} descriptors as a round trip does"),
        Floor::Look(slots) => format!("look at {slots} descriptors, every second one"),
    };
    Cell { group: "machine alone", name, scenario: Scenario::Floor(floor), linux_ns: None }
}

/// In a pool of a quarter of the slots: descriptors that fit into a cache of 512 KiB, which those of the
/// full pool do not.
fn small(occupancy: Occupancy, slots: u32) -> Cell {
    let nslabs = NSLABS / 4;
    let cell = SlotSearch { nslabs, occupancy, slots, copy: false, fails: false };
    Cell {
        group: "slot search",
        name: format!("{slots} x 2 KiB, {occupancy}, {nslabs} slots"),
        scenario: Scenario::SlotSearch(cell),
        linux_ns: None,
    }
}

fn search_failing(percent: u32, slots: u32) -> Cell {
    let occupancy = Occupancy::Fragmented(percent);
    let cell = SlotSearch { nslabs: NSLABS, occupancy, slots, copy: false, fails: true };
    Cell {
        group: "slot search",
        name: format!("{slots} x 2 KiB, {occupancy}: fails"),
        scenario: Scenario::SlotSearch(cell),
        linux_ns: None,
    }
}

fn copying(occupancy: Occupancy, linux: f64) -> Cell {
    let cell = SlotSearch { nslabs: NSLABS, occupancy, slots: 2, copy: true, fails: false };
    Cell {
        group: "with copying",
        name: format!("4 KiB in and out, {occupancy}"),
        scenario: Scenario::SlotSearch(cell),
        linux_ns: Some(linux),
    }
}

fn two_threads(areas: u32, linux: f64) -> Cell {
    let shared = if areas == 1 { "one area" } else { "an area each" };
    Cell {
        group: "two threads",
        name: format!("1 x 2 KiB, empty, {shared}"),
        scenario: Scenario::TwoThreads(TwoThreads { areas, slots: 1, copy: false }),
        linux_ns: Some(linux),
    }
}

fn shared_word() -> Cell {
    Cell {
        group: "machine alone",
        name: "two threads add to one word".to_owned(),
        scenario: Scenario::SharedWord,
        linux_ns: None,
    }
}

fn find_pool(pools: u32, address: Address, section: Section, linux_ns: Option<f64>) -> Cell {
    let which = match address {
        Address::Head => "first",
        Address::Tail => "last",
        Address::Miss => "none",
        Address::Random => "a random one",
        Address::Unflagged => "none, never bounced",
    };
    let guard = match section {
        Section::PerBatch => "",
        Section::PerLookup => ", a read section each",
        Section::AfterCopy => ", after a copy",
    };
    Cell {
        group: "find_pool",
        name: format!("{which} of {pools}{guard}"),
        scenario: Scenario::FindPool(FindPool { pools, address, section }),
        linux_ns,
    }
}
