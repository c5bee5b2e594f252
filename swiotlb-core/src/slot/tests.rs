//! Both tables answer alike, whatever is mapped, for every slot, first or middle, padded, pages or free.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use super::*;
use crate::device::DeviceLimits;
use crate::rules::{IO_TLB_MAX_BYTES, IO_TLB_SHIFT, align_offset, alloc_size};
use crate::sync::AtomicU16;
use proptest::prelude::*;

const NSLABS: u32 = 384;

/// A mapping: its first slot, its request, how it starts, its original if it has one.
struct Mapped {
    first: u32,
    req: SlotRequest,
    start: MappingStart,
    offset: u64,
}

fn map<T: SlotTable>(table: &T, mapped: &Mapped, orig: Option<PhysAddr>) {
    table.claim(mapped.first, &mapped.req);
    table.remember(mapped.first, &mapped.req, mapped.start, orig);
}

fn unmap<T: SlotTable>(table: &T, mapped: &Mapped) {
    table.end(mapped.first + u32::from(mapped.start.pad_slots), mapped.start);
    table.forget(mapped.first, mapped.req.nslots);
}

/// What a caller can learn of slot `index`; the size only where it means something.
fn answer<T: SlotTable>(table: &T, index: u32) -> (Option<PhysAddr>, Option<u64>, Option<MappingStart>) {
    let slot = table.slot(index);
    let says = slot.orig_addr().is_some() || slot.start().is_some();
    (slot.orig_addr(), says.then(|| slot.alloc_size()), slot.start())
}

/// The mapping of `size` bytes at `orig` under masks chosen by `kind`; none if it is too large.
fn mapping(first: u32, orig: PhysAddr, size: u64, kind: usize) -> Option<Mapped> {
    let min_align_mask = [0, 0x7ff, 0xfff, 0x3fff][kind % 4];
    let align = [0, 0xfff, 0x1fff, 0xffff][kind / 4 % 4];
    let offset = align_offset(min_align_mask, align, orig);
    let wanted = alloc_size(size, offset, align).filter(|&bytes| bytes > 0 && bytes <= IO_TLB_MAX_BYTES)?;
    let limits = DeviceLimits { min_align_mask, ..DeviceLimits::default() };
    let req = SlotRequest::new(&limits, orig, wanted, align, offset);
    let pad_slots = u16::try_from(offset >> IO_TLB_SHIFT).unwrap();
    let dir = Direction::from_kernel((kind / 16 % 3) as u64);
    Some(Mapped { first, req, start: MappingStart { pad_slots, dir }, offset: offset & 0x7ff })
}

fn both_agree(steps: &[(u32, u64, u64, usize, bool)]) {
    let (each, first) = (EachSlot::<AtomicU16>::new(NSLABS), FirstSlot::new(NSLABS));
    let mut live: Vec<Mapped> = Vec::new();
    for &(at, orig, size, kind, release) in steps {
        if release && !live.is_empty() {
            let mapped = live.swap_remove(at as usize % live.len());
            unmap(&each, &mapped);
            unmap(&first, &mapped);
        } else if let Some(mut mapped) = mapping(at % NSLABS, PhysAddr(orig), size, kind) {
            let end = mapped.first + mapped.req.nslots;
            let fits = end <= NSLABS && mapped.first / 128 == (end - 1) / 128;
            let taken = |l: &Mapped| l.first < end && mapped.first < l.first + l.req.nslots;
            if !fits || live.iter().any(taken) {
                continue;
            }
            // One in four is pages without an original.
            let orig = (kind % 64 < 48).then_some(PhysAddr(orig));
            if orig.is_none() {
                mapped.start.dir = None;
            }
            map(&each, &mapped, orig);
            map(&first, &mapped, orig);
            live.push(mapped);
        }
        for index in 0..NSLABS {
            assert_eq!(answer(&each, index), answer(&first, index), "slot {index}");
        }
        for mapped in &live {
            let buffer = mapped.first + u32::from(mapped.start.pad_slots);
            let slots = [
                each.nslots(buffer, mapped.start, mapped.offset),
                first.nslots(buffer, mapped.start, mapped.offset),
            ];
            assert_eq!(slots, [mapped.req.nslots; 2]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn the_first_slot_s_word_says_what_every_descriptor_says(
        steps in prop::collection::vec(
            (any::<u32>(), 0_u64..1 << 40, 0_u64..1 << 17, any::<usize>(), any::<bool>()),
            1..60,
        ),
    ) {
        both_agree(&steps);
    }
}

#[test]
fn a_map_writes_one_word_and_an_unmap_clears_it() {
    let table = FirstSlot::new(256);
    let mapped = mapping(130, PhysAddr(0x5678), 100 << 10, 0).unwrap();
    map(&table, &mapped, Some(PhysAddr(0x5678)));
    let last = table.slot(130 + 49);
    assert_eq!((last.orig_addr(), last.alloc_size()), (Some(PhysAddr(0x5678 + 49 * 2048)), 2048));
    assert_eq!(last.start(), None);
    assert_eq!(table.slot(130 + 50).orig_addr(), None);
    unmap(&table, &mapped);
    assert!((0..256).all(|index| table.slot(index).orig_addr().is_none()));
}
