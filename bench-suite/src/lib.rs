//! The runner behind `swiotlb-bench`: verification, replay, measuring.

pub mod cell;
pub mod cli;
pub mod measure;
pub mod policies;
pub mod replay;
pub mod verify;
