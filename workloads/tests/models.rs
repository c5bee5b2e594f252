//! Every model over arbitrary parameters: its plan passes the check, and the same seed makes the same plan.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use workloads::model::{
    ArrivalKind, Common, Depth, Ends, Model, ModelError, SizeMix, cross_cpu, fragmentation, growth, lookup,
    many_devices, net_rx, net_tx, nvme, storage, storm,
};
use workloads::op::Plan;

/// FNV-1a over everything that a plan says.
fn hash(plan: &Plan) -> u64 {
    let text = format!("{plan:?}");
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3))
}

fn sizes() -> impl Strategy<Value = SizeMix> {
    prop::collection::vec((1..=200_000_u32, 0.1..10.0_f64), 1..5).prop_map(|mix| SizeMix::new(&mix))
}

fn ends() -> impl Strategy<Value = Ends> {
    prop_oneof![
        Just(Ends::Fifo),
        Just(Ends::Random),
        (0.0..1e7_f64).prop_map(|mean_ns| Ends::Exponential { mean_ns }),
        (0.0..1e7_f64, 0.0..3.0_f64).prop_map(|(median_ns, sigma)| Ends::Lognormal { median_ns, sigma }),
        (0.0..1e7_f64).prop_map(|ns| Ends::Constant { ns }),
    ]
}

fn common() -> impl Strategy<Value = Common> {
    let depth = prop_oneof![4 => (1..100_u32).prop_map(Depth::Held), 1 => Just(Depth::UNBOUNDED)];
    let kind = prop_oneof![Just(ArrivalKind::Poisson), Just(ArrivalKind::Constant)];
    (1..5_u32, 1..400_u64, 1.0..1e9_f64, kind, depth, ends()).prop_map(
        |(threads, ops, rate, kind, depth, ends)| Common {
            threads,
            ops_per_thread: Some(ops),
            rate_per_s: Some(rate),
            arrivals: Some(kind),
            depth: Some(depth),
            ends: Some(ends),
            ..Common::default()
        },
    )
}

fn model() -> impl Strategy<Value = Model> {
    prop_oneof![
        (1..200_000_u32, 0..17_u32).prop_map(|(bytes, bits)| {
            let p = nvme::Parameters { bytes, min_align_mask: (1 << bits) - 1, ..Default::default() };
            Model::Nvme(p)
        }),
        sizes().prop_map(|sizes| Model::Storage(storage::Parameters { sizes, ..Default::default() })),
        (0.0..=1.0_f64, 0..2000_u32).prop_map(|(recycle_share, copybreak)| {
            Model::NetRx(net_rx::Parameters { recycle_share, copybreak, ..Default::default() })
        }),
        (0..=65_536_u32, 1..10_000_u32).prop_map(|(payload, fragment_bytes)| {
            let payloads = SizeMix::new(&[(payload, 1.0), (0, 1.0)]);
            Model::NetTx(net_tx::Parameters { payloads, fragment_bytes, ..Default::default() })
        }),
        (1..300_u32, 0.1..4.0_f64, sizes()).prop_map(|(pool_slots, beyond, sizes)| {
            Model::Storm(storm::Parameters { pool_slots, beyond, sizes })
        }),
        (1..300_u32, 0.0..=0.5_f64, 0.0..=0.5_f64).prop_map(|(pool_slots, up, down)| {
            let (ramp_up_share, ramp_down_share) = (up, down);
            let p = growth::Parameters { pool_slots, ramp_up_share, ramp_down_share, ..Default::default() };
            Model::Growth(p)
        }),
        (0..150_u32, 0.0..=1.0_f64, sizes()).prop_map(|(long_lived, turnover, sizes)| {
            let p = fragmentation::Parameters { long_lived, turnover, sizes, ..Default::default() };
            Model::Fragmentation(p)
        }),
        (0..4_u32, any::<bool>(), sizes()).prop_map(|(unmappers, paired, sizes)| {
            let partners = if paired { cross_cpu::Partners::Paired } else { cross_cpu::Partners::Spread };
            Model::CrossCpu(cross_cpu::Parameters { unmappers, partners, sizes })
        }),
        (0..20_u32, 0.0..=1.0_f64, 0..3_u32, 1..9_u32).prop_map(|(per_map, share, lookers, anchors)| {
            let (lookups_per_map, foreign_share) = (per_map, share);
            let p = lookup::Parameters { lookups_per_map, foreign_share, lookers, anchors, bytes: 4096 };
            Model::Lookup(p)
        }),
        (1..500_u16, 0.0..3.0_f64).prop_map(|(devices, skew)| {
            Model::ManyDevices(many_devices::Parameters { devices, skew, ..Default::default() })
        }),
    ]
}

