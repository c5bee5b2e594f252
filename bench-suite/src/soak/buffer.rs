//! An original at a place of its own, and the mapping that it has, if any.
//!
//! Invariant: whoever holds a buffer's lock may do with its mapping what a driver may: no other call names it meanwhile.
//! What each side holds is known by a number; a copy of one side to the other copies the number.

use super::Broken;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::MapRequest;
use swiotlb_core::phys::PhysMemory;
use workloads::golden::fill_pattern;

/// Bytes of a stamp.
const STAMP: u64 = 8;

/// A live mapping.
#[derive(Clone, Copy, Debug)]
pub struct Live {
    /// The device, by its number.
    pub device: usize,
    /// The thread that mapped it.
    pub by: u32,
    /// As it was mapped.
    pub request: MapRequest,
    /// The bounce address.
    pub addr: PhysAddr,
    /// The start of the pool that holds it.
    pub pool: PhysAddr,
    /// Whether every byte is written and compared, or a stamp at either end.
    pub whole: bool,
    /// What the original holds.
    pub orig: u64,
    /// What the bounce buffer holds.
    pub bounce: u64,
}

/// A place for originals.
#[derive(Debug)]
pub struct Buffer {
    /// Its first byte.
    pub base: PhysAddr,
    /// The most bytes of an original here.
    pub most: u64,
    /// The mapping that it has.
    pub live: Option<Live>,
    /// The address of the one before.
    pub before: Option<PhysAddr>,
}

impl Live {
    /// The CPU writes to the original.
    pub fn write_orig(&mut self, memory: &PhysMemory, value: u64) -> Result<(), Broken> {
        self.orig = value;
        self.write(memory, self.request.orig, value)
    }

    /// The device writes to the bounce buffer.
    pub fn write_bounce(&mut self, memory: &PhysMemory, value: u64) -> Result<(), Broken> {
        self.bounce = value;
        self.write(memory, self.addr, value)
    }

    /// Whether the original holds what it must.
    pub fn orig_holds(&self, memory: &PhysMemory) -> Result<(), Broken> {
        self.holds(memory, "the original", self.request.orig, self.orig)
    }

    /// Whether the bounce buffer holds what it must.
    pub fn bounce_holds(&self, memory: &PhysMemory) -> Result<(), Broken> {
        self.holds(memory, "the bounce buffer", self.addr, self.bounce)
    }

    /// The parts that are written and compared: all, or both ends as far as they do not overlap.
    fn parts(&self, start: PhysAddr) -> impl Iterator<Item = (PhysAddr, usize)> {
        let size = self.request.size;
        let head = if self.whole { size } else { size.min(STAMP) };
        let tail = if size >= head + STAMP { STAMP } else { 0 };
        let len = |bytes: u64| usize::try_from(bytes).unwrap_or(0);
        [(start, len(head)), (start.wrapping_add(size - tail), len(tail))].into_iter()
    }

    fn write(&self, memory: &PhysMemory, start: PhysAddr, value: u64) -> Result<(), Broken> {
        for (at, len) in self.parts(start) {
            if len as u64 > STAMP {
                let mut bytes = vec![0; len];
                fill_pattern(&mut bytes, value);
                memory.write(at, &bytes).map_err(|error| error.to_string())?;
            } else {
                memory.write(at, &value.to_le_bytes()[..len]).map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }

    fn holds(&self, memory: &PhysMemory, what: &str, start: PhysAddr, value: u64) -> Result<(), Broken> {
        for (at, len) in self.parts(start) {
            let same = if len as u64 > STAMP {
                let (mut seen, mut due) = (vec![0; len], vec![0; len]);
                fill_pattern(&mut due, value);
                memory.read(at, &mut seen).map_err(|error| error.to_string())?;
                seen == due
            } else {
                let mut seen = [0; 8];
                memory.read(at, &mut seen[..len]).map_err(|error| error.to_string())?;
                seen[..len] == value.to_le_bytes()[..len]
            };
            if !same {
                return Err(format!(
                    "{what} at {start}: {len} bytes from {at} are not what was written: {self:?}"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;
    use swiotlb_core::device::Direction;

    #[test]
    fn a_changed_byte_is_seen_where_it_is_looked_for() {
        let memory = PhysMemory::new();
        for (size, whole) in
            [(1, false), (8, false), (15, false), (16, false), (300, false), (300, true), (3, true)]
        {
            let request = MapRequest::new(PhysAddr(0x1000), size, Direction::ToDevice);
            let (addr, pool) = (PhysAddr(0x2000), PhysAddr(0x2000));
            let mut live = Live { device: 0, by: 0, request, addr, pool, whole, orig: 0, bounce: 0 };
            live.write_orig(&memory, 0x0123_4567_89ab_cdef).unwrap();
            live.write_bounce(&memory, 77).unwrap();
            assert!(live.orig_holds(&memory).is_ok() && live.bounce_holds(&memory).is_ok());
            let last = PhysAddr(0x1000 + if whole || size >= 16 { size } else { size.min(8) } - 1);
            let mut byte = [0];
            memory.read(last, &mut byte).unwrap();
            memory.write(last, &[!byte[0]]).unwrap();
            assert!(live.orig_holds(&memory).is_err(), "{size} {whole}");
        }
    }
}
