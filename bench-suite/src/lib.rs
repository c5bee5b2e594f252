//! The runner behind `swiotlb-bench`: verification, replay, measuring.

pub mod cli;
pub mod policies;
pub mod replay;
pub mod run;
pub mod verify;
