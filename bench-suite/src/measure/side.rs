//! One side of a comparison as a user writes it: a policy, and what it sets apart from the suite.
//!
//! | written | means |
//! | --- | --- |
//! | `kernel` | the policy |
//! | `kernel:nareas=2,nslabs=4096` | the policy with these values |
//! | `swiotlb=4096,4` | `kernel:nslabs=4096,nareas=4`, as on the kernel's command line |
//! | `ext:PATH`, `ext:PATH:nareas=2` | the policy in a shared library, with values |
//! | `none:service=2us` | the values alone, for suites that have no policy under test |
//! | `rev:HEAD~1`, `rev:.` | a revision of this checkout's repository, or its files as they are, built; policy `kernel` |
//! | `build:PATH`, `build:PATH+PATH` | a program that was built, or several layouts of one; policy `kernel` |
//! | `rev:HEAD~1::fast:nareas=2` | a build and, after `::`, a side of the first kinds |
//!
//! Invariant: a cell's name is its id without the policy and without the side's own keys, so that the cells of
//! two sides that differ in nothing else share it.

use crate::external;
use crate::policies::{BASELINE, EXTERNAL, by_name};
use std::path::PathBuf;
use workloads::suite::error::unknown;
use workloads::suite::expand::NO_POLICY;

/// What separates a build from what it runs. No name of a revision holds two colons.
const RUNS: &str = "::";

/// The program of a side, where it is not this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Build {
    /// Programs that there are: layouts of one build.
    Programs(Vec<PathBuf>),
    /// A revision, to be built.
    Revision(String),
    /// The checkout as it is, to be built.
    Checkout,
}

/// A side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// As the user wrote it.
    pub written: String,
    /// The program, where it is not this one.
    pub build: Option<Build>,
    /// The policy's name, [`NO_POLICY`] among them.
    pub policy: String,
    /// The side's own values, one for each key.
    pub set: Vec<(String, String)>,
}

impl Side {
    /// Reads a side; `policies` are the names that there are.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str, policies: &[&str]) -> Result<Self, String> {
        let (written, (build, text)) = (text.to_owned(), parts(text));
        let build = build.map(Build::parse).transpose()?;
        let (policy, values) = split(text);
        let set = match (values, text.split_once('=')) {
            (_, Some(("swiotlb", numbers))) => parameter(numbers)?,
            (Some(values), _) => pairs(text, values)?,
            (None, _) => Vec::new(),
        };
        let whole = policy.strip_prefix(EXTERNAL).map(external::name).transpose()?;
        let policy = whole.as_deref().unwrap_or(policy);
        let known = || policies.iter().copied().chain([NO_POLICY]);
        if !known().any(|name| name == policy) {
            // The registry says where to look for a policy that it lacks.
            return Err(by_name(policy).err().unwrap_or_else(|| unknown("policy", policy, known())));
        }
        Ok(Self { written, build, policy: policy.to_owned(), set })
    }

    /// The policy that a side names, as it is written.
    #[must_use]
    pub fn policy_of(text: &str) -> &str {
        split(parts(text).1).0
    }

    /// What the side sets, the policy included where there is one.
    pub fn changes(&self) -> impl Iterator<Item = (String, String)> {
        let policy = (self.policy != NO_POLICY).then(|| ("policy".to_owned(), self.policy.clone()));
        self.set.iter().cloned().chain(policy)
    }

    /// The name of the cell with this id: what it shares with the other side's.
    #[must_use]
    pub fn name_of(&self, id: &str) -> String {
        let own = |key: &str| key == "policy" || self.set.iter().any(|(name, _)| name == key);
        let (suite, rest) = id.split_once('/').unwrap_or(("", id));
        let kept: Vec<&str> =
            rest.split(',').filter(|pair| !own(pair.split_once('=').map_or(*pair, |(key, _)| key))).collect();
        format!("{suite}/{}", kept.join(","))
    }
}

