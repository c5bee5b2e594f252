//! A policy: one bundle of all strategies, the one type parameter above the seams.
//!
//! An experiment reads as "the kernel's policy with this changed":
//!
//! ```
//! use swiotlb_core::lookup::SortedArray;
//! use swiotlb_core::policy::{Kernel, Policy, With, label};
//!
//! type Experiment = <Kernel as With>::Lookup<SortedArray>;
//! assert!(label::<Experiment>().contains("lookup=sorted-array"));
//! ```

use crate::area::{AreaNames, AreaSlots, Locked, Metered};
use crate::bounce::{Bounce, Copying};
use crate::lock::QueuedSpin;
use crate::lookup::{PoolLookup, RcuList};
use crate::phys::{BuddyZones, NoEncryption, PageSource, Source, Zoned};
use crate::probe::Probe;
use crate::publish::{FullBarrier, Publish, ReleaseFence};
use crate::reclaim::{Epoch, Reclaim};
use crate::search::{self, FreeRunList, Summary};
use crate::slot::FirstSlot;
use crate::stats::{ByArea, Global, Stats};
use crate::trip::{PassAlong, Trip};
use crate::walk::{AreaMajor, Walk};
use core::marker::PhantomData;

/// One choice for every axis.
pub trait Policy: Sized + Send + Sync + 'static {
    /// An area: lock and slot search, or a lock-free peer of both.
    type Area: AreaSlots;
    /// Which area of which pool is tried next.
    type Walk: Walk;
    /// `find_pool`.
    type Lookup: PoolLookup;
    /// How a map makes its pool known to lookups.
    type Publish: Publish;
    /// How long unlinked pools are kept.
    type Reclaim: Reclaim;
    /// Where the memory of grown and transient pools comes from, decryption included.
    type Pages: PageSource + 'static;
    /// The counters.
    type Stats: Stats;
    /// Lookups per round trip.
    type Trip: Trip;
    /// Whether bytes are copied.
    type Bounce: Bounce;
    /// Step counters; `()` is none.
    type Probe: Probe;
}

/// The policy that is made of these types.
#[expect(clippy::type_complexity, reason = "a list of names, not a type that anyone writes")]
pub struct Bundle<Area, Walk, Lookup, Publish, Reclaim, Pages, Stats, Trip, Bounce, Probe>(
    PhantomData<fn(Area, Walk, Lookup, Publish, Reclaim, Pages, Stats, Trip, Bounce, Probe)>,
);

impl<A, W, L, U, R, G, S, T, B, C> Policy for Bundle<A, W, L, U, R, G, S, T, B, C>
where
    A: AreaSlots,
    W: Walk,
    L: PoolLookup,
    U: Publish,
    R: Reclaim,
    G: PageSource + 'static,
    S: Stats,
    T: Trip,
    B: Bounce,
    C: Probe + 'static,
{
    type Area = A;
    type Walk = W;
    type Lookup = L;
    type Publish = U;
    type Reclaim = R;
    type Pages = G;
    type Stats = S;
    type Trip = T;
    type Bounce = B;
    type Probe = C;
}

/// A policy with one axis changed.
pub trait With: Policy {
    /// With another area.
    type Area<X: AreaSlots>: With;
    /// With another walk.
    type Walk<X: Walk>: With;
    /// With another lookup.
    type Lookup<X: PoolLookup>: With;
    /// With another publication.
    type Publish<X: Publish>: With;
    /// With another reclamation.
    type Reclaim<X: Reclaim>: With;
    /// With another page source.
    type Pages<X: PageSource + 'static>: With + Policy<Pages = X>;
    /// With other statistics.
    type Stats<X: Stats>: With;
    /// With another number of lookups.
    type Trip<X: Trip>: With;
    /// With or without copying.
    type Bounce<X: Bounce>: With;
    /// With or without step counters.
    type Probe<X: Probe + 'static>: With + Policy<Probe = X, Pages = <Self as Policy>::Pages>;
}

