//! What to ask of a machine.

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use swiotlb_core::device::{Attrs, Direction};
use workloads::oracle::{Ask, AskMap, MAX_SIZE, Mistake, Orig, Part};

/// Bytes of a segment: the most that can be had.
const SEGMENT: u64 = 256 << 10;

/// Which of many.
fn which() -> impl Strategy<Value = u32> {
    0..64_u32
}

fn dir() -> impl Strategy<Value = Direction> {
    select(vec![Direction::Bidirectional, Direction::ToDevice, Direction::FromDevice])
}

fn attrs() -> impl Strategy<Value = Attrs> {
    (prop::bool::weighted(0.2), prop::bool::weighted(0.2))
        .prop_map(|(skip_cpu_sync, no_warn)| Attrs { skip_cpu_sync, no_warn })
}

/// A byte or so from a multiple of `unit`, the first `times` of them.
fn near(unit: u64, times: u64) -> impl Strategy<Value = u64> {
    (0..times, -2..3_i64).prop_map(move |(times, by)| (times * unit).saturating_add_signed(by))
}

/// From nothing to more than can be had: any number of bits, whole slots, and a byte or so from where it counts.
fn size() -> impl Strategy<Value = u64> {
    prop_oneof![
        3 => 1..9000_u64,
        3 => (1..129_u64).prop_map(|slots| slots * 2048),
        2 => (0..19_u32, any::<u64>()).prop_map(|(bits, low)| (1 << bits) | low & ((1 << bits) - 1)),
        2 => near(2048, 130),
        2 => 0..80_000_u64,
        1 => 0..250_000_u64,
        1 => (0..9000_u64).prop_map(|less| SEGMENT - less),
        1 => 0..MAX_SIZE,
    ]
}

fn orig() -> impl Strategy<Value = Orig> {
    prop_oneof![
        3 => Just(Orig::Fresh(0)),
        5 => (0..SEGMENT).prop_map(Orig::Fresh),
        3 => (0..128_u64).prop_map(|slot| Orig::Fresh(slot * 2048)),
        2 => near(2048, 128).prop_map(Orig::Fresh),
        1 => Just(Orig::Zero),
        2 => which().prop_map(Orig::Again),
    ]
}

fn map() -> impl Strategy<Value = AskMap> {
    let align_mask = prop_oneof![
        30 => Just(0),
        8 => select(vec![0x7ff, 0xfff, 0x1fff, 0x3fff, 0xffff]),
        3 => (0..20_u32).prop_map(|bits| (1 << bits) - 1),
        1 => 0..0x4000_u64,
    ];
    let who = (prop_oneof![3 => 0..8_u32, 1 => any::<u32>()], which());
    (who, orig(), size(), align_mask, dir(), prop::bool::weighted(0.4), attrs()).prop_map(
        |((cpu, device), orig, size, align_mask, dir, stream, attrs)| AskMap {
            cpu,
            device,
            orig,
            size,
            align_mask,
            dir,
            stream,
            attrs,
        },
    )
}

fn part() -> impl Strategy<Value = Part> {
    let off = prop_oneof![2 => Just(0), 2 => 0..MAX_SIZE, 1 => near(2048, 128)];
    let len = prop_oneof![6 => size(), 1 => any::<u64>()];
    (off, len).prop_map(|(off, len)| Part { off, len })
}

/// An offset from an address: mostly near.
fn off() -> impl Strategy<Value = i64> {
    prop_oneof![
        2 => Just(0),
        3 => 0..6000_i64,
        2 => -5000..0_i64,
        2 => (-130..131_i64).prop_map(|slots| slots * 2048),
        1 => 0..300_000_i64,
        1 => any::<i64>(),
    ]
}

fn mistake() -> impl Strategy<Value = Mistake> {
    (which(), off(), which(), dir()).prop_map(|(which, off, device, dir)| Mistake { which, off, device, dir })
}

/// One thing.
pub fn ask() -> impl Strategy<Value = Ask> {
    let calls = prop_oneof![
        16 => map().prop_map(Ask::Map),
        5 => (which(), option::weighted(0.2, size()), attrs()).prop_map(|(which, size, attrs)| Ask::Unmap(which, size, attrs)),
        3 => (which(), part(), any::<bool>()).prop_map(|(which, part, way)| Ask::Sync(which, part, way)),
        2 => (which(), part(), any::<bool>()).prop_map(|(which, part, way)| Ask::Write(which, part, way)),
        1 => (which(), which(), size()).prop_map(|(device, cpu, size)| Ask::Ralloc(device, cpu, size)),
        1 => (which(), option::of(which())).prop_map(|(which, device)| Ask::Rfree(which, device)),
        2 => mistake().prop_map(Ask::WrongUnmap),
        2 => (mistake(), size(), any::<bool>()).prop_map(|(mistake, len, way)| Ask::WrongSync(mistake, len, way)),
    ];
    let looks = prop_oneof![
        2 => which().prop_map(Ask::Check),
        2 => (which(), off(), which()).prop_map(|(pool, off, device)| Ask::FindPool(pool, off, device)),
        2 => (which(), off(), which()).prop_map(|(which, off, device)| Ask::FindMapped(which, off, device)),
        1 => which().prop_map(Ask::Stats),
        1 => Just(Ask::Snapshot),
    ];
    let rest = prop_oneof![
        4 => Just(Ask::RunWorker),
        3 => Just(Ask::RunRcu),
        1 => (0..4_u64).prop_map(Ask::FailPages),
        1 => select(vec![0, 3, 8, 9, 10, 10, 10]).prop_map(Ask::MaxOrder),
        1 => (0..2_u64).prop_map(Ask::HiwaterReset),
    ];
    prop_oneof![12 => calls, 3 => looks, 2 => rest]
}
