//! Where words find room between markers.
//!
//! Words stand beside their marker at the first place around it that is free and inside the panel; where none
//! is, at the first place all the same.

/// Half the height of words, px.
const HALF: i32 = 10;
/// Width of a character, px.
const COLUMN: i32 = 12;
/// Between words that stand side by side, px.
const APART: i32 = 6;

/// What is taken of a panel, as centres and half sizes in px.
#[derive(Debug, Clone)]
pub struct Places {
    across: (i32, i32),
    up: (i32, i32),
    taken: Vec<((i32, i32), (i32, i32))>,
}

impl Places {
    /// A panel between its left and right, and its lower and upper end.
    #[must_use]
    pub fn new(across: (i32, i32), up: (i32, i32)) -> Self {
        Self { across, up, taken: Vec::new() }
    }

    /// Takes what lies around `centre`.
    pub fn take(&mut self, centre: (i32, i32), half: (i32, i32)) {
        self.taken.push((centre, half));
    }

    /// Finds the centre for `words` beside a marker, and takes it.
    pub fn beside(&mut self, (x, y): (i32, i32), words: &str) -> (i32, i32) {
        let width = i32::try_from(words.chars().count()).unwrap_or(1) * COLUMN / 2 + APART / 2;
        let (far, up) = (width + 12, HALF + 10);
        let near =
            [(0, -up - 4), (0, up + 4), (far, -up), (-far, -up), (far, up), (-far, up), (far, 0), (-far, 0)];
        let rings = (1..4).flat_map(|ring| near.map(|(dx, dy)| (dx * ring, dy * ring)));
        let mut all = rings.map(|(dx, dy)| (x + dx, y + dy));
        let found = all.find(|at| self.is_free(*at, (width, HALF))).unwrap_or((x, y - up - 4));
        self.take(found, (width, HALF));
        found
    }

    fn is_free(&self, (x, y): (i32, i32), (wide, high): (i32, i32)) -> bool {
        let inside = x - wide > self.across.0
            && x + wide < self.across.1
            && y - high > self.up.1
            && y + high < self.up.0;
        let apart = |((cx, cy), (w, h)): &((i32, i32), (i32, i32))| {
            (x - cx).abs() >= wide + w || (y - cy).abs() >= high + h
        };
        inside && self.taken.iter().all(apart)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_neither_cover_each_other_nor_leave_the_panel() {
        let mut places = Places::new((0, 400), (400, 0));
        let marker = (395, 5);
        places.take(marker, (9, 9));
        let found: Vec<_> = (0..3).map(|_| places.beside(marker, "12")).collect();
        for (i, (x, y)) in found.iter().enumerate() {
            assert!(*x + 12 <= 400 && *y - 10 >= 0, "{found:?}");
            assert!(found[..i].iter().all(|(a, b)| (a - x).abs() >= 24 || (b - y).abs() >= 20), "{found:?}");
        }
    }

    #[test]
    fn where_no_room_is_left_words_stand_at_the_first_place() {
        let mut places = Places::new((0, 10), (10, 0));
        assert_eq!(places.beside((5, 5), "1"), (5, -19));
    }
}
