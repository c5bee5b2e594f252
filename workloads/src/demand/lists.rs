//! Which maps of a trace are one scatter list, and which of them a failure undid.
//!
//! The kernel maps a list element by element. A trace shows single maps, so a list is recognised by three things
//! together: its maps follow each other on one CPU in one context with nothing between them, each begins at most
//! [`Lists::gap_ns`] after the one before it returned, and they end in one go on one CPU. When an element fails,
//! those before it are unmapped at once: unmaps that follow the failure with nothing between them, of maps that
//! precede it with nothing between them, are undone.
//!
//! Invariant: each successful map of the pairing is in exactly one list or undone by exactly one attempt.

use std::collections::HashMap;

use crate::trace::{Context, Event, Paired, PairedAction, PairedOp, Record, Trace};

/// Gaps of one list are within three times the shortest tenth of all gaps between maps that follow each other, or of
/// the map calls' own times where these are shorter: a trace may have no list at all.
const TIMES_SHORTEST: u64 = 3;
/// Where a trace does not tell tasks from interrupts, a failure's undoing reaches back over gaps of so many times a
/// list's longest: unmaps of an interrupt may follow a task's failure.
const TIMES_UNDONE: u64 = 10;
/// The least that the longest gap of a list may be, ns: the text's clock counts in us.
const LEAST_GAP: u64 = 2_000;

/// Who makes calls one after the other: a CPU in one context.
type Caller = (u32, Option<Context>);

/// A list that was mapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct List {
    /// Its maps: indices of records, in order.
    pub(super) maps: Vec<u32>,
    /// When its last map ended, ns of the trace's clock; `None` if the trace does not say.
    pub(super) end_ns: Option<u64>,
}

/// A list that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    /// The maps that were undone: indices of records, in order.
    pub(super) undone: Vec<u32>,
    /// The map that failed.
    pub(super) failed: u32,
}

/// The lists and attempts of a trace.
#[derive(Clone, Debug, Default)]
pub(super) struct Lists {
    /// What was mapped, by its first record.
    pub(super) lists: Vec<List>,
    /// What failed, by the record that failed.
    pub(super) attempts: Vec<Attempt>,
    /// The longest gap within a list, ns.
    pub(super) gap_ns: u64,
}

/// When a mapping ended: ns, and in which go.
type End = (u64, u32);

impl Lists {
    pub(super) fn of(trace: &Trace, paired: &Paired) -> Self {
        let records = &trace.records;
        let gap_ns = gap(records);
        let mut walk = Walk::new(records, gap_ns.saturating_mul(TIMES_UNDONE));
        paired.ops.iter().for_each(|op| walk.op(op));
        let runs = walk.finish();
        let mut lists: Vec<List> =
            runs.iter().flat_map(|run| split(records, &walk.ends, &walk.undone, run, gap_ns)).collect();
        lists.sort_by_key(|list| list.maps[0]);
        Self { lists, attempts: walk.attempts, gap_ns }
    }
}

/// What a caller did last.
#[derive(Default)]
struct Latest {
    /// Maps of one device that follow each other: indices that rise.
    run: Vec<u32>,
    /// The attempt whose undoing may still go on.
    failing: Option<usize>,
    /// The device whose mappings are being ended, and which go that is.
    ending: Option<(u32, u32)>,
}

struct Walk<'a> {
    records: &'a [Record],
    /// Longest gap of a run without a context, ns.
    longest_ns: u64,
    latest: HashMap<Caller, Latest>,
    runs: Vec<Vec<u32>>,
    /// By record, for those that end.
    ends: Vec<Option<End>>,
    /// By record.
    undone: Vec<bool>,
    attempts: Vec<Attempt>,
    goes: u32,
}

impl<'a> Walk<'a> {
    fn new(records: &'a [Record], longest_ns: u64) -> Self {
        let n = records.len();
        Self {
            records,
            longest_ns,
            latest: HashMap::new(),
            runs: Vec::new(),
            ends: vec![None; n],
            undone: vec![false; n],
            attempts: Vec::new(),
            goes: 0,
        }
    }

    fn op(&mut self, op: &PairedOp) {
        let record = &self.records[op.record as usize];
        match (op.action, record.event) {
            (PairedAction::End, _) => {
                // An unmap that the trace lacks: by now it had happened.
                self.goes += 1;
                self.end(op.map, record.t_ns, self.goes);
            }
            (_, Event::Map(call)) => self.map(record, op.record, call.dev.0),
            (_, Event::MapFail(_)) => self.map_fail(record, op.record),
            (_, Event::Unmap(call)) => self.unmap(record, op.map, call.dev.0),
            _ => {}
        }
    }

