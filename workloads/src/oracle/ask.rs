//! What an author of vectors is asked for: numbers that choose among what there is at that moment, so that any numbers
//! are good, from a generator of tests as from a fuzzer. What cannot be chosen (an unmap where nothing is mapped) is
//! left out.

use swiotlb_core::device::{Attrs, Direction};

use super::{Made, Mistake};
use crate::golden::{Device, Init, Restricted};

/// The machine of a new file.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Memory for grown and transient pools.
    pub memory: Made,
    /// The default allocator.
    pub init: Init,
    /// Restricted pools; those that no device names stay unused.
    pub restricted: Vec<Restricted>,
    /// Devices. There must be an allocator for each.
    pub devices: Vec<Device>,
}

/// Where the original of a new mapping lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orig {
    /// At fresh memory, this many bytes from a multiple of 256 KiB on, modulo that.
    Fresh(u64),
    /// At address 0, which stands for none.
    Zero,
    /// Where that of some mapping lay which has ended, with the bytes that it left.
    Again(u32),
}

/// A mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AskMap {
    /// The CPU that calls.
    pub cpu: u32,
    /// Which device.
    pub device: u32,
    /// The original.
    pub orig: Orig,
    /// Bytes, cut at [`MAX_SIZE`]; at most as many as were there before with [`Orig::Again`].
    pub size: u64,
    /// Alignment of the allocation.
    pub align_mask: u64,
    /// Direction.
    pub dir: Direction,
    /// Whether by the streaming call.
    pub stream: bool,
    /// Attributes.
    pub attrs: Attrs,
}

/// Most bytes that a mapping asks for: more than can be had.
pub const MAX_SIZE: u64 = 300 << 10;

/// Part of a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Bytes from its start, modulo its size.
    pub off: u64,
    /// Bytes, modulo those that are left and one more; with an odd [`Part::off`] of a sync, as they are: past the end.
    pub len: u64,
}

/// One thing that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Map.
    Map(AskMap),
    /// Unmap a live mapping: which, of what size (its own, or so many bytes), with what attributes.
    Unmap(u32, Option<u64>, Attrs),
    /// Unmap what may not be unmapped like that.
    WrongUnmap(Mistake),
    /// Sync a part of a live mapping for the device, or for the CPU.
    Sync(u32, Part, bool),
    /// Sync what may not be synced like that, so many bytes, for the device or for the CPU.
    WrongSync(Mistake, u64, bool),
    /// The device writes to a part of a live mapping, or the CPU to its original.
    Write(u32, Part, bool),
    /// Compare both sides of a live mapping.
    Check(u32),
    /// Look up an address so many bytes from the start of some pool, for a device.
    FindPool(u32, i64, u32),
    /// The same, from the address of some mapping, live or ended.
    FindMapped(u32, i64, u32),
    /// Run the worker.
    RunWorker,
    /// End the grace periods.
    RunRcu,
    /// Statistics of an allocator.
    Stats(u32),
    /// Write to the high-water mark.
    HiwaterReset(u64),
    /// All pools.
    Snapshot,
    /// The next page requests fail, so many.
    FailPages(u64),
    /// Page requests above this order fail from now on.
    MaxOrder(u64),
    /// Pages for a device, from a CPU, so many bytes.
    Ralloc(u32, u32, u64),
    /// Free pages or end a mapping, which, for its own device or for another.
    Rfree(u32, Option<u32>),
}
