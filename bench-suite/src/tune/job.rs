//! One piece of advice, step by step: demand, what it wants, sweep, choice, draws, predictions, hold-out, timing.

use super::candidates::{Candidate, candidates};
use super::choice::{Choice, choose};
use super::draws::{self, Drawn, Spread};
use super::recording::{Recording, may_hide_maps};
use super::row::{DeviceRow, Row};
use super::sweep::{SweepError, Tried, one, sweep};
use super::timed::{self, Timed};
use crate::replay::{ReplayError, rounded};
use reports::machine::Machine;
use reports::units::count;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::path::Path;
use swiotlb_core::boot::{BootParam, Geometry};
use thiserror::Error;
use workloads::demand::{Demand, DemandDevice, Load, Occupancy, Scale, unbounded};
use workloads::trace::{Trace, TraceOptions};

/// Candidates that are timed at most.
const FEW: usize = 10;

/// Why there is no advice.
#[derive(Debug, Error)]
pub enum TuneError {
    /// A candidate could not be tried.
    #[error(transparent)]
    Sweep(#[from] SweepError),
    /// The recording cannot be replayed for timing.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The trace asks for nothing.
    #[error("the trace maps nothing: record one of a load that uses the software IO TLB")]
    NothingAsked,
    /// What it asks for could not be used.
    #[error("of the trace no map could be used ({0}): record it again, or correct it")]
    NothingUsable(String),
}

impl TuneError {
    /// Whether an allocator did what none may.
    #[must_use]
    pub const fn is_broken(&self) -> bool {
        matches!(self, Self::Sweep(SweepError::Broken { .. }) | Self::Replay(ReplayError::Broken { .. }))
    }
}

/// What to advise on, and how.
pub struct Job<'a> {
    /// The trace.
    pub trace: &'a Trace,
    /// Its file and how it is read, for the timed replays; `None` leaves them out.
    pub timed: Option<(&'a Path, &'a TraceOptions)>,
    /// The policies, `kernel` among them.
    pub policies: &'a [&'static str],
    /// What the load is multiplied by.
    pub scale: Scale,
    /// The seed of all draws.
    pub seed: u64,
    /// Geometries of which to say what would have happened, as they were asked for.
    pub at: &'a [BootParam],
    /// Whether to judge the advice of the first half by the second.
    pub hold_out: bool,
}

/// What the load wants at once, slots.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Wanted {
    /// The high-water mark over draws (one, unless copies are overlaid).
    pub high_water: Spread,
    /// What all copies want if the highest mark that one has, wherever it begins, is met by all: no draw wants more.
    pub in_phase: u64,
    /// Draws.
    pub draws: usize,
    /// The most in each quarter of the recording, one copy.
    pub quarters: [u64; 4],
    /// Whether the high-water mark was still rising in the last quarter.
    pub still_rising: bool,
    /// Mean over time, one copy.
    pub mean: f64,
}

/// A device of the trace.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct DeviceFacts {
    /// Its name, as found in the trace.
    pub device: String,
    /// Its requests.
    pub requests: u64,
    /// Most requests in flight at once.
    pub in_flight: usize,
    /// Map calls that failed when recorded.
    pub failed_calls: u64,
    /// Requests that failed at least once when recorded.
    pub delayed: u64,
    /// Those of them that never got room.
    pub never: u64,
    /// What a failure costs it: `retried`, `dropped`, `mixed` or `unknown`.
    pub cost: Cow<'static, str>,
}

/// What would have happened at a geometry.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Predicted {
    /// All devices together.
    pub row: Row,
    /// Each device.
    pub devices: Vec<DeviceRow>,
    /// That another geometry was asked for, in words.
    #[serde(default)]
    pub rounded: Option<String>,
}

/// Advice of the first half of all requests, judged by the second.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct HoldOut {
    /// What the first half wants at once, slots.
    pub first_high_water: u64,
    /// What the second half wants.
    pub second_high_water: u64,
    /// What the first half's advice would have been, played against the second.
    pub row: Row,
    /// Whether its head-room was enough: nobody was delayed.
    pub held: bool,
}

