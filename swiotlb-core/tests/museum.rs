//! The bug museum: a test for every fault of this allocator that was once mended upstream, named after its row of
//! docs/BUG-MUSEUM.md, and one for each of its quirks. `ci/museum.sh` puts every fault back, by the patches beside the
//! tests, and sees the row's test fail.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

/// Of the strategies that are broken on purpose, a search that does not see all of its request.
#[path = "broken/searches.rs"]
#[allow(dead_code, reason = "shared with the test binary that runs the suites on them")]
mod searches;

/// The rows, by what they are about.
mod museum {
    #[macro_use]
    pub mod machine;

    mod areas;
    mod boot;
    mod faults;
    mod faulty;
    mod limits;
    mod padding;
    mod pages;
    mod publication;
    mod quirks;
    mod restricted;
    mod search;
    mod sync;
    mod walk;
}
