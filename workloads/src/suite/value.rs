//! Values of parameters: what a suite may write for them, and the one form they are kept in.
//!
//! A value is kept as text with its unit (`64`, `4KiB`, `10us`, `250000/s`, `on`, `tail`), since that is
//! what ids, records and tables show. Invariant: two texts that mean the same become the same text, so
//! that a cell has one id.

use std::fmt;

/// What sort of value a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number within bounds, both included.
    Count(u64, u64),
    /// Bytes, with a unit.
    Size,
    /// A time, with a unit.
    Time,
    /// Operations per second, with `/s`.
    Rate,
    /// `on` or `off`.
    Flag,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Whatever the workload's own reader accepts.
    Any,
}

/// A number with the unit that it is shown in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantity {
    /// In the base unit: bytes, ns, operations per second, or nothing.
    pub number: u64,
    /// Which unit that is.
    pub unit: Base,
}

/// A base unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// None.
    Plain,
    /// Bytes.
    Bytes,
    /// Nanoseconds.
    Nanoseconds,
    /// Operations per second.
    PerSecond,
}

/// Units with their scale, the largest first.
const SIZES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
const TIMES: [(&str, u64); 4] = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];
const RATES: [(&str, u64); 3] = [("M/s", 1_000_000), ("k/s", 1_000), ("/s", 1)];

impl Quantity {
    /// Reads `64`, `4KiB`, `1.5ms`, `250k/s`; nothing where it is none of them or is no whole number of
    /// the base unit.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_')).unwrap_or(text.len());
        let (digits, unit) = text.split_at(split);
        let find = |units: &[(&str, u64)]| units.iter().find(|(name, _)| *name == unit).map(|&(_, n)| n);
        let (base, scale) = if unit.is_empty() {
            (Base::Plain, 1)
        } else if let Some(scale) = find(&SIZES) {
            (Base::Bytes, scale)
        } else if let Some(scale) = find(&TIMES) {
            (Base::Nanoseconds, scale)
        } else {
            (Base::PerSecond, find(&RATES)?)
        };
        Some(Self { number: scaled(&digits.replace('_', ""), scale)?, unit: base })
    }
}

/// `digits` with at most one point, times `scale`, if that is a whole number.
fn scaled(digits: &str, scale: u64) -> Option<u64> {
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() || part.len() > 12 || (digits.contains('.') && part.is_empty()) {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let below = if part.is_empty() {
        0
    } else {
        let tenths = 10_u128.checked_pow(u32::try_from(part.len()).ok()?)?;
        let product = part.parse::<u128>().ok()?.checked_mul(u128::from(scale))?;
        if product % tenths != 0 {
            return None;
        }
        u64::try_from(product / tenths).ok()?
    };
    whole.checked_mul(scale)?.checked_add(below)
}

impl fmt::Display for Quantity {
    /// In the largest unit that keeps it whole.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units: &[(&str, u64)] = match self.unit {
            Base::Plain => return write!(f, "{}", self.number),
            Base::PerSecond => return write!(f, "{}/s", self.number),
            Base::Bytes => &SIZES,
            Base::Nanoseconds => &TIMES,
        };
        let smallest = units.last().copied().unwrap_or(("", 1));
        let fits = |&&(_, scale): &&(&str, u64)| self.number.is_multiple_of(scale) && self.number > 0;
        let (unit, scale) = units.iter().find(fits).copied().unwrap_or(smallest);
        write!(f, "{}{unit}", self.number / scale)
    }
}

impl Kind {
    /// The base unit of its numbers; nothing for words.
    #[must_use]
    pub const fn base(self) -> Option<Base> {
        match self {
            Self::Count(..) => Some(Base::Plain),
            Self::Size => Some(Base::Bytes),
            Self::Time => Some(Base::Nanoseconds),
            Self::Rate => Some(Base::PerSecond),
            Self::Flag | Self::Word(_) | Self::Any => None,
        }
    }

