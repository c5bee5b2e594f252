//! A candidate in virtual time: an allocator of its policy and geometry answers a load.
//!
//! Only decisions count here, no clock. The growth worker runs [`GROWTH_DELAY_NS`] after it was asked, the grace
//! period of transient pools ends [`GRACE_NS`] after the first unmap that needs it. Originals of all requests lie
//! over each other in one small arena, each with its recorded low bits: nobody reads what is copied.

use super::candidates::Candidate;
use crate::policies::Entry;
use crate::run::allocator::Grows as _;
use crate::run::counted::{Counted, InSection, OnThread, Served};
use crate::run::ledger::{Broken, Ledger, Made};
use crate::run::settings::Settings;
use crate::run::target::{Caller as _, Section as _, Target as _};
use crate::run::{Oracle, RunError};
use crate::subject;
use swiotlb_core::addr::PhysAddr;
use swiotlb_core::device::{Attrs, MapRequest};
use swiotlb_core::grow::Grown;
use swiotlb_core::rules::{IO_TLB_MAX_BYTES, IO_TLB_SIZE};
use workloads::demand::{Answer, Demand, DeviceFlow, Element, Flow, Load, Request, Room, play};
use workloads::op::{Bounds, DeviceTouch, Plan, PlanDevice, Role, ThreadPlan};

/// How long after it was asked the growth worker has made a pool, ns.
pub const GROWTH_DELAY_NS: u64 = 1_000_000;
/// How long transient pools wait for their readers, ns.
pub const GRACE_NS: u64 = 1_000_000;
/// Where originals lie.
const ARENA: PhysAddr = PhysAddr(512 << 20);
/// Where the default pool lies: up to 2 GiB of it end below 4 GiB.
const BASE: PhysAddr = PhysAddr(1 << 30);

/// What came of a candidate.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulated {
    /// What happened to whom.
    pub flow: Flow,
    /// Buffers that were mapped.
    pub maps: u64,
    /// Those that got slots of another area than their CPU's.
    pub spilled: u64,
    /// Those that got a transient pool of their own.
    pub transient: u64,
    /// Most slots in use at once.
    pub high_water: u64,
    /// Pools that growth added.
    pub pools_added: u64,
    /// Most bytes that pools took at once, transient ones included.
    pub memory: u64,
    /// What an allocator from outside did that none may: nothing here counts then.
    pub broken: Option<Broken>,
}

impl Simulated {
    /// Requests that were delayed, those that never got room included.
    #[must_use]
    pub fn delayed(&self) -> u64 {
        self.flow.delayed()
    }

    /// Devices of which a request was delayed.
    #[must_use]
    pub fn devices_hit(&self) -> usize {
        self.flow.devices.iter().filter(|device| device.delayed > 0).count()
    }

    /// Devices together whose copies a load has, `devices` in each copy.
    #[must_use]
    pub fn by_device(&self, devices: usize) -> Vec<DeviceFlow> {
        let mut sums = vec![DeviceFlow::default(); devices];
        for (flow, i) in self.flow.devices.iter().zip(0..) {
            let sum = &mut sums[i % devices.max(1)];
            sum.requests += flow.requests;
            sum.delayed += flow.delayed;
            sum.never += flow.never;
            sum.failed += flow.failed;
            sum.waits_ns.extend(&flow.waits_ns);
        }
        sums
    }
}

/// Plays a load against a candidate.
///
/// # Errors
/// [`RunError`] for a geometry that cannot be built, and memory that the host does not give.
pub fn simulate(candidate: &Candidate, policy: &Entry, load: &Load<'_>) -> Result<Simulated, RunError> {
    let plan = plan(load);
    let settings = Settings {
        nslabs: candidate.nslabs,
        nareas: candidate.nareas,
        can_grow: candidate.grow,
        base: BASE,
        oracle: Oracle::Off,
        ..Settings::default()
    };
    let allocator = Counted::new(policy.build, &plan, &settings)?;
    let mut room = Pools {
        demand: load.demand,
        allocator: &allocator,
        callers: (0..load.demand.cpus).map(|cpu| allocator.caller(cpu)).collect(),
        worker: allocator.subject().caller(0),
        live: vec![Vec::new(); load.places.len()],
        grow_at: None,
        free_at: None,
        seen: Seen::default(),
        ledger: (!policy.build.abilities().inside).then(|| Ledger::new(allocator.pool())),
    };
    let flow = play(load, load.demand.cpus, &mut room);
    let (seen, ledger, stats) = (room.seen, room.ledger, allocator.subject().stats());
    Ok(Simulated {
        flow,
        maps: seen.maps,
        spilled: seen.spilled,
        transient: seen.transient,
        high_water: stats.used_hiwater,
        pools_added: stats.pools.saturating_sub(1),
        memory: seen.most_slots.max(stats.nslabs) * IO_TLB_SIZE,
        broken: ledger.and_then(Ledger::broken),
    })
}

