//! Geometry that cannot be: refused before anything runs.

use super::keys::Sort;
use super::value::Quantity;
use std::collections::BTreeMap;
use swiotlb_core::rules::{IO_TLB_SEGSIZE, IO_TLB_SHIFT};

/// What the machine has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory; absent where that is not known.
    pub memory_bytes: Option<u64>,
    /// Cores that may be used.
    pub cores: Option<u64>,
}

/// Bytes of bounce memory that a cell wants, as far as its values say.
pub fn pool_bytes(values: &BTreeMap<String, String>) -> u64 {
    let number = |key: &str| values.get(key).and_then(|v| Quantity::parse(v)).map(|q| q.number);
    let slots = match (number("nslabs"), number("pools")) {
        (Some(nslabs), _) => nslabs,
        // Pools of one segment each.
        (None, Some(pools)) => pools.saturating_mul(u64::from(IO_TLB_SEGSIZE)),
        (None, None) => 0,
    };
    slots.saturating_mul(1 << IO_TLB_SHIFT)
}

/// What is impossible in a cell's geometry.
///
/// # Errors
/// It, in words with the numbers.
pub fn check(sort: Sort, values: &BTreeMap<String, String>, limits: Limits) -> Result<(), String> {
    let number = |key: &str| values.get(key).and_then(|v| Quantity::parse(v)).map(|q| q.number);
    if let Some(bytes) = limits.memory_bytes.filter(|&most| pool_bytes(values) > most) {
        let wanted = pool_bytes(values);
        return Err(format!(
            "a pool of {wanted} bytes does not fit into this machine's {bytes} bytes of memory"
        ));
    }
    if let (Some(nslabs), Some(nareas)) = (number("nslabs"), number("nareas")) {
        let most = nslabs.div_ceil(u64::from(IO_TLB_SEGSIZE));
        if nareas > most {
            return Err(format!(
                "{nareas} areas in {nslabs} slots: an area holds at least one segment of {IO_TLB_SEGSIZE} slots, so there are at most {most}"
            ));
        }
    }
    if let (Some(first), Some(nslabs)) = (number("pool_slots"), number("nslabs"))
        && first != nslabs
    {
        return Err(format!("the model counts on a pool of {first} slots and the pool has {nslabs}"));
    }
    if sort == Sort::SlotSearch && number("nareas") > Some(number("threads").unwrap_or(1)) {
        return Err("more areas than threads in a slot search: areas are for threads here".to_owned());
    }
    Ok(())
}
