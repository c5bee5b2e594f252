//! The oracle: a model of the allocator that is naive and, it is hoped, obviously right.
//!
//! It answers the operations of golden vectors ([`Op`]) with what Linux would have done ([`Out`]), all of it: places,
//! counters, page requests, bytes. It is written from the description of the rules alone and shares no code with the
//! allocator, whose mistakes it is to find: slots are a `Vec<bool>` that is counted whenever a number is wanted, a
//! mapping is a range with an original, memory is a map of pages. It is slow and does not mind. That it is right is
//! checked against the vectors of the real kernel (`tests/oracle.rs`).
//!
//! | file | what it holds |
//! |---|---|
//! | `pool.rs`, `want.rs` | slots, areas, and the search |
//! | `mem.rs` | pools of an allocator, their order, the counters |
//! | `set_up.rs` | geometry, set-up, devices, growth |
//! | `map.rs`, `unmap.rs`, `copy.rs` | a mapping's begin, its end, its bytes |
//! | `look.rs` | what is asked and changes nothing |
//! | `pages.rs`, `bytes.rs` | page blocks, memory |
//! | `ask.rs`, `author.rs`, `mistake.rs` | new vectors: what is asked for, and an author who has the oracle answer it |

mod ask;
mod author;
mod bytes;
mod copy;
mod look;
mod map;
mod mem;
mod mistake;
mod pages;
mod pool;
mod set_up;
mod unmap;
mod want;

use std::collections::BTreeMap;

use swiotlb_core::device::{DeviceLimits, Direction};
use thiserror::Error;

use crate::golden::{Area, FindAt, Op, Out, PageEvent, PoolAdded, Restricted, Rfree, Unmap};
pub use ask::{Ask, AskMap, MAX_SIZE, Orig, Part, Setting};
pub use author::{Author, Script, written};
use bytes::Bytes;
use mem::Mem;
pub use mistake::Mistake;
use pages::Blocks;
pub use pages::Made;
use pool::Pool;
pub use want::Want;

/// An operation that names what there never was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("there is no {what} {number}")]
pub struct Nameless {
    /// What it names.
    pub what: &'static str,
    /// By which number.
    pub number: i128,
}

/// A device.
#[derive(Debug)]
struct Device {
    /// Its allocator.
    mem: u64,
    limits: DeviceLimits,
    /// Whether it ever had a bounce buffer.
    uses_io_tlb: bool,
    /// Its transient pools.
    transient: Vec<Pool>,
}

impl Device {
    /// The highest address that the device reaches: the lower of the two limits, where 0 is none.
    fn reach(&self) -> u64 {
        match (self.limits.dma_mask, self.limits.bus_dma_limit) {
            (mask, 0) => mask,
            (0, limit) => limit,
            (mask, limit) => mask.min(limit),
        }
    }
}

/// What a vector's handle stands for, whether it is mapped still or not.
#[derive(Clone, Copy, Debug)]
struct Handle {
    dev: u64,
    orig: u64,
    size: u64,
    dir: Direction,
    addr: u64,
}

/// A machine that works by the rules, one operation after another.
#[derive(Debug)]
pub struct Oracle {
    bytes: Bytes,
    blocks: Blocks,
    /// Allocators; 0 is the default one.
    mems: BTreeMap<u64, Mem>,
    /// Restricted pools that no device uses yet.
    declared: BTreeMap<u64, Restricted>,
    devices: BTreeMap<u64, Device>,
    handles: BTreeMap<u64, Handle>,
    /// The start of every pool that ever was.
    bases: Vec<u64>,
}

impl Oracle {
    fn with(blocks: Blocks) -> Self {
        Self {
            bytes: Bytes::default(),
            blocks,
            mems: BTreeMap::new(),
            declared: BTreeMap::new(),
            devices: BTreeMap::new(),
            handles: BTreeMap::new(),
            bases: Vec::new(),
        }
    }

    /// An oracle whose machine has this memory for pools.
    #[must_use]
    pub fn new(memory: Made) -> Self {
        Self::with(Blocks::Made(memory))
    }

    /// An oracle that is given the page events that were recorded with each operation: [`Oracle::recall`].
    #[must_use]
    pub fn recorded() -> Self {
        Self::with(Blocks::Recorded([].into()))
    }

    /// The page events of the next operation: of a vector its `out.pages`.
    pub fn recall(&mut self, events: &[PageEvent]) {
        if let Blocks::Recorded(due) = &mut self.blocks {
            *due = events.iter().copied().collect();
        }
    }

