//! Cells that run none of the allocator: the control, which judges the host, and the dummy, which judges
//! the harness.

use super::host::{self, measured_clock};
use super::{CellError, CellOutcome, CellSpec};
use reports::latency::Latency;
use reports::stats::median;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Bytes that one copy of the control moves.
const COPY_BYTES: usize = 4_096;
/// Operations of one batch.
const BATCH: u32 = 1_000;

/// Arithmetic and copies, in batches; nothing of ours.
#[must_use]
pub fn control(quick: bool) -> CellOutcome {
    let batches = if quick { 200 } else { 2_000 };
    let mut state = 1_u64;
    let alu = batch_means(batches, || {
        // A chain of multiplications: each waits for the one before.
        for _ in 0..16 {
            state = black_box(state).wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        }
    });
    let (from, mut to) = (vec![1_u8; COPY_BYTES], vec![0_u8; COPY_BYTES]);
    let copy = batch_means(batches, || {
        to.copy_from_slice(black_box(&from));
        black_box(&mut to);
    });
    let metric = |name: &str, means: &[f64]| median(means).map(|m| (name.to_owned(), m));
    CellOutcome {
        metrics: [metric("alu_ns_per_op", &alu), metric("copy_ns_per_op", &copy), metric("ns_per_op", &alu)]
            .into_iter()
            .flatten()
            .collect(),
        counts: BTreeMap::from([("operations".to_owned(), u64::from(BATCH) * batches as u64 * 2)]),
        clock: Some(measured_clock()),
        ..CellOutcome::default()
    }
}

/// ns per operation of each batch, the first tenth left out.
fn batch_means(batches: usize, mut operation: impl FnMut()) -> Vec<f64> {
    let mut means = Vec::with_capacity(batches);
    for batch in 0..batches {
        let start = Instant::now();
        for _ in 0..BATCH {
            operation();
        }
        let taken = start.elapsed();
        if batch >= batches / 10 {
            means.push(taken.as_secs_f64() * 1e9 / f64::from(BATCH));
        }
    }
    means
}

/// A stand-in that takes a fixed time, with an optional stall at equal distances, in a closed loop.
///
/// # Errors
/// Parameters that are none.
pub fn dummy(spec: &CellSpec) -> Result<CellOutcome, CellError> {
    let service = Duration::from_nanos(spec.number_or("service", 1_000)?);
    let stall = Duration::from_nanos(spec.number_or("stall", 0)?);
    let every = Duration::from_nanos(spec.number_or("stall_every", 1_000_000)?);
    let operations: u64 = spec.number_or("operations", if spec.quick { 1_000 } else { 10_000 })?;
    let (mut latency, mut times) = (Latency::new(), Vec::new());
    let mut last_stall = Instant::now();
    for _ in 0..operations {
        let start = Instant::now();
        let stalls = !stall.is_zero() && start - last_stall >= every;
        last_stall = if stalls { start } else { last_stall };
        let wanted = if stalls { service + stall } else { service };
        while start.elapsed() < wanted {
            std::hint::spin_loop();
        }
        let taken = start.elapsed();
        latency.record(host::nanoseconds(taken));
        times.push(taken.as_secs_f64() * 1e9);
    }
    Ok(CellOutcome {
        metrics: median(&times).map(|m| ("ns_per_op".to_owned(), m)).into_iter().collect(),
        latencies: BTreeMap::from([("service".to_owned(), latency)]),
        counts: BTreeMap::from([("operations".to_owned(), operations)]),
        clock: Some(measured_clock()),
        ..CellOutcome::default()
    })
}
