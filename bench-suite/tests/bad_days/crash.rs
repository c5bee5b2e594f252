//! A side's process crashes now and then. (A gate's answer is in `gate_codes.rs`.)

use crate::fast_suite::alone;
use crate::{Place, has_ended};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

/// A side whose program is this one, run by a shell with `before` before it.
fn wrapped(place: &Place, name: &str, before: &str) -> String {
    let program = env!("CARGO_BIN_EXE_swiotlb-bench");
    let path = place.file(name, &format!("#!/bin/sh\n# {name}\n{before}\nexec {program} \"$@\"\n"));
    std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    format!("build:{path}::none")
}

#[test]
fn a_comparison_names_the_side_and_ends_with_1() {
    let (_alone, place) = (alone(), Place::new());
    let count = place.file("count", "0");
    let crash = format!("read n < {count}; echo $((n + 1)) > {count}; [ $((n % 2)) = 0 ] || kill -SEGV $$");
    let (a, b) = (wrapped(&place, "a", ""), wrapped(&place, "b", &crash));
    let done = place.command(&format!("ab {a} {b} @slow.toml --blocks 4 --floor 90% --out @out"));
    let (shown, said) = has_ended(&{ done }.env("PATH", "/usr/bin:/bin").output().unwrap(), 1);
    let why = "void launches: A 0 of 8, B 4 of 8: the process failed (signal: 11";
    assert!(said.contains("no number can be trusted where launches fail") && said.contains(why), "{said}");
    assert!(shown.contains(why), "{shown}");
}
