//! Whether a run fits this machine: warnings with the numbers.

use crate::cell::{CellSpec, backend};
use reports::machine::Machine;
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
        let over: Vec<u64> = cells.iter().map(threads).filter(|&threads| threads > cores).collect();
        if let Some(most) = over.iter().max() {
            warnings.push(format!(
                "{} of {} cells want up to {most} threads and there are {cores} cores: they are labelled oversubscribed and get no verdict",
                over.len(),
                cells.len()
            ));
        }
    }
    let largest = cells.iter().map(|cell| pool_bytes(&cell.values)).max().unwrap_or(0);
    if let Some(memory) = limits.memory_bytes.filter(|&m| largest > m / 100 * SHARE) {
        let end = if largest > memory { ": launches may be killed for it" } else { "" };
        warnings.push(format!(
            "a cell wants {largest} bytes of pools, more than {SHARE} % of {memory} bytes of memory{end}"
        ));
    }
    warnings
}

/// Whether a cell has more threads than there are cores.
#[must_use]
pub fn is_oversubscribed(cell: &Cell, limits: Limits) -> bool {
    limits.cores.is_some_and(|cores| threads(cell) > cores)
}

/// Whether a cell's threads wait for each other, so that its times depend on who comes first: advice only.
#[must_use]
pub fn is_contended(cell: &Cell) -> bool {
    threads(cell) > 1
}

/// Threads that a cell keeps busy, as its runner counts them; 1 where its values are none, which is for
/// [`backend::check`] to say.
#[must_use]
pub fn threads(cell: &Cell) -> u64 {
    let spec = CellSpec {
        suite: String::new(),
        suite_hash: String::new(),
        cell: cell.clone(),
        launch: 0,
        quick: false,
        block: None,
        arm: None,
        counting: None,
        program: None,
    };
    backend::threads(&spec).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(key: &str, value: &str) -> Cell {
        of("model nvme", key, value)
    }

    fn of(scenario: &str, key: &str, value: &str) -> Cell {
        Cell {
            id: "s/x".into(),
            scenario: scenario.into(),
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

    #[test]
    fn a_runner_s_own_threads_count() {
        let limits = Limits { memory_bytes: None, cores: Some(2) };
        let over = |scenario, key, value| is_oversubscribed(&of(scenario, key, value), limits);
        // One maps and so many look up.
        assert!(over("model lookup", "lookers", "64") && over("model lookup", "lookers", "2"));
        assert!(!over("model lookup", "lookers", "1"));
        assert!(over("slot_search", "threads", "3") && !over("find_pool", "churn", "1000/s"));
        // Virtual time has one thread.
        assert!(!over("virtual nvme", "threads", "64"));
        assert!(is_contended(&of("model nvme", "threads", "2")) && !is_contended(&cell("threads", "1")));
        let one = Limits { cores: Some(1), ..limits };
        assert!(is_oversubscribed(&of("find_pool", "churn", "1000/s"), one));
        assert!(is_oversubscribed(&of("model nvme", "touch", "other_core"), one));
    }

    #[test]
    fn more_than_all_memory_is_a_warning_too() {
        let limits = Limits { memory_bytes: Some(1 << 20), cores: None };
        let text = warnings(&[cell("nslabs", "1024")], limits).join(" ");
        assert!(text.ends_with("of 1048576 bytes of memory: launches may be killed for it"), "{text}");
    }
}
