//! A caller's mistakes: each is a typed error, and nothing else changes.

use crate::common::{Testable, device, map, mem, orig, unmap};
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::{Attrs, DeviceLimits, Direction, MapRequest};
use swiotlb_core::error::{AllocError, DeviceError, FullReason, InitError, MapError, SyncError, UnmapError};
use swiotlb_core::mem::IoTlbMem;
use swiotlb_core::phys::PhysMemory;
use swiotlb_core::publish::Publish;

const BIDI: Direction = Direction::Bidirectional;

fn unmaps_that_are_wrong<P: Testable>() {
    let mem = mem::<P>(256, 1, false);
    let (dev, other) = (device(&mem), device(&mem));
    let caller = mem.caller(0);
    let session = caller.enter();
    let addr = map(&session, &dev, 0, 6000);
    let none = Attrs::default();
    let before = mem.stats();
    let outside = PhysAddr(0x123);
    assert_eq!(session.unmap(&dev, outside, 1, BIDI, none), Err(UnmapError::NotBounced { addr: outside }));
    for wrong in [addr.wrapping_add(1), addr.wrapping_add(2048), addr.wrapping_add(8192)] {
        assert_eq!(session.unmap(&dev, wrong, 6000, BIDI, none), Err(UnmapError::NotLive { addr: wrong }));
    }
    let given = Direction::ToDevice;
    assert_eq!(
        session.unmap(&dev, addr, 6000, given, none),
        Err(UnmapError::WrongDirection { addr, mapped: BIDI, given })
    );
    // A device that never had a bounce buffer looks nothing up. Without its flag it finds what it does not own.
    if P::Publish::ASKS_FLAG {
        assert_eq!(session.unmap(&other, addr, 6000, BIDI, none), Err(UnmapError::NotBounced { addr }));
    }
    assert_eq!(mem.stats(), before);
    unmap(&session, &dev, addr, 6000);
    assert_eq!(session.unmap(&dev, addr, 6000, BIDI, none), Err(UnmapError::NotLive { addr }));
    assert_eq!(mem.stats().used, 0);
}

fn syncs_that_are_wrong<P: Testable>() {
    let mem = mem::<P>(256, 1, false);
    let dev = device(&mem);
    let caller = mem.caller(0);
    let session = caller.enter();
    let addr = map(&session, &dev, 0, 3000);
    let outside = PhysAddr(u64::MAX);
    assert_eq!(session.sync_for_cpu(&dev, outside, 1, BIDI), Err(SyncError::NotBounced { addr: outside }));
    let behind = addr.wrapping_add(8192);
    assert_eq!(session.sync_for_cpu(&dev, behind, 1, BIDI), Err(SyncError::NotLive { addr: behind }));
    let given = Direction::FromDevice;
    assert_eq!(
        session.sync_for_device(&dev, addr, 1, given),
        Err(SyncError::WrongDirection { addr, mapped: BIDI, given })
    );
    unmap(&session, &dev, addr, 3000);
    assert_eq!(session.sync_for_cpu(&dev, addr, 1, BIDI), Err(SyncError::NotLive { addr }));
    // Before the first byte of a mapping that starts inside its slot.
    let strict = mem.device(DeviceLimits { min_align_mask: 0x7ff, ..DeviceLimits::default() }).unwrap();
    let inside = MapRequest::new(orig(1).wrapping_add(0x100), 0xf01, BIDI);
    let addr = session.map(&strict, &inside).unwrap();
    let before = PhysAddr(addr.0 - 1);
    assert_eq!(session.sync_for_cpu(&strict, before, 1, BIDI), Err(SyncError::NotLive { addr: before }));
    assert_eq!(session.sync_for_cpu(&strict, addr, 1, BIDI), Ok(()));
    let slot = PhysAddr(addr.0 & !0x7ff);
    assert!(!session.free_pages(&strict, slot), "no pages start there");
    assert_eq!(session.unmap(&strict, addr, 0xf01, BIDI, Attrs::default()), Ok(()));
    assert_eq!(mem.stats().used, 0);
}