/// Everything that the advice rests on.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Tuned {
    /// The recording.
    pub recording: Recording,
    /// What the load was multiplied by, in words; `None` for nothing.
    pub scale: Option<String>,
    /// The devices.
    pub devices: Vec<DeviceFacts>,
    /// What they want.
    pub wanted: Wanted,
    /// Whether that is only a lower bound.
    pub unsure: bool,
    /// What to boot with.
    pub chosen: Row,
    /// Whether it delays nobody and has all the head-room that it should.
    pub enough: bool,
    /// One step smaller.
    pub smaller: Option<Row>,
    /// One step smaller, by device.
    pub smaller_devices: Vec<DeviceRow>,
    /// Who ties with the choice.
    pub ties: Vec<String>,
    /// The smallest that grows and delays nobody.
    pub growing: Option<Row>,
    /// All draws of the choice and of one step smaller, where copies are overlaid.
    pub drawn: Vec<Drawn>,
    /// What was asked for with `--at`.
    pub at: Vec<Predicted>,
    /// The hold-out.
    pub hold_out: Option<HoldOut>,
    /// The best few, timed.
    pub timed: Vec<Timed>,
    /// The machine on which they were.
    #[serde(default)]
    pub machine: Option<Machine>,
    /// Everything that was tried.
    pub tried: Vec<Row>,
}

/// Makes the advice.
///
/// # Errors
/// [`TuneError`]
pub fn tune(job: &Job<'_>) -> Result<Tuned, TuneError> {
    let demand = Demand::of(job.trace);
    if demand.requests.is_empty() {
        return Err(nothing(job.trace));
    }
    let recording = Recording::of(job.trace, &demand);
    let shifts = draws::shifts(&demand, job.scale, job.seed);
    let occupancies = draws::wanted(&demand, job.scale, &shifts);
    let wanted = wants(&demand, job.scale, &occupancies, draws::peak(&demand, job.scale, &shifts));
    let unsure = recording.is_unsure() || wanted.still_rising;
    // The sweep has the draw that wants most.
    let worst = (0..shifts.len()).max_by_key(|&i| occupancies[i].high_water).unwrap_or(0);
    let load = Load::new(&demand, job.scale, &shifts[worst]);
    let tried = sweep(&candidates(wanted.high_water.most, demand.cpus, job.policies), &load)?;
    let choice =
        choose(&tried, wanted.high_water.most, unsure, demand.cpus).ok_or(TuneError::NothingAsked)?;
    let chosen = &tried[choice.chosen];
    let smaller = smaller(&choice, &tried, &load)?;
    Ok(Tuned {
        scale: (!job.scale.is_one()).then(|| job.scale.to_string()),
        devices: demand.devices.iter().map(facts).collect(),
        wanted,
        unsure,
        chosen: Row::from(chosen),
        enough: choice.enough,
        smaller_devices: smaller.as_ref().map_or_else(Vec::new, |tried| by_device(&demand, tried)),
        smaller: smaller.as_ref().map(Row::from),
        ties: choice.ties.iter().map(|&i| tried[i].candidate.to_string()).collect(),
        growing: choice.growing.map(|i| Row::from(&tried[i])),
        drawn: drawn(job, &demand, &shifts, [Some(chosen), smaller.as_ref()])?,
        at: predictions(job, &demand, &load)?,
        hold_out: if job.hold_out { Some(hold_out(&demand, &recording)?) } else { None },
        timed: time(job, &choice, &tried, smaller.as_ref())?,
        machine: job.timed.map(|_| Machine::read()),
        tried: tried.iter().map(Row::from).collect(),
        recording,
    })
}

/// Why a trace without a map gives no advice.
fn nothing(trace: &Trace) -> TuneError {
    let hidden = trace.skipped.iter().filter(|(reason, _)| may_hide_maps(*reason));
    let hidden: Vec<String> = hidden.map(|(why, n)| format!("{} ({})", why.text(), count(n.count))).collect();
    if hidden.is_empty() { TuneError::NothingAsked } else { TuneError::NothingUsable(hidden.join("; ")) }
}

/// All draws of the choice and of one step smaller; nothing where there is one draw only.
fn drawn(
    job: &Job<'_>,
    demand: &Demand,
    shifts: &[Vec<u64>],
    both: [Option<&Tried>; 2],
) -> Result<Vec<Drawn>, SweepError> {
    if job.scale.devices == 1 {
        return Ok(Vec::new());
    }
    let all = both.into_iter().flatten();
    all.map(|tried| draws::play_all(&tried.candidate, demand, job.scale, shifts)).collect()
}

/// What would have happened with each geometry that was asked about.
fn predictions(job: &Job<'_>, demand: &Demand, load: &Load<'_>) -> Result<Vec<Predicted>, SweepError> {
    let at = job.at.iter().map(|&asked| {
        let built = Geometry::new(asked, demand.cpus, None);
        let built = built.map_err(|error| {
            SweepError::refused(format!("--at {}", asked.nslabs.unwrap_or_default()), error)
        })?;
        let Geometry { nslabs, nareas } = built;
        let tried = one(&Candidate { nslabs, nareas, grow: false, policy: "kernel" }, load)?;
        let devices = by_device(demand, &tried);
        Ok(Predicted { row: Row::from(&tried), devices, rounded: rounded(asked, built) })
    });
    at.collect()
}

