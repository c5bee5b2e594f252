//! The runner behind `swiotlb-bench`: verification, replay, measuring.

pub mod bridge;
pub(crate) mod calls;
pub mod cell;
pub mod cli;
pub mod external;
pub mod figures;
pub mod hot;
pub mod measure;
pub mod nightly;
pub mod pages;
pub mod policies;
pub mod replay;
pub mod report;
pub mod run;
pub mod scenario;
pub mod soak;
pub mod subject;
pub mod tick;
pub mod tune;
pub mod verify;
