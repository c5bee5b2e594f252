//! How a plan is run.

use swiotlb_core::addr::PhysAddr;
use swiotlb_core::phys::HugePages;

/// What decides when the next operation begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// The end of the last one: service time and throughput.
    #[default]
    Closed,
    /// The plan's schedule: response time from the intended start.
    Open,
}

/// How much of a run the ownership oracle watches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Oracle {
    /// Nothing.
    Off,
    /// Every n-th handle: where it lies, and that no other watched one lies there.
    Sampled(u32),
    /// Every handle, and every byte: times mean nothing then.
    #[default]
    Full,
}

/// How a plan is run.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Closed or open loop.
    pub pace: Pace,
    /// Slots of the default pool.
    pub nslabs: u64,
    /// Areas of the default pool; 0 is one per simulated CPU of the plan.
    pub nareas: u32,
    /// Whether the allocator may grow and fall back to transient pools.
    pub can_grow: bool,
    /// How long after it was asked the growth worker runs, ns.
    pub growth_delay_ns: u64,
    /// How long after their unmap transient pools are freed in virtual time, ns.
    pub grace_ns: u64,
    /// Where the default pool lies.
    pub base: PhysAddr,
    /// Whether threads are pinned, where the machine allows it.
    pub pin: bool,
    /// Share of each thread's ops that is run first and reported apart, from 0 to below 1.
    pub warmup_share: f64,
    /// Ops in a read section, at least 1.
    pub batch: u32,
    /// What the ownership oracle watches.
    pub oracle: Oracle,
    /// What to ask of the host about huge pages.
    pub huge_pages: HugePages,
    /// Seed of whatever the runner itself draws.
    pub seed: u64,
    /// Longest time that the loops may take, ns: then they stop where they are.
    pub time_limit_ns: u64,
    /// Closed loop: how often the plan is run, one time after the other. A run that its time limit ends
    /// goes through no more.
    pub repeat: u32,
    /// Closed loop: how long after each map the thread waits, as for a device's transfer, ns. Every call is
    /// then timed, in a read section of its own, even where the wait is 0; `None` is no wait.
    pub transfer_ns: Option<u64>,
    /// By how much whole batches are made longer on purpose, parts per million ([`super::slowdown`]).
    pub slowdown_ppm: u32,
}

impl Default for Settings {
    /// A closed loop over Linux's default pool, all watched, for up to a minute.
    fn default() -> Self {
        Self {
            pace: Pace::Closed,
            nslabs: swiotlb_core::rules::IO_TLB_DEFAULT_SLABS,
            nareas: 0,
            can_grow: false,
            growth_delay_ns: 0,
            grace_ns: 1_000_000,
            base: PhysAddr(1 << 30),
            pin: true,
            warmup_share: 0.1,
            batch: 1,
            oracle: Oracle::default(),
            huge_pages: HugePages::Default,
            seed: 1,
            time_limit_ns: 60_000_000_000,
            repeat: 1,
            transfer_ns: None,
            slowdown_ppm: 0,
        }
    }
}
