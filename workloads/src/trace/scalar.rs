//! One value of a JSON record, taken as it comes: a number, text, or neither. A wrong type is then one
//! record's problem, not the file's.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};

use super::ftrace::number;
use super::skipped::Reason;

/// A number, or why there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Num {
    /// Absent or null.
    #[default]
    None,
    Value(u64),
    /// Negative, broken, too large, or no number at all.
    Bad,
}

impl Num {
    pub(super) fn get(self) -> Result<Option<u64>, Reason> {
        match self {
            Self::None => Ok(None),
            Self::Value(n) => Ok(Some(n)),
            Self::Bad => Err(Reason::BadField),
        }
    }

    pub(super) fn or(self, default: u64) -> Result<u64, Reason> {
        Ok(self.get()?.unwrap_or(default))
    }

    pub(super) fn need(self) -> Result<u64, Reason> {
        self.get()?.ok_or(Reason::BadField)
    }
}

/// Text; anything else is empty.
#[derive(Debug, Default)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

/// Reads lists and objects to their end and takes them for `$other`.
macro_rules! swallow_containers {
    ($other:expr) => {
        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element::<serde::de::IgnoredAny>()?.is_some() {}
            Ok($other)
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<serde::de::IgnoredAny, serde::de::IgnoredAny>()?.is_some() {}
            Ok($other)
        }
    };
}

struct NumVisitor;

impl<'de> Visitor<'de> for NumVisitor {
    type Value = Num;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_u64<E>(self, n: u64) -> Result<Num, E> {
        Ok(Num::Value(n))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Num, E> {
        Ok(u64::try_from(n).map_or(Num::Bad, Num::Value))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Num, E> {
        Ok(Num::Bad)
    }

    fn visit_bool<E>(self, b: bool) -> Result<Num, E> {
        Ok(Num::Value(u64::from(b)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Num, E> {
        Ok(number(text).map_or(Num::Bad, Num::Value))
    }

    fn visit_unit<E>(self) -> Result<Num, E> {
        Ok(Num::None)
    }

    swallow_containers!(Num::Bad);
}

impl<'de> Deserialize<'de> for Num {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(NumVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Text<'de>, E> {
        Ok(Text::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Text<'de>, E> {
        Ok(Text::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Text<'de>, E> {
        Ok(Text::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Text<'de>, E> {
        Ok(Text::default())
    }

    fn visit_unit<E>(self) -> Result<Text<'de>, E> {
        Ok(Text::default())
    }

    swallow_containers!(Text::default());
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(TextVisitor)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn numbers_come_in_several_spellings() {
        let num = |text| serde_json::from_str::<Num>(text).unwrap();
        assert_eq!(num("5"), Num::Value(5));
        assert_eq!(num("18446744073709551615"), Num::Value(u64::MAX));
        assert_eq!(num("\"0x7d0cb000\""), Num::Value(0x7d0c_b000));
        assert_eq!(num("true"), Num::Value(1));
        assert_eq!(num("null"), Num::None);
        for bad in ["-1", "1.5", "18446744073709551616", "\"0x\"", "\"\"", "[1,[2]]", "{\"a\":{}}"] {
            assert_eq!(num(bad), Num::Bad, "{bad}");
        }
    }

    #[test]
    fn what_is_not_text_is_empty() {
        let text = |text| serde_json::from_str::<Text<'_>>(text).unwrap().0.into_owned();
        assert_eq!(text(r#""a\u0062""#), "ab");
        for other in ["1", "-1", "1.5", "true", "null", "[]", "{}"] {
            assert_eq!(text(other), "");
        }
    }
}
