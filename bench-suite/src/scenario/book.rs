//! The ownership oracle of the counting pass: every mapping of a prepared state and of its operations is entered,
//! and none may get a slot that another one holds.

use super::ScenarioError;
use crate::run::Owners;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use swiotlb_core::addr::PhysAddr;

/// Who holds what.
pub(super) struct Book {
    owners: Owners,
    /// Live mappings by their address.
    live: RefCell<HashMap<u64, u32>>,
    entered: Cell<u32>,
    wrong: Cell<u64>,
}

impl Book {
    /// An empty book over a pool of `bytes` bytes from `start` on; what lies elsewhere is entered too.
    pub(super) fn new(start: PhysAddr, bytes: u64) -> Self {
        let owners = Owners::new(&[(start.0, start.0 + bytes)]);
        Self { owners, live: RefCell::default(), entered: Cell::new(0), wrong: Cell::new(0) }
    }

    /// A mapping of `bytes` bytes at `addr` begins.
    pub(super) fn enter(&self, addr: PhysAddr, bytes: u64) {
        let handle = self.entered.get();
        self.entered.set(handle + 1);
        let free = self.owners.claim(handle, (addr.0, addr.0 + bytes)).is_ok();
        let known = self.live.borrow_mut().insert(addr.0, handle).is_some();
        self.wrong.set(self.wrong.get() + u64::from(!free || known));
    }

    /// The mapping at `addr` is about to end.
    pub(super) fn leave(&self, addr: PhysAddr) {
        let own = self.live.borrow_mut().remove(&addr.0).is_some_and(|handle| self.owners.release(handle));
        self.wrong.set(self.wrong.get() + u64::from(!own));
    }

    /// How many mappings were entered.
    ///
    /// # Errors
    /// [`ScenarioError::Unverified`] if one got slots that another held.
    pub(super) fn close(&self) -> Result<u64, ScenarioError> {
        let (wrong, ops) = (self.wrong.get(), u64::from(self.entered.get()));
        if wrong == 0 { Ok(ops) } else { Err(ScenarioError::Unverified { wrong, ops }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_that_is_given_twice_is_told() {
        let book = Book::new(PhysAddr(0x1_0000), 0x1_0000);
        book.enter(PhysAddr(0x1_0000), 4_096);
        book.enter(PhysAddr(0x1_1000), 2_048);
        book.leave(PhysAddr(0x1_0000));
        assert!(matches!(book.close(), Ok(2)));
        book.enter(PhysAddr(0x1_0800), 4_096);
        assert!(matches!(book.close(), Err(ScenarioError::Unverified { wrong: 1, ops: 3 })));
    }
}