    /// Does `op` and says what came of it.
    ///
    /// # Errors
    /// It names a device, an allocator, a handle or a pool that there never was. Nothing is done then.
    pub fn run(&mut self, op: &Op) -> Result<Out, Nameless> {
        self.names(op)?;
        Ok(match op {
            Op::Init(op) => self.init(op),
            Op::Restricted(op) => {
                self.declared.insert(op.mem, *op);
                Out { rc: Some(0), ..Out::default() }
            }
            Op::Device(op) => self.device(op),
            Op::Map(op) => self.map(op),
            Op::Unmap(op) => self.unmap(op),
            Op::SyncDev(op) => self.sync(op, true),
            Op::SyncCpu(op) => self.sync(op, false),
            Op::DevWrite(op) => self.write(op, true),
            Op::CpuWrite(op) => self.write(op, false),
            Op::Check(op) => self.check(op),
            Op::RunWorker => self.run_worker(),
            Op::RunRcu => self.run_rcu(),
            Op::FindPool(op) => self.look_up(op),
            Op::Stats { mem } => self.stats(*mem),
            Op::HiwaterReset { value } => self.hiwater_reset(*value),
            Op::Snapshot => self.snapshot(),
            Op::FailPages { count } => {
                self.blocks.fail_next(*count);
                ok(true)
            }
            Op::MaxOrder { order } => {
                self.blocks.max_order(*order);
                ok(true)
            }
            Op::Ralloc(op) => self.ralloc(op),
            Op::Rfree(op) => self.rfree(op),
        })
    }

    /// Whether there is all that `op` names.
    fn names(&self, op: &Op) -> Result<(), Nameless> {
        let is = |known, what, number: u64| {
            if known { Ok(()) } else { Err(Nameless { what, number: number.into() }) }
        };
        let mem = |mem| is(self.mems.contains_key(&mem), "allocator", mem);
        let dev = |dev| is(self.devices.contains_key(&dev), "device", dev);
        let handle = |h| is(self.handles.contains_key(&h), "handle", h);
        match op {
            Op::Device(op) if self.declared.contains_key(&op.mem) => Ok(()),
            Op::Device(op) => mem(op.mem),
            Op::Map(op) => dev(op.dev),
            Op::Ralloc(op) => dev(op.dev),
            // A handle that is none is a map that failed: nothing is asked.
            Op::Unmap(Unmap { dev: named, .. }) | Op::Rfree(Rfree { dev: named, .. }) => {
                named.map_or(Ok(()), dev)
            }
            Op::SyncDev(op) | Op::SyncCpu(op) => handle(op.h).and(op.dev.map_or(Ok(()), dev)),
            Op::DevWrite(op) | Op::CpuWrite(op) => handle(op.h),
            Op::Check(op) => handle(op.h),
            Op::FindPool(op) => dev(op.dev).and(match op.at {
                FindAt::Pool { pool, .. } if self.base(pool).is_none() => {
                    Err(Nameless { what: "pool", number: pool.into() })
                }
                _ => Ok(()),
            }),
            Op::Stats { mem: number } => mem(*number),
            Op::RunWorker | Op::RunRcu | Op::HiwaterReset { .. } => mem(0),
            Op::Init(_) | Op::Restricted(_) | Op::Snapshot | Op::FailPages { .. } | Op::MaxOrder { .. } => {
                Ok(())
            }
        }
    }

    fn mem_mut(&mut self, mem: u64) -> &mut Mem {
        self.mems.get_mut(&mem).expect("`names` was asked")
    }

    fn device_mut(&mut self, dev: u64) -> &mut Device {
        self.devices.get_mut(&dev).expect("`names` was asked")
    }

    /// The start of a pool, even of one that is gone.
    fn base(&self, pool: i64) -> Option<u64> {
        usize::try_from(pool).ok().and_then(|pool| self.bases.get(pool)).copied()
    }

    /// Numbers a new pool of `mem`; what a vector says of it.
    fn number(&mut self, pool: &mut Pool, mem: u64, owner: i64) -> PoolAdded {
        pool.number = i64::try_from(self.bases.len()).unwrap_or(i64::MAX);
        self.bases.push(pool.base);
        PoolAdded {
            pool: pool.number,
            base: pool.base,
            nslabs: pool.nslabs() as u64,
            nareas: pool.nareas() as u64,
            area_nslabs: pool.area_nslabs() as u64,
            transient: pool.transient,
            dev: owner,
            mem,
        }
    }

    /// A pool by its number.
    fn pool_mut(&mut self, number: i64) -> &mut Pool {
        let listed = self.mems.values_mut().flat_map(|mem| &mut mem.pools);
        let transient = self.devices.values_mut().flat_map(|device| &mut device.transient);
        listed.chain(transient).find(|pool| pool.number == number).expect("a pool that was found is there")
    }
}

fn ok(ok: bool) -> Out {
    Out { ok: Some(ok), ..Out::default() }
}

/// An area as vectors describe it.
fn described(pool: &Pool, area: usize) -> Area {
    Area { idx: area as u64, used: pool.used(area) as u64, index: pool.index[area] as u64 }
}