/// What an allocator has to know beforehand: devices, CPUs, where originals lie. It has no ops.
fn plan(load: &Load<'_>) -> Plan {
    let demand = load.demand;
    let device = |limits: &_| PlanDevice { name: String::new(), limits: *limits };
    let thread = |cpu| ThreadPlan { role: Role::Mapper, cpu, ops: Vec::new() };
    Plan {
        model: "tune".to_owned(),
        seed: 0,
        devices: demand.limits.iter().map(device).collect(),
        threads: (0..demand.cpus).map(thread).collect(),
        handles: 0,
        arena: (ARENA, 2 * IO_TLB_MAX_BYTES),
        touch: DeviceTouch::None,
        bounds: Bounds::default(),
    }
}

#[derive(Default)]
struct Seen {
    maps: u64,
    spilled: u64,
    transient: u64,
    most_slots: u64,
}

/// A mapped buffer: its address, bytes and direction.
type Mapped = (PhysAddr, Element);

struct Pools<'a> {
    demand: &'a Demand,
    allocator: &'a Counted,
    callers: Vec<OnThread<'a>>,
    worker: Box<dyn subject::Caller + 'a>,
    /// By place.
    live: Vec<Vec<Mapped>>,
    /// When the worker that was asked has made a pool.
    grow_at: Option<u64>,
    /// When a grace period is over.
    free_at: Option<u64>,
    seen: Seen,
    /// Who owns which slot, where the allocator is from outside.
    ledger: Option<Ledger>,
}

impl Room for Pools<'_> {
    fn map(&mut self, now: u64, number: usize, _: u32, cpu: u32, request: &Request) -> Answer {
        self.until(now);
        let mut mapped = std::mem::take(&mut self.live[number]);
        let all = self.demand.elements_of(request).iter().all(|element| {
            let addr = self.element(request, cpu, element);
            mapped.extend(addr.map(|addr| (addr, *element)));
            addr.is_some()
        });
        if !all {
            // As a driver does: what was mapped of the list is undone at once.
            self.unmap(request, cpu, &mut mapped);
        }
        self.live[number] = mapped;
        self.after(now);
        if all { Answer::Mapped } else { Answer::Full }
    }

    fn end(&mut self, now: u64, number: usize, _: u32, cpu: u32, request: &Request) {
        self.until(now);
        let mut mapped = std::mem::take(&mut self.live[number]);
        self.unmap(request, cpu, &mut mapped);
        self.live[number] = mapped;
        self.after(now);
    }
}

impl Pools<'_> {
    fn device(request: &Request) -> u16 {
        u16::try_from(request.limits).unwrap_or(u16::MAX)
    }

    fn element(&mut self, request: &Request, cpu: u32, element: &Element) -> Option<PhysAddr> {
        let session = self.callers[cpu as usize].enter();
        let wanted = MapRequest {
            orig: ARENA.wrapping_add(element.orig.0 & (IO_TLB_MAX_BYTES - 1)),
            size: u64::from(element.size),
            alloc_align_mask: u64::from(element.alloc_align_mask),
            dir: element.dir,
            attrs: Attrs { skip_cpu_sync: false, no_warn: true },
        };
        let device = Self::device(request);
        let addr = session.map(device, &wanted).ok()?;
        self.seen.maps += 1;
        match session.served(device, addr, cpu) {
            Served::OwnArea => {}
            Served::OtherArea => self.seen.spilled += 1,
            Served::Transient => self.seen.transient += 1,
        }
        if let Some(ledger) = &mut self.ledger {
            ledger.mapped(addr, &made(&session, device, addr, wanted.size));
        }
        Some(addr)
    }

    fn unmap(&mut self, request: &Request, cpu: u32, mapped: &mut Vec<Mapped>) {
        let session = self.callers[cpu as usize].enter();
        for (addr, element) in mapped.drain(..) {
            let agreed =
                session.unmap(Self::device(request), addr, u64::from(element.size), element.dir, true);
            match &mut self.ledger {
                Some(ledger) => ledger.ended(addr, agreed),
                None => debug_assert!(agreed, "a live mapping of this device"),
            }
        }
    }

    /// Lets happen what is due at `now` or before.
    fn until(&mut self, now: u64) {
        if self.grow_at.is_some_and(|at| at <= now) {
            self.grow_at = None;
            // A failure leaves things as they are; the next request without room asks again.
            let _grown: Grown = self.worker.run_worker();
        }
        if self.free_at.is_some_and(|at| at <= now) {
            self.free_at = None;
            self.worker.quiesce();
        }
    }

    /// Sets worker and grace period going, and looks at how much memory pools take.
    fn after(&mut self, now: u64) {
        let stats = self.allocator.stats();
        self.seen.most_slots = self.seen.most_slots.max(stats.nslabs + stats.transient_nslabs);
        if self.grow_at.is_none() && self.allocator.growth_queued() {
            self.grow_at = Some(now.saturating_add(GROWTH_DELAY_NS));
        }
        if self.free_at.is_none() && self.worker.waiting_for_readers() > 0 {
            self.free_at = Some(now.saturating_add(GRACE_NS));
        }
    }
}

/// What was mapped at `addr`, as the ledger wants it.
fn made(session: &InSection<'_>, device: u16, addr: PhysAddr, bytes: u64) -> Made {
    let allocation = session.placed(device, addr).map(|placed| placed.allocation);
    Made { bytes, found: session.lookup(device, addr), allocation }
}
