//! Looks at growing data that are declared beforehand, and the share of alpha that each may spend.
//!
//! The split is Bonferroni's, over looks: whatever the data, the looks together err with at most the sum of
//! their shares. It is safe without any table, and [`Looks::false_verdicts`] says exactly what is spent,
//! by walking over all sequences of signs (the recursion of P. Armitage, C. McPherson and B. Rowe, "Repeated
//! Significance Tests on Accumulating Data", 1969, on coins).

use serde::{Deserialize, Serialize};

use super::binomial::MOST;
use super::sign_test::ranks;

/// When one looks, and with which share of alpha.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Look>", into = "Vec<Look>")]
pub struct Looks(Vec<Look>);

/// One look.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// After this many blocks.
    pub blocks: u32,
    /// The share of alpha, above 0 and at most 1.
    pub share: f64,
}

/// Why looks were refused.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum LooksError {
    /// Nobody looks.
    #[error("no look is declared; declare at least one number of blocks")]
    None,
    /// Blocks fall, repeat, or are none.
    #[error("a look at {0} blocks does not come after the one before; declare rising numbers above 0")]
    Order(u32),
    /// More than the exact sign test holds.
    #[error("a look at {0} blocks is beyond the {MOST} of the exact sign test")]
    TooMany(u32),
    /// A share is no share, or all are more than 1.
    #[error("the looks' shares of alpha make {0}; each has to be above 0, and all together at most 1")]
    Shares(f64),
}

impl Looks {
    /// Looks after these numbers of blocks, alpha split evenly.
    ///
    /// # Errors
    /// [`LooksError`] where the numbers do not rise from 1 to [`MOST`].
    pub fn even(blocks: &[u32]) -> Result<Self, LooksError> {
        let share = 1.0 / blocks.len().max(1) as f64;
        Self::new(blocks.iter().map(|&blocks| Look { blocks, share }).collect())
    }

    /// Looks with their shares.
    ///
    /// # Errors
    /// [`LooksError`] where the numbers do not rise from 1 to [`MOST`], or the shares are more than alpha.
    pub fn new(looks: Vec<Look>) -> Result<Self, LooksError> {
        let mut before = 0;
        for look in &looks {
            if look.blocks <= before {
                return Err(LooksError::Order(look.blocks));
            }
            if look.blocks > MOST {
                return Err(LooksError::TooMany(look.blocks));
            }
            before = look.blocks;
        }
        let all: f64 = looks.iter().map(|look| look.share).sum();
        let shares = looks.iter().all(|look| look.share > 0.0) && all <= 1.0 + 1e-9;
        match (looks.is_empty(), shares) {
            (true, _) => Err(LooksError::None),
            (false, false) => Err(LooksError::Shares(all)),
            (false, true) => Ok(Self(looks)),
        }
    }

    /// What is declared where nothing else is: 12, 18 and 24 blocks, a third of alpha each.
    #[must_use]
    pub fn declared() -> Self {
        Self([12, 18, 24].map(|blocks| Look { blocks, share: 1.0 / 3.0 }).to_vec())
    }

    /// All of them, in rising order; never none.
    #[must_use]
    pub fn all(&self) -> &[Look] {
        &self.0
    }

    /// The look after `blocks` blocks, if that is declared.
    #[must_use]
    pub fn at(&self, blocks: u32) -> Option<Look> {
        self.0.iter().copied().find(|look| look.blocks == blocks)
    }

    /// The blocks of the last look: what a comparison takes at most.
    #[must_use]
    pub fn last(&self) -> u32 {
        self.0.last().map_or(0, |look| look.blocks)
    }

    /// How few signs on one side exclude zero at each look at `alpha`; looks that cannot exclude are left out.
    #[must_use]
    pub fn boundaries(&self, alpha: f64) -> Vec<Boundary> {
        let boundary = |look: &Look| {
            let low = ranks(look.blocks as usize, alpha * look.share)?.low;
            Some(Boundary { blocks: look.blocks, few: u32::try_from(low).ok()?.checked_sub(1)? })
        };
        self.0.iter().filter_map(boundary).collect()
    }

    /// The probability that any look excludes a median of zero: exact where no difference is zero, else an
    /// upper bound. At most `alpha`, usually well below, since signs are whole.
    #[must_use]
    pub fn false_verdicts(&self, alpha: f64) -> f64 {
        let crossed = crossings(&self.boundaries(alpha), 0.5);
        crossed.above + crossed.below
    }
}

impl TryFrom<Vec<Look>> for Looks {
    type Error = LooksError;

    fn try_from(looks: Vec<Look>) -> Result<Self, LooksError> {
        Self::new(looks)
    }
}

impl From<Looks> for Vec<Look> {
    fn from(looks: Looks) -> Self {
        looks.0
    }
}

/// At most `few` of `blocks` signs on one side: the interval excludes zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boundary {
    /// Blocks so far.
    pub blocks: u32,
    /// The most signs on the other side.
    pub few: u32,
}

/// How often looks end above and below zero.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Crossings {
    /// The probability that the first look to exclude zero does so from above.
    pub above: f64,
    /// The same from below.
    pub below: f64,
}