impl<A, W, L, U, R, G, S, T, B, C> With for Bundle<A, W, L, U, R, G, S, T, B, C>
where
    A: AreaSlots,
    W: Walk,
    L: PoolLookup,
    U: Publish,
    R: Reclaim,
    G: PageSource + 'static,
    S: Stats,
    T: Trip,
    B: Bounce,
    C: Probe + 'static,
{
    type Area<X: AreaSlots> = Bundle<X, W, L, U, R, G, S, T, B, C>;
    type Walk<X: Walk> = Bundle<A, X, L, U, R, G, S, T, B, C>;
    type Lookup<X: PoolLookup> = Bundle<A, W, X, U, R, G, S, T, B, C>;
    type Publish<X: Publish> = Bundle<A, W, L, X, R, G, S, T, B, C>;
    type Reclaim<X: Reclaim> = Bundle<A, W, L, U, X, G, S, T, B, C>;
    type Pages<X: PageSource + 'static> = Bundle<A, W, L, U, R, X, S, T, B, C>;
    type Stats<X: Stats> = Bundle<A, W, L, U, R, G, X, T, B, C>;
    type Trip<X: Trip> = Bundle<A, W, L, U, R, G, S, X, B, C>;
    type Bounce<X: Bounce> = Bundle<A, W, L, U, R, G, S, T, X, C>;
    type Probe<X: Probe + 'static> = Bundle<A, W, L, U, R, G, S, T, B, X>;
}

/// The kind of page source that `P` names, whatever blocks and decryption model it is used with.
pub type SourceOf<P> = <<P as Policy>::Pages as PageSource>::Source;

/// A source of kind `S` on a machine that does not encrypt: what a policy names. Whoever has blocks and a
/// decryption model of his own plugs them in by [`Source::Of`].
pub type PagesFrom<S> = <S as Source>::Of<BuddyZones, NoEncryption>;

/// Linux 6.12, in decisions and in data layout.
pub type Kernel = Bundle<
    Locked<QueuedSpin, FreeRunList>,
    AreaMajor,
    RcuList,
    FullBarrier,
    Epoch,
    PagesFrom<Zoned>,
    Global,
    PassAlong,
    Copying,
    (),
>;

/// The kernel's decisions at less cost: segments that cannot serve are passed by masks, a mapping is remembered
/// in one word, the areas' own counts make the statistics, and publication is no stronger than it must be.
pub type Fast = <<<Kernel as With>::Area<Metered<Locked<QueuedSpin, Summary<FirstSlot>>>> as With>::Stats<
    ByArea,
> as With>::Publish<ReleaseFence>;

/// The kernel's placement given up for warm memory: slots freed last are handed out first.
pub type Warm = <Kernel as With>::Area<Locked<QueuedSpin, search::Warm<FirstSlot>>>;

/// What a policy declares to reproduce of Linux 6.12; `verify` compares that and says what it left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reproduces {
    /// Which slots a request gets, and every answer that follows from it.
    pub placement: bool,
    /// Used slots and high-water mark, exact at any moment.
    pub statistics: bool,
    /// Which page blocks are taken and given back, and when.
    pub page_events: bool,
    /// Which pools are freed after a grace period, and in which order.
    pub reclaim_order: bool,
    /// That lookups of a device which never bounced find nothing, whatever address they ask for.
    pub flag: bool,
}

impl Reproduces {
    /// All of it, as [`Kernel`] does.
    pub const ALL: Self =
        Self { placement: true, statistics: true, page_events: true, reclaim_order: true, flag: true };

    /// None of it: what is said of an allocator that declares nothing.
    pub const NOTHING: Self =
        Self { placement: false, statistics: false, page_events: false, reclaim_order: false, flag: false };

    /// Whether `what`, in the words of [`Reproduces::words`], is not reproduced.
    #[must_use]
    pub fn leaves_out(self, what: &str) -> bool {
        self.words().contains(&(what, false))
    }

