//! M/D/1: one server of fixed service time, Poisson arrivals. What theory says of the time from arrival to end.
//!
//! Invariant: the load is below 1, else there is no stationary state and every function says `None`.

/// A queue in its stationary state.
#[derive(Clone, Copy, Debug)]
pub struct MD1 {
    service_ns: f64,
    load: f64,
}

impl MD1 {
    /// The queue of a server that takes `service_ns` and is called `rate` times a second; nothing at a load of
    /// 1 and above.
    pub fn new(service_ns: f64, rate: f64) -> Option<Self> {
        let load = rate * service_ns / 1e9;
        (load > 0.0 && load < 1.0).then_some(Self { service_ns, load })
    }

    /// Mean response time, ns: D (1 + rho / (2 (1 - rho))) (Pollaczek 1930, Khinchine 1932).
    pub fn mean_ns(self) -> f64 {
        self.service_ns * (1.0 + self.load / (2.0 * (1.0 - self.load)))
    }

    /// The share of requests that wait at most `waits` service times (Erlang 1909):
    /// (1 - rho) sum over k to floor(t) of (rho (k - t))^k / k! e^(-rho (k - t)).
    fn waiting_at_most(self, waits: f64) -> f64 {
        let (mut sum, mut factorial, mut k) = (0.0, 1.0, 0.0);
        while k <= waits {
            if k > 0.0 {
                factorial *= k;
            }
            let x = self.load * (k - waits);
            sum += x.powf(k) / factorial * (-x).exp();
            k += 1.0;
        }
        (1.0 - self.load) * sum
    }

    /// The response time, ns, that a share `q` of requests stays within, for loads up to 0.9 and shares up to
    /// 0.99: beyond, the alternating sum loses its digits.
    pub fn quantile_ns(self, q: f64) -> f64 {
        let (mut low, mut high) = (0.0, 24.0);
        for _ in 0..60 {
            let middle = (low + high) / 2.0;
            if self.waiting_at_most(middle) < q { low = middle } else { high = middle }
        }
        self.service_ns * (1.0 + high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erlang_s_formula_by_hand() {
        let queue = MD1::new(1_000.0, 500_000.0).expect("half the load");
        // t = 0: nobody is there. t = 1: (1 - rho) e^rho.
        assert!((queue.waiting_at_most(0.0) - 0.5).abs() < 1e-12);
        assert!((queue.waiting_at_most(1.0) - 0.5 * 0.5_f64.exp()).abs() < 1e-12);
        assert!((queue.mean_ns() - 1_500.0).abs() < 1e-9);
        assert!((queue.quantile_ns(0.5) - 1_000.0).abs() < 1e-6);
        assert!(MD1::new(1_000.0, 1e6).is_none() && MD1::new(0.0, 1e6).is_none());
    }

    #[test]
    fn the_mean_is_the_distribution_s() {
        for load in [0.1, 0.5, 0.8] {
            let queue = MD1::new(1.0, load * 1e9).expect("below 1");
            // E W is the integral of P(W > t).
            let step = 1e-3;
            let wait: f64 =
                (0..24_000).map(|i| (1.0 - queue.waiting_at_most((f64::from(i) + 0.5) * step)) * step).sum();
            assert!((1.0 + wait - queue.mean_ns()).abs() < 5e-3, "{load}: {wait}");
        }
    }
}