/// The plan; fields that the model does not use are left out and too few maps raised.
fn plan(model: &Model, common: &Common, seed: u64) -> Result<Plan, ModelError> {
    let mut common = common.clone();
    for _ in 0..6 {
        match model.plan(&common, seed) {
            Err(ModelError::Unused { field: "depth", .. }) => common.depth = None,
            Err(ModelError::Unused { field: "ends", .. }) => common.ends = None,
            Err(ModelError::NeedsDepth { .. } | ModelError::NeedsLifetimes) => common.depth = None,
            Err(ModelError::TooFewMaps { needed, .. }) => common.ops_per_thread = Some(needed),
            Err(ModelError::OutOfRange { field: "threads", .. }) => common.threads = 4,
            other => return other,
        }
    }
    model.plan(&common, seed)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn plans_pass_their_check(model in model(), common in common(), seed in any::<u64>()) {
        match plan(&model, &common, seed) {
            Ok(made) => {
                prop_assert_eq!(made.check(), Ok(()));
                prop_assert_eq!((made.model.as_str(), made.seed), (model.name(), seed));
                prop_assert_eq!(made.bounds.live_at_end, 0);
                prop_assert_eq!(&made, &plan(&model, &common, seed).unwrap());
            }
            // What arbitrary parameters may still run into; anything else is a defect.
            Err(ModelError::BadSize { .. } | ModelError::OutOfRange { .. }) => {}
            Err(error) => prop_assert!(false, "{error}"),
        }
    }

    #[test]
    fn a_model_survives_its_file_form(model in model()) {
        let text = serde_json::to_string(&model).unwrap();
        let again: Model = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(serde_json::to_string(&again).unwrap(), text);
    }
}

/// What seed 1 makes of the defaults: 2 threads, 3,000 maps each where the model takes a number. A change
/// here changes what every record of a suite means: raise the suite's version with it.
const PINNED: [(&str, u64); 10] = [
    ("nvme", 0xe402_aba7_1086_c0b8),
    ("storage", 0x5213_20f2_4053_0e1b),
    ("net_rx", 0x722c_4c1d_48b2_019c),
    ("net_tx", 0x915c_072b_6c4b_601a),
    ("storm", 0x5135_db20_2823_a445),
    ("growth", 0xa92b_a6ad_f550_f3d4),
    ("fragmentation", 0x7b97_09ac_366a_0a11),
    ("cross_cpu", 0x6c2e_36b8_5f70_3ad0),
    ("lookup", 0x1a41_1329_be6b_8b78),
    ("many_devices", 0x88e2_f43c_91c0_681e),
];

#[test]
fn plans_reproduce_to_the_bit() {
    let common = Common { threads: 2, ops_per_thread: Some(3_000), ..Common::default() };
    let of = |(name, _)| {
        let made = plan(&Model::by_name(name).unwrap(), &common, 1).unwrap();
        made.check().unwrap();
        (name, hash(&made))
    };
    assert_eq!(PINNED.map(of), PINNED);
}

#[test]
fn another_seed_makes_another_plan() {
    let common = Common { threads: 2, ops_per_thread: Some(3_000), ..Common::default() };
    for (name, _) in PINNED {
        let model = Model::by_name(name).unwrap();
        let ops = |seed| plan(&model, &common, seed).unwrap().threads;
        assert_ne!(ops(1), ops(2), "{name}");
    }
}

#[test]
fn names() {
    for name in Model::names() {
        let trace = ["fitted", "parallel_replay"].contains(name);
        assert_eq!(Model::by_name(name).is_none(), trace, "{name}");
        assert!(Model::by_name(name).is_none_or(|model| model.name() == *name));
    }
    let parsed: Model = serde_json::from_str(r#"{"name": "net_rx", "copybreak": 0}"#).unwrap();
    assert_eq!(parsed.name(), "net_rx");
    let error = serde_json::from_str::<Model>(r#"{"name": "net_rx", "copybrake": 0}"#).unwrap_err();
    assert!(error.to_string().contains("copybrake"), "{error}");
    let error = serde_json::from_str::<Model>(r#"{"name": "nvm"}"#).unwrap_err();
    assert!(error.to_string().contains("parallel_replay"), "{error}");
}
