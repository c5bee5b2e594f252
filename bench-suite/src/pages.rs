//! Pages of the allocators that are run here: the kind of source is the policy's, blocks, decryption model and atomic
//! pool are the run's.
//!
//! Invariant: the atomic pool lies in a window that nothing else uses, the last one of the made-up space.

use swiotlb_core::addr::PhysAddr;
use swiotlb_core::error::PageError;
use swiotlb_core::phys::{
    AtomicPool, BuddyZones, Decrypt, FromParts, NoEncryption, PageBlocks, PhysMemory, SPACE, Source, WINDOW,
};
use swiotlb_core::policy::{Policy, SourceOf, With};

/// Bytes of the atomic pool: 64 of the largest transient pools, as many as a read section makes.
const ATOMIC_BYTES: u64 = 16 << 20;
const ATOMIC: PhysAddr = PhysAddr(SPACE - WINDOW);

/// The source of `P`'s kind over `B` and `D`.
pub type Pages<P, B, D> = <SourceOf<P> as Source>::Of<B, D>;
/// `P` on a machine with zones that does not encrypt: how policies are measured.
pub type OnHost<P> = <P as With>::Pages<Pages<P, BuddyZones, NoEncryption>>;

/// A policy that a machine with blocks `B` and model `D` can be built for.
pub trait On<B, D>: Policy<Pages: FromParts<B, D>> {}
impl<B, D, P: Policy<Pages: FromParts<B, D>>> On<B, D> for P {}

/// A source of these parts, with an atomic pool.
pub fn pages<S: FromParts<B, D>, B: PageBlocks, D: Decrypt>(blocks: B, decrypt: D) -> S {
    S::from_parts(blocks, decrypt, Some(AtomicPool::new(ATOMIC, ATOMIC_BYTES)))
}

/// Puts memory behind the atomic pool and touches it, decrypted where that matters: its first use would be the
/// host's cost.
///
/// # Errors
/// The host has no memory, or it cannot be decrypted.
pub fn touch<S: FromParts<B, D>, B: PageBlocks, D: Decrypt>(
    source: &S,
    memory: &PhysMemory,
) -> Result<(), PageError> {
    source.parts().prepare(memory)?;
    memory.touch(ATOMIC, ATOMIC_BYTES)
}