    /// What it is, in words, and whether it is reproduced.
    #[must_use]
    pub const fn words(self) -> [(&'static str, bool); 5] {
        [
            ("placement", self.placement),
            ("statistics", self.statistics),
            ("page events", self.page_events),
            ("reclaim order", self.reclaim_order),
            ("flag of devices", self.flag),
        ]
    }
}

/// What `P` declares to reproduce, from its axes.
#[must_use]
pub const fn reproduces<P: Policy>() -> Reproduces {
    // Where nothing is freed, pages run out that Linux has again.
    let frees = P::Reclaim::FREES;
    let pages = <SourceOf<P> as Source>::KEEPS_PLACEMENT;
    let placement = P::Area::KEEPS_PLACEMENT && P::Walk::KEEPS_PLACEMENT && frees && pages;
    Reproduces {
        placement,
        statistics: P::Stats::EXACT,
        // Another placement fills pools in other moments.
        page_events: placement,
        reclaim_order: frees,
        flag: P::Publish::ASKS_FLAG,
    }
}

/// Every axis of a policy with the name of its strategy.
pub type Axes = [(&'static str, &'static str); 12];

/// The axes of `P`. Copying is how a policy is measured, not what it is. Page blocks and decryption models are
/// the machine's: of pages only the kind of source is named.
#[must_use]
pub fn axes<P: Policy>() -> Axes {
    let AreaNames { lock, search, slots, layout } = P::Area::names();
    [
        ("lock", lock),
        ("search", search),
        ("slots", slots),
        ("layout", layout),
        ("walk", P::Walk::NAME),
        ("lookup", P::Lookup::NAME),
        ("publish", P::Publish::NAME),
        ("reclaim", P::Reclaim::NAME),
        ("pages", <SourceOf<P> as Source>::NAME),
        ("stats", P::Stats::NAME),
        ("trip", P::Trip::NAME),
        ("copy", P::Bounce::NAME),
    ]
}

/// The label of `P`, composed of every axis.
#[must_use]
pub fn label<P: Policy>() -> String {
    axes::<P>().map(|(axis, name)| format!("{axis}={name}")).join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::area::Padded;
    use crate::phys::Cached;
    use crate::search::{Bitmap, Lifo};
    use crate::walk::PoolMajor;

    #[test]
    fn areas_name_their_table_and_layout() {
        type Area = Padded<<Fast as Policy>::Area>;
        let text = label::<<Kernel as With>::Area<Area>>();
        assert!(text.starts_with("lock=queued search=summary slots=first-slot layout=padded "), "{text}");
    }

    #[test]
    fn a_label_names_every_axis() {
        let text = label::<Kernel>();
        assert_eq!(
            text,
            "lock=queued search=list slots=each-slot layout=packed walk=area-major lookup=rcu-list \
             publish=full-barrier reclaim=epoch pages=zoned stats=global trip=pass-along copy=on"
        );
    }

    #[test]
    fn what_is_reproduced_follows_from_the_axes() {
        assert!(reproduces::<Kernel>().placement);
        assert!(reproduces::<<Kernel as With>::Area<Locked<QueuedSpin, Bitmap>>>().placement);
        assert!(reproduces::<Fast>().placement && reproduces::<Fast>().statistics);
        assert!(reproduces::<<Kernel as With>::Area<Padded<<Kernel as Policy>::Area>>>().placement);
        assert!(!reproduces::<<Kernel as With>::Walk<PoolMajor>>().placement);
        type Kept = <Kernel as With>::Pages<PagesFrom<Cached>>;
        assert!(!reproduces::<Kept>().placement && reproduces::<Kept>().statistics);
        assert!(label::<Kept>().contains(" pages=cached "));
        assert!(!reproduces::<Warm>().placement && reproduces::<Warm>().statistics);
        assert!(!reproduces::<<Kernel as With>::Area<Locked<QueuedSpin, Lifo>>>().placement);
    }
}
