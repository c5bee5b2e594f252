//! Runs on real threads: against an allocator, against a dummy, against any target.

use super::RunError;
use super::allocator::{Allocator, Grows, Measurable, OfAllocator};
use super::clock::HostClock;
use super::collect;
use super::counted::Counted;
use super::crew::Crew;
use super::dummy::{Dummy, OnClock};
use super::grow::Worker;
use super::looper::Looper;
use super::outcome::Outcome;
use super::settings::{Oracle, Settings};
use super::steps::Steps;
use super::target::{ReadProbe, Target};
use super::touch::Touch;
use super::watch::Watch;
use crate::subject::Build;
use std::sync::{Mutex, PoisonError};
use swiotlb_core::mem::MemStats;
use workloads::op::{DeviceTouch, Plan};

/// Runs a plan on real threads against an allocator of policy `P`, compiled for it: what is measured.
///
/// # Errors
/// See [`RunError`]. A run that its time limit cut short is no error: see [`Outcome::cut_short`].
pub fn real<P>(plan: &Plan, settings: &Settings) -> Result<Outcome, RunError>
where
    P: Measurable,
    P::Probe: ReadProbe,
{
    against(plan, settings, &Allocator::<P>::new(plan, settings)?)
}

/// Where the loop of a whole block lies that [`real`] runs for `P`.
pub(crate) fn hot_loop<P>() -> *const ()
where
    P: Measurable,
    P::Probe: ReadProbe,
{
    Looper::<'static, HostClock>::in_sections::<OfAllocator<'static, P>> as *const ()
}

/// Runs a plan on real threads against an allocator whose every step is counted. Its times mean nothing.
///
/// # Errors
/// See [`RunError`].
pub fn counting(build: Build, plan: &Plan, settings: &Settings) -> Result<Outcome, RunError> {
    against(plan, settings, &Counted::new(build, plan, settings)?)
}

/// Runs a plan on real threads against an allocator that grows.
///
/// # Errors
/// See [`RunError`].
pub(crate) fn against<A: Grows>(
    plan: &Plan,
    settings: &Settings,
    allocator: &A,
) -> Result<Outcome, RunError> {
    let steps = Steps::new(plan)?;
    let touched = device(plan, settings)?;
    let compared = allocator.copies().then_some(allocator.ground());
    let watch = Watch::new(plan, settings.oracle, compared, &[allocator.pool()]);
    let touch = Touch::new(touched, Some(allocator.ground().clone()), plan.threads.len());
    let (clock, worker) = (HostClock::get(), Worker::new(settings.growth_delay_ns));
    let before = allocator.stats();
    let stats = Mutex::new(MemStats::default());
    let queued = || allocator.growth_queued();
    let work = |own_core| worker.work(&*allocator.worker(), &queued, &clock, &touch, own_core);
    let crew = Crew {
        plan,
        settings,
        steps: &steps,
        watch: watch.as_ref(),
        touch: &touch,
        measured: &|()| *stats.lock().unwrap_or_else(PoisonError::into_inner) = allocator.stats(),
        starting: &|tick| worker.starts_at(tick),
        work: if settings.can_grow { Some(&work) } else { None },
        finish: &|()| worker.finish(),
    };
    let ran = crew.run(allocator)?;
    let stats = *stats.lock().unwrap_or_else(PoisonError::into_inner);
    let mut outcome = collect::outcome(&crew, ran, Some(allocator.stats().used));
    outcome.pools_added = stats.pools.saturating_sub(before.pools);
    outcome.stats = stats;
    outcome.growth = worker.events();
    Ok(outcome)
}

/// What the device does: nothing while the oracle compares every byte, because then it plays the device.
fn device(plan: &Plan, settings: &Settings) -> Result<DeviceTouch, RunError> {
    if plan.touch == DeviceTouch::Flush && !cfg!(target_arch = "x86_64") {
        return Err(RunError::Unusable { what: "lines can be flushed on x86-64 only".to_owned() });
    }
    Ok(if settings.oracle == Oracle::Full { DeviceTouch::None } else { plan.touch })
}

/// Runs a plan on real threads against a server of fixed service time: the same loops, no allocator.
///
/// # Errors
/// See [`RunError`].
pub fn dummy(plan: &Plan, settings: &Settings, dummy: Dummy) -> Result<Outcome, RunError> {
    target(plan, settings, &OnClock::new(dummy, HostClock::get()))
}

/// Runs a plan on real threads against any target. The oracle checks addresses and owners, no bytes; no
/// device acts and nothing grows.
///
/// # Errors
/// See [`RunError`].
pub fn target<T: Target>(plan: &Plan, settings: &Settings, target: &T) -> Result<Outcome, RunError> {
    let steps = Steps::new(plan)?;
    let watch = Watch::new(plan, settings.oracle, target.memory(), &[]);
    let touch = Touch::new(DeviceTouch::None, None, plan.threads.len());
    let crew = Crew {
        plan,
        settings,
        steps: &steps,
        watch: watch.as_ref(),
        touch: &touch,
        measured: &|()| {},
        starting: &|_| {},
        work: None,
        finish: &|()| {},
    };
    let ran = crew.run(target)?;
    Ok(collect::outcome(&crew, ran, None))
}
