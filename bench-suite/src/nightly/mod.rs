//! A night: the stages that a nightly job goes through, and what they come to.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `stage.rs` | one stage: what it is to do, and what its exit code means |
//! | `ledger.rs` | which stages are over, kept in a file, so that a night that was cut goes on |
//! | `process.rs` | a stage's process |
//! | `said.rs` | what it complains of: shown, kept, and its last message told |
//!
//! Every stage is a process of this program, with the command line that a person would type: what a night did can be
//! done again by hand, and a stage that dies takes none of the others with it.

pub mod ledger;
pub mod process;
mod said;
pub mod stage;