fn wants(demand: &Demand, scale: Scale, occupancies: &[Occupancy], peak: u64) -> Wanted {
    let alone = unbounded(&Load::new(demand, Scale { devices: 1, ..scale }, &[]));
    Wanted {
        high_water: Spread::of(occupancies.iter().map(|occupancy| occupancy.high_water)),
        in_phase: peak.saturating_mul(u64::from(scale.devices)),
        draws: occupancies.len(),
        quarters: alone.quarters,
        still_rising: alone.still_rising(),
        mean: alone.mean,
    }
}

fn facts(device: &DemandDevice) -> DeviceFacts {
    DeviceFacts {
        device: device.name.clone(),
        requests: device.requests,
        in_flight: device.streams.len(),
        failed_calls: device.failed_calls,
        delayed: device.delayed,
        never: device.never,
        cost: Cow::Borrowed(device.cost().word()),
    }
}

fn by_device(demand: &Demand, tried: &Tried) -> Vec<DeviceRow> {
    let flows = tried.result.by_device(demand.devices.len());
    demand.devices.iter().zip(&flows).map(|(device, flow)| DeviceRow::of(&device.name, flow)).collect()
}

/// One step smaller than the choice: among what was tried, or tried now.
fn smaller(choice: &Choice, tried: &[Tried], load: &Load<'_>) -> Result<Option<Tried>, SweepError> {
    if let Some(i) = choice.smaller {
        return Ok(Some(tried[i].clone()));
    }
    let candidate = tried[choice.chosen].candidate.one_smaller();
    candidate.map(|candidate| one(&candidate, load)).transpose()
}

/// Advises on the first half and plays the second against that. Each half has as many requests: by time, the first
/// might be an idle machine.
fn hold_out(demand: &Demand, recording: &Recording) -> Result<HoldOut, TuneError> {
    let half = demand.requests.get(demand.requests.len() / 2).map_or(0, |request| request.asked_ns);
    let (first, second) = (demand.part(0, half), demand.part(half, u64::MAX));
    let load = Load::recorded(&first);
    let wanted = unbounded(&load);
    let tried = sweep(&candidates(wanted.high_water, demand.cpus, &["kernel"]), &load)?;
    let unsure = recording.is_unsure() || wanted.still_rising();
    let choice = choose(&tried, wanted.high_water, unsure, demand.cpus).ok_or(TuneError::NothingAsked)?;
    let judged = one(&tried[choice.chosen].candidate, &Load::recorded(&second))?;
    Ok(HoldOut {
        first_high_water: wanted.high_water,
        second_high_water: unbounded(&Load::recorded(&second)).high_water,
        held: judged.result.delayed() == 0,
        row: Row::from(&judged),
    })
}

/// Times the choice, one step smaller, the smallest that grows, the choice under other policies, and what is beaten by
/// nobody in memory and delay.
fn time(
    job: &Job<'_>,
    choice: &Choice,
    tried: &[Tried],
    smaller: Option<&Tried>,
) -> Result<Vec<Timed>, ReplayError> {
    let Some((path, options)) = job.timed else { return Ok(Vec::new()) };
    let chosen = &tried[choice.chosen].candidate;
    let mut few = vec![chosen.clone()];
    few.extend(smaller.map(|tried| tried.candidate.clone()));
    few.extend(choice.growing.map(|i| tried[i].candidate.clone()));
    let others = job.policies.iter().filter(|policy| **policy != chosen.policy);
    few.extend(others.map(|policy| Candidate { policy, ..chosen.clone() }));
    for candidate in front(tried) {
        if !few.contains(candidate) {
            few.push(candidate.clone());
        }
    }
    few.truncate(FEW);
    timed::time(path, options, job.trace, &few)
}

/// The candidates that none beats in memory and requests delayed, by rising memory.
fn front(tried: &[Tried]) -> impl Iterator<Item = &Candidate> {
    let costs = |one: &Tried| (one.result.memory, one.result.delayed());
    let beaten = move |one: &&Tried| {
        let (memory, delayed) = costs(one);
        tried.iter().map(costs).any(|(m, d)| (m <= memory && d < delayed) || (m < memory && d <= delayed))
    };
    let mut all: Vec<&Tried> = tried.iter().filter(|one| !beaten(one)).collect();
    all.sort_by_key(|one| one.result.memory);
    // Of those that cost the same, one.
    all.dedup_by_key(|one| costs(one));
    all.into_iter().map(|one| &one.candidate)
}