fn maps_that_are_wrong<P: Testable>() {
    let mem = mem::<P>(256, 1, false);
    let dev = device(&mem);
    let foreign_mem = crate::common::mem::<P>(256, 1, false);
    let foreign = device(&foreign_mem);
    let caller = mem.caller(0);
    let session = caller.enter();
    let request = MapRequest::new(orig(0), 100, BIDI);
    assert_eq!(session.map(&foreign, &request), Err(MapError::ForeignDevice));
    let theirs = map(&foreign_mem.caller(0).enter(), &foreign, 0, 100);
    assert!(!session.is_swiotlb_buffer(&foreign, theirs));
    assert!(session.mapping(&foreign, theirs).is_none());
    assert_eq!(session.why_full(&foreign, &request), None);
    assert_eq!(session.map(&dev, &MapRequest { size: 0, ..request }), Err(MapError::ZeroLength));
    let mask = 0xffe;
    let masked = MapRequest { alloc_align_mask: mask, ..request };
    assert_eq!(session.map(&dev, &masked), Err(MapError::BadMask { mask }));
    let huge = MapRequest { size: u64::MAX / 2, orig: PhysAddr(0), ..request };
    assert!(matches!(session.map(&dev, &huge), Err(MapError::NoSuchMemory { .. })));
    let large = MapRequest { size: (256 << 10) + 1, ..request };
    assert!(matches!(session.map(&dev, &large), Err(MapError::TooLarge { .. })));
    assert_eq!(session.why_full(&dev, &large), Some(FullReason::TooLarge));
    let far = MapRequest { orig: PhysAddr(1 << 40), ..request };
    assert!(matches!(session.map(&dev, &far), Err(MapError::NoSuchMemory { .. })));
    assert_eq!(session.alloc_pages(&dev, 4096), Err(AllocError::NotRestricted));
    assert_eq!((mem.stats().used, mem.stats().used_hiwater), (0, 0));
    let bad = DeviceLimits { min_align_mask: 0xf0f, ..DeviceLimits::default() };
    assert!(matches!(mem.device(bad), Err(DeviceError::BadMask { what: "min_align_mask", mask: 0xf0f })));
}

fn the_reason_for_full<P: Testable>() {
    let mem = mem::<P>(256, 1, false);
    let dev = device(&mem);
    let strict = mem.device(DeviceLimits { min_align_mask: 0xffff, ..DeviceLimits::default() }).unwrap();
    let bounded = mem.device(DeviceLimits { seg_boundary_mask: 0xfff, ..DeviceLimits::default() }).unwrap();
    let caller = mem.caller(0);
    let session = caller.enter();
    let why = |dev, request: &MapRequest| {
        assert!(matches!(session.map(dev, request), Err(MapError::Full { .. })));
        session.why_full(dev, request)
    };
    let whole = map(&session, &dev, 0, 256 << 10);
    let taken: Vec<_> = (1..=128).map(|i| map(&session, &dev, i, 1)).collect();
    let one = MapRequest::new(orig(200), 1, BIDI);
    assert_eq!(why(&dev, &one), Some(FullReason::Capacity));
    for &addr in taken.iter().step_by(2) {
        unmap(&session, &dev, addr, 1);
    }
    let two = MapRequest::new(orig(200), 4096, BIDI);
    assert_eq!(why(&dev, &two), Some(FullReason::Fragmentation));
    // Bits 11 to 15 of the original are set: of the free slots, which are all even, none has bit 11.
    let odd = MapRequest::new(PhysAddr(orig(200).0 | 0xf800), 1, BIDI);
    assert_eq!(why(&strict, &odd), Some(FullReason::Alignment));
    unmap(&session, &dev, whole, 256 << 10);
    let long = MapRequest { alloc_align_mask: 0x7ff, ..MapRequest::new(orig(200), 6144, BIDI) };
    assert_eq!(why(&bounded, &long), Some(FullReason::Boundary));
    assert_eq!(session.why_full(&dev, &long), Some(FullReason::RoomByNow));
}

