//! Where everything lies, and what every call asks for.
//!
//! Addresses are made up once for all scenarios: the default pool from 1 GiB up, further pools from 64 GiB
//! up, pages of transient pools between 4 and 8 GiB, originals at 16 GiB. Nothing overlaps.

use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::{Attrs, Direction, MapRequest};
use swiotlb_core::phys::{BuddyZones, Zone};
use swiotlb_core::rules::IO_TLB_SHIFT;

/// Where the default pool lies.
pub const POOL: PhysAddr = PhysAddr(1 << 30);
/// Where added pools lie, one behind the other.
pub const MORE_POOLS: PhysAddr = PhysAddr(64 << 30);
/// Where the originals lie.
pub const ORIGINALS: PhysAddr = PhysAddr(16 << 30);
/// The direction of every mapping: both copies are made where copying is on.
const DIRECTION: Direction = Direction::Bidirectional;

/// The attributes of every call.
pub const ATTRS: Attrs = Attrs { skip_cpu_sync: false, no_warn: true };

/// A request for `slots` slots, its original at a page's start, the same for all sizes.
pub fn request(slots: u32) -> MapRequest {
    MapRequest::new(ORIGINALS, u64::from(slots) << IO_TLB_SHIFT, DIRECTION)
}

/// The pages of transient pools.
pub fn blocks() -> BuddyZones {
    BuddyZones::new(&[(Zone::Normal, PhysAddr(4 << 30), 4 << 30)])
}
