//! Linux's software IO TLB in user space.
//!
//! The allocator decides as Linux 6.12 decides under the policy [`policy::Kernel`], and lets every part
//! of it be exchanged: see [`policy`]. Layers, bottom to top, each depending only downward:
//!
//! - [`rules`], [`addr`], [`device`], [`boot`], [`error`]: plain arithmetic and data;
//! - [`phys`]: memory behind made-up physical addresses, page sources, decryption;
//! - [`probe`], [`slot`], [`lock`], [`search`], [`area`], [`walk`], [`reclaim`], [`lookup`], [`publish`],
//!   [`stats`], [`trip`], [`bounce`]: the strategies, chosen by a [`policy`];
//! - [`pool`], [`held_back`], [`mem`], [`setup`], [`grow`], [`caller`]: the allocator. The operations are methods of
//!   [`caller::Session`].
//!
//! No clock, no input or output, no histogram: those belong to whoever measures.
//!
//! ```
//! use std::sync::Arc;
//! use swiotlb_core::addr::PhysAddr;
//! use swiotlb_core::boot::Geometry;
//! use swiotlb_core::device::{Attrs, DeviceLimits, Direction, MapRequest};
//! use swiotlb_core::mem::{IoTlbMem, Permissions};
//! use swiotlb_core::phys::{BuddyZones, NoEncryption, PhysMemory, PoolPages};
//! use swiotlb_core::policy::Kernel;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let memory = Arc::new(PhysMemory::new());
//! let geometry = Geometry::new("swiotlb=2048,2".parse()?, 2, None)?;
//! let pages = PoolPages::new(BuddyZones::pc(8 << 30), NoEncryption, None);
//! let reserve = &mut |_bytes| Some(PhysAddr(0x7000_0000));
//! let permissions = Permissions::default();
//! let setup = IoTlbMem::<Kernel>::early(geometry, permissions, None, memory.clone(), pages, reserve)?;
//!
//! let device = setup.mem.device(DeviceLimits::default())?;
//! let caller = setup.mem.caller(0);
//! let session = caller.enter();
//! let orig = PhysAddr(0x1_2345_6000);
//! memory.write(orig, b"hello")?;
//! let bounce = session.map(&device, &MapRequest::new(orig, 5, Direction::ToDevice))?;
//! let mut seen = [0; 5];
//! memory.read(bounce, &mut seen)?;
//! assert_eq!(&seen, b"hello");
//! session.unmap(&device, bounce, 5, Direction::ToDevice, Attrs::default())?;
//! assert_eq!(setup.mem.stats().used, 0);
//! # Ok(())
//! # }
//! ```

pub mod addr;
pub mod area;
pub mod boot;
pub mod bounce;
pub mod caller;
pub mod device;
pub mod error;
pub mod grow;
pub mod held_back;
pub mod inspect;
pub mod lock;
pub mod lookup;
mod map;
pub mod mem;
#[cfg(all(test, loom))]
mod model;
pub mod phys;
pub mod policy;
pub mod pool;
pub mod probe;
pub mod publish;
pub mod reclaim;
mod recorded;
mod restricted;
mod retired;
pub mod rules;
pub mod search;
pub mod setup;
pub mod slot;
pub mod stages;
pub mod stats;
mod sync;
pub mod trip;
mod unmap;
pub mod walk;
mod why;
