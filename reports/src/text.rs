//! Text from outside, made safe to show.
//!
//! Names of devices, files and policies come from traces and from users. Whatever is shown of them goes
//! through [`visible`] first: what it returns is one line without control characters, without marks that
//! reorder or hide text, and without characters that XML forbids. It is *not* escaped for a format: each
//! form does that for itself.

/// `text` on one line, with every character that hides, moves or breaks text written as an escape
/// (`\n`, `\u{202e}`).
#[must_use]
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// The first `most` characters of `text`; where more were there, the last one kept is `…`.
#[must_use]
pub fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(most.saturating_sub(1)).collect();
    if most > 0 {
        out.push('…');
    }
    out
}

/// Controls, marks of direction, characters of no width, separators of lines, and noncharacters.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fdd0}'..='\u{fdef}' | '\u{e0000}'..='\u{e007f}')
        || u32::from(c) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_left_alone() {
        for text in ["", "0000:00:1f.2", "nvme0 (größer) 漢字 <b> | \\ \"x\""] {
            assert_eq!(visible(text), text);
        }
    }

    #[test]
    fn hidden_characters_show() {
        assert_eq!(visible("a\u{202e}b"), "a\\u{202e}b");
        assert_eq!(visible("a\nb\tc\r\0\u{1b}[31m"), "a\\nb\\tc\\r\\u{0}\\u{1b}[31m");
        assert_eq!(visible("\u{feff}\u{200b}\u{2028}\u{ffff}"), "\\u{feff}\\u{200b}\\u{2028}\\u{ffff}");
    }

    #[test]
    fn no_character_survives_that_breaks_a_line_or_xml() {
        for c in (0..=0x10_ffff).filter_map(char::from_u32) {
            let shown = visible(&c.to_string());
            assert!(!shown.chars().any(|c| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}')), "{c:?}");
        }
    }

    #[test]
    fn shortening_counts_characters() {
        assert_eq!(shorten("漢字漢字", 4), "漢字漢字");
        assert_eq!(shorten("漢字漢字漢", 4), "漢字漢…");
        assert_eq!(shorten("ab", 1), "…");
        assert_eq!(shorten("ab", 0), "");
    }
}