impl Build {
    /// Reads the program of a side.
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = |how: &str| Err(format!("`{}`: write {how}", text.escape_debug()));
        match text.split_once(':') {
            Some(("rev", ".")) => Ok(Self::Checkout),
            Some(("rev", "")) => wrong("rev:REVISION, or rev:. for the files as they are"),
            Some(("rev", revision)) => Ok(Self::Revision(revision.to_owned())),
            Some((_, paths)) if paths.split('+').all(|path| !path.is_empty()) => {
                Ok(Self::Programs(paths.split('+').map(PathBuf::from).collect()))
            }
            _ => wrong("build:PATH, or build:PATH+PATH+PATH for three layouts of one build"),
        }
    }
}

/// The build, if a side names one, and what it runs.
fn parts(text: &str) -> (Option<&str>, &str) {
    if !text.starts_with("rev:") && !text.starts_with("build:") {
        return (None, text);
    }
    text.split_once(RUNS).map_or((Some(text), BASELINE), |(build, runs)| (Some(build), runs))
}

/// The policy and its values. A path may hold colons; what follows the last one is values if it sets something.
fn split(text: &str) -> (&str, Option<&str>) {
    if text.starts_with("swiotlb=") {
        return (BASELINE, None);
    }
    let parts = match text.strip_prefix(EXTERNAL) {
        Some(_) => text.rsplit_once(':').filter(|(policy, values)| *policy != "ext" && values.contains('=')),
        None => text.split_once(':'),
    };
    parts.map_or((text, None), |(policy, values)| (policy, Some(values)))
}

/// The kernel's own parameter: slots, then areas.
fn parameter(numbers: &str) -> Result<Vec<(String, String)>, String> {
    let wrong = || format!("swiotlb={}: write swiotlb=SLOTS or swiotlb=SLOTS,AREAS", numbers.escape_debug());
    let numbers: Vec<&str> = numbers.split(',').map(str::trim).collect();
    let plain = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if numbers.len() > 2 || !numbers.iter().all(plain) {
        return Err(wrong());
    }
    Ok(["nslabs", "nareas"].into_iter().zip(numbers).map(|(key, n)| (key.to_owned(), n.to_owned())).collect())
}

