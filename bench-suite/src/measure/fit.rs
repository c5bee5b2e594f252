//! Whether a run fits this machine: warnings with the numbers.

use reports::machine::Machine;
use workloads::suite::value::Quantity;
use workloads::suite::{Cell, Limits, pool_bytes};

/// A run that wants more than this share of the memory, in percent, is warned of.
const SHARE: u64 = 50;

/// What the machine has.
#[must_use]
pub fn limits(machine: &Machine) -> Limits {
    Limits { memory_bytes: machine.memory_bytes, cores: machine.usable_cores.map(u64::from) }
}

/// What is too much for the machine, in words; empty where everything fits.
#[must_use]
pub fn warnings(cells: &[Cell], limits: Limits) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(cores) = limits.cores {
        let over: Vec<_> = cells.iter().filter(|cell| is_oversubscribed(cell, limits)).collect();
        if let Some(most) = over.iter().map(|cell| threads(cell)).max() {
            warnings.push(format!(
                "{} of {} cells want up to {most} threads and there are {cores} cores: they are labelled oversubscribed and get no verdict",
                over.len(),
                cells.len()
            ));
        }
    }
    let largest = cells.iter().map(|cell| pool_bytes(&cell.values)).max().unwrap_or(0);
    if let Some(memory) = limits.memory_bytes.filter(|&m| largest > m / 100 * SHARE) {
        warnings.push(format!(
            "a cell wants {largest} bytes of pools, more than {SHARE} % of {memory} bytes of memory"
        ));
    }
    warnings
}

/// Whether a cell has more threads than there are cores.
#[must_use]
pub fn is_oversubscribed(cell: &Cell, limits: Limits) -> bool {
    limits.cores.is_some_and(|cores| threads(cell) > cores)
}

fn threads(cell: &Cell) -> u64 {
    cell.values.get("threads").and_then(|v| Quantity::parse(v)).map_or(1, |q| q.number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(key: &str, value: &str) -> Cell {
        Cell {
            id: "s/x".into(),
            scenario: "model nvme".into(),
            policy: "kernel".into(),
            values: [(key.to_owned(), value.to_owned())].into(),
            seed: 0,
        }
    }

    #[test]
    fn too_many_threads_and_too_much_memory_are_told_with_the_numbers() {
        let limits = Limits { memory_bytes: Some(64 << 20), cores: Some(2) };
        assert!(warnings(&[cell("threads", "2"), cell("nslabs", "128")], limits).is_empty());
        let text = warnings(&[cell("threads", "8"), cell("nslabs", "32768")], limits).join(" ");
        assert!(text.contains("1 of 2 cells want up to 8 threads and there are 2 cores"), "{text}");
        assert!(text.contains("a cell wants 67108864 bytes"), "{text}");
        assert!(warnings(&[cell("threads", "8")], Limits::default()).is_empty());
    }
}
