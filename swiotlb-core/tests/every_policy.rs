//! The suites that every policy goes through, in one program: each policy is compiled once for all of them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

/// The suites.
mod every_policy {
    mod growth;
    mod held_back;
    mod mistakes;
    mod stalled;
    mod stress;
    mod transient;
}
