//! The host's CPUs: which there are, and pinning a thread to one.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The CPUs that this process may run on, in rising order; empty where the system does not say.
#[must_use]
pub fn cpus() -> Vec<u32> {
    let Ok(set) = sched_getaffinity(None) else { return Vec::new() };
    (0_u32..).take(CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu as usize)).collect()
}

/// Pins the calling thread; the CPU, or none if the system refused or there is none.
#[must_use]
pub fn pin(cpu: Option<u32>) -> Option<u32> {
    let cpu = cpu.filter(|&cpu| (cpu as usize) < CpuSet::MAX_CPU)?;
    let mut set = CpuSet::new();
    set.set(cpu as usize);
    sched_setaffinity(None, &set).is_ok().then_some(cpu)
}

/// What is said where threads cannot be pinned.
pub const UNPINNED: &str = "unpinned: the system refuses to bind threads to cores (sched_setaffinity), so that they move and times spread: allow it in this container";

/// Whether the system lets threads be pinned. Asks for what is so already.
#[must_use]
pub fn may_pin() -> bool {
    sched_getaffinity(None).is_ok_and(|set| sched_setaffinity(None, &set).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_was_pinned_may_run_there_only() {
        let Some(&first) = cpus().first() else { return };
        let seen = std::thread::spawn(move || pin(Some(first)).map(|_| cpus())).join();
        assert!(matches!(seen, Ok(None)) || matches!(seen, Ok(Some(only)) if only == [first]));
        assert_eq!(pin(Some(u32::MAX)), None);
    }
}
