//! Plans made by hand, and a small generator of random numbers whose values never change.

#![allow(dead_code, reason = "each test file uses a part")]

use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::{DeviceLimits, Direction};
use workloads::op::{
    Action, Bounds, DeviceIndex, DeviceTouch, Handle, Op, Plan, PlanDevice, Role, ThreadPlan,
};

/// Where originals lie in these plans.
pub const ARENA: u64 = 1 << 39;

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ x >> 31
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.bits() % end
    }

    /// Exponential with this mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        let uniform = ((self.bits() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        -uniform.ln() * mean
    }
}

/// A plan under construction: handles and originals are given out in order.
pub struct Maker {
    pub plan: Plan,
    next_orig: u64,
}

impl Maker {
    pub fn new(threads: u32) -> Self {
        let thread = |cpu| ThreadPlan { role: Role::Mapper, cpu, ops: Vec::new() };
        let device = PlanDevice { name: "disk".to_owned(), limits: DeviceLimits::default() };
        let plan = Plan {
            model: "by hand".to_owned(),
            seed: 0,
            devices: vec![device],
            threads: (0..threads).map(thread).collect(),
            handles: 0,
            arena: (PhysAddr(ARENA), 0),
            touch: DeviceTouch::None,
            bounds: Bounds::default(),
        };
        Self { plan, next_orig: ARENA }
    }

    pub fn op(&mut self, thread: usize, at_ns: u64, action: Action) {
        self.plan.threads[thread].ops.push(Op { at_ns, action });
    }

    pub fn map(&mut self, thread: usize, at_ns: u64, size: u32, dir: Direction) -> Handle {
        let handle = Handle(self.plan.handles);
        self.plan.handles += 1;
        let orig = PhysAddr(self.next_orig);
        self.next_orig += u64::from(size).next_multiple_of(4_096);
        let device = DeviceIndex(0);
        self.op(thread, at_ns, Action::Map { handle, device, orig, size, alloc_align_mask: 0, dir });
        handle
    }

    pub fn unmap(&mut self, thread: usize, at_ns: u64, handle: Handle) {
        self.op(thread, at_ns, Action::Unmap { handle, skip_cpu_sync: false });
    }

    /// The plan, ops in time order within each thread, bounds as found.
    pub fn done(mut self) -> Plan {
        self.plan.arena.1 = (self.next_orig - ARENA).max(4_096);
        for thread in &mut self.plan.threads {
            thread.ops.sort_by_key(|op| op.at_ns);
        }
        let ops = || self.plan.threads.iter().flat_map(|thread| &thread.ops);
        let ended = ops().filter(|op| matches!(op.action, Action::Unmap { .. })).count() as u64;
        let bounds = Bounds {
            live: u64::from(self.plan.handles),
            live_at_end: u64::from(self.plan.handles) - ended,
            skew_ns: None,
        };
        self.plan.bounds = bounds;
        self.plan
    }
}

/// Map and unmap by turns on each thread, `live` mappings at once, in all directions, with syncs.
pub fn round_trips(threads: u32, each: u64, live: u64, gap_ns: u64) -> Plan {
    let mut maker = Maker::new(threads);
    let mut random = Random(7);
    let dirs = [Direction::ToDevice, Direction::FromDevice, Direction::Bidirectional];
    for thread in 0..threads as usize {
        let mut held = std::collections::VecDeque::new();
        for i in 0..each {
            let (at, size) = (i * gap_ns, 512 + random.below(12_000) as u32);
            let handle = maker.map(thread, at, size, dirs[random.below(3) as usize]);
            if i % 5 == 0 {
                maker.op(thread, at, Action::SyncForCpu { handle, offset: 100, len: 200 });
                maker.op(thread, at, Action::SyncForDevice { handle, offset: 0, len: 512 });
                maker.op(thread, at, Action::LookupLive { handle });
            }
            held.push_back(handle);
            if held.len() as u64 > live
                && let Some(oldest) = held.pop_front()
            {
                maker.unmap(thread, at, oldest);
            }
        }
        let end = each * gap_ns;
        held.into_iter().for_each(|handle| maker.unmap(thread, end, handle));
    }
    maker.done()
}

/// One thread maps, the other unmaps a while later.
pub fn handed_over(each: u64) -> Plan {
    let mut maker = Maker::new(2);
    for i in 0..each {
        let handle = maker.map(0, i * 100, 4_096, Direction::FromDevice);
        maker.op(1, i * 100 + 1, Action::SyncForCpu { handle, offset: 0, len: 64 });
        maker.op(1, i * 100 + 1, Action::LookupLive { handle });
        maker.unmap(1, i * 100 + 2, handle);
        if i >= 16 {
            maker.op(0, i * 100 + 50, Action::AwaitUnmap { handle: Handle(handle.0 - 16) });
        }
    }
    maker.plan.threads[1].role = Role::Unmapper;
    maker.done()
}