    /// `text` in the form that it is kept in.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn normal(self, text: &str) -> Result<String, String> {
        match self {
            Self::Count(least, most) => {
                let number = self.quantity(text)?;
                if !(least..=most).contains(&number.number) {
                    return Err(format!("`{text}` is not within {least} to {most}"));
                }
                Ok(number.to_string())
            }
            Self::Size | Self::Time | Self::Rate => Ok(self.quantity(text)?.to_string()),
            Self::Flag => match text {
                "on" | "true" => Ok("on".to_owned()),
                "off" | "false" => Ok("off".to_owned()),
                _ => Err(format!("`{}` is neither `on` nor `off`", text.escape_debug())),
            },
            Self::Word(words) if words.contains(&text) => Ok(text.to_owned()),
            Self::Word(words) => Err(super::error::unknown("choice", text, words.iter().copied())),
            Self::Any => plain(text),
        }
    }

    fn quantity(self, text: &str) -> Result<Quantity, String> {
        let read = Quantity::parse(text).filter(|q| Some(q.unit) == self.base());
        read.ok_or_else(|| format!("`{}` is not {}", text.escape_debug(), self.wanted()))
    }

    /// What a value has to look like, in words.
    #[must_use]
    pub const fn wanted(self) -> &'static str {
        match self {
            Self::Count(..) => "a whole number without a unit",
            Self::Size => "a size with its unit (B, KiB, MiB, GiB)",
            Self::Time => "a time with its unit (ns, us, ms, s)",
            Self::Rate => "a rate with its unit (/s, k/s, M/s)",
            Self::Flag => "`on` or `off`",
            Self::Word(_) => "one of the known words",
            Self::Any => "a short text",
        }
    }
}

/// A text that can stand in an id: a quantity in its usual form, or a short word.
fn plain(text: &str) -> Result<String, String> {
    if let Some(quantity) = Quantity::parse(text) {
        // A fraction without a unit (a share) stays as it is written.
        return Ok(quantity.to_string());
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-/+%".contains(c);
    if !text.is_empty() && text.len() <= 200 && text.chars().all(fits) {
        return Ok(text.to_owned());
    }
    Err(format!("`{}` holds what no id may hold (letters, digits and ._-/+% may)", text.escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_the_same_becomes_the_same() {
        for (kind, text, kept) in [
            (Kind::Size, "4096B", "4KiB"),
            (Kind::Size, "4KiB", "4KiB"),
            (Kind::Size, "1.5MiB", "1536KiB"),
            (Kind::Time, "1000ns", "1us"),
            (Kind::Time, "0.5us", "500ns"),
            (Kind::Time, "0ms", "0ns"),
            (Kind::Rate, "1.5M/s", "1500000/s"),
            (Kind::Count(1, 9_999), "1_024", "1024"),
            (Kind::Flag, "true", "on"),
            (Kind::Word(&["head", "tail"]), "tail", "tail"),
            (Kind::Any, "0.7", "0.7"),
            (Kind::Any, "2048KiB", "2MiB"),
        ] {
            assert_eq!(kind.normal(text).as_deref(), Ok(kept), "{text}");
            assert_eq!(kind.normal(kept).as_deref(), Ok(kept), "{kept} again");
        }
    }

    #[test]
    fn units_are_mandatory_and_bounds_are_kept() {
        for (kind, text, says) in [
            (Kind::Size, "4096", "is not a size with its unit"),
            (Kind::Time, "10", "is not a time with its unit"),
            (Kind::Time, "4KiB", "is not a time with its unit"),
            (Kind::Count(1, 8), "0", "is not within 1 to 8"),
            (Kind::Count(1, 8), "4KiB", "without a unit"),
            (Kind::Size, "0.3B", "is not a size"),
            (Kind::Size, "99999999999999GiB", "is not a size"),
            (Kind::Flag, "yes", "neither `on` nor `off`"),
            (Kind::Word(&["head", "tail"]), "tial", "the nearest is tail"),
            (Kind::Any, "a,b", "no id may hold"),
            (Kind::Any, "", "no id may hold"),
        ] {
            let error = kind.normal(text).expect_err(text);
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
