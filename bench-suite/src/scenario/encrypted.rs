//! The fallback on a platform that encrypts, and what a decryption model takes.
//!
//! As in Linux no fallback decrypts: its memory comes from the atomic pool, or from what a source keeps ready.
//! So the model's time is measured apart, for the pages of one buffer, and whoever wants the cost of a
//! platform that has to decrypt on the way adds both.

use super::churn;
use super::fallback::{full, trips};
use super::ground::request;
use super::rig::{Rig, early_under};
use super::{Churn, Fallback, FallbackPart, Prepared, ScenarioError};
use crate::pages::Pages;
use std::sync::Arc;
use std::time::{Duration, Instant};
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::MapRequest;
use swiotlb_core::error::AttributeError;
use swiotlb_core::mem::IoTlbMem;
use swiotlb_core::phys::{BuddyZones, CostModel, Decrypt, FromParts as _, PageAttribute, PhysMemory};
use swiotlb_core::policy::With;
use swiotlb_core::rules::PAGE_SIZE;

/// Where the buffers lie that are decrypted for measuring: within the blocks, far above what they hand out.
const DECRYPTED: PhysAddr = PhysAddr(6 << 30);
/// How many there are, one behind the other.
const BUFFERS: u64 = 64;

/// Which platform the fallback happens on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// Memory is not encrypted.
    Plain,
    /// A change of attributes costs a time of choice.
    Cost(CostModel),
    /// A change of attributes is a change of protection by the host.
    Attribute,
}

/// A model that encrypts, chosen when the cell is prepared.
pub(super) enum Model {
    Cost(CostModel),
    Attribute(PageAttribute),
}

impl Decrypt for Model {
    const ENCRYPTED: bool = true;

    fn decrypt(&self, memory: &PhysMemory, base: PhysAddr, bytes: u64) -> Result<(), AttributeError> {
        match self {
            Self::Cost(model) => model.decrypt(memory, base, bytes),
            Self::Attribute(model) => model.decrypt(memory, base, bytes),
        }
    }

    fn encrypt(&self, memory: &PhysMemory, base: PhysAddr, bytes: u64) -> Result<(), AttributeError> {
        match self {
            Self::Cost(model) => model.encrypt(memory, base, bytes),
            Self::Attribute(model) => model.encrypt(memory, base, bytes),
        }
    }

    fn forget(&self, memory: &PhysMemory, base: PhysAddr, bytes: u64) -> Result<(), AttributeError> {
        match self {
            Self::Cost(model) => model.forget(memory, base, bytes),
            Self::Attribute(model) => model.forget(memory, base, bytes),
        }
    }
}

/// `P` on such a platform.
type Encrypted<P> = <P as With>::Pages<Pages<P, BuddyZones, Model>>;

/// Pools that come and go on such a platform: all of them share the atomic pool.
pub(super) fn churn<P: With>(
    cell: &Churn,
) -> Result<churn::State<Arc<IoTlbMem<Encrypted<P>>>>, ScenarioError> {
    churn::State::new(
        &|site| early_under(site, Model::Cost(CostModel { fixed_spins: 0, per_page_spins: 0 })),
        cell,
    )
}

/// A full pool on such a platform.
pub(super) struct State<P: With> {
    rig: Rig<Arc<IoTlbMem<Encrypted<P>>>>,
    request: MapRequest,
    cell: Fallback,
}

impl<P: With> State<P> {
    pub(super) fn new(cell: &Fallback) -> Result<Self, ScenarioError> {
        let rig = match cell.platform {
            Platform::Plain => return Err(ScenarioError::NotMeasured { what: "no decryption" }),
            Platform::Cost(model) => full(&|site| early_under(site, Model::Cost(model)), cell.slots)?,
            Platform::Attribute => {
                full(&|site| early_under(site, Model::Attribute(PageAttribute::new())), cell.slots)?
            }
        };
        let state = Self { rig, request: request(cell.slots), cell: *cell };
        state.rig.memory.touch(DECRYPTED, BUFFERS * state.bytes())?;
        Ok(state)
    }

    /// Bytes of the pages that a buffer takes.
    fn bytes(&self) -> u64 {
        self.request.size.next_multiple_of(PAGE_SIZE)
    }

    /// The time of decrypting `ops` buffers and of encrypting each again.
    fn decryption(&self, ops: u64) -> Result<Duration, ScenarioError> {
        let (memory, bytes) = (&*self.rig.memory, self.bytes());
        let model = self.rig.mem.pages().parts().decrypt_model();
        let start = Instant::now();
        for i in 0..ops {
            let base = DECRYPTED.wrapping_add(i % BUFFERS * bytes);
            let changed =
                model.decrypt(memory, base, bytes).and_then(|()| model.encrypt(memory, base, bytes));
            changed.map_err(|error| ScenarioError::Memory(error.into()))?;
        }
        Ok(start.elapsed())
    }
}

impl<P: With> Prepared for State<P> {
    fn run(&mut self, batches: usize, ops: u64, each: &mut dyn FnMut(Duration)) -> Result<(), ScenarioError> {
        for _ in 0..batches {
            each(match self.cell.part {
                FallbackPart::Decryption => self.decryption(ops)?,
                FallbackPart::RoundTrip => trips(&self.rig, &self.request, ops, self.cell.storm)?.0,
                FallbackPart::Reclaim => trips(&self.rig, &self.request, ops, self.cell.storm)?.1,
                _ => return Err(ScenarioError::NotMeasured { what: "this part, where memory is encrypted" }),
            });
        }
        Ok(())
    }
}
