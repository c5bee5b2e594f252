//! Two allocators in step: whatever a policy that keeps placement is asked, mistakes included, it answers as the
//! kernel's does, with the same bytes in the originals and the same statistics.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Testable, Tested, mem, orig};
use proptest::prelude::*;
use std::sync::Arc;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::area::{LockFree, Locked, Padded};
use swiotlb_core::caller::Caller;
use swiotlb_core::device::{Attrs, DeviceLimits, Direction, MapRequest};
use swiotlb_core::error::{MapError, SyncError, UnmapError};
use swiotlb_core::lock::QueuedSpin;
use swiotlb_core::mem::{Device, IoTlbMem, MemStats};
use swiotlb_core::policy::{Kernel, With};
use swiotlb_core::search::{Bitmap, Summary};
use swiotlb_core::slot::{EachSlot, FirstSlot};
use swiotlb_core::trip::{EachStep, PassAlong, Trip, Twice};

const DIRS: [Direction; 3] = [Direction::Bidirectional, Direction::ToDevice, Direction::FromDevice];

/// What one step does; the numbers choose among what there is.
#[derive(Clone, Copy, Debug)]
enum Step {
    Map {
        device: u32,
        size: u64,
        low: u64,
        align: u32,
        dir: u32,
    },
    /// Of any live mapping, at `off` bytes from its start.
    Unmap {
        which: u32,
        device: u32,
        off: i64,
        dir: u32,
    },
    Sync {
        which: u32,
        device: u32,
        off: i64,
        bytes: u64,
        dir: u32,
        to_cpu: bool,
    },
    /// What the slot at `off` bytes from a live mapping says to its device.
    Look {
        which: u32,
        off: i64,
    },
}

/// What came back.
#[derive(Debug, PartialEq)]
enum Answer {
    Map(Result<PhysAddr, MapError>),
    Unmap(Result<(), UnmapError>),
    Sync(Result<(), SyncError>),
    Look(Option<(u32, u64, u64)>),
}

/// A live mapping and its device, or one that has ended: mistakes name those.
type Mapped = (PhysAddr, MapRequest, u32);

struct Machine<P: Testable> {
    mem: Arc<IoTlbMem<P>>,
    devices: Vec<Device<P>>,
    mapped: Vec<Mapped>,
    /// Maps so far: each has an original of its own.
    maps: u64,
}

impl<P: Testable> Machine<P> {
    /// Devices that either all keep the original's offset in its slot or all do not: a device that names another's
    /// mapping then means the same bytes by it.
    fn new(keeps: bool) -> Self {
        let mem = mem::<P>(512, 2, true);
        let masks = if keeps { [0xfff, 0x7ff, 0x3fff, 0xfff] } else { [0; 4] };
        let limits = [(masks[0], u64::MAX), (masks[1], u64::MAX), (masks[2], u64::MAX), (masks[3], 0xffff)];
        let device = |(min_align_mask, seg_boundary_mask)| {
            mem.device(DeviceLimits { min_align_mask, seg_boundary_mask, ..DeviceLimits::default() }).unwrap()
        };
        let devices = limits.map(device).into();
        Self { mem, devices, mapped: Vec::new(), maps: 0 }
    }

    fn named(&self, which: u32, off: i64) -> Option<Mapped> {
        let (addr, req, device) = *self.mapped.get(which as usize % self.mapped.len().max(1))?;
        Some((addr.wrapping_add(off.cast_unsigned()), req, device))
    }

    fn map(&mut self, caller: &Caller<'_, P>, step: (u32, u64, u64, u32, u32)) -> Answer {
        let (device, size, low, align, dir) = step;
        let alloc_align_mask = [0, 0, 0, 0xfff, 0x3fff][(align % 5) as usize];
        let at = orig(self.maps % 1024).wrapping_add(low);
        self.maps += 1;
        self.mem.memory().write(at, &self.maps.to_le_bytes()).unwrap();
        let dir = DIRS[(dir % 3) as usize];
        let req = MapRequest { alloc_align_mask, ..MapRequest::new(at, size, dir) };
        let answer = caller.enter().map(&self.devices[(device % 4) as usize], &req);
        self.mapped.extend(answer.map(|addr| (addr, req, device % 4)));
        Answer::Map(answer)
    }

    fn step(&mut self, caller: &Caller<'_, P>, step: Step) -> Option<Answer> {
        let session = caller.enter();
        Some(match step {
            Step::Map { device, size, low, align, dir } => self.map(caller, (device, size, low, align, dir)),
            Step::Unmap { which, device, off, dir } => {
                let (addr, req, _) = self.named(which, off)?;
                let (dev, dir) = (&self.devices[(device % 4) as usize], DIRS[(dir % 3) as usize]);
                Answer::Unmap(session.unmap(dev, addr, req.size, dir, Attrs::default()))
            }
            Step::Sync { which, device, off, bytes, dir, to_cpu } => {
                let (addr, ..) = self.named(which, off)?;
                let (dev, dir) = (&self.devices[(device % 4) as usize], DIRS[(dir % 3) as usize]);
                Answer::Sync(match to_cpu {
                    true => session.sync_for_cpu(dev, addr, bytes, dir),
                    false => session.sync_for_device(dev, addr, bytes, dir),
                })
            }
            Step::Look { which, off } => {
                let (addr, _, device) = self.named(which, off)?;
                let mapping = session.mapping(&self.devices[device as usize], addr);
                Answer::Look(mapping.map(|m| (m.first.0, m.nslots, m.alloc_left)))
            }
        })
    }

