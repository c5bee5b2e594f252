//! Setting an allocator up: early (from reserved memory), late (from the page allocator), restricted.

use crate::addr::PhysAddr;
use crate::boot::{Force, Geometry};
use crate::error::InitError;
use crate::mem::{IoTlbMem, Permissions};
use crate::phys::{Context, Origin, PageSource, PhysMemory, PoolMemory};
use crate::policy::Policy;
use crate::reclaim::Reclaim;
use crate::rules::{
    IO_TLB_MIN_SLABS, IO_TLB_SEGSIZE, IO_TLB_SHIFT, MAX_PAGE_ORDER, MAX_POOL_SLABS, PAGE_SHIFT, PAGE_SIZE,
    halve_nslabs, limit_nareas, page_order,
};
use std::sync::Arc;

/// Which memory an early pool gets: asked with a size in bytes, answers where it lies. The kernel asks
/// its boot allocator; a caller here decides.
pub type Reserve<'a> = &'a mut dyn FnMut(u64) -> Option<PhysAddr>;

/// What [`IoTlbMem::early`] and [`IoTlbMem::late`] made.
pub struct Setup<P: Policy> {
    /// The allocator; without a pool if none could be had.
    pub mem: Arc<IoTlbMem<P>>,
    /// Why there is no pool, or `None`.
    pub failed: Option<InitError>,
    /// Attempts that found no memory before one did, or before set-up gave up.
    pub retries: u32,
}

/// The default pool of `nslabs` slots that set-up arrived at.
struct Sized {
    nslabs: u64,
    nareas: u32,
    memory: PoolMemory,
}

impl<P: Policy> IoTlbMem<P> {
    /// Early set-up (`swiotlb_init_remap`): the default pool from memory that `reserve` picks. While
    /// none is given the slots are halved down to [`IO_TLB_MIN_SLABS`]; the areas wished for later pools
    /// stay. The memory must not have been used before: it counts as zero.
    ///
    /// # Errors
    /// [`InitError::Placement`] if `reserve` answers with memory that is not page aligned or lies outside
    /// the address space. Too little memory is no error: see [`Setup::failed`].
    pub fn early(
        geometry: Geometry,
        permissions: Permissions,
        force: Option<Force>,
        memory: Arc<PhysMemory>,
        pages: P::Pages,
        reserve: Reserve<'_>,
    ) -> Result<Setup<P>, InitError> {
        let permissions = forced(permissions, force);
        if force == Some(Force::Off) {
            return Ok(Setup {
                mem: inactive(geometry, permissions, memory, pages),
                failed: None,
                retries: 0,
            });
        }
        let (mut nslabs, mut retries) = (geometry.nslabs, 0);
        loop {
            if let Some(base) = reserve(nslabs << IO_TLB_SHIFT) {
                let sized = Sized {
                    nslabs,
                    nareas: limit_nareas(geometry.nareas, nslabs),
                    memory: reserved(&memory, base, nslabs << IO_TLB_SHIFT)?,
                };
                let geometry = Geometry { nslabs, ..geometry };
                let mem = with_pool(geometry, permissions, memory, pages, sized)?;
                return Ok(Setup { mem, failed: None, retries });
            }
            retries += 1;
            if nslabs <= IO_TLB_MIN_SLABS {
                let failed = Some(InitError::NoMemory { min_slots: nslabs });
                return Ok(Setup { mem: inactive(geometry, permissions, memory, pages), failed, retries });
            }
            nslabs = halve_nslabs(nslabs);
        }
    }

