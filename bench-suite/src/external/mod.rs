//! Policies from outside: an allocator in a shared library behind `swiotlb-core/include/swiotlb_ext.h`.
//!
//! | file | what it is |
//! | --- | --- |
//! | `abi.rs` | the header in Rust |
//! | `ops.rs` | a library's table, checked |
//! | `library.rs` | loading a library |
//! | `host.rs` | what this program does for a library |
//! | `instance.rs`, `section.rs` | an allocator of a library, a thread's access to it, and the calls |
//! | `codes.rs` | error numbers as errors |
//! | `subject.rs`, `book.rs` | an allocator of a library as a subject, and what is mapped in it |
//! | `target.rs`, `calls.rs` | an allocator of a library under a plan, and under the other loops with a clock |
//! | `overhead.rs` | what the interface itself costs |
//! | `entry.rs` | a library as an entry of the registry |
//!
//! Invariant: what crosses the interface is checked by the compiler on neither side, so every call is made in one
//! of these files, and nothing else here is `unsafe`.

mod abi;
mod book;
mod calls;
mod codes;
mod entry;
mod host;
mod instance;
mod library;
mod ops;
mod overhead;
mod section;
mod subject;
mod target;

pub use entry::{entry, name};
pub use library::{Library, LoadError};
pub use ops::TableError;
pub use overhead::{Interface, interface};

use crate::policies::EXTERNAL;

/// What the interface costs, if `policy` comes from outside: what stands beside its numbers.
#[must_use]
pub fn cost_of(policy: &str) -> Option<Interface> {
    if policy.starts_with(EXTERNAL) { interface() } else { None }
}
