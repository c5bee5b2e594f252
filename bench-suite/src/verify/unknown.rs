//! Originals whose bytes the vector's kernel may have changed in a mapping that this policy does not have: a map
//! that succeeded there failed here, and what a device wrote meanwhile is not known; or a call was done by one of the two
//! only, and may have copied. For policies of another placement only: those of the kernel's never fail where it did not.

use super::machine::Machine;
use swiotlb_core::rules::IO_TLB_SIZE;
use workloads::golden::Op;

/// Ranges of original bytes: first, and the one behind the last.
#[derive(Debug, Default)]
pub struct Unknown(Vec<(u64, u64)>);

impl Unknown {
    /// An original of so many bytes. Rounded up: a copy back may run to the allocation's end.
    pub fn add(&mut self, orig: u64, bytes: u64) {
        let end = orig.saturating_add(bytes).saturating_add(IO_TLB_SIZE);
        self.0.push((orig, end));
    }

    fn overlaps(&self, orig: u64, bytes: u64) -> bool {
        let end = orig.saturating_add(bytes);
        self.0.iter().any(|&(first, behind)| first < end && orig < behind)
    }
}

/// Whether the data that `op` is compared in comes from such an original.
pub fn reads_unknown(machine: &Machine, op: &Op) -> bool {
    let of_handle = |h: u64| {
        let handle = machine.mappings.get(&h);
        handle.is_some_and(|handle| machine.unknown.overlaps(handle.orig, handle.size))
    };
    match op {
        Op::Map(op) => machine.unknown.overlaps(op.orig, op.size),
        Op::Unmap(op) => of_handle(op.h),
        Op::SyncDev(op) | Op::SyncCpu(op) => of_handle(op.h),
        Op::Check(op) => of_handle(op.h),
        _ => false,
    }
}

/// What `op` names, where it was done there and not here, or the other way round: what it copied is not known.
pub fn done_by_one(machine: &mut Machine, op: &Op) {
    let h = match op {
        Op::Unmap(op) => op.h,
        Op::Rfree(op) => op.h,
        Op::SyncDev(op) | Op::SyncCpu(op) => op.h,
        _ => return,
    };
    if let Some(handle) = machine.named(h) {
        machine.unknown.add(handle.orig, handle.size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_overlap_by_a_byte_and_touch_by_none() {
        let unknown = Unknown(vec![(0x1000, 0x2000)]);
        let overlaps = [(0xfff, 2), (0x1fff, 1), (0x1800, 1), (0, u64::MAX)];
        assert!(overlaps.iter().all(|&(orig, bytes)| unknown.overlaps(orig, bytes)));
        assert!(
            [(0xfff, 1), (0x2000, 9), (0, 0)].iter().all(|&(orig, bytes)| !unknown.overlaps(orig, bytes))
        );
    }
}
