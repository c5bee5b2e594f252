//! An occupancy curve of bounded length: as points come, neighbours are joined, and the higher one stays.

/// The allocator at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CurvePoint {
    /// The moment, ns.
    pub at_ns: u64,
    /// Slots in use, transient ones included.
    pub used: u64,
    /// Slots of all pools but transient ones.
    pub nslabs: u64,
    /// Pools but transient ones.
    pub pools: u64,
}

/// A curve of at most [`Curve::POINTS`] points, however many are added.
#[derive(Clone, Debug)]
pub struct Curve {
    points: Vec<CurvePoint>,
    /// How many added points stand behind one that is kept.
    stride: u64,
    /// The point that is being made, and how many it stands for.
    open: Option<(CurvePoint, u64)>,
}

impl Default for Curve {
    fn default() -> Self {
        Self { points: Vec::with_capacity(Self::POINTS), stride: 1, open: None }
    }
}

impl Curve {
    /// The most points that a curve has.
    pub const POINTS: usize = 2_000;

    /// Adds a point; times do not decrease.
    pub fn add(&mut self, point: CurvePoint) {
        let (kept, n) = self.open.map_or((point, 1), |(kept, n)| (higher(kept, point), n + 1));
        if n < self.stride {
            self.open = Some((kept, n));
            return;
        }
        self.open = None;
        self.points.push(kept);
        // One less than the most, so that the open point has room in the end.
        if self.points.len() + 1 >= Self::POINTS {
            self.points = self.points.chunks(2).map(|pair| higher(pair[0], pair[pair.len() - 1])).collect();
            self.stride *= 2;
        }
    }

    /// The points, in order of time.
    #[must_use]
    pub fn points(mut self) -> Vec<CurvePoint> {
        self.points.extend(self.open.map(|(point, _)| point));
        self.points
    }
}

/// The point with more slots in use; the earlier one of equals.
fn higher(a: CurvePoint, b: CurvePoint) -> CurvePoint {
    if b.used > a.used { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_is_bounded_in_order_and_keeps_its_peak() {
        for n in [0_u64, 1, 5, 1_998, 1_999, 2_000, 2_001, 100_000] {
            let mut curve = Curve::default();
            for i in 0..n {
                let used = if i == n / 3 { 1_000_000 } else { i % 17 };
                curve.add(CurvePoint { at_ns: i, used, ..CurvePoint::default() });
            }
            let points = curve.points();
            assert!(
                points.len() <= Curve::POINTS && (points.is_empty() == (n == 0)),
                "{n}: {}",
                points.len()
            );
            assert!(points.is_sorted_by_key(|point| point.at_ns));
            assert_eq!(points.iter().map(|point| point.used).max(), (n > 0).then_some(1_000_000));
        }
    }
}
