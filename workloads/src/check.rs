//! Whether a plan keeps its promises: what every model's plan must pass, and any other's should.
//!
//! Verified, thread by thread and then in time order:
//! - handles are dense, mapped once, ended at most once; times never decrease within a thread;
//! - what another thread maps is named strictly later; what the same thread maps, further on;
//! - a sync or lookup of a mapping stands on the thread that ends it (on any, if nobody does) and before
//!   the end, so that no schedule can let the end overtake it; syncs lie inside the mapping;
//! - originals lie in the arena, and those of live mappings are disjoint;
//! - live mappings, at their most and at the end, are within [`Bounds`](crate::op::Bounds).

use std::collections::BTreeMap;

use swiotlb_core::addr::PhysAddr;

use crate::op::{Action, Handle, Plan};

/// What is wrong with a plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A handle at or above the plan's count.
    #[error("thread {thread}, op {op}: handle {handle} is not below {handles}")]
    HandleOutOfRange {
        /// Thread.
        thread: usize,
        /// Place in the thread.
        op: usize,
        /// Handle.
        handle: u32,
        /// The plan's count.
        handles: u32,
    },
    /// A device that the plan does not have.
    #[error("thread {thread}, op {op}: device {device} is not below {devices}")]
    DeviceOutOfRange {
        /// Thread.
        thread: usize,
        /// Place in the thread.
        op: usize,
        /// Device.
        device: u16,
        /// The plan's count.
        devices: usize,
    },
    /// Time runs backwards within a thread.
    #[error("thread {thread}, op {op}: its time is before that of the op before")]
    TimeBackwards {
        /// Thread.
        thread: usize,
        /// Place in the thread.
        op: usize,
    },
    /// A handle that is mapped twice.
    #[error("handle {0} is mapped twice")]
    MappedTwice(u32),
    /// A handle that is never mapped.
    #[error("handle {0} is never mapped")]
    NeverMapped(u32),
    /// A mapping of no bytes.
    #[error("handle {0} is a mapping of 0 bytes")]
    Empty(u32),
    /// A mapping that is ended twice.
    #[error("handle {0} is ended twice")]
    EndedTwice(u32),
    /// Something waits for an end that never comes.
    #[error("handle {0} is waited for and never ended")]
    NeverEnded(u32),
    /// An op that does not follow what it needs: the map, or for a wait the end.
    #[error(
        "thread {thread}, op {op}: names handle {handle} before what it follows, or at the same time on another thread"
    )]
    TooEarly {
        /// Thread.
        thread: usize,
        /// Place in the thread.
        op: usize,
        /// Handle.
        handle: u32,
    },
    /// A sync or lookup that is not before the end on the thread that ends the mapping.
    #[error("thread {thread}, op {op}: handle {handle} may have ended by then")]
    MayHaveEnded {
        /// Thread.
        thread: usize,
        /// Place in the thread.
        op: usize,
        /// Handle.
        handle: u32,
    },
    /// A sync that leaves its mapping.
    #[error("thread {thread}, op {op}: {offset} + {len} bytes leave handle {handle}'s {size}")]
    SyncOutside {
        /// Thread.
        thread: usize,
        /// Place in the thread.
        op: usize,
        /// Handle.
        handle: u32,
        /// Bytes from its start.
        offset: u32,
        /// Bytes synced.
        len: u32,
        /// Bytes mapped.
        size: u32,
    },
    /// An original outside the arena.
    #[error("handle {handle}'s original at {orig} is not in the arena")]
    OutsideArena {
        /// Handle.
        handle: u32,
        /// Its original.
        orig: PhysAddr,
    },
    /// Two live originals overlap.
    #[error("the originals of handles {0} and {1} overlap while both are live")]
    Overlap(u32, u32),
    /// More live mappings than the bound.
    #[error("{found} mappings are live at once, more than {bound}")]
    TooManyLive {
        /// Found.
        found: u64,
        /// The bound.
        bound: u64,
    },
    /// Another number of mappings is left at the end than stated.
    #[error("{found} mappings are live at the end, not {stated}")]
    LiveAtEnd {
        /// Found.
        found: u64,
        /// Stated.
        stated: u64,
    },
}

/// Where an op stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    thread: usize,
    op: usize,
    at_ns: u64,
}

