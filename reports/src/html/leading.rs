//! The number at the beginning of a text, by which a page sorts it.
//!
//! `64KiB`, `100 us`, `0xffff`, `1,024`, `-4.25 %`, `97.5 [97.1, 98.0]` and `1 to 3` have one, and a PCI address is one. What
//! goes on in another way (`8192,4`, `4k-pages`) is words and has none.

/// Units that texts are written in, each in bytes, ns, or itself.
const UNITS: [(&str, f64); 9] = [
    ("%", 1.0),
    ("KiB", 1_024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("B", 1.0),
    ("ns", 1.0),
    ("us", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
];
/// What may come after a number: its interval, its range, a word on it.
const AFTER: [&str; 3] = [" [", " to ", " ("];

/// What `text` begins with: bytes, ns, or the plain number; nothing where it is words.
pub(super) fn leading(text: &str) -> Option<f64> {
    if let Some(address) = pci_address(text) {
        return Some(f64::from(address));
    }
    let (number, rest) = hexadecimal(text).or_else(|| decimal(text))?;
    let ends = |rest: &str| rest.is_empty() || AFTER.iter().any(|after| rest.starts_with(after));
    if ends(rest) {
        return Some(number);
    }
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    UNITS
        .iter()
        .find_map(|(unit, scale)| rest.strip_prefix(unit).filter(|rest| ends(rest)).map(|_| number * scale))
}

/// `0000:3b:00.1`: domain, bus, device and function.
fn pci_address(text: &str) -> Option<u32> {
    let marks = [4, 7, 10].map(|at| text.as_bytes().get(at).copied());
    if text.len() != 12 || marks != [Some(b':'), Some(b':'), Some(b'.')] {
        return None;
    }
    let place = |from: usize, to: usize| {
        let digits = text.get(from..to).filter(|digits| digits.bytes().all(|c| c.is_ascii_hexdigit()))?;
        u32::from_str_radix(digits, 16).ok()
    };
    let [domain, bus, device, function] = [place(0, 4)?, place(5, 7)?, place(8, 10)?, place(11, 12)?];
    Some(domain << 16 | bus << 8 | (device & 0x1f) << 3 | (function & 7))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "numbers that differ in their last bits are shown in the order they came"
)]
fn hexadecimal(text: &str) -> Option<(f64, &str)> {
    let digits = text.strip_prefix("0x")?;
    let end = digits.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(digits.len());
    let (number, rest) = digits.split_at(end);
    Some((u64::from_str_radix(number, 16).ok()? as f64, rest))
}

/// A number with or without commas between thousands.
fn decimal(text: &str) -> Option<(f64, &str)> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let length =
        unsigned.find(|c: char| !c.is_ascii_digit() && c != ',' && c != '.').unwrap_or(unsigned.len());
    let (number, rest) = text.split_at(text.len() - unsigned.len() + length);
    let whole = unsigned[..length].split('.').next()?;
    let mut groups = whole.split(',');
    let first = groups.next()?;
    let thousands = groups.clone().count();
    let grouped = thousands == number.matches(',').count() && groups.all(|group| group.len() == 3);
    let plain = thousands == 0 || (1..=3).contains(&first.len());
    (grouped && plain).then(|| Some((number.replace(',', "").parse().ok()?, rest)))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_times_and_numbers_are_sorted_by_what_they_are() {
        for (text, number) in [
            ("16", 16.0),
            ("1,024", 1_024.0),
            ("-1.5", -1.5),
            ("+4.25 %", 4.25),
            ("64KiB", 65_536.0),
            ("1MiB", 1_048_576.0),
            ("2 GiB", 2_147_483_648.0),
            ("512B", 512.0),
            ("100us", 100_000.0),
            ("1ms", 1_000_000.0),
            ("12.5 us", 12_500.0),
            ("3s", 3e9),
            ("0xffff", 65_535.0),
            ("97.5 [97.1, 98.0]", 97.5),
            ("0.482 (n 3)", 0.482),
            ("1 to 3", 1.0),
            ("1 us to 3 us", 1_000.0),
            ("0000:00:01.0", 8.0),
            ("0000:3b:1f.7", 0x3bff.into()),
        ] {
            assert_eq!(leading(text), Some(number), "{text}");
        }
    }

    #[test]
    fn words_are_no_numbers() {
        let words = [
            "",
            "-",
            "+",
            ".",
            ",",
            "0x",
            "kernel",
            "8192,4",
            "1,2",
            "1,0240",
            ",024",
            "0.5,100",
            "1.2.3",
            "4k-pages",
            "1 of 3",
            "5m",
            "0xfg",
            "3 sKiB",
            "0000:00",
            "0000:00:01",
            "0000.00.01.0",
            "0000:00:01:0",
            "00:01.0",
            "0000:00:01.0.0",
            "0000:+1:01.0",
            "größe",
            "n/a (3)",
            "inf",
            "NaN",
        ];
        for text in words {
            assert_eq!(leading(text), None, "{text}");
        }
    }
}
