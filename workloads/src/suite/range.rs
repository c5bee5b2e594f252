//! Lists and ranges: `1,2,5` and `1:64:*2`, `0:90:+30`, both ends included.

use super::value::{Kind, Quantity};

/// The most values that one axis may have.
pub const MOST_VALUES: usize = 10_000;

/// The values of one piece of text: a range, or a single value, each in its usual form.
///
/// # Errors
/// What is wrong with it, in words.
pub fn expand(kind: Kind, text: &str) -> Result<Vec<String>, String> {
    let text = text.trim();
    if !text.contains(':') {
        return Ok(vec![kind.normal(text)?]);
    }
    let shape =
        || format!("`{}` is not a range: write FROM:TO:+STEP or FROM:TO:*FACTOR", text.escape_debug());
    let [from, to, step] = text.split(':').collect::<Vec<_>>().try_into().map_err(|_| shape())?;
    let factor = match step.chars().next() {
        Some('*') => true,
        Some('+') => false,
        _ => return Err(shape()),
    };
    let (first, last) = (number(kind, from)?, number(kind, to)?);
    let step = step.get(1..).unwrap_or("");
    let by = if factor {
        Quantity::parse(step).map(|q| q.number)
    } else {
        number(kind, step).ok().map(|q| q.number)
    };
    let by = by.filter(|&n| if factor { n > 1 } else { n > 0 });
    let by = by.ok_or_else(|| format!("`{}` has no step that leads on", text.escape_debug()))?;
    if first.unit != last.unit || first.number > last.number || (factor && first.number == 0) {
        return Err(format!("`{}` does not lead from its first value to its last", text.escape_debug()));
    }
    walk(kind, first, last.number, by, factor)
}

fn walk(kind: Kind, first: Quantity, last: u64, by: u64, factor: bool) -> Result<Vec<String>, String> {
    let (mut values, mut now) = (Vec::new(), Some(first.number));
    while let Some(number) = now.filter(|&n| n <= last) {
        if values.len() == MOST_VALUES {
            return Err(format!("a range of more than {MOST_VALUES} values"));
        }
        values.push(kind.normal(&Quantity { number, ..first }.to_string())?);
        now = if factor { number.checked_mul(by) } else { number.checked_add(by) };
    }
    Ok(values)
}

fn number(kind: Kind, text: &str) -> Result<Quantity, String> {
    let fits = |q: &Quantity| kind.base().is_none_or(|base| base == q.unit);
    let read = Quantity::parse(text).filter(fits);
    if matches!(kind, Kind::Flag | Kind::Word(_)) {
        return Err("words have no ranges: write a list".to_owned());
    }
    read.ok_or_else(|| format!("`{}` is not {}", text.escape_debug(), kind.wanted()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        expand(Kind::Count(0, 1 << 20), text).expect(text)
    }

    #[test]
    fn both_ends_are_included() {
        assert_eq!(of("1:64:*2"), ["1", "2", "4", "8", "16", "32", "64"]);
        assert_eq!(of("0:90:+30"), ["0", "30", "60", "90"]);
        assert_eq!(of("1:60:*2").last().map(String::as_str), Some("32"));
        assert_eq!(of("7:7:+1"), ["7"]);
        assert_eq!(of("5"), ["5"]);
    }

    #[test]
    fn units_go_along() {
        assert_eq!(expand(Kind::Size, "512B:4KiB:*2").unwrap_or_default(), ["512B", "1KiB", "2KiB", "4KiB"]);
        assert_eq!(expand(Kind::Time, "0ms:10ms:+5ms").unwrap_or_default(), ["0ns", "5ms", "10ms"]);
        assert_eq!(expand(Kind::Rate, "1k/s:100k/s:*10").unwrap_or_default().len(), 3);
    }

    #[test]
    fn ranges_that_lead_nowhere_are_refused() {
        for text in
            ["1:2", "1:8:2", "8:1:*2", "1:8:*1", "1:8:+0", "0:8:*2", "a:b:*2", "1:8:*", "1:2:3:4", "::"]
        {
            assert!(expand(Kind::Count(0, 99), text).is_err(), "{text}");
        }
        assert!(expand(Kind::Count(0, u64::MAX), "0:18446744073709551615:+1").is_err());
        assert!(expand(Kind::Word(&["a"]), "a:b:+1").is_err());
        assert!(expand(Kind::Time, "1us:4KiB:*2").is_err());
    }
}
