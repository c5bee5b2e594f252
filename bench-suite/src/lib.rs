//! The runner behind `swiotlb-bench`: verification, replay, measuring.

pub mod cli;
pub mod nearest;
pub mod policies;
pub mod replay;
pub mod scenario;
pub mod verify;
