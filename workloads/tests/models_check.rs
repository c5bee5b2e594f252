//! The check finds each kind of mistake in a plan.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::{DeviceLimits, Direction};
use workloads::arena::ARENA_BASE;
use workloads::check::PlanError;
use workloads::op::{
    Action, Bounds, DeviceIndex, DeviceTouch, Handle, Op, Plan, PlanDevice, Role, ThreadPlan,
};

fn map(handle: u32, at: u64) -> Action {
    sized(handle, at, 4096)
}

fn sized(handle: u32, at: u64, size: u32) -> Action {
    Action::Map {
        handle: Handle(handle),
        device: DeviceIndex(0),
        orig: PhysAddr(ARENA_BASE.0 + at),
        size,
        alloc_align_mask: 0,
        dir: Direction::ToDevice,
    }
}

fn unmap(handle: u32) -> Action {
    Action::Unmap { handle: Handle(handle), skip_cpu_sync: false }
}

fn wait(handle: u32) -> Action {
    Action::AwaitUnmap { handle: Handle(handle) }
}

fn sync(handle: u32, offset: u32, len: u32) -> Action {
    Action::SyncForCpu { handle: Handle(handle), offset, len }
}

fn plan(handles: u32, threads: &[&[(u64, Action)]]) -> Plan {
    let thread = |(ops, cpu): (&&[(u64, Action)], u32)| ThreadPlan {
        role: Role::Mapper,
        cpu,
        ops: ops.iter().map(|&(at_ns, action)| Op { at_ns, action }).collect(),
    };
    Plan {
        model: "test".to_owned(),
        seed: 0,
        devices: vec![PlanDevice { name: "d".to_owned(), limits: DeviceLimits::default() }],
        threads: threads.iter().zip(0..).map(thread).collect(),
        handles,
        arena: (ARENA_BASE, 1 << 20),
        touch: DeviceTouch::None,
        bounds: Bounds { live: 2, live_at_end: 0, skew_ns: None },
    }
}

fn error(handles: u32, threads: &[&[(u64, Action)]]) -> PlanError {
    plan(handles, threads).check().unwrap_err()
}

#[test]
fn a_sound_plan_passes() {
    let first = [(0, map(0, 0)), (5, wait(0)), (5, map(1, 0)), (6, sync(1, 4095, 1)), (9, unmap(1))];
    let second = [(1, sync(0, 0, 4096)), (1, Action::LookupLive { handle: Handle(0) }), (4, unmap(0))];
    assert_eq!(plan(2, &[&first, &second]).check(), Ok(()));
}

#[test]
fn handles_are_dense_and_live_once() {
    assert_eq!(error(1, &[&[(0, map(0, 0)), (1, map(0, 8192))]]), PlanError::MappedTwice(0));
    assert_eq!(error(2, &[&[(0, map(0, 0)), (1, unmap(0))]]), PlanError::NeverMapped(1));
    assert_eq!(error(1, &[&[(0, map(0, 0)), (1, unmap(0)), (2, unmap(0))]]), PlanError::EndedTwice(0));
    assert_eq!(error(1, &[&[(0, sized(0, 0, 0)), (1, unmap(0))]]), PlanError::Empty(0));
    let e = error(0, &[&[(0, map(0, 0))]]);
    assert_eq!(e, PlanError::HandleOutOfRange { thread: 0, op: 0, handle: 0, handles: 0 });
    assert_eq!(error(1, &[&[(0, map(0, 0))]]), PlanError::LiveAtEnd { found: 1, stated: 0 });
    assert_eq!(error(1, &[&[(0, map(0, 0)), (1, wait(0))]]), PlanError::NeverEnded(0));
}

#[test]
fn order_within_and_across_threads() {
    let e = error(1, &[&[(5, map(0, 0)), (4, unmap(0))]]);
    assert_eq!(e, PlanError::TimeBackwards { thread: 0, op: 1 });
    let e = error(1, &[&[(5, unmap(0)), (5, map(0, 0))]]);
    assert_eq!(e, PlanError::TooEarly { thread: 0, op: 0, handle: 0 });
    let e = error(1, &[&[(5, map(0, 0))], &[(5, unmap(0))]]);
    assert_eq!(e, PlanError::TooEarly { thread: 1, op: 0, handle: 0 }, "not at the same time");
    let e = error(1, &[&[(5, map(0, 0)), (6, wait(0))], &[(6, unmap(0))]]);
    assert_eq!(e, PlanError::TooEarly { thread: 0, op: 1, handle: 0 });
}

#[test]
fn a_use_may_not_race_with_the_end() {
    let e = error(1, &[&[(0, map(0, 0)), (1, sync(0, 0, 1))], &[(9, unmap(0))]]);
    assert_eq!(e, PlanError::MayHaveEnded { thread: 0, op: 1, handle: 0 });
    let e = error(1, &[&[(0, map(0, 0)), (1, unmap(0)), (1, sync(0, 0, 1))]]);
    assert_eq!(e, PlanError::MayHaveEnded { thread: 0, op: 2, handle: 0 });
    for (offset, len) in [(4096, 0), (0, 4097), (4095, 2), (u32::MAX, 1)] {
        let e = error(1, &[&[(0, map(0, 0)), (1, sync(0, offset, len)), (2, unmap(0))]]);
        assert_eq!(e, PlanError::SyncOutside { thread: 0, op: 1, handle: 0, offset, len, size: 4096 });
    }
}

#[test]
fn originals_lie_in_the_arena_and_apart() {
    let two = |at| [(0, map(0, 0)), (1, map(1, at)), (2, unmap(0)), (3, unmap(1))];
    assert_eq!(plan(2, &[&two(4096)]).check(), Ok(()));
    assert_eq!(error(2, &[&two(4095)]), PlanError::Overlap(0, 1));
    let outside = PhysAddr(ARENA_BASE.0 + (1 << 20) - 1);
    assert_eq!(error(2, &[&two((1 << 20) - 1)]), PlanError::OutsideArena { handle: 1, orig: outside });
    let device = Action::LookupForeign { device: DeviceIndex(1), addr: outside };
    let e = error(0, &[&[(0, device)]]);
    assert_eq!(e, PlanError::DeviceOutOfRange { thread: 0, op: 0, device: 1, devices: 1 });
}

#[test]
fn live_mappings_are_bounded() {
    let ops = |n: u32| -> Vec<(u64, Action)> {
        let maps = (0..n).map(|h| (0, map(h, u64::from(h) * 4096)));
        maps.chain((0..n).map(|h| (1, unmap(h)))).collect()
    };
    assert_eq!(plan(2, &[&ops(2)]).check(), Ok(()));
    assert_eq!(error(3, &[&ops(3)]), PlanError::TooManyLive { found: 3, bound: 2 });
}
