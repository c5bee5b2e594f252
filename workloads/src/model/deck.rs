//! A deck of numbered cards: each drawn once before any comes again, or each draw for itself.

use rand::RngExt;

use super::random::Stream;

/// Draws numbers below its size, 1 at least.
#[derive(Debug)]
pub(super) struct Deck {
    size: usize,
    independent: bool,
    left: Vec<usize>,
    rng: Stream,
}

impl Deck {
    pub(super) fn new(size: usize, independent: bool, rng: Stream) -> Self {
        Self { size: size.max(1), independent, left: Vec::new(), rng }
    }

    pub(super) fn draw(&mut self) -> usize {
        if self.independent {
            return below(self.size, &mut self.rng);
        }
        if self.left.is_empty() {
            self.left.extend(0..self.size);
        }
        let which = below(self.left.len(), &mut self.rng);
        self.left.swap_remove(which)
    }
}

fn below(size: usize, rng: &mut Stream) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "below a length")]
    let which = rng.random_range(0..size as u64) as usize;
    which
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::random::{Purpose, stream};

    #[test]
    fn each_card_once_a_round() {
        let mut deck = Deck::new(10, false, stream(1, 0, Purpose::Choice));
        for _ in 0..5 {
            let mut round: Vec<usize> = (0..10).map(|_| deck.draw()).collect();
            round.sort_unstable();
            assert_eq!(round, (0..10).collect::<Vec<_>>());
        }
    }

    #[test]
    fn independent_draws_repeat() {
        let mut deck = Deck::new(10, true, stream(1, 0, Purpose::Choice));
        let mut counts = [0; 10];
        (0..10_000).for_each(|_| counts[deck.draw()] += 1);
        assert!(counts.iter().all(|&n| (850..1150).contains(&n)), "{counts:?}");
        assert_eq!(Deck::new(0, false, stream(1, 0, Purpose::Choice)).draw(), 0);
    }
}