    /// Late set-up (`swiotlb_init_late`): the default pool from the page allocator, a power of two of
    /// pages that holds `bytes`, halved while there is none; it must be more than
    /// [`IO_TLB_MIN_SLABS`] slots. The size wished for later pools is not touched by `bytes`.
    ///
    /// # Errors
    /// [`InitError::TooLarge`] for more than [`MAX_POOL_SLABS`] slots.
    pub fn late(
        bytes: u64,
        geometry: Geometry,
        permissions: Permissions,
        memory: Arc<PhysMemory>,
        pages: P::Pages,
    ) -> Result<Setup<P>, InitError> {
        let wanted = (bytes >> IO_TLB_SHIFT).next_multiple_of(u64::from(IO_TLB_SEGSIZE));
        if wanted > MAX_POOL_SLABS {
            return Err(InitError::TooLarge {
                what: "the number of slots",
                value: wanted,
                max: MAX_POOL_SLABS,
            });
        }
        let slabs_of = |order: u32| (PAGE_SIZE << order) >> IO_TLB_SHIFT;
        let mut order = page_order(wanted << IO_TLB_SHIFT);
        let mut retries = 0;
        while slabs_of(order) > IO_TLB_MIN_SLABS {
            let bytes = PAGE_SIZE << order;
            match pages.alloc(&memory, bytes, permissions.phys_limit, Context::MayBlock) {
                Ok(block) => {
                    if let Err(error) = memory.zero(block.base, bytes) {
                        pages.free(&memory, block);
                        return Err(error.into());
                    }
                    let nslabs = slabs_of(order);
                    let nareas = limit_nareas(geometry.nareas, nslabs);
                    let sized = Sized { nslabs, nareas, memory: block };
                    let mem = with_pool(geometry, permissions, memory, pages, sized)?;
                    return Ok(Setup { mem, failed: None, retries });
                }
                Err(_) => retries += 1,
            }
            order -= 1;
        }
        debug_assert!(order <= MAX_PAGE_ORDER);
        let failed = Some(InitError::NoMemory { min_slots: IO_TLB_MIN_SLABS + 1 });
        Ok(Setup { mem: inactive(geometry, permissions, memory, pages), failed, retries })
    }

    /// A restricted pool (`restricted-dma-pool`): one area, never grows, bounces everything, and hands
    /// out pages too. `pages` is only asked to take memory back.
    ///
    /// # Errors
    /// [`InitError::Placement`] for memory that is not page aligned, empty, or outside the address space.
    pub fn restricted(
        base: PhysAddr,
        nslabs: u64,
        memory: Arc<PhysMemory>,
        pages: P::Pages,
    ) -> Result<Arc<Self>, InitError> {
        let permissions = Permissions {
            can_grow: false,
            phys_limit: PhysAddr(u64::MAX),
            force_bounce: true,
            for_alloc: true,
        };
        let bytes = nslabs.saturating_mul(1 << IO_TLB_SHIFT);
        let sized = Sized { nslabs, nareas: 1, memory: reserved(&memory, base, bytes)? };
        with_pool(Geometry { nslabs, nareas: 1 }, permissions, memory, pages, sized)
    }
}

fn forced(permissions: Permissions, force: Option<Force>) -> Permissions {
    Permissions { force_bounce: permissions.force_bounce || force == Some(Force::Bounce), ..permissions }
}

fn inactive<P: Policy>(
    geometry: Geometry,
    permissions: Permissions,
    memory: Arc<PhysMemory>,
    pages: P::Pages,
) -> Arc<IoTlbMem<P>> {
    Arc::new(IoTlbMem::inactive(geometry, permissions, memory, pages))
}

/// Memory at an address that the caller chose, never used before.
pub(crate) fn reserved(memory: &PhysMemory, base: PhysAddr, bytes: u64) -> Result<PoolMemory, InitError> {
    let refuse = |what| Err(InitError::Placement { base, bytes, what });
    if base.0 & ((1 << PAGE_SHIFT) - 1) != 0 {
        return refuse("it is not page aligned");
    }
    if bytes == 0 {
        return refuse("it is empty");
    }
    if !PhysMemory::in_space(base, bytes) {
        return refuse("it does not lie in the made-up address space");
    }
    memory.ensure(base, bytes)?;
    Ok(PoolMemory::new(base, bytes, Origin::Reserved))
}

fn with_pool<P: Policy>(
    geometry: Geometry,
    permissions: Permissions,
    memory: Arc<PhysMemory>,
    pages: P::Pages,
    sized: Sized,
) -> Result<Arc<IoTlbMem<P>>, InitError> {
    let mem = IoTlbMem::<P>::inactive(geometry, permissions, memory, pages);
    let pool = IoTlbMem::<P>::build_pool(sized.memory, sized.nslabs, sized.nareas, false)?;
    {
        let local = mem.reclaim.register();
        mem.add_pool(&P::Reclaim::enter(&local), pool);
    }
    Ok(Arc::new(mem))
}
