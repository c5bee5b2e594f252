//! Where suites come from: those that are built in, and files.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use workloads::suite::error::unknown;
use workloads::suite::{Suite, SuiteError, read};

use super::metrics;
use super::plan::PlannedSuite;

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        /// Every shipped suite: its file's name and its text.
        pub const SHIPPED: &[(&str, &str)] =
            &[$((concat!($name, ".toml"), include_str!(concat!("../../suites/", $name, ".toml")))),*];
    };
}

shipped![
    "aims-lookup",
    "aims-search",
    "areas",
    "claims-n1",
    "claims-n2",
    "claims-n3",
    "claims-n4",
    "claims-n6",
    "claims-n7",
    "claims-n8",
    "control",
    "copy-share",
    "dummy-open",
    "dummy",
    "fallback-break-even",
    "fallback-sources",
    "fallback",
    "false-full",
    "find-pool-churn",
    "find-pool",
    "growth-threads",
    "growth",
    "held-back",
    "locks",
    "quick-fallback",
    "quick-find-pool",
    "quick-locks",
    "quick-search",
    "replay",
    "slot-search",
    "statistics",
    "storm-virtual",
    "storm",
    "traces-fitted",
    "traces-parallel",
    "two-threads",
];

/// The largest suite file that is read, bytes.
const MOST_BYTES: u64 = 1 << 20;

/// All shipped suites, by name.
///
/// # Errors
/// A shipped suite that is none; the tests exclude it.
pub fn all() -> Result<Vec<Suite>, SuiteError> {
    SHIPPED.iter().map(|(file, text)| read(file, text)).collect()
}

/// The suites that `name` stands for: those whose names begin with it and a `-`, if there are several and
/// none is called just so (`quick` is `quick-fallback`, `quick-find-pool` and so on); else `name` alone.
#[must_use]
pub fn family(name: &str) -> Vec<String> {
    let names = || SHIPPED.iter().map(|(file, _)| file.trim_end_matches(".toml"));
    let member = |of: &&str| of.strip_prefix(name).is_some_and(|rest| rest.starts_with('-'));
    let family: Vec<String> = names().filter(member).map(str::to_owned).collect();
    let alone = family.len() < 2 || names().any(|known| known == name);
    if alone { vec![name.to_owned()] } else { family }
}

/// The suite called `name`: a file where it looks like a path, else a shipped one.
///
/// # Errors
/// An unknown name with the nearest known ones, a file that cannot be read, a mistake in it.
pub fn find(name: &str) -> Result<(PlannedSuite, Suite), SuiteError> {
    let file = Path::new(name).extension().is_some_and(|e| e == "toml") || name.contains('/');
    let (source_name, text) = if file { (name.to_owned(), text_of(name)?) } else { shipped(name)? };
    let suite = read(&source_name, &text)?;
    let planned = PlannedSuite { source_name, text };
    metrics::check(&planned, &suite)?;
    Ok((planned, suite))
}

fn shipped(name: &str) -> Result<(String, String), SuiteError> {
    let stem = |file: &&str| file.trim_end_matches(".toml").to_owned();
    let found = SHIPPED.iter().find(|(file, _)| stem(file) == name);
    if let Some((file, text)) = found {
        return Ok(((*file).to_owned(), (*text).to_owned()));
    }
    let names: Vec<String> = SHIPPED.iter().map(|(file, _)| stem(file)).collect();
    let message = unknown("suite", name, names.iter().map(String::as_str));
    Err(SuiteError { source_name: "suites".to_owned(), place: None, message })
}

fn text_of(path: &str) -> Result<String, SuiteError> {
    let error = |message: String| SuiteError { source_name: path.to_owned(), place: None, message };
    let unread = |e: std::io::Error| error(format!("cannot read: {e}"));
    let file = File::open(path).map_err(unread)?;
    let mut text = String::new();
    // A device or a pipe has no size to ask for beforehand.
    let size = file.take(MOST_BYTES + 1).read_to_string(&mut text).map_err(unread)?;
    if size as u64 > MOST_BYTES {
        return Err(error(format!("more than {MOST_BYTES} bytes are no suite")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;
    use crate::policies;
    use workloads::suite::{Changes, Limits, Mode, cells};

    #[test]
    fn every_file_of_the_folder_is_shipped() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("suites");
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        files.retain(|file| file.ends_with(".toml"));
        files.sort();
        assert_eq!(files, SHIPPED.iter().map(|(file, _)| (*file).to_owned()).collect::<Vec<_>>());
    }

    #[test]
    fn every_shipped_suite_is_whole_and_has_cells() {
        let policies: Vec<&str> = policies::ALL.iter().map(|entry| entry.name).collect();
        for (file, _) in SHIPPED {
            let (_, suite) = find(file.trim_end_matches(".toml")).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(format!("{}.toml", suite.name), *file);
            assert!(suite.analysis.len() > 80, "{file}: an analysis is a paragraph");
            for mode in [Mode::Quick, Mode::Full] {
                let changes = Changes { mode, ..Changes::default() };
                let count = cells(&suite, &changes, &policies, Limits::default())
                    .unwrap_or_else(|e| panic!("{e}"))
                    .len();
                assert!(count > 0 && count < 2_000, "{file}: {count}");
            }
            let control = suite.name == "control" || file.starts_with("dummy") || file.starts_with("quick-");
            assert!(control || !suite.questions.is_empty(), "{file} belongs to a question or a claim");
            assert!(
                control || !(suite.expects.is_empty() && suite.claims.is_empty()),
                "{file} expects nothing"
            );
        }
    }

    #[test]
    fn a_family_is_named_by_what_its_suites_begin_with() {
        assert_eq!(family("quick"), ["quick-fallback", "quick-find-pool", "quick-locks", "quick-search"]);
        assert_eq!(family("find-pool"), ["find-pool"]);
        assert_eq!(family("slot"), ["slot"], "one suite is no family");
        assert_eq!(family("nothing"), ["nothing"]);
    }

    #[test]
    fn an_unknown_suite_names_what_is_near() {
        let text = find("find-pol").unwrap_err().to_string();
        assert_eq!(text, "suites: there is no suite `find-pol`; the nearest is find-pool");
        assert!(find("/dev/zero").unwrap_err().to_string().ends_with("bytes are no suite"));
        assert!(find("/no/such.toml").unwrap_err().to_string().starts_with("/no/such.toml: cannot read"));
    }
}
