//! The store of ready pages: no piece goes to two takers, none is lost, and the budget holds, though both are asked about
//! before the lock is taken.

use super::harness::{fails, holds};
use crate::addr::PhysAddr;
use crate::phys::ready::Ready;
use crate::phys::{Origin, PoolMemory};
use crate::sync::{AtomicU64, Mutex, Ordering::Relaxed};
use loom::thread;
use std::sync::Arc;

const TWICE: &str = "a piece went to two takers";
const LOST: &str = "a piece was lost";
const OVER: &str = "more is kept than the budget allows";
const PAGE: u64 = 4096;

/// What the models ask of it. A piece is a page, known by its number.
trait Store: Send + Sync + 'static {
    fn new(pages: u64) -> Self;
    fn keep(&self, piece: u64) -> bool;
    fn take(&self) -> Option<u64>;
    fn kept_pages(&self) -> u64;
}

impl Store for Ready {
    fn new(pages: u64) -> Self {
        Self::new(pages * PAGE)
    }

    fn keep(&self, piece: u64) -> bool {
        Ready::keep(self, PoolMemory::new(PhysAddr(piece * PAGE), PAGE, Origin::Reserved)).is_ok()
    }

    fn take(&self) -> Option<u64> {
        Ready::take(self, PAGE, PhysAddr(u64::MAX)).map(|piece| piece.base.0 / PAGE)
    }

    fn kept_pages(&self) -> u64 {
        self.kept() / PAGE
    }
}

/// A copy; `ASKS_AGAIN`: the budget is asked about under the lock, too.
struct Twin<const ASKS_AGAIN: bool> {
    budget: u64,
    kept: AtomicU64,
    pieces: Mutex<Vec<u64>>,
}

impl<const ASKS_AGAIN: bool> Store for Twin<ASKS_AGAIN> {
    fn new(pages: u64) -> Self {
        Self { budget: pages, kept: AtomicU64::new(0), pieces: Mutex::default() }
    }

    fn keep(&self, piece: u64) -> bool {
        if self.kept.load(Relaxed) == self.budget {
            return false;
        }
        let mut pieces = self.pieces.lock();
        if ASKS_AGAIN && self.kept.load(Relaxed) == self.budget {
            return false;
        }
        pieces.push(piece);
        self.kept.store(self.kept.load(Relaxed) + 1, Relaxed);
        true
    }

    fn take(&self) -> Option<u64> {
        if self.kept.load(Relaxed) == 0 {
            return None;
        }
        let mut pieces = self.pieces.lock();
        let piece = pieces.pop()?;
        self.kept.store(self.kept.load(Relaxed) - 1, Relaxed);
        Some(piece)
    }

    fn kept_pages(&self) -> u64 {
        self.kept.load(Relaxed)
    }
}

/// Two threads take what one keeps: two pieces, of which the second comes meanwhile.
fn each_to_one<S: Store>() {
    let store = Arc::new(S::new(2));
    assert!(store.keep(1));
    let theirs = Arc::clone(&store);
    let other = thread::spawn(move || theirs.take());
    assert!(store.keep(2));
    let mine = store.take();
    let other = other.join().expect("it takes");
    assert!(mine.is_none() || mine != other, "{TWICE}");
    let rest = core::iter::from_fn(|| store.take());
    assert_eq!(mine.into_iter().chain(other).chain(rest).sum::<u64>(), 3, "{LOST}");
    assert_eq!(store.kept_pages(), 0, "{LOST}");
}

/// Two threads keep a piece where there is room for one.
fn room_for_one<S: Store>() {
    let store = Arc::new(S::new(1));
    let theirs = Arc::clone(&store);
    let other = thread::spawn(move || theirs.keep(1));
    let kept = u64::from(store.keep(2)) + u64::from(other.join().expect("it keeps"));
    assert!(kept <= 1 && store.kept_pages() <= 1, "{OVER}");
    assert_eq!(kept, store.kept_pages(), "{LOST}");
}

#[test]
fn a_piece_goes_to_one_and_the_budget_holds() {
    holds("ready pages, kept and taken", None, each_to_one::<Ready>);
    holds("ready pages, room for one", None, room_for_one::<Ready>);
    holds("ready pages, the twin without a fault", None, room_for_one::<Twin<true>>);
    holds("ready pages, the twin without a fault, kept and taken", None, each_to_one::<Twin<true>>);
    fails(
        "ready pages, the budget asked about before the lock only",
        None,
        OVER,
        room_for_one::<Twin<false>>,
    );
}
