//! A map and a lookup as callers make them, whole: whoever has a bounce address, by a Relaxed atomic, finds its pool, be
//! it one of the allocator's or one that the map made. Rows 17 and 38 of docs/BUG-MUSEUM.md: `ci/museum.sh` puts the
//! faults back into the product and sees these models fail.
//!
//! The twins of this folder are of the protocol alone (`publication.rs`). Here the calls stand in the order in which the
//! map makes them.

use super::harness::{holds, preemptions};
use crate::addr::PhysAddr;
use crate::area::Locked;
use crate::boot::Geometry;
use crate::device::{DeviceLimits, Direction, MapRequest};
use crate::lock::TestAndSet;
use crate::mem::{Device, IoTlbMem, Permissions};
use crate::phys::{BuddyZones, NoEncryption, PhysMemory, PoolPages};
use crate::policy::{Kernel, With};
use crate::reclaim::Leak;
use crate::search::FreeRunList;
use crate::sync::AtomicU64;
use crate::sync::Ordering::Relaxed;
use loom::thread;
use std::sync::Arc;

/// Linux's publication and list. Lock and reclaimer are those that take the fewest steps.
type Modelled = <<Kernel as With>::Area<Locked<TestAndSet, FreeRunList>> as With>::Reclaim<Leak>;

const LOST: &str = "a lookup has the address and finds no pool";

/// A pool of one slot, and one device.
struct Machine {
    mem: Arc<IoTlbMem<Modelled>>,
    device: Device<Modelled>,
    address: AtomicU64,
}

impl Machine {
    fn new() -> Arc<Self> {
        let pages = PoolPages::new(BuddyZones::pc(32 << 20), NoEncryption, None);
        let reserve = &mut |_bytes| Some(PhysAddr(0));
        let (geometry, memory) = (Geometry { nslabs: 1, nareas: 1 }, Arc::new(PhysMemory::new()));
        let setup = IoTlbMem::early(geometry, Permissions::default(), None, memory, pages, reserve);
        let mem = setup.expect("a page at 0").mem;
        let device = mem.device(DeviceLimits::default()).expect("no mask is bad");
        Arc::new(Self { mem, device, address: AtomicU64::new(0) })
    }

    /// Maps for `device` and says nothing.
    fn map(&self, device: &Device<Modelled>) -> PhysAddr {
        let request = MapRequest::new(PhysAddr(1 << 21), 1, Direction::ToDevice);
        self.mem.caller(0).enter().map(device, &request).expect("there is room, or a page")
    }

    /// Maps and hands the address on.
    fn hand_out(&self) {
        // Address 0 is the first pool's; 1 is added to tell it from none.
        self.address.store(self.map(&self.device).0 + 1, Relaxed);
    }

    fn look_up(&self) {
        if let Some(addr) = self.address.load(Relaxed).checked_sub(1) {
            let found = self.mem.caller(1).enter().is_swiotlb_buffer(&self.device, PhysAddr(addr));
            assert!(found, "{LOST}");
        }
    }
}

/// One thread looks up while this one maps.
fn handed_over(machine: &Arc<Machine>) {
    let theirs = Arc::clone(machine);
    let reader = thread::spawn(move || theirs.look_up());
    machine.hand_out();
    reader.join().expect("it found the pool");
}

/// Row 17: the flag of the device, and the pool.
#[test]
fn row_17_whoever_has_the_address_finds_its_pool() {
    holds("a map, handed over", preemptions(3), || handed_over(&Machine::new()));
}

/// Row 38: a pool that the map itself made. The one slot that there is belongs to another device.
#[test]
fn row_38_whoever_has_the_address_finds_its_transient_pool() {
    holds("a map with a transient pool, handed over", preemptions(3), || {
        let machine = Machine::new();
        let other = machine.mem.device(DeviceLimits::default()).expect("no mask is bad");
        machine.map(&other);
        handed_over(&machine);
        assert!(machine.mem.stats().transient_nslabs == 1, "it took no pool of its own");
    });
}
