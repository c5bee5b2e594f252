//! Single calls that arrive as a Poisson process on one thread: what queueing theory speaks of.
//!
//! Each is a lookup of a foreign address, since that is the one call that takes nothing and leaves nothing.
//! Not for an allocator but for a server of known service time; see the runner's dummy.

use super::arrivals::{ArrivalKind, Rate};
use super::builder::device;
use super::common::few_enough;
use super::error::ModelError;
use crate::op::{Action, Bounds, DeviceIndex, DeviceTouch, Op, Plan, Role, ThreadPlan};
use swiotlb_core::addr::PhysAddr;

/// The name in plans.
const NAME: &str = "single";
/// A page that every plan may name.
const ARENA: (PhysAddr, u64) = (PhysAddr(1 << 38), 4_096);

/// `calls` calls, `rate_per_s` a second on average.
///
/// # Errors
/// [`ModelError`] for a rate out of range, or calls that would take too long.
pub fn single_calls(calls: u64, rate_per_s: f64, kind: ArrivalKind, seed: u64) -> Result<Plan, ModelError> {
    few_enough(calls)?;
    let mut arrivals = Rate::new(rate_per_s, kind, calls)?.arrivals(seed, 0, 1);
    let action = Action::LookupForeign { device: DeviceIndex(0), addr: ARENA.0 };
    let ops = (0..calls).map(|_| Op { at_ns: arrivals.next_ns(), action }).collect();
    Ok(Plan {
        model: NAME.to_owned(),
        seed,
        devices: vec![device("server", 0)],
        threads: vec![ThreadPlan { role: Role::Looker, cpu: 0, ops }],
        handles: 0,
        arena: ARENA,
        touch: DeviceTouch::None,
        bounds: Bounds::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_keeps_its_rate_and_its_promises() -> Result<(), ModelError> {
        let plan = single_calls(10_000, 1e6, ArrivalKind::Poisson, 7)?;
        assert!(plan.check().is_ok());
        let seconds = plan.end_ns() as f64 / 1e9;
        assert!((9_700.0..10_300.0).contains(&(seconds * 1e6)), "{seconds}");
        assert_eq!(plan, single_calls(10_000, 1e6, ArrivalKind::Poisson, 7)?);
        assert!(single_calls(10, 0.0, ArrivalKind::Poisson, 7).is_err());
        assert!(single_calls(4_000_000_000, 1e6, ArrivalKind::Poisson, 7).is_err());
        Ok(())
    }
}