impl Place {
    /// Whether `self` comes behind `earlier` in every schedule that keeps the plan's rules.
    const fn follows(self, earlier: Self) -> bool {
        if self.thread == earlier.thread { self.op > earlier.op } else { self.at_ns > earlier.at_ns }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Life {
    mapped: Option<Place>,
    ended: Option<Place>,
    size: u32,
}

impl Plan {
    /// Verifies the plan.
    ///
    /// # Errors
    /// The first [`PlanError`] that is found.
    pub fn check(&self) -> Result<(), PlanError> {
        let lives = self.lives()?;
        for (place, action) in self.places() {
            self.check_op(&lives, place, action)?;
        }
        self.check_live()
    }

    fn places(&self) -> impl Iterator<Item = (Place, &Action)> {
        self.threads.iter().enumerate().flat_map(|(thread, plan)| {
            let ops = plan.ops.iter().enumerate();
            ops.map(move |(op, o)| (Place { thread, op, at_ns: o.at_ns }, &o.action))
        })
    }

    /// First pass: when each handle is mapped and ended.
    fn lives(&self) -> Result<Vec<Life>, PlanError> {
        let mut lives = vec![Life::default(); self.handles as usize];
        for (place, action) in self.places() {
            let Some(handle) = action.handle() else { continue };
            let Some(life) = lives.get_mut(handle.0 as usize) else {
                let (thread, op, handle) = (place.thread, place.op, handle.0);
                return Err(PlanError::HandleOutOfRange { thread, op, handle, handles: self.handles });
            };
            match *action {
                Action::Map { size, .. } => {
                    life.size = size;
                    if life.mapped.replace(place).is_some() {
                        return Err(PlanError::MappedTwice(handle.0));
                    }
                }
                Action::Unmap { .. } if life.ended.replace(place).is_some() => {
                    return Err(PlanError::EndedTwice(handle.0));
                }
                _ => {}
            }
        }
        let broken = lives.iter().zip(0..).find_map(|(life, handle)| match (life.mapped, life.size) {
            (None, _) => Some(PlanError::NeverMapped(handle)),
            (Some(_), 0) => Some(PlanError::Empty(handle)),
            _ => None,
        });
        broken.map_or(Ok(lives), Err)
    }

    /// Second pass: each op against the map and the end of what it names.
    fn check_op(&self, lives: &[Life], place: Place, action: &Action) -> Result<(), PlanError> {
        let (thread, op) = (place.thread, place.op);
        if op > 0 && self.threads[thread].ops[op - 1].at_ns > place.at_ns {
            return Err(PlanError::TimeBackwards { thread, op });
        }
        if let Action::Map { device, .. } | Action::LookupForeign { device, .. } = action
            && usize::from(device.0) >= self.devices.len()
        {
            let devices = self.devices.len();
            return Err(PlanError::DeviceOutOfRange { thread, op, device: device.0, devices });
        }
        let Some(Handle(handle)) = action.handle() else { return Ok(()) };
        let life = lives[handle as usize];
        let needed = match action {
            Action::Map { .. } => return Ok(()),
            Action::AwaitUnmap { .. } => Some(life.ended.ok_or(PlanError::NeverEnded(handle))?),
            _ => life.mapped,
        };
        if needed.is_some_and(|needed| !place.follows(needed)) {
            return Err(PlanError::TooEarly { thread, op, handle });
        }
        check_use(life, place, action)
    }

    /// Third pass, in time order: live originals are disjoint and as many as stated.
    fn check_live(&self) -> Result<(), PlanError> {
        let mut live = Originals::default();
        let mut most = 0;
        for placed in self.in_time_order() {
            match placed.op.action {
                Action::Map { handle, orig, size, .. } => {
                    self.check_orig(handle.0, orig, size)?;
                    live.insert(handle.0, orig.0, size)?;
                    most = most.max(live.by_start.len() as u64);
                }
                Action::Unmap { handle, .. } => live.remove(handle.0),
                _ => {}
            }
        }
        let left = live.by_start.len() as u64;
        if most > self.bounds.live {
            return Err(PlanError::TooManyLive { found: most, bound: self.bounds.live });
        }
        if left != self.bounds.live_at_end {
            return Err(PlanError::LiveAtEnd { found: left, stated: self.bounds.live_at_end });
        }
        Ok(())
    }

    fn check_orig(&self, handle: u32, orig: PhysAddr, size: u32) -> Result<(), PlanError> {
        let (base, bytes) = self.arena;
        let end = orig.wrapping_offset_from(base).checked_add(u64::from(size));
        if end.is_some_and(|end| end <= bytes) {
            Ok(())
        } else {
            Err(PlanError::OutsideArena { handle, orig })
        }
    }
}

/// A sync or lookup is before the end, on the thread that ends the mapping; a sync is inside.
fn check_use(life: Life, place: Place, action: &Action) -> Result<(), PlanError> {
    let (thread, op) = (place.thread, place.op);
    let (handle, range) = match *action {
        Action::SyncForCpu { handle, offset, len } | Action::SyncForDevice { handle, offset, len } => {
            (handle.0, Some((offset, len)))
        }
        Action::LookupLive { handle } => (handle.0, None),
        _ => return Ok(()),
    };
    if life.ended.is_some_and(|end| end.thread != thread || end.op < op) {
        return Err(PlanError::MayHaveEnded { thread, op, handle });
    }
    let size = life.size;
    match range {
        Some((offset, len)) if offset >= size || len > size - offset => {
            Err(PlanError::SyncOutside { thread, op, handle, offset, len, size })
        }
        _ => Ok(()),
    }
}

/// Live originals by start and by handle.
#[derive(Default)]
struct Originals {
    by_start: BTreeMap<u64, (u64, u32)>,
    starts: BTreeMap<u32, u64>,
}

impl Originals {
    fn insert(&mut self, handle: u32, start: u64, size: u32) -> Result<(), PlanError> {
        let end = start + u64::from(size);
        if let Some((_, &(other_end, other))) = self.by_start.range(..end).next_back()
            && other_end > start
        {
            return Err(PlanError::Overlap(other, handle));
        }
        self.by_start.insert(start, (end, handle));
        self.starts.insert(handle, start);
        Ok(())
    }

    fn remove(&mut self, handle: u32) {
        if let Some(start) = self.starts.remove(&handle) {
            self.by_start.remove(&start);
        }
    }
}
