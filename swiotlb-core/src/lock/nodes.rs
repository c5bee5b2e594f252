//! What waiting threads of a queued lock spin on: a node per thread, numbered, because a number fits into the
//! lock's word where a pointer does not.
//!
//! Invariant: a node has at most one owner, and a thread owns at most one: it waits for one lock at a time.

use crate::sync::{AtomicBool, AtomicU16, AtomicU32, Ordering, per_thread};
use core::cell::Cell;
use crossbeam_utils::CachePadded;

/// What one waiting thread spins on.
#[cfg_attr(any(loom, shuttle), derive(Default))]
pub(super) struct Node {
    /// 1 + the number of the node behind this one; 0 while there is none.
    pub(super) next: AtomicU16,
    pub(super) at_head: AtomicBool,
}

/// Nodes; a few under the checkers: loom tracks each, and shuttle sees threads that get none.
const MAX_NODES: usize = if cfg!(loom) {
    4
} else if cfg!(shuttle) {
    2
} else {
    1024
};
const WORDS: usize = MAX_NODES.div_ceil(32);

/// All nodes, and which of them have an owner: a bit each.
#[cfg_attr(any(loom, shuttle), derive(Default))]
pub(super) struct Nodes {
    nodes: [CachePadded<Node>; MAX_NODES],
    owned: [AtomicU32; WORDS],
}

#[cfg(not(any(loom, shuttle)))]
static NODES: Nodes = Nodes {
    nodes: [const { CachePadded::new(Node { next: AtomicU16::new(0), at_head: AtomicBool::new(false) }) };
        MAX_NODES],
    owned: [const { AtomicU32::new(0) }; WORDS],
};

/// The nodes of the process.
#[cfg(not(any(loom, shuttle)))]
#[inline]
pub(super) fn nodes() -> &'static Nodes {
    &NODES
}

#[cfg(any(loom, shuttle))]
pub(super) use checked::nodes;
#[cfg(all(test, loom))]
pub(crate) use checked::renew;

/// Each explored execution has nodes of its own; under shuttle all that run on one thread of the system share them, one after
/// the other.
#[cfg(any(loom, shuttle))]
mod checked {
    use super::Nodes;
    use core::cell::Cell;

    // The standard library's: all threads of an execution run on one thread of the system.
    std::thread_local! {
        static NODES: Cell<Option<&'static Nodes>> = const { Cell::new(None) };
    }

    /// Makes new nodes: what a model with a queued lock does first.
    #[cfg(all(test, loom))]
    pub(crate) fn renew() {
        // Leaked, a few hundred bytes an execution: threads give their node back after the model has ended.
        NODES.set(Some(Box::leak(Box::default())));
    }

    /// The nodes of this execution.
    #[cfg(loom)]
    pub(crate) fn nodes() -> &'static Nodes {
        NODES.get().expect("the model called `renew` first")
    }

    /// The nodes of this execution.
    #[cfg(shuttle)]
    pub(crate) fn nodes() -> &'static Nodes {
        let nodes = NODES.get().unwrap_or_else(|| Box::leak(Box::default()));
        NODES.set(Some(nodes));
        nodes
    }
}

impl Nodes {
    /// The node of number `node`.
    #[inline]
    pub(super) fn get(&self, node: u16) -> &Node {
        &self.nodes[usize::from(node)]
    }

    fn claim(&self) -> Option<u16> {
        for (word, owned) in (0_u16..).zip(&self.owned) {
            loop {
                let taken = owned.load(Ordering::Relaxed);
                let free = (!taken).trailing_zeros();
                if free == 32 || usize::from(word) * 32 + free as usize >= MAX_NODES {
                    break;
                }
                // Acquire: pairs with the Release in `Owned::drop`.
                let claim =
                    owned.compare_exchange(taken, taken | 1 << free, Ordering::Acquire, Ordering::Relaxed);
                if claim.is_ok() {
                    // `free` is below 32.
                    return Some(word * 32 + u16::try_from(free).unwrap_or(0));
                }
            }
        }
        None
    }
}

/// A thread's node number, given back when the thread ends.
struct Owned(Cell<Option<u16>>);

impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(node) = self.0.get() {
            // Release: the node's next owner (Acquire in `claim`) comes after our last use of it.
            nodes().owned[usize::from(node / 32)].fetch_and(!(1 << (node % 32)), Ordering::Release);
        }
    }
}

per_thread! {
    static MY_NODE: Owned = const { Owned(Cell::new(None)) };
}

/// The calling thread's node; none if more than [`MAX_NODES`] threads wait, or while the thread ends.
pub(super) fn my_node() -> Option<u16> {
    MY_NODE
        .try_with(|owned| {
            if owned.0.get().is_none() {
                owned.0.set(nodes().claim());
            }
            owned.0.get()
        })
        .ok()
        .flatten()
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_ended_gives_its_node_back() {
        let mine = std::thread::spawn(my_node).join().ok().flatten();
        assert!(mine.is_some());
        for _ in 0..2 * MAX_NODES {
            assert!(std::thread::spawn(my_node).join().ok().flatten().is_some());
        }
    }
}
