//! Sources of memory of which each step can fail: page blocks, a lender, a decryption model, with one plan for all.
//!
//! Invariant: the ledger knows which pages are decrypted, and what of them had to be lost; so a block that goes back
//! while its pages are visible to devices is seen at once.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard};
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::error::{AttributeError, PageError};
use swiotlb_core::phys::{Block, BuddyZones, Decrypt, Lender, PageBlocks, PhysMemory, Zone};

/// Where no memory can be: behind what may be lent.
const NOWHERE: PhysAddr = PhysAddr(1 << 44);

/// Which step fails, and what went where.
#[derive(Default)]
pub struct Ledger {
    /// Steps so far that could have failed.
    steps: u64,
    /// The steps that fail.
    fails: BTreeSet<u64>,
    /// What failed.
    pub fired: Vec<&'static str>,
    /// Blocks that are out.
    pub blocks: BTreeSet<Block>,
    /// Loans that are out: the lender's pieces.
    pub loans: u64,
    /// First addresses of pages that are decrypted.
    pub decrypted: BTreeSet<u64>,
    /// Pieces that could not be encrypted or given back: lost on purpose.
    pub lost: u64,
}

/// The one ledger of a run.
#[derive(Clone, Default)]
pub struct Plan(Arc<Mutex<Ledger>>);

thread_local! {
    /// The plan for lenders, who have no state of their own.
    static LENDERS: RefCell<Plan> = RefCell::default();
}

impl Plan {
    /// A run in which these steps fail, counted from 1.
    pub fn failing(steps: &[u64]) -> Self {
        let plan = Self::default();
        plan.look().fails = steps.iter().copied().collect();
        LENDERS.with(|lenders| *lenders.borrow_mut() = plan.clone());
        plan
    }

    pub fn look(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap()
    }

    /// One more step, `what`; whether it fails.
    fn fails(&self, what: &'static str) -> bool {
        let mut ledger = self.look();
        ledger.steps += 1;
        let step = ledger.steps;
        let fails = ledger.fails.contains(&step);
        if fails {
            ledger.fired.push(what);
        }
        fails
    }
}

/// A PC's blocks.
pub struct Blocks {
    plan: Plan,
    zones: BuddyZones,
}

impl Blocks {
    pub fn new(plan: &Plan) -> Self {
        let zones = [
            (Zone::Dma, PhysAddr(1 << 20), 15 << 20),
            (Zone::Dma32, PhysAddr(1 << 30), 16 << 20),
            (Zone::Normal, PhysAddr(5 << 30), 16 << 20),
        ];
        Self { plan: plan.clone(), zones: BuddyZones::new(&zones) }
    }

    pub fn bad_frees(&self) -> u64 {
        self.zones.bad_frees()
    }
}

impl PageBlocks for Blocks {
    fn alloc(&self, order: u32, zone: Zone) -> Result<Block, PageError> {
        if self.plan.fails("no block") {
            return Err(PageError::OutOfPages { order, zone });
        }
        let block = if self.plan.fails("a block without memory, or beyond reach") {
            Block { base: NOWHERE, order }
        } else {
            self.zones.alloc(order, zone)?
        };
        assert!(self.plan.look().blocks.insert(block));
        Ok(block)
    }

    fn free(&self, block: Block) {
        let mut ledger = self.plan.look();
        assert!(ledger.blocks.remove(&block), "{block:?} is given back twice, or is nobody's");
        let visible = ledger.decrypted.range(block.base.0..block.base.0 + block.bytes()).next();
        assert_eq!(visible, None, "{block:?} is given back while devices can see it");
        if block.base != NOWHERE {
            self.zones.free(block);
        }
    }
}

/// A lender that may have nothing.
#[derive(Debug)]
pub struct Lends<L>(PhantomData<fn(L)>);

// SAFETY: every loan is `L`'s.
unsafe impl<L: Lender> Lender for Lends<L> {
    const NAME: &'static str = L::NAME;

    fn lend(bytes: u64) -> Result<NonNull<u8>, i32> {
        LENDERS.with(|lenders| {
            let plan = lenders.borrow();
            if plan.fails("no loan") {
                return Err(12);
            }
            let loan = L::lend(bytes)?;
            plan.look().loans += 1;
            Ok(loan)
        })
    }

    unsafe fn give_back(start: NonNull<u8>, bytes: u64) {
        LENDERS.with(|lenders| lenders.borrow().look().loans -= 1);
        // SAFETY: the caller's promise, passed on.
        unsafe { L::give_back(start, bytes) };
    }
}

/// A decryption model that fails before it changed anything, or half-way. `ENCRYPTED`: whether the platform does.
pub struct Pages<const ENCRYPTED: bool>(Plan);

impl<const ENCRYPTED: bool> Pages<ENCRYPTED> {
    pub fn new(plan: &Plan) -> Self {
        Self(plan.clone())
    }

    /// Changes the pages of a range, none, half or all of them, to what `change` does.
    fn change(
        &self,
        names: [&'static str; 2],
        base: PhysAddr,
        bytes: u64,
        change: impl Fn(&mut BTreeSet<u64>, u64),
    ) -> Result<(), AttributeError> {
        let pages: Vec<u64> = (base.0..base.0 + bytes).step_by(4096).collect();
        let failed = names.map(|what| self.0.fails(what));
        let reached = match failed {
            [true, _] => 0,
            [_, true] => pages.len() / 2,
            _ => pages.len(),
        };
        let mut ledger = self.0.look();
        pages[..reached].iter().for_each(|&page| change(&mut ledger.decrypted, page));
        if reached == pages.len() && failed == [false; 2] { Ok(()) } else { Err(AttributeError::Injected) }
    }
}

impl<const ENCRYPTED: bool> Decrypt for Pages<ENCRYPTED> {
    const ENCRYPTED: bool = ENCRYPTED;

    fn decrypt(&self, _: &PhysMemory, base: PhysAddr, bytes: u64) -> Result<(), AttributeError> {
        self.change(["no decryption", "decryption half-way"], base, bytes, |pages, page| {
            pages.insert(page);
        })
    }

    fn encrypt(&self, _: &PhysMemory, base: PhysAddr, bytes: u64) -> Result<(), AttributeError> {
        let names = ["no encryption", "encryption half-way"];
        self.change(names, base, bytes, |pages, page| {
            pages.remove(&page);
        })
        .inspect_err(|_| self.0.look().lost += 1)
    }

    fn forget(&self, _: &PhysMemory, _: PhysAddr, _: u64) -> Result<(), AttributeError> {
        if self.0.fails("memory that is not forgotten") {
            self.0.look().lost += 1;
            return Err(AttributeError::Injected);
        }
        Ok(())
    }
}
