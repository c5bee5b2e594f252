//! The command lines that made a run, kept beside its records: what a report shows for whoever wants to repeat it.
//!
//! One line each, as a POSIX shell takes it, variables of this program in front. It is a reader's help and decides
//! nothing: what ran is in the plan.

use reports::text::visible;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

/// The file in a run's folder.
pub const COMMANDS_FILE: &str = "commands.txt";
/// How the variables begin that stand for flags.
pub const VARIABLES: &str = "SWIOTLB_BENCH_";

/// Adds this process's command line to the folder's, unless it is the last one there.
///
/// # Errors
/// The system's answer.
pub fn remember(folder: &Path) -> io::Result<()> {
    let text = |word: OsString| word.to_string_lossy().into_owned();
    let variables = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
    let variables = variables.filter(|(name, _)| name.starts_with(VARIABLES)).collect();
    let line = line(variables, std::env::args_os().map(text));
    if read(folder).last() == Some(&line) {
        return Ok(());
    }
    let mut file: File = OpenOptions::new().append(true).create(true).open(folder.join(COMMANDS_FILE))?;
    file.write_all(format!("{line}\n").as_bytes())
}

/// The folder's command lines, oldest first; none where it keeps none.
#[must_use]
pub fn read(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join(COMMANDS_FILE)).unwrap_or_default();
    text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// The line of a program's words, whatever its file was called.
fn line(mut variables: Vec<(String, String)>, words: impl Iterator<Item = String>) -> String {
    variables.sort();
    let variables = variables.into_iter().map(|(name, value)| format!("{name}={}", quoted(&value)));
    let words = words.skip(1).map(|word| quoted(&word));
    variables.chain(["swiotlb-bench".to_owned()]).chain(words).collect::<Vec<_>>().join(" ")
}

/// `word` as a POSIX shell takes it, on one line.
#[must_use]
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,:=@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", visible(word).replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        for (word, shown) in [
            ("policy=lock-mcs", "policy=lock-mcs"),
            ("policy=lock-*", "'policy=lock-*'"),
            ("it's $HOME; rm", "'it'\\''s $HOME; rm'"),
            ("two\nlines", "'two\\nlines'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), shown);
        }
        let variables = vec![("SWIOTLB_BENCH_SEED".to_owned(), "7".to_owned())];
        let words = ["/some/where/x", "measure", "a b"].map(str::to_owned).into_iter();
        assert_eq!(line(variables, words), "SWIOTLB_BENCH_SEED=7 swiotlb-bench measure 'a b'");
    }

    #[test]
    fn a_command_that_is_the_last_one_is_not_added_again() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()), [] as [String; 0]);
        remember(folder.path()).unwrap();
        remember(folder.path()).unwrap();
        let lines = read(folder.path());
        assert!(lines.len() == 1 && lines[0].contains("swiotlb-bench"), "{lines:?}");
    }
}
