//! Who owns which slot, for passes that have no plan: a replay's, and the virtual time of `tune`.
//!
//! Policies of ours are held to this by `verify`, `soak` and `measure`; whoever shows numbers of an allocator from
//! outside keeps this beside it, never while a clock runs. Maps are numbered from 1 as they come.

use super::owners::Owners;
use std::collections::BTreeMap;
use swiotlb_core::addr::PhysAddr;
use thiserror::Error;

/// What an allocator did that none may.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "the allocator breaks the rules, so none of its numbers count: {first}; {total} such in all. `verify --policy` \
     with it names the rule"
)]
pub struct Broken {
    /// The first violation in words.
    pub first: String,
    /// Violations.
    pub total: u64,
}

/// A mapping that was made: the bytes of its buffer, whether its pool was found, and its allocation if that is known.
pub(crate) struct Made {
    pub(crate) bytes: u64,
    pub(crate) found: bool,
    pub(crate) allocation: Option<(u64, u64)>,
}

/// The book.
pub(crate) struct Ledger {
    owners: Owners,
    /// The live mappings: each one's number by its address.
    live: BTreeMap<u64, u32>,
    maps: u32,
    broken: Option<Broken>,
}

impl Ledger {
    /// An empty book of an allocator whose first pool is `pool`: first byte, and the byte after the last.
    pub(crate) fn new(pool: (u64, u64)) -> Self {
        Self { owners: Owners::new(&[pool]), live: BTreeMap::new(), maps: 0, broken: None }
    }

    fn say(&mut self, what: impl FnOnce() -> String) {
        self.broken.get_or_insert_with(|| Broken { first: what(), total: 0 }).total += 1;
    }

    /// A map gave `addr`.
    pub(crate) fn mapped(&mut self, addr: PhysAddr, made: &Made) {
        self.maps = self.maps.wrapping_add(1) % u32::MAX;
        let number = self.maps;
        if !made.found {
            self.say(|| format!("map {number} got {addr}, which is in no pool"));
        }
        let allocation = made.allocation.unwrap_or((addr.0, addr.0.saturating_add(made.bytes)));
        if let Err(owner) = self.owners.claim(number, allocation) {
            self.say(|| format!("map {number} got {addr}, whose slots still belong to map {owner}"));
        }
        self.live.insert(addr.0, number);
    }

    /// The mapping at `addr` ends; `agreed` is what the allocator says to that.
    pub(crate) fn ended(&mut self, addr: PhysAddr, agreed: bool) {
        if !agreed {
            self.say(|| format!("the unmap of {addr}, which is live, was refused"));
        }
        // Two at one address were told when the second came.
        if let Some(number) = self.live.remove(&addr.0)
            && !self.owners.release(number)
        {
            self.say(|| format!("the slots of map {number} at {addr} were given to another before it ended"));
        }
    }

    /// What it saw.
    pub(crate) fn broken(self) -> Option<Broken> {
        self.broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POOL: (u64, u64) = (0x10_0000, 0x20_0000);

    fn made(at: u64) -> Made {
        Made { bytes: 2048, found: true, allocation: Some((at, at + 2048)) }
    }

    #[test]
    fn slots_that_are_given_twice_are_told() {
        let mut ledger = Ledger::new(POOL);
        let at = PhysAddr(POOL.0);
        for _ in 0..3 {
            ledger.mapped(at, &made(at.0));
            ledger.ended(at, true);
        }
        assert!(ledger.broken.is_none(), "one after the other");
        ledger.mapped(at, &made(at.0));
        ledger.mapped(PhysAddr(at.0 + 64), &made(at.0));
        let broken = ledger.broken();
        assert_eq!(broken.as_ref().map(|broken| broken.total), Some(1));
        let said = broken.map(|broken| broken.first).unwrap_or_default();
        assert_eq!(said, "map 5 got 0x100040, whose slots still belong to map 4");
    }

    #[test]
    fn so_are_addresses_in_no_pool_and_unmaps_that_are_refused() {
        let mut ledger = Ledger::new(POOL);
        ledger.mapped(PhysAddr(0x999_0000), &Made { bytes: 4096, found: false, allocation: None });
        ledger.ended(PhysAddr(0x999_0000), false);
        assert_eq!(ledger.broken().map(|broken| broken.total), Some(2));
    }
}
