//! A case for the oracle from any bytes: a policy, a machine, and what is asked of it.
//!
//! The same range of cases as the property test draws from (`bench-suite/tests/oracle_support`), but a choice takes
//! a byte or few, so that a byte changed is a choice changed.

mod asks;
mod machines;

use arbitrary::{Result, Unstructured};
use swiotlb_core::device::Direction;
use workloads::oracle::{Ask, Setting};

/// Most asks of a case: naive answers take time.
const MOST_ASKS: usize = 100;

/// The number of a policy, a machine, asks until the bytes are used up.
///
/// # Errors
/// Never in practice: bytes that are used up read as zeros.
pub fn take(bytes: &mut Unstructured<'_>, policies: usize) -> Result<(usize, Setting, Vec<Ask>)> {
    let policy = bytes.choose_index(policies)?;
    let setting = machines::setting(bytes)?;
    let mut asks = Vec::new();
    while !bytes.is_empty() && asks.len() < MOST_ASKS {
        asks.push(asks::ask(bytes)?);
    }
    Ok((policy, setting, asks))
}

/// A choice among as many as there are weights.
fn pick(bytes: &mut Unstructured<'_>, weights: &[u8]) -> Result<usize> {
    let all: u8 = weights.iter().sum();
    let mut drawn = bytes.int_in_range(0..=all - 1)?;
    let found = weights.iter().position(|weight| {
        let here = drawn < *weight;
        drawn = drawn.saturating_sub(*weight);
        here
    });
    Ok(found.unwrap_or(0))
}

/// A number below `end`.
fn below(bytes: &mut Unstructured<'_>, end: u64) -> Result<u64> {
    bytes.int_in_range(0..=end - 1)
}

/// Which of many.
fn which(bytes: &mut Unstructured<'_>) -> Result<u32> {
    bytes.int_in_range(0..=63)
}

fn direction(bytes: &mut Unstructured<'_>) -> Result<Direction> {
    Ok(*bytes.choose(&[Direction::Bidirectional, Direction::ToDevice, Direction::FromDevice])?)
}
