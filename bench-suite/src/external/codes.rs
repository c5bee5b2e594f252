//! A library's error numbers as the errors that everybody else gives. Cold: none is on the path of a call that
//! succeeds.

use super::abi;
use super::instance::Instance;
use core::ffi::c_int;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::{Direction, MapRequest};
use swiotlb_core::error::{InitError, MapError, PageError, SyncError, UnmapError};
use swiotlb_core::phys::Zone;
use swiotlb_core::rules::{IO_TLB_MAX_BYTES, IO_TLB_SHIFT, page_order};

/// `init`.
#[cold]
pub fn init(code: c_int, base: PhysAddr, nslabs: u64) -> InitError {
    let what = match code {
        abi::NO_MEMORY => return InitError::NoMemory { min_slots: nslabs },
        abi::UNSUPPORTED => "the outside allocator does not build it",
        _ => "the outside allocator returned a number that swiotlb_ext.h does not have",
    };
    InitError::Placement { base, bytes: nslabs << IO_TLB_SHIFT, what }
}

/// `map`.
#[cold]
pub fn map(code: c_int, instance: &Instance, request: &MapRequest) -> MapError {
    let wanted = request.size;
    match code {
        abi::FULL => {
            let stats = instance.stats();
            MapError::Full { wanted, total: stats.nslabs, used: stats.used }
        }
        abi::TOO_LARGE => MapError::TooLarge { wanted, max: IO_TLB_MAX_BYTES },
        abi::OUT_OF_PAGES => {
            let source = PageError::OutOfPages { order: page_order(wanted), zone: Zone::Normal };
            MapError::OutOfPages { wanted, source }
        }
        abi::UNUSABLE => MapError::TransientUnusable { wanted, base: PhysAddr::INVALID },
        abi::BAD_MASK => MapError::BadMask { mask: request.alloc_align_mask },
        abi::ZERO => MapError::ZeroLength,
        code => {
            undocumented(code, abi::NO_POOL, instance, "map");
            MapError::NoPool
        }
    }
}

/// `unmap`.
#[cold]
pub fn unmap(code: c_int, instance: &Instance, addr: PhysAddr, given: Direction) -> UnmapError {
    match code {
        abi::NOT_LIVE => UnmapError::NotLive { addr },
        // The number does not say which direction it was mapped with: any other one.
        abi::WRONG_DIRECTION => UnmapError::WrongDirection { addr, mapped: other(given), given },
        code => {
            undocumented(code, abi::NOT_BOUNCED, instance, "unmap");
            UnmapError::NotBounced { addr }
        }
    }
}

/// `sync_for_cpu` and `sync_for_device`.
#[cold]
pub fn sync(code: c_int, instance: &Instance, addr: PhysAddr, given: Direction) -> SyncError {
    match code {
        abi::NOT_LIVE => SyncError::NotLive { addr },
        abi::WRONG_DIRECTION => SyncError::WrongDirection { addr, mapped: other(given), given },
        code => {
            undocumented(code, abi::NOT_BOUNCED, instance, "sync");
            SyncError::NotBounced { addr }
        }
    }
}

const fn other(given: Direction) -> Direction {
    if given as u8 == Direction::Bidirectional as u8 { Direction::ToDevice } else { Direction::Bidirectional }
}

/// Says so, if the number is not the one that is left.
fn undocumented(code: c_int, left: c_int, instance: &Instance, call: &str) {
    if code != left {
        instance.host().say(&format!("{call} returned {code}, which swiotlb_ext.h does not have for it"));
    }
}
