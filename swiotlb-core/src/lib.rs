//! Linux's software IO TLB in user space.
//!
//! The allocator decides as Linux 6.12 decides under the policy [`policy::Kernel`], and lets every part
//! of it be exchanged.
//! [`error`] are plain arithmetic and data; [`phys`] is memory behind made-up addresses; [`lock`],
//! [`search`], [`area`], [`walk`], [`lookup`], [`reclaim`] and [`stats`] are the strategies; [`pool`],
//! [`mem`], [`grow`], [`bounce`] and [`caller`] are the allocator above them.
//!
//! No clock, no input or output, no histogram: those belong to whoever measures.

pub mod addr;
pub mod device;
pub mod error;
pub mod phys;
pub mod rules;
