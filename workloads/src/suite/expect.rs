//! What a suite expects, as data: statements that the records confirm or not.

use super::error::Place;
use super::expand::Cell;
use super::filter::Filter;

/// An expected outcome: one metric of some cells, alone or against others.
#[derive(Clone, Debug, PartialEq)]
pub struct Expect {
    /// The statement in words.
    pub says: String,
    /// Which cells are compared with which, and in what.
    pub subject: Subject,
    /// What has to hold, in every pair.
    pub test: Test,
}

/// The cells that a statement is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    /// The metric, as records name it.
    pub metric: String,
    /// Where the file names it, if there is one.
    pub place: Option<Place>,
    /// The cells under test.
    pub compare: Filter,
    /// What they are divided by: the cells that agree with them in everything that `compare` does not
    /// ask about. Absent: the metric itself.
    pub against: Option<Filter>,
    /// Which cells of both sides.
    pub within: Filter,
}

impl Subject {
    /// Whether `cell` is one of those under test.
    #[must_use]
    pub fn tests(&self, cell: &Cell) -> bool {
        [&self.within, &self.compare].iter().all(|filter| filter.matches(&cell.id, &cell.values))
    }

    /// What `cell` is divided by: the cell that `against` chooses and that agrees with it in every value that
    /// neither condition asks about.
    #[must_use]
    pub fn base<'c>(&self, cell: &Cell, cells: &'c [Cell]) -> Option<&'c Cell> {
        let against = self.against.as_ref()?;
        let free: Vec<&str> = self.compare.keys().chain(against.keys()).collect();
        cells.iter().find(|other| {
            let mut values = other.values.iter();
            against.matches(&other.id, &other.values)
                && values
                    .all(|(key, value)| free.contains(&key.as_str()) || cell.values.get(key) == Some(value))
        })
    }
}

/// A condition on a ratio, or on the metric itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Test {
    /// Below this.
    Below(f64),
    /// Above this.
    Above(f64),
    /// Within these, both included.
    Within(f64, f64),
}

impl Test {
    /// Whether `x` fulfils it.
    #[must_use]
    pub fn holds(self, x: f64) -> bool {
        match self {
            Self::Below(bound) => x < bound,
            Self::Above(bound) => x > bound,
            Self::Within(least, most) => (least..=most).contains(&x),
        }
    }
}

impl core::fmt::Display for Test {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Below(bound) => write!(f, "below {bound}"),
            Self::Above(bound) => write!(f, "above {bound}"),
            Self::Within(least, most) => write!(f, "within {least} to {most}"),
        }
    }
}

/// A published claim that a suite examines again; it ends in a [`Shape`].
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// Its number in the list of claims: `N1`.
    pub id: String,
    /// What was claimed, in words.
    pub says: String,
    /// The quantity of the allocator that stands for it.
    pub subject: Subject,
    /// Which way the ratio is expected to lie.
    pub sign: Sign,
    /// The smallest effect that counts, as a share: 0.05 is 5 %.
    pub smallest: f64,
    /// The effect that was claimed, as a share.
    pub claimed: f64,
    /// The claim's own spread from run to run, as a share; 0 where none was given.
    pub own_noise: f64,
    /// Why user space cannot decide it, where it cannot.
    pub undecidable: Option<String>,
}

/// Which way a ratio is expected to lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Below 1.
    Lower,
    /// Above 1.
    Higher,
}

/// How a claim's examination ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The sign is the expected one and the effect counts.
    Same,
    /// It is not.
    Not,
    /// It cannot be decided in user space.
    Undecidable,
    /// The claim lies within its own noise, so that nothing could contradict it.
    OwnNoise,
}

impl Claim {
    /// The verdict, given the measured ratio.
    #[must_use]
    pub fn judge(&self, ratio: f64) -> Shape {
        if self.undecidable.is_some() {
            return Shape::Undecidable;
        }
        if self.claimed.abs() <= self.own_noise {
            return Shape::OwnNoise;
        }
        let counts = match self.sign {
            Sign::Lower => ratio <= 1.0 - self.smallest,
            Sign::Higher => ratio >= 1.0 + self.smallest,
        };
        if counts { Shape::Same } else { Shape::Not }
    }
}

impl core::fmt::Display for Shape {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Same => "same shape",
            Self::Not => "not the same shape",
            Self::Undecidable => "not decidable in user space",
            Self::OwnNoise => "within the claim's own noise",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(sign: Sign) -> Claim {
        let subject = Subject {
            metric: "ns_per_op".into(),
            place: None,
            compare: Filter::default(),
            against: None,
            within: Filter::default(),
        };
        let says = String::new();
        Claim {
            id: "N1".into(),
            says,
            subject,
            sign,
            smallest: 0.05,
            claimed: 0.25,
            own_noise: 0.0,
            undecidable: None,
        }
    }

    #[test]
    fn a_claim_ends_in_one_of_four() {
        assert_eq!(claim(Sign::Lower).judge(0.90), Shape::Same);
        assert_eq!(claim(Sign::Lower).judge(0.97), Shape::Not);
        assert_eq!(claim(Sign::Lower).judge(1.40), Shape::Not);
        assert_eq!(claim(Sign::Higher).judge(1.05), Shape::Same);
        let noisy = Claim { claimed: -0.05, own_noise: 0.168, ..claim(Sign::Higher) };
        assert_eq!(noisy.judge(9.0), Shape::OwnNoise);
        let outside = Claim { undecidable: Some("needs a guest".into()), ..claim(Sign::Higher) };
        assert_eq!(outside.judge(9.0), Shape::Undecidable);
    }
}