/// The probabilities of ending at any of the boundaries, which rise in blocks, where each block's difference
/// is positive with probability `p`. Exact: the walk goes over all numbers of positive signs.
#[must_use]
pub fn crossings(boundaries: &[Boundary], p: f64) -> Crossings {
    let (mut walk, mut crossed) = (vec![1.0], Crossings::default());
    for boundary in boundaries {
        while walk.len() <= boundary.blocks as usize {
            walk = step(&walk, p);
        }
        let last = walk.len() - 1;
        for (positive, chance) in walk.iter_mut().enumerate() {
            let few = boundary.few as usize;
            if last - positive <= few {
                crossed.above += core::mem::take(chance);
            } else if positive <= few {
                crossed.below += core::mem::take(chance);
            }
        }
    }
    crossed
}

/// One more block.
fn step(walk: &[f64], p: f64) -> Vec<f64> {
    let mut next = vec![0.0; walk.len() + 1];
    for (positive, chance) in walk.iter().enumerate() {
        next[positive] += chance * (1.0 - p);
        next[positive + 1] += chance * p;
    }
    next
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;

    fn every(first: u32, last: u32) -> Vec<Boundary> {
        let at = |blocks: u32| Looks::even(&[blocks]).unwrap().boundaries(0.05);
        (first..=last).flat_map(at).collect()
    }

    /// Looking after every block from 12 to 36 turns 4 % false verdicts into 12 %.
    #[test]
    fn looking_all_the_time_is_wrong_all_the_time() {
        let rate = |boundaries: &[Boundary]| {
            let crossed = crossings(boundaries, 0.5);
            crossed.above + crossed.below
        };
        assert!((rate(&every(12, 12)) - 0.038_574_218_75).abs() < 1e-12);
        assert!((rate(&every(12, 36)) - 0.118_476).abs() < 1e-6);
        let declared = Looks::declared().false_verdicts(0.05);
        assert!((declared - 0.014_890_790).abs() < 1e-9, "{declared}");
    }

    /// All sequences of up to 14 signs, looked at in words.
    #[test]
    fn crossings_are_those_of_all_sequences() {
        for (blocks, alpha) in [(vec![6, 10, 14], 0.2), (vec![6, 7, 8, 9, 10, 11, 12], 0.3), (vec![9], 0.05)]
        {
            let looks = Looks::even(&blocks).unwrap();
            let boundaries = looks.boundaries(alpha);
            let last = looks.last();
            let ends = |signs: u32| {
                boundaries.iter().find_map(|b| {
                    let positive = (signs & ((1 << b.blocks) - 1)).count_ones();
                    let (above, below) = (b.blocks - positive <= b.few, positive <= b.few);
                    (above || below).then_some(above)
                })
            };
            let (mut above, mut below) = (0.0, 0.0);
            for signs in 0..1_u32 << last {
                let positive = signs.count_ones().cast_signed();
                let chance = 0.7_f64.powi(positive) * 0.3_f64.powi(last.cast_signed() - positive);
                match ends(signs) {
                    Some(true) => above += chance,
                    Some(false) => below += chance,
                    None => {}
                }
            }
            let found = crossings(&boundaries, 0.7);
            assert!((found.above - above).abs() < 1e-12 && (found.below - below).abs() < 1e-12, "{blocks:?}");
            assert!(looks.false_verdicts(alpha) <= alpha);
        }
    }

    #[test]
    fn alpha_is_never_overspent() {
        for alpha in [0.2, 0.05, 0.01, 0.005] {
            for looks in [Looks::declared(), Looks::even(&[6]).unwrap(), Looks::even(&[12, 24, 48]).unwrap()]
            {
                assert!(looks.false_verdicts(alpha) <= alpha, "{looks:?}");
            }
        }
    }

    #[test]
    fn wrong_declarations_are_refused() {
        assert_eq!(Looks::even(&[]), Err(LooksError::None));
        assert_eq!(Looks::even(&[12, 12]), Err(LooksError::Order(12)));
        assert_eq!(Looks::even(&[0]), Err(LooksError::Order(0)));
        assert_eq!(Looks::even(&[12, 121]), Err(LooksError::TooMany(121)));
        let look = |blocks, share| Look { blocks, share };
        assert_eq!(Looks::new(vec![look(12, 0.75), look(18, 0.75)]), Err(LooksError::Shares(1.5)));
        assert!(Looks::new(vec![look(12, 0.0), look(18, 0.5)]).is_err());
        assert!(Looks::new(vec![look(12, f64::NAN)]).is_err());
        let uneven = Looks::new(vec![look(12, 0.2), look(24, 0.8)]).unwrap();
        assert_eq!((uneven.last(), uneven.at(12).map(|l| l.share), uneven.at(13)), (24, Some(0.2), None));
    }

    #[test]
    fn a_record_carries_them_and_refuses_wrong_ones() {
        let text = serde_json::to_string(&Looks::declared()).unwrap();
        assert_eq!(serde_json::from_str::<Looks>(&text).unwrap(), Looks::declared());
        assert!(serde_json::from_str::<Looks>(r#"[{"blocks":12,"share":2.0}]"#).is_err());
        assert!(serde_json::from_str::<Looks>("[]").is_err());
    }
}