    fn map(&mut self, record: &Record, index: u32, device: u32) {
        let latest = self.latest.entry((record.cpu, record.ctx)).or_default();
        let goes_on = |&last: &u32| {
            device_of(self.records, last) == Some(device)
                && (record.ctx.is_some() || between(self.records, last, index) <= self.longest_ns)
        };
        let same = latest.run.last().is_some_and(goes_on);
        if !same || latest.failing.is_some() {
            self.runs.push(std::mem::take(&mut latest.run));
        }
        latest.run.push(index);
        (latest.failing, latest.ending) = (None, None);
    }

    fn map_fail(&mut self, record: &Record, index: u32) {
        let latest = self.latest.entry((record.cpu, record.ctx)).or_default();
        let apart =
            |&last: &u32| record.ctx.is_none() && between(self.records, last, index) > self.longest_ns;
        if latest.failing.is_some() || latest.run.last().is_some_and(apart) {
            self.runs.push(std::mem::take(&mut latest.run));
        }
        latest.failing = Some(self.attempts.len());
        latest.ending = None;
        self.attempts.push(Attempt { undone: Vec::new(), failed: index });
    }

    fn unmap(&mut self, record: &Record, map: Option<u32>, device: u32) {
        let latest = self.latest.entry((record.cpu, record.ctx)).or_default();
        let undoes = latest.failing.filter(|_| map.is_some_and(|map| latest.run.binary_search(&map).is_ok()));
        if let (Some(attempt), Some(map)) = (undoes, map) {
            self.attempts[attempt].undone.push(map);
            self.undone[map as usize] = true;
            return;
        }
        self.runs.push(std::mem::take(&mut latest.run));
        latest.failing = None;
        let go = match latest.ending {
            Some((of, go)) if of == device => go,
            _ => {
                self.goes += 1;
                self.goes
            }
        };
        latest.ending = Some((device, go));
        self.end(map, record.t_ns, go);
    }

    fn end(&mut self, map: Option<u32>, t_ns: u64, go: u32) {
        if let Some(map) = map {
            self.ends[map as usize] = Some((t_ns, go));
        }
    }

    /// All runs, those that nothing ended included.
    fn finish(&mut self) -> Vec<Vec<u32>> {
        let mut runs = std::mem::take(&mut self.runs);
        runs.extend(self.latest.drain().map(|(_, latest)| latest.run));
        runs.retain(|run| !run.is_empty());
        // The map that callers lie in has no order.
        runs.sort_by_key(|run| run[0]);
        runs
    }
}

fn device_of(records: &[Record], index: u32) -> Option<u32> {
    records[index as usize].event.dev().map(|device| device.0)
}

/// From the return of one map to the entry of the next, ns.
fn between(records: &[Record], one: u32, next: u32) -> u64 {
    let call = |index: u32| match records[index as usize].event {
        Event::Map(call) | Event::MapFail(call) => (call.t_in_ns, call.t_ret_ns),
        _ => (0, 0),
    };
    call(next).0.saturating_sub(call(one).1)
}

/// The longest gap within a list, ns.
fn gap(records: &[Record]) -> u64 {
    let mut latest: HashMap<Caller, u32> = HashMap::new();
    let (mut gaps, mut calls) = (Vec::new(), Vec::new());
    for (record, index) in records.iter().zip(0_u32..) {
        let caller = (record.cpu, record.ctx);
        match record.event {
            Event::Map(call) => {
                let before = latest.insert(caller, index);
                gaps.extend(before.map(|before| between(records, before, index)));
                calls.push(call.t_ret_ns.saturating_sub(call.t_in_ns));
            }
            Event::MapFail(_) | Event::Unmap(_) => {
                latest.remove(&caller);
            }
            _ => {}
        }
    }
    let shortest = shortest_tenth(gaps).min(shortest_tenth(calls));
    (shortest * TIMES_SHORTEST).max(LEAST_GAP)
}

fn shortest_tenth(mut times: Vec<u64>) -> u64 {
    times.sort_unstable();
    times.get(times.len() / 10).copied().unwrap_or(0)
}

/// Cuts a run of maps into lists; undone maps are left out.
fn split(records: &[Record], ends: &[Option<End>], undone: &[bool], run: &[u32], gap_ns: u64) -> Vec<List> {
    let attrs = |index: u32| match records[index as usize].event {
        Event::Map(call) => Some((call.attrs, call.limits())),
        _ => None,
    };
    let go = |index: u32| ends[index as usize].map(|end| end.1);
    let together = |one: u32, next: u32| {
        between(records, one, next) <= gap_ns && attrs(one) == attrs(next) && go(one) == go(next)
    };
    let kept: Vec<u32> = run.iter().copied().filter(|&index| !undone[index as usize]).collect();
    let list = |maps: &[u32]| {
        let all: Option<Vec<u64>> = maps.iter().map(|&map| ends[map as usize].map(|end| end.0)).collect();
        List { maps: maps.to_vec(), end_ns: all.and_then(|ends| ends.into_iter().max()) }
    };
    kept.chunk_by(|&one, &next| together(one, next)).map(list).collect()
}
