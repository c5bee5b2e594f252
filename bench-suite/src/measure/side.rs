//! One side of a comparison as a user writes it: a policy, and what it sets apart from the suite.
//!
//! | written | means |
//! | --- | --- |
//! | `kernel` | the policy |
//! | `kernel:nareas=2,nslabs=4096` | the policy with these values |
//! | `swiotlb=4096,4` | `kernel:nslabs=4096,nareas=4`, as on the kernel's command line |
//! | `ext:PATH`, `ext:PATH:nareas=2` | the policy in a shared library, with values |
//! | `none:service=2us` | the values alone, for suites that have no policy under test |
//!
//! Invariant: a cell's name is its id without the policy and without the side's own keys, so that the cells of
//! two sides that differ in nothing else share it.

use crate::external;
use crate::policies::EXTERNAL;
use workloads::suite::error::unknown;
use workloads::suite::expand::NO_POLICY;

/// A side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// As the user wrote it.
    pub written: String,
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
            return Err(unknown("policy", policy, known()));
        }
        Ok(Self { written: text.to_owned(), policy: policy.to_owned(), set })
    }

    /// The policy that a side names, as it is written.
    #[must_use]
    pub fn policy_of(text: &str) -> &str {
        split(text).0
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

/// The policy and its values. A path may hold colons; what follows the last one is values if it sets something.
fn split(text: &str) -> (&str, Option<&str>) {
    if text.starts_with("swiotlb=") {
        return ("kernel", None);
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
    fn mistakes_are_told() {
        for (text, says) in [
            ("kernal", "the nearest is kernel"),
            ("kernal:nareas=2", "the nearest is kernel"),
            ("kernel:nareas", "write policy:key=value"),
            ("kernel:", "write policy:key=value"),
            ("kernel:nareas=", "write policy:key=value"),
            ("kernel:nareas=1,nareas=2", "sets nareas twice"),
            ("kernel:policy=lookup-sorted", "sets policy twice"),
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
