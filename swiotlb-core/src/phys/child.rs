//! For tests that would harm others in their process: they run alone, in a child process of their own.
//!
//! Invariant: the parent's limits and mappings stay as they are.

use std::process::{Command, Output};

/// Set in the child: in the parent these tests return at once.
const MARK: &str = "SWIOTLB_CORE_TEST_CHILD";

/// Whether this process is such a child.
pub(super) fn is_this() -> bool {
    std::env::var_os(MARK).is_some()
}

/// Runs the test `name` (a full path such as `phys::memory::tests::x`) of this test binary alone,
/// after the shell command `before`.
pub(super) fn run(name: &str, before: &str) -> Output {
    let binary = std::env::current_exe().unwrap_or_default();
    let script = format!("{before}; exec \"$0\" --exact --test-threads 1 {name}");
    let child = Command::new("sh").arg("-c").arg(script).arg(binary).env(MARK, "1").output();
    child.unwrap_or_else(|error| panic!("no child process: {error}"))
}

/// Runs as [`run`] and fails unless the one test in the child ran and passed.
pub(super) fn must_pass(name: &str, before: &str) {
    let output = run(name, before);
    let printed = String::from_utf8_lossy(&output.stdout);
    let passed = output.status.success() && printed.contains("1 passed");
    assert!(passed, "{name}: {}\n{printed}{}", output.status, String::from_utf8_lossy(&output.stderr));
}
