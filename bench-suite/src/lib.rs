//! The runner behind `swiotlb-bench`: verification, replay, measuring.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`cli`] | the command line: a file for each sub-command |
//! | [`policies`], [`external`] | what can be measured: the registry of policies; allocators from outside |
//! | [`subject`] | any policy behind a table of functions, for what no clock watches |
//! | [`scenario`] | prepared states of an allocator, and the loops that are measured in them |
//! | [`run`] | plans of operations on threads, in closed and open loops, and in virtual time |
//! | [`replay`], [`verify`], [`tune`] | recorded traces; golden vectors of the kernel; what to boot with |
//! | [`cell`], [`measure`], [`nightly`] | one cell in a fresh process; many cells, comparisons and gates; a whole night |
//! | [`report`], [`figures`] | the page of a run, and its figures |
//! | [`bridge`], [`soak`] | the kernel's own benchmark; long runs that must lose nothing |
//! | [`hot`], [`pages`], [`tick`] | where measured loops lie; pages for the allocators; time for reclaimers |

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
