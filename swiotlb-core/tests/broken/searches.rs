//! Slot searches that do not look at all that they should, and a lock that keeps nobody out.

use std::marker::PhantomData;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use swiotlb_core::lock::AreaLock;
use swiotlb_core::probe::Probe;
use swiotlb_core::search::{AreaRange, Bitmap, InWindow, SlotRequest, SlotSearch};
use swiotlb_core::slot::EachSlot;

/// A lock in name only.
#[derive(Default)]
pub struct NoLock;

impl AreaLock for NoLock {
    const NAME: &'static str = "no-lock";

    fn with<C: Probe, R>(&self, _probe: &C, section: impl FnOnce() -> R) -> R {
        section()
    }
}

/// What `find` of a broken search does; all else is the bitmap's.
macro_rules! bitmap_but_for_find {
    (|$this:ident, $slots:ident, $area:ident, $at:ident, $req:ident, $from:ident| $find:expr) => {
        fn run(&self, slots: &EachSlot, index: u32) -> u32 {
            self.0.run(slots, index)
        }

        fn find<C: Probe>(
            &self,
            $slots: &EachSlot,
            $area: AreaRange,
            $at: InWindow,
            $req: &SlotRequest,
            $from: u32,
            _probe: &C,
        ) -> Option<u32> {
            let $this = self;
            $find
        }

        fn take(&self, slots: &EachSlot, first: u32, req: &SlotRequest) -> u32 {
            self.0.take(slots, first, req)
        }

        fn give(&self, slots: &EachSlot, first: u32, n: u32) -> u32 {
            self.0.give(slots, first, n)
        }
    };
}

/// A bitmap between whose look and whose store the first two callers meet: both have seen the same slot free.
pub struct Racy(Bitmap, AtomicU32, Barrier);

impl SlotSearch for Racy {
    type Table = EachSlot;
    const NAME: &'static str = "racy";
    const KEEPS_PLACEMENT: bool = false;

    fn new(slots: &EachSlot, area: AreaRange) -> Self {
        Self(Bitmap::new(slots, area), AtomicU32::new(0), Barrier::new(2))
    }

    bitmap_but_for_find!(|this, slots, area, at, req, from| {
        let found = this.0.find(slots, area, at, req, from, &());
        if this.1.fetch_add(1, Ordering::Relaxed) < 2 {
            this.2.wait();
        }
        found
    });
}

/// A search whose walk, once it has wrapped, takes the area's first slots for free.
pub struct AfterWrap(Bitmap);

impl SlotSearch for AfterWrap {
    type Table = EachSlot;
    const NAME: &'static str = "after-wrap";
    const KEEPS_PLACEMENT: bool = false;

    fn new(slots: &EachSlot, area: AreaRange) -> Self {
        Self(Bitmap::new(slots, area))
    }

    bitmap_but_for_find!(|this, slots, area, at, req, from| {
        let found = this.0.find(slots, area, at, req, from, &())?;
        let may = req.aligned(at, area.first) && !req.crosses(at, area.first);
        Some(if found < area.first + from && may { area.first } else { found })
    });
}

/// What a [`Blind`] search does not see of a request.
pub trait Blindness: Send + Sync + 'static {
    /// The request as the search sees it.
    fn seen(req: &SlotRequest) -> SlotRequest;
}

/// The device's boundary.
pub struct Boundary;

impl Blindness for Boundary {
    fn seen(req: &SlotRequest) -> SlotRequest {
        SlotRequest { window: 1 << 53, ..*req }
    }
}

/// The address bits that the device keeps.
pub struct KeptBits;

impl Blindness for KeptBits {
    fn seen(req: &SlotRequest) -> SlotRequest {
        SlotRequest { keep: 0, kept: 0, ..*req }
    }
}

/// A search that does not see a part of its request.
pub struct Blind<B>(Bitmap, PhantomData<fn(B)>);

impl<B: Blindness> SlotSearch for Blind<B> {
    type Table = EachSlot;
    const NAME: &'static str = "blind";
    const KEEPS_PLACEMENT: bool = false;

    fn new(slots: &EachSlot, area: AreaRange) -> Self {
        Self(Bitmap::new(slots, area), PhantomData)
    }

    bitmap_but_for_find!(|this, slots, area, at, req, from| {
        this.0.find(slots, area, at, &B::seen(req), from, &())
    });
}
