//! A copy of left-right's protocol that a fault can be put into: a number on each side.

use crate::sync::Ordering::{self, Relaxed, Release, SeqCst};
use crate::sync::{AtomicBool, AtomicU64, Mutex, Spin, UnsafeCell, one_order};
use core::marker::PhantomData;

/// What can be wrong; as it stands, nothing.
pub(super) trait Faults: Send + Sync + 'static {
    /// Whether count and flip are in one order with the loads that follow them.
    const ONE_ORDER: bool = true;
    /// How a reader counts itself out.
    const LEAVES: Ordering = Release;
    /// Whether the writer waits for the turn that was left at the change before.
    const WAITS_FOR_LATE: bool = true;
    /// Whether it waits for the turn that it leaves.
    const WAITS_FOR_REST: bool = true;
}

/// `lookup/left_right.rs`.
pub(super) struct TwinSides<F> {
    sides: [UnsafeCell<u32>; 2],
    live: AtomicBool,
    turn: AtomicBool,
    readers: [AtomicU64; 2],
    writer: Mutex<()>,
    faults: PhantomData<F>,
}

// SAFETY: loom checks every access of the cells.
unsafe impl<F: Faults> Sync for TwinSides<F> {}

impl<F: Faults> Default for TwinSides<F> {
    fn default() -> Self {
        Self {
            sides: Default::default(),
            live: AtomicBool::new(false),
            turn: AtomicBool::new(false),
            readers: Default::default(),
            writer: Mutex::default(),
            faults: PhantomData,
        }
    }
}

impl<F: Faults> TwinSides<F> {
    fn wait(&self, turn: bool) {
        let mut spin = Spin::default();
        while self.readers[usize::from(turn)].load(SeqCst) != 0 {
            spin.wait();
        }
    }

    fn add(&self, side: bool) {
        // SAFETY: nobody else accesses the side now, or loom fails the execution before we get here.
        self.sides[usize::from(side)].with_mut(|side| unsafe { *side += 1 });
    }

    pub(super) fn change(&self) {
        let _writer = self.writer.lock();
        let old = self.live.load(Relaxed);
        self.add(!old);
        self.live.store(!old, SeqCst);
        if F::ONE_ORDER {
            one_order();
        }
        let turn = self.turn.load(Relaxed);
        if F::WAITS_FOR_LATE {
            self.wait(!turn);
        }
        self.turn.store(!turn, SeqCst);
        if F::WAITS_FOR_REST {
            self.wait(turn);
        }
        self.add(old);
    }

    pub(super) fn look(&self) {
        let counter = &self.readers[usize::from(self.turn.load(SeqCst))];
        counter.fetch_add(1, SeqCst);
        if F::ONE_ORDER {
            one_order();
        }
        let live = self.live.load(SeqCst);
        // SAFETY: as in `add`.
        self.sides[usize::from(live)]
            .with(|side| assert_ne!(unsafe { *side }, 0, "a side before its change"));
        counter.fetch_sub(1, F::LEAVES);
    }
}