    /// The statistics, and the first bytes of every original.
    fn state(&self) -> (MemStats, Vec<[u8; 8]>) {
        let bytes = |&(_, req, _): &Mapped| {
            let mut seen = [0; 8];
            self.mem.memory().read(req.orig, &mut seen).unwrap();
            seen
        };
        (self.mem.stats(), self.mapped.iter().map(bytes).collect())
    }
}

fn in_step<A: Testable, B: Testable>(keeps: bool, steps: &[Step]) {
    let (mut a, mut b) = (Machine::<A>::new(keeps), Machine::<B>::new(keeps));
    let (mem_a, mem_b) = (Arc::clone(&a.mem), Arc::clone(&b.mem));
    let (caller_a, caller_b) = (mem_a.caller(0), mem_b.caller(0));
    for (i, &step) in (0_u32..).zip(steps) {
        caller_a.set_cpu(i / 8);
        caller_b.set_cpu(i / 8);
        assert_eq!(a.step(&caller_a, step), b.step(&caller_b, step), "{step:?}");
        assert_eq!(a.state(), b.state(), "{step:?}");
        // A growing allocator would never be full.
        if i == 60 {
            assert_eq!(caller_a.run_worker(), caller_b.run_worker());
        }
    }
    let counted = (caller_a.probe().get(), caller_b.probe().get());
    assert_eq!(caller_a.probe().take_notes(), caller_b.probe().take_notes());
    assert_eq!(counted.0.bytes_copied, counted.1.bytes_copied);
}

/// Offsets mostly into the mapping, now and then before it or far behind.
fn offset() -> impl Strategy<Value = i64> {
    prop_oneof![4 => Just(0_i64), 4 => 0_i64..20_000, 1 => 0_i64..300_000, 1 => -5000_i64..0]
}

fn size() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 1_u64..9000, 2 => 0_u64..80_000, 1 => 1_u64..270_000]
}

fn step() -> impl Strategy<Value = Step> {
    let small = 0_u32..60;
    prop_oneof![
        4 => (small.clone(), size(), 0_u64..0x8000, small.clone(), small.clone())
            .prop_map(|(device, size, low, align, dir)| Step::Map { device, size, low, align, dir }),
        3 => (any::<u32>(), small.clone(), offset(), small.clone())
            .prop_map(|(which, device, off, dir)| Step::Unmap { which, device, off, dir }),
        3 => (any::<u32>(), small.clone(), offset(), size(), small, any::<bool>()).prop_map(
            |(which, device, off, bytes, dir, to_cpu)| Step::Sync { which, device, off, bytes, dir, to_cpu }
        ),
        2 => (any::<u32>(), offset()).prop_map(|(which, off)| Step::Look { which, off }),
    ]
}

/// Look-ups of one round trip.
fn lookups<T: Trip>() -> u64 {
    let mem = mem::<Tested<<Kernel as With>::Trip<T>>>(512, 1, false);
    let dev = mem.device(DeviceLimits::default()).unwrap();
    let caller = mem.caller(0);
    let session = caller.enter();
    let addr = session.map(&dev, &MapRequest::new(orig(0), 4096, DIRS[0])).unwrap();
    session.unmap(&dev, addr, 4096, DIRS[0], Attrs::default()).unwrap();
    caller.probe().get().lookups
}

#[test]
fn a_round_trip_looks_its_pool_up_once_twice_or_at_each_step() {
    assert_eq!([lookups::<PassAlong>(), lookups::<Twice>(), lookups::<EachStep>()], [1, 2, 6]);
}

type List = Locked<QueuedSpin, swiotlb_core::search::FreeRunList>;
type Fast = Locked<QueuedSpin, Summary<FirstSlot>>;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn every_placement_keeping_area_answers_as_the_kernel_s(
        keeps in any::<bool>(),
        steps in prop::collection::vec(step(), 1..120),
    ) {
        in_step::<Tested<Kernel>, Tested<<Kernel as With>::Area<Fast>>>(keeps, &steps);
        in_step::<Tested<Kernel>, Tested<<Kernel as With>::Area<Padded<List>>>>(keeps, &steps);
        in_step::<Tested<Kernel>, Tested<<Kernel as With>::Area<LockFree>>>(keeps, &steps);
        in_step::<Tested<Kernel>, Tested<<Kernel as With>::Area<LockFree<EachSlot>>>>(keeps, &steps);
        in_step::<Tested<Kernel>, Tested<<Kernel as With>::Area<Locked<QueuedSpin, Bitmap<FirstSlot>>>>>(keeps, &steps);
    }
}