/// The last slot of a mapping may hold fewer bytes than its first one lacks: its end is the allocation's all the same.
fn syncs_past_the_end<P: Testable>() {
    let mem = mem::<P>(256, 1, false);
    let dev = mem.device(DeviceLimits { min_align_mask: 0x7ff, ..DeviceLimits::default() }).unwrap();
    let caller = mem.caller(0);
    let session = caller.enter();
    // 763 bytes are kept, and a byte is left for the second slot.
    let (orig, size) = (orig(0).wrapping_add(763), 1286);
    let behind = orig.wrapping_add(size);
    mem.memory().write(behind, &[7; 1000]).unwrap();
    let addr = session.map(&dev, &MapRequest::new(orig, size, BIDI)).unwrap();
    mem.memory().write(addr, &[9; 1286]).unwrap();
    mem.memory().write(addr.wrapping_add(size), &[8; 1000]).unwrap();
    let second = addr.wrapping_add(1285);
    assert_eq!(session.sync_for_cpu(&dev, second, 1000, BIDI), Ok(()));
    let mut seen = [0; 1002];
    mem.memory().read(behind.wrapping_sub(2), &mut seen).unwrap();
    assert_eq!(seen[..3], [0, 9, 7], "one byte of the buffer, and none of what lies behind it");
    assert!(seen[3..].iter().all(|&byte| byte == 7));
    for (bytes, done) in [(0, true), (1, false), (500, false), (761, false)] {
        let past = addr.wrapping_add(size + bytes);
        let said = if done { Ok(()) } else { Err(SyncError::NotLive { addr: past }) };
        assert_eq!(session.sync_for_cpu(&dev, past, 10, BIDI), said, "{bytes}");
    }
    mem.memory().read(behind.wrapping_sub(2), &mut seen).unwrap();
    assert!(seen[2..].iter().all(|&byte| byte == 7));
    session.unmap(&dev, addr, size, BIDI, Attrs::default()).unwrap();
    assert_eq!(mem.stats().used, 0);
}

/// A device with another alignment than the one that mapped: what it names may be copied, but never past the
/// pool.
fn syncs_of_another_device<P: Testable>() {
    let mem = mem::<P>(256, 1, false);
    let dev = device(&mem);
    let aligned = DeviceLimits { min_align_mask: 0x7ff, ..DeviceLimits::default() };
    let other = mem.device(aligned).unwrap();
    let caller = mem.caller(0);
    let session = caller.enter();
    // The whole pool, so that the slots of some mapping are the last.
    let first = map(&session, &other, 0, 256 << 10);
    let all: Vec<_> = (1..65)
        .map(|i| session.map(&dev, &MapRequest::new(orig(i).wrapping_add(0x700), 4096, BIDI)).unwrap())
        .collect();
    for addr in all {
        let middle = addr.wrapping_add(2048);
        assert_eq!(session.sync_for_device(&other, middle, 4096, BIDI), Ok(()));
        unmap(&session, &dev, addr, 4096);
    }
    unmap(&session, &other, first, 256 << 10);
    assert_eq!(mem.stats().used, 0);
}

crate::for_every_policy! {
    an_unmap_of_what_is_not_live_changes_nothing => unmaps_that_are_wrong;
    a_sync_of_what_is_not_live_copies_nothing => syncs_that_are_wrong;
    a_sync_for_another_device_stays_inside_the_pool => syncs_of_another_device;
    a_map_that_cannot_be_takes_nothing => maps_that_are_wrong;
    a_sync_past_the_end_is_cut_there => syncs_past_the_end;
    every_failure_has_its_reason => the_reason_for_full;
}

#[test]
fn pools_that_cannot_be_are_refused() {
    type P = crate::common::Tested<swiotlb_core::policy::Kernel>;
    let memory = || std::sync::Arc::new(PhysMemory::new());
    for (base, nslabs) in [(0x1001, 128), (0x1000, 0), (1 << 40, 128), (!0xfff, 128), (0, u64::MAX)] {
        let refused = IoTlbMem::<P>::restricted(PhysAddr(base), nslabs, memory(), crate::common::pages());
        assert!(matches!(refused, Err(InitError::Placement { .. })), "{base:#x} {nslabs}");
    }
    let mem = mem::<P>(256, 2, false);
    let caller = mem.caller(0);
    for (base, nslabs, nareas) in [
        (0x40_0000, 256, 0),
        (0x40_0000, 256, 3),
        (0x40_0000, 192, 2),
        (0x123, 128, 1),
        (crate::common::POOL.0 + 0x1000, 128, 1),
    ] {
        assert!(caller.insert_pool(PhysAddr(base), nslabs, nareas).is_err(), "{base:#x} {nslabs} {nareas}");
    }
    assert_eq!(mem.stats().pools, 1);
}
