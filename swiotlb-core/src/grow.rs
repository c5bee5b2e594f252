//! Growth: the work that a failing map asks for, and the thread that does it.
//!
//! Invariant: asking twice before the worker ran is asking once; the worker clears the request before it
//! acts on it, so a request made meanwhile is not lost.

use crate::caller::Caller;
use crate::error::PageError;
use crate::mem::IoTlbMem;
use crate::phys::{Context, PageSource};
use crate::policy::Policy;
use crate::pool::Pool;
use crate::reclaim::Reclaim;
use crate::rules::{IO_TLB_MIN_SLABS, IO_TLB_SHIFT, MAX_BLOCK_SLABS, halve_nslabs, limit_nareas};
use crate::sync::thread::{self, JoinHandle, Thread};
use crate::sync::{AtomicBool, Mutex, Ordering};
use core::time::Duration;
use std::sync::Arc;

/// Whether growth was asked for, and whom to wake.
#[derive(Default)]
pub(crate) struct Growth {
    queued: AtomicBool,
    has_worker: AtomicBool,
    worker: Mutex<Option<Thread>>,
}

impl Growth {
    /// Asks for a pool; `true` if nobody had asked since the worker last ran.
    #[cold]
    pub(crate) fn schedule(&self) -> bool {
        // AcqRel: Release so that the worker sees what led to the request, Acquire so that a request that
        // finds another queued is ordered after it.
        let newly = !self.queued.swap(true, Ordering::AcqRel);
        if newly {
            self.wake();
        }
        newly
    }

    /// Wakes the worker, if there is one.
    pub(crate) fn wake(&self) {
        // Acquire: pairs with the Release store in `adopt`.
        if self.has_worker.load(Ordering::Acquire)
            && let Some(thread) = &*self.worker.lock()
        {
            thread.unpark();
        }
    }

    /// Makes `worker` the one to wake, which may sleep already.
    pub(crate) fn adopt(&self, worker: &Thread) {
        *self.worker.lock() = Some(worker.clone());
        // Release: pairs with the Acquire load in `wake`.
        self.has_worker.store(true, Ordering::Release);
        // A request made before there was a worker.
        worker.unpark();
    }

    /// Whether growth was asked for; forgets it.
    pub(crate) fn take_request(&self) -> bool {
        // AcqRel: as in `schedule`.
        self.queued.swap(false, Ordering::AcqRel)
    }
}

impl<P: Policy> IoTlbMem<P> {
    /// Whether growth was asked for and the worker has not taken the request up yet: for those who decide
    /// themselves when [`Caller::run_worker`] runs.
    pub fn growth_queued(&self) -> bool {
        // Acquire: pairs with the swap in `Growth::schedule`, as the worker's own swap does.
        self.growth.queued.load(Ordering::Acquire)
    }
}

/// What one run of the worker did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grown {
    /// Nothing had been asked for.
    NotAsked,
    /// A pool of `nslabs` slots was added.
    Added {
        /// Its slots.
        nslabs: u64,
    },
    /// No memory for a pool of the least size.
    Failed(PageError),
}

/// One run of the worker (`swiotlb_dyn_alloc`): if a pool was asked for, adds one of the default size, at
/// most one maximal page block, halved while memory is short down to [`IO_TLB_MIN_SLABS`].
pub(crate) fn run<P: Policy>(caller: &Caller<'_, P>) -> Grown {
    let mem = caller.mem();
    if !mem.growth.take_request() {
        return Grown::NotAsked;
    }
    let mut nslabs = mem.default.nslabs.min(MAX_BLOCK_SLABS);
    loop {
        match grown_pool(mem, nslabs) {
            Ok(pool) => {
                let guard = P::Reclaim::enter(caller.local());
                mem.add_pool(&guard, pool);
                return Grown::Added { nslabs };
            }
            Err(error) if nslabs <= IO_TLB_MIN_SLABS => return Grown::Failed(error),
            Err(_) => nslabs = halve_nslabs(nslabs),
        }
    }
}

fn grown_pool<P: Policy>(mem: &IoTlbMem<P>, nslabs: u64) -> Result<Pool<P>, PageError> {
    let nareas = limit_nareas(mem.default.nareas, nslabs);
    new_pool(mem, nslabs, nareas, mem.permissions.phys_limit.0, Context::MayBlock)
}

/// A zeroed, unpublished pool of `nslabs` slots at or below `limit` (`swiotlb_alloc_pool`). `nslabs` is at
/// most [`MAX_BLOCK_SLABS`].
pub(crate) fn new_pool<P: Policy>(
    mem: &IoTlbMem<P>,
    nslabs: u64,
    nareas: u32,
    limit: u64,
    context: Context,
) -> Result<Pool<P>, PageError> {
    let bytes = nslabs << IO_TLB_SHIFT;
    let memory = mem.pages.alloc(&mem.memory, bytes, crate::addr::PhysAddr(limit), context)?;
    if let Err(error) = mem.memory.zero(memory.base, bytes) {
        mem.pages.free(&mem.memory, memory);
        return Err(error);
    }
    #[expect(clippy::cast_possible_truncation, reason = "at most a page block's 2,048 slots")]
    let nslabs = nslabs as u32;
    Ok(Pool::new(memory, nslabs, nareas, context == Context::Atomic))
}

/// The growth worker as a thread of its own: adds pools when they are asked for and frees retired ones.
/// Dropping it stops the thread and waits for it.
pub struct Worker {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// How often the worker looks after retired pools while there are any.
    const TICK: Duration = Duration::from_millis(1);

    /// Starts the worker of `mem`. An allocator has at most one; a second one takes its place.
    ///
    /// # Errors
    /// What the operating system says if it gives no thread.
    pub fn start<P: Policy>(mem: &Arc<IoTlbMem<P>>) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (theirs, stopped) = (Arc::clone(mem), Arc::clone(&stop));
        let builder = thread::Builder::new().name("swiotlb-grow".to_owned());
        let thread = builder.spawn(move || Self::work(&theirs, &stopped))?;
        mem.growth.adopt(thread.thread());
        Ok(Self { stop, thread: Some(thread) })
    }

    fn work<P: Policy>(mem: &IoTlbMem<P>, stop: &AtomicBool) {
        let caller = mem.caller(0);
        // Acquire: pairs with the Release store in `drop`.
        while !stop.load(Ordering::Acquire) {
            run(&caller);
            caller.advance();
            // Asked before the list is drained: what expires after the question is left for another round,
            // because the question was then answered with no.
            let settled = mem.retired.settled();
            mem.retired.drain(&mem.memory, &mem.pages);
            if settled {
                thread::park();
            } else {
                thread::park_timeout(Self::TICK);
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Release: pairs with the Acquire load in `work`.
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // An error is the thread's panic; it was printed where it happened.
            drop(thread.join());
        }
    }
}
