//! How evenly threads were served.

/// How evenly threads were served. Threads without ops do not count.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fairness {
    /// Each thread's share of the sum of all threads' rates (ops per ns of its own running time), 0 to 1.
    pub shares: Vec<f64>,
    /// Jain's index of the rates: 1 is even, 1/n is one thread alone.
    pub jain: f64,
    /// The longest that any op took, ns.
    pub longest_wait_ns: u64,
}

impl Fairness {
    /// From every thread's ops and running time in ns.
    #[must_use]
    pub fn new(threads: impl Iterator<Item = (u64, u64)>, longest_wait_ns: u64) -> Self {
        let rates: Vec<f64> =
            threads.filter(|&(ops, ns)| ops > 0 && ns > 0).map(|(ops, ns)| ops as f64 / ns as f64).collect();
        let sum: f64 = rates.iter().sum();
        let squares: f64 = rates.iter().map(|rate| rate * rate).sum();
        let jain = if squares > 0.0 { sum * sum / (rates.len() as f64 * squares) } else { 1.0 };
        Self { shares: rates.iter().map(|rate| rate / sum).collect(), jain, longest_wait_ns }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_threads_score_1_and_one_alone_scores_1_over_n() {
        let even = Fairness::new([(10, 100), (20, 200), (0, 5)].into_iter(), 3);
        assert_eq!((even.shares.clone(), even.jain, even.longest_wait_ns), (vec![0.5, 0.5], 1.0, 3));
        let alone = Fairness::new([(1_000_000_000, 1), (1, 1_000_000_000)].into_iter(), 0);
        assert!((alone.jain - 0.5).abs() < 1e-6);
        assert_eq!(Fairness::new(core::iter::empty(), 0).jain, 1.0);
    }
}
