//! The universal scalability law, fitted to throughputs.
//!
//! Gunther's law: X(n) = lambda n / (1 + sigma (n - 1) + kappa n (n - 1)), with lambda the throughput of one
//! thread, sigma the share that is serial (contention) and kappa the cost of agreement between each pair
//! (coherence), both zero or above. n / X(n) is linear in the three numbers 1 / lambda, sigma / lambda and
//! kappa / lambda, which is how they are found: by least squares of the relative error.
//!
//! Pure arithmetic. How many thread counts a fit needs ([`NEEDED`]) is a rule of the method; counts with more
//! threads than CPUs are not given to it.

/// Thread counts, none of them oversubscribed, that a fit needs.
pub const NEEDED: usize = 6;

/// The law's three numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Law {
    /// Throughput of one thread, in the unit that was given.
    pub lambda: f64,
    /// Contention, zero or above.
    pub sigma: f64,
    /// Coherence, zero or above.
    pub kappa: f64,
}

impl Law {
    /// The throughput of `n` threads.
    #[must_use]
    pub fn at(self, n: f64) -> f64 {
        self.lambda * n / (1.0 + self.sigma * (n - 1.0) + self.kappa * n * (n - 1.0))
    }

    /// The number of threads beyond which more of them do less; nothing where there is none.
    #[must_use]
    pub fn peak(self) -> Option<f64> {
        (self.kappa > 0.0 && self.sigma < 1.0).then(|| ((1.0 - self.sigma) / self.kappa).sqrt())
    }
}

/// The law through (threads, throughput), all above zero; nothing with fewer than [`NEEDED`] different
/// thread counts.
#[must_use]
pub fn fit(points: &[(f64, f64)]) -> Option<Law> {
    let mut counts: Vec<_> = points.iter().map(|(n, _)| *n).collect();
    counts.sort_by(f64::total_cmp);
    counts.dedup();
    if counts.len() < NEEDED {
        return None;
    }
    best(points)
}

/// Between the lowest and the highest throughput at `n` threads of the laws that leave one thread count out
/// each: how much the fit hangs on single points.
#[must_use]
pub fn without_one(points: &[(f64, f64)]) -> Vec<Law> {
    let others = |left_out: f64| points.iter().copied().filter(|(n, _)| *n != left_out).collect::<Vec<_>>();
    points.iter().filter_map(|(n, _)| best(&others(*n))).collect()
}

/// The best of the fits with sigma, kappa, both or neither, that has nothing below zero.
fn best(points: &[(f64, f64)]) -> Option<Law> {
    let terms = |n: f64| [1.0, n - 1.0, n * (n - 1.0)];
    let rows: Vec<_> = points.iter().map(|(n, x)| (terms(*n).map(|t| t * x / n), 1.0)).collect();
    let uses = [[true, true, true], [true, true, false], [true, false, true], [true, false, false]];
    let solved = uses.iter().filter_map(|used| least_squares(&rows, *used));
    let allowed = solved.filter(|c| c[0] > 0.0 && c[1] >= 0.0 && c[2] >= 0.0);
    let best = allowed.min_by(|a, b| error(&rows, *a).total_cmp(&error(&rows, *b)))?;
    Some(Law { lambda: 1.0 / best[0], sigma: best[1] / best[0], kappa: best[2] / best[0] })
}

fn error(rows: &[([f64; 3], f64)], c: [f64; 3]) -> f64 {
    rows.iter().map(|(t, y)| (t[0] * c[0] + t[1] * c[1] + t[2] * c[2] - y).powi(2)).sum()
}

/// Solves the normal equations of the terms that are used; the others are zero.
fn least_squares(rows: &[([f64; 3], f64)], used: [bool; 3]) -> Option<[f64; 3]> {
    let mut m = [[0.0; 4]; 3];
    for (t, y) in rows {
        let t = [0, 1, 2].map(|i| if used[i] { t[i] } else { 0.0 });
        for i in 0..3 {
            (0..3).for_each(|j| m[i][j] += t[i] * t[j]);
            m[i][3] += t[i] * y;
        }
    }
    (0..3).filter(|i| !used[*i]).for_each(|i| m[i][i] = 1.0);
    solve(m)
}

/// Gauss-Jordan with the largest pivot; nothing for a matrix that has no inverse.
fn solve(mut m: [[f64; 4]; 3]) -> Option<[f64; 3]> {
    for i in 0..3 {
        let pivot = (i..3).max_by(|a, b| m[*a][i].abs().total_cmp(&m[*b][i].abs()))?;
        m.swap(i, pivot);
        if !m[i][i].is_normal() {
            return None;
        }
        let row = m[i].map(|v| v / m[i][i]);
        m[i] = row;
        for k in (0..3).filter(|k| *k != i) {
            let factor = m[k][i];
            (0..4).for_each(|j| m[k][j] -= factor * row[j]);
        }
    }
    Some([m[0][3], m[1][3], m[2][3]]).filter(|c| c.iter().all(|v| v.is_finite()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;

    const COUNTS: [f64; 6] = [1.0, 2.0, 3.0, 4.0, 6.0, 8.0];

    fn points(law: Law) -> Vec<(f64, f64)> {
        COUNTS.map(|n| (n, law.at(n))).into()
    }

    #[test]
    fn a_law_is_found_again() {
        for (sigma, kappa) in [(0.0, 0.0), (0.05, 0.0), (0.0, 0.01), (0.1, 0.02), (0.9, 0.3)] {
            let law = Law { lambda: 5e6, sigma, kappa };
            let found = fit(&points(law)).unwrap();
            assert!((found.lambda / 5e6 - 1.0).abs() < 1e-6, "{found:?}");
            assert!((found.sigma - sigma).abs() < 1e-6 && (found.kappa - kappa).abs() < 1e-6, "{found:?}");
        }
    }

    #[test]
    fn more_than_linear_is_no_negative_contention() {
        let found = fit(&COUNTS.map(|n| (n, n * (1.0 + 0.1 * n)))).unwrap();
        assert_eq!((found.sigma, found.kappa, found.peak()), (0.0, 0.0, None));
    }

    #[test]
    fn six_different_counts_are_needed() {
        let law = Law { lambda: 1.0, sigma: 0.1, kappa: 0.0 };
        let few: Vec<_> = points(law).into_iter().take(5).collect();
        assert_eq!(fit(&few), None);
        assert_eq!(fit(&[few.clone(), few].concat()), None);
        assert_eq!(fit(&[]), None);
    }

    #[test]
    fn leaving_points_out_of_an_exact_law_changes_nothing() {
        let law = Law { lambda: 3.0, sigma: 0.1, kappa: 0.01 };
        let all = without_one(&points(law));
        assert_eq!(all.len(), 6);
        assert!(all.iter().all(|l| (l.at(12.0) / law.at(12.0) - 1.0).abs() < 1e-6));
        assert!((law.peak().unwrap() - 90.0_f64.sqrt()).abs() < 1e-12);
    }
}