fn pairs(side: &str, values: &str) -> Result<Vec<(String, String)>, String> {
    let mut set: Vec<(String, String)> = Vec::new();
    for text in values.split(',') {
        let pair = text.split_once('=').map(|(key, value)| (key.trim(), value.trim()));
        let (key, value) = pair
            .filter(|(key, value)| !key.is_empty() && !value.is_empty())
            .ok_or_else(|| format!("`{}`: write policy:key=value,key=value", side.escape_debug()))?;
        if key == "policy" || set.iter().any(|(name, _)| name == key) {
            return Err(format!("`{}` sets {} twice", side.escape_debug(), key.escape_debug()));
        }
        set.push((key.to_owned(), value.to_owned()));
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;

    fn side(text: &str) -> Result<Side, String> {
        Side::parse(text, &["kernel", "lookup-sorted"])
    }

    fn set(text: &str) -> String {
        let side = side(text).unwrap();
        side.changes().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn sides_as_they_are_written() {
        assert_eq!(set("kernel"), "policy=kernel");
        assert_eq!(set("kernel:nareas=2, nslabs=4096"), "nareas=2 nslabs=4096 policy=kernel");
        assert_eq!(set("swiotlb=4096,4"), "nslabs=4096 nareas=4 policy=kernel");
        assert_eq!(set("swiotlb=4096"), "nslabs=4096 policy=kernel");
        assert_eq!(set("none:service=2us"), "service=2us");
    }

    #[test]
    fn a_library_is_a_policy_with_its_whole_path() {
        let parse =
            |text| Side::parse(text, &["kernel", "ext:/a/x.so", "ext:/a/b%c.so"]).map(|side| side.policy);
        assert_eq!(parse("ext:/a/x.so").as_deref(), Ok("ext:/a/x.so"));
        let side = Side::parse("ext:/a/x.so:nareas=2", &["ext:/a/x.so"]).unwrap();
        assert_eq!(side.changes().count(), 2);
        assert_eq!(side.name_of("areas/nareas=2,policy=ext:/a/x.so,threads=2"), "areas/threads=2");
        assert!(parse("ext:/a/x,y.so").unwrap_err().contains("no id of a cell may hold"));
        let here = std::env::current_dir().unwrap().join("x.so");
        let whole = format!("ext:{}", here.display());
        assert_eq!(Side::parse("ext:x.so", &[&whole]).map(|side| side.policy), Ok(whole.clone()));
    }

    #[test]
    fn builds_and_what_they_run() {
        let of = |text: &str| {
            let side = side(text).unwrap();
            (side.build, format!("{} {:?}", side.policy, side.set))
        };
        let revision = |rev: &str| Some(Build::Revision(rev.to_owned()));
        assert_eq!(of("rev:HEAD~1"), (revision("HEAD~1"), "kernel []".into()));
        assert_eq!(of("rev:origin/a:b::lookup-sorted").0, revision("origin/a:b"));
        let values = "kernel [(\"nareas\", \"2\")]".to_owned();
        assert_eq!(of("rev:v1::kernel:nareas=2"), (revision("v1"), values.clone()));
        assert_eq!(of("rev:.").0, Some(Build::Checkout));
        let programs = |paths: &[&str]| Some(Build::Programs(paths.iter().map(PathBuf::from).collect()));
        assert_eq!(of("build:a/b").0, programs(&["a/b"]));
        assert_eq!(of("build:a/b+c::kernel:nareas=2"), (programs(&["a/b", "c"]), values));
        assert_eq!(of("rev:x::swiotlb=64,1").1, of("swiotlb=64,1").1);
        assert_eq!(Side::policy_of("rev:HEAD::lookup-sorted:nareas=2"), "lookup-sorted");
        assert_eq!(Side::policy_of("build:a/b"), "kernel");
    }

    #[test]
    fn mistakes_are_told() {
        for (text, says) in [
            ("kernal", "the nearest is kernel"),
            ("kernal:nareas=2", "the nearest is kernel"),
            ("kernel:nareas", "write policy:key=value"),
            ("kernel:", "write policy:key=value"),
            ("kernel:nareas=", "write policy:key=value"),
            ("kernel:nareas=1,nareas=2", "sets nareas twice"),
            ("kernel:policy=lookup-sorted", "sets policy twice"),
            ("rev:", "write rev:REVISION"),
            ("rev:HEAD::kernal", "the nearest is kernel"),
            ("rev:HEAD::", "there is no policy ``"),
            ("build:", "write build:PATH"),
            ("build:a++b", "write build:PATH"),
            ("swiotlb=force", "write swiotlb=SLOTS"),
            ("swiotlb=1,2,3", "write swiotlb=SLOTS"),
            ("swiotlb=", "write swiotlb=SLOTS"),
        ] {
            let error = side(text).expect_err(text);
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn cells_that_differ_in_a_side_s_own_keys_share_a_name() {
        let (one, two) = (side("kernel:nareas=1").unwrap(), side("lookup-sorted:nareas=2").unwrap());
        let name = one.name_of("areas/nareas=1,policy=kernel,threads=2");
        assert_eq!(name, "areas/threads=2");
        assert_eq!(two.name_of("areas/nareas=2,policy=lookup-sorted,threads=2"), name);
        // What the other side sets stays.
        assert_eq!(side("kernel").unwrap().name_of("areas/nareas=1,policy=kernel"), "areas/nareas=1");
        assert_eq!(one.name_of("areas/nareas=1,policy=kernel"), "areas/");
    }
}
