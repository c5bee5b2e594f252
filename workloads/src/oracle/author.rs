//! An author of new vectors: turns what is asked for into operations on what there is, and has the oracle answer them.
//!
//! Invariant: every step can be run by whoever runs vectors, whatever was asked for. No live original overlaps another,
//! unless at address 0; no mistake comes to hit a live mapping that it does not name; only the directions and the
//! syncs of a mapping's own device copy. So bytes are the same wherever mappings are placed.

use swiotlb_core::device::Attrs;

use super::ask::{Ask, AskMap, MAX_SIZE, Orig, Part, Setting};
use super::{Handle, Oracle};
use crate::golden::{
    Api, Arena, Cause, FindAt, FindPool, Header, Map, Op, Out, Ralloc, Rfree, SCHEMA, Span, Step, Sync,
    Unmap, Write, to_text,
};

/// Where originals lie.
const ARENA: Arena = Arena { base: 8 << 30, size: 256 << 20 };
/// Originals keep their address bits below this.
const SPREAD: u64 = 256 << 10;
/// Bytes behind an original that a copy may reach: the rounding of any allocation.
const SLACK: u64 = 256 << 10;

/// Vectors that the oracle answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// Line 1.
    pub header: Header,
    /// The operations.
    pub steps: Vec<Step>,
}

impl Script {
    /// The text of a file that `swiotlb-bench verify` runs.
    #[must_use]
    pub fn text(&self) -> String {
        to_text(&self.header, &self.steps)
    }
}

/// Something that was mapped, or allocated.
#[derive(Clone, Copy, Debug)]
pub(super) struct Was {
    pub(super) h: u64,
    pub(super) kind: Kind,
}

/// What it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A mapping whose original lies where none lay before.
    Fresh,
    /// Another mapping: what lies behind its original may be another's.
    Shared,
    /// Pages of a restricted pool.
    Pages,
}

/// The author.
#[derive(Debug)]
pub struct Author {
    pub(super) oracle: Oracle,
    steps: Vec<Step>,
    pub(super) devices: Vec<u64>,
    mems: Vec<u64>,
    pub(super) live: Vec<Was>,
    ended: Vec<Was>,
    /// Maps and allocations that failed.
    failed: Vec<Was>,
    next_h: u64,
    /// Where the next fresh original may lie.
    fresh: u64,
}

/// The one of `all` that a number chooses.
pub(super) fn chosen<T: Copy>(all: &[T], which: u32) -> Option<T> {
    let which = (which as usize).checked_rem(all.len())?;
    all.get(which).copied()
}

/// A vector written from end to end: everything is unmapped when all was asked for, and the counters are shown.
#[must_use]
pub fn written(setting: &Setting, asks: &[Ask]) -> Script {
    let mut author = Author::new(setting);
    asks.iter().for_each(|ask| author.ask(ask));
    author.finish()
}

impl Author {
    /// An author whose first steps set up the machine.
    #[must_use]
    pub fn new(setting: &Setting) -> Self {
        let mut author = Self {
            oracle: Oracle::new(setting.memory.clone()),
            steps: Vec::new(),
            devices: Vec::new(),
            mems: vec![0],
            live: Vec::new(),
            ended: Vec::new(),
            failed: Vec::new(),
            next_h: 0,
            fresh: ARENA.base,
        };
        author.step(Op::Init(setting.init));
        for restricted in &setting.restricted {
            author.step(Op::Restricted(*restricted));
        }
        for device in &setting.devices {
            if author.step(Op::Device(*device)).is_some() {
                author.devices.push(device.dev);
                author.mems.extend(Some(device.mem).filter(|mem| !author.mems.contains(mem)));
            }
        }
        author
    }

    /// Has the oracle answer a step; nothing, if there is not all that it names.
    pub(super) fn step(&mut self, op: Op) -> Option<Out> {
        let out = self.oracle.run(&op).ok()?;
        let index = self.steps.len() as u64;
        self.steps.push(Step { index, line: index + 2, op, out: out.clone(), why: None });
        Some(out)
    }

    /// Asks for one thing more.
    pub fn ask(&mut self, ask: &Ask) {
        match *ask {
            Ask::Map(ask) => self.map(&ask),
            Ask::Unmap(which, size, attrs) => _ = self.unmap(which, size, attrs),
            Ask::WrongUnmap(mistake) => _ = self.wrong_unmap(mistake),
            Ask::Sync(which, part, for_device) => _ = self.sync(which, part, for_device),
            Ask::WrongSync(mistake, len, for_device) => _ = self.wrong_sync(mistake, len, for_device),
            Ask::Write(which, part, by_device) => _ = self.write(which, part, by_device),
            Ask::Check(which) => {
                let check = |was: Was| Op::Check(Span { h: was.h, off: 0, len: None });
                _ = self.mapping(which).and_then(|was| self.step(check(was)));
            }
            Ask::FindPool(which, off, device) => {
                let pools = 0..i64::try_from(self.oracle.bases.len()).unwrap_or(i64::MAX);
                let pool = chosen(&pools.collect::<Vec<_>>(), which);
                let at = pool.map(|pool| FindAt::Pool { pool, off: off.cast_unsigned() });
                _ = at.and_then(|at| self.find(at, device));
            }
            Ask::FindMapped(which, off, device) => {
                let addr = self.any(which).map(|was| self.handle(was).addr);
                let at = addr.map(|addr| FindAt::Paddr(addr.wrapping_add_signed(off)));
                _ = at.and_then(|at| self.find(at, device));
            }
            Ask::RunWorker => _ = self.step(Op::RunWorker),
            Ask::RunRcu => _ = self.step(Op::RunRcu),
            Ask::Stats(which) => _ = chosen(&self.mems, which).and_then(|mem| self.step(Op::Stats { mem })),
            Ask::HiwaterReset(value) => _ = self.step(Op::HiwaterReset { value }),
            Ask::Snapshot => _ = self.step(Op::Snapshot),
            Ask::FailPages(count) => _ = self.step(Op::FailPages { count }),
            Ask::MaxOrder(order) => _ = self.step(Op::MaxOrder { order }),
            Ask::Ralloc(device, cpu, size) => self.ralloc(device, cpu, size),
            Ask::Rfree(which, device) => _ = self.rfree(which, device),
        }
    }

    /// Unmaps everything, what could not be mapped too: it may be mapped where mappings are placed otherwise. Then all
    /// counters and pools.
    #[must_use]
    pub fn finish(mut self) -> Script {
        let all = [std::mem::take(&mut self.live), std::mem::take(&mut self.failed)].concat();
        for Was { h, kind } in all {
            let free = Op::Rfree(Rfree { h, dev: None, paddr: None });
            self.step(if kind == Kind::Pages { free } else { Op::Unmap(plain_unmap(h)) });
        }
        self.step(Op::RunRcu);
        for mem in std::mem::take(&mut self.mems) {
            self.step(Op::Stats { mem });
        }
        self.step(Op::Snapshot);
        let header = Header {
            schema: SCHEMA.to_owned(),
            kernel: "oracle".to_owned(),
            kernel_source_sha256: None,
            page_size: 4096,
            slot_size: 2048,
            segment_slots: 128,
            max_page_order: 10,
            min_pool_slots: 512,
            file: "oracle".to_owned(),
            arena: ARENA,
            rule: None,
            seed: None,
        };
        Script { header, steps: self.steps }
    }

    pub(super) fn handle(&self, was: Was) -> Handle {
        self.oracle.handles[&was.h]
    }

    /// A live mapping, no pages.
    fn mapping(&self, which: u32) -> Option<Was> {
        let mappings: Vec<Was> = self.live.iter().filter(|was| was.kind != Kind::Pages).copied().collect();
        chosen(&mappings, which)
    }

    /// Anything that ever was mapped or allocated.
    pub(super) fn any(&self, which: u32) -> Option<Was> {
        let all: Vec<Was> = self.live.iter().chain(&self.ended).copied().collect();
        chosen(&all, which)
    }

    fn find(&mut self, at: FindAt, device: u32) -> Option<Out> {
        let dev = chosen(&self.devices, device)?;
        self.step(Op::FindPool(FindPool { dev, at }))
    }

    fn ends(&mut self, was: Was) {
        self.live.retain(|live| live.h != was.h);
        self.ended.push(was);
    }

    fn new_h(&mut self) -> u64 {
        self.next_h += 1;
        self.next_h - 1
    }

    /// The original's address, its bytes, and the seed of what is written there first.
    fn orig(&self, ask: &AskMap) -> Option<(u64, u64, Option<u64>)> {
        let size = ask.size.min(MAX_SIZE);
        match ask.orig {
            Orig::Fresh(low) => {
                let orig = self.fresh.next_multiple_of(SPREAD) + low % SPREAD;
                let fits = orig + size + SLACK <= ARENA.base + ARENA.size;
                fits.then_some((orig, size, Some(self.next_h)))
            }
            Orig::Zero => Some((0, size, None)),
            Orig::Again(which) => {
                let mapped = |orig| self.live.iter().any(|was| self.handle(*was).orig == orig);
                let all = self.ended.iter().map(|was| self.handle(*was));
                let all: Vec<Handle> =
                    all.filter(|handle| handle.orig != 0 && !mapped(handle.orig)).collect();
                chosen(&all, which).map(|handle| (handle.orig, size.min(handle.size), None))
            }
        }
    }

    fn map(&mut self, ask: &AskMap) {
        let Some(dev) = chosen(&self.devices, ask.device) else { return };
        let Some((orig, size, fill)) = self.orig(ask) else { return };
        let h = self.new_h();
        let out = self.step(Op::Map(Map {
            h,
            cpu: ask.cpu.into(),
            dev,
            orig,
            size,
            align_mask: ask.align_mask,
            dir: ask.dir,
            api: if ask.stream { Api::Stream } else { Api::Tbl },
            attrs: ask.attrs,
            fill,
            crc: true,
        }));
        let kind = if fill.is_some() { Kind::Fresh } else { Kind::Shared };
        if kind == Kind::Fresh {
            self.fresh = orig + size + SLACK;
        }
        match out.and_then(|out| out.ok) {
            Some(true) => self.live.push(Was { h, kind }),
            _ => self.failed.push(Was { h, kind }),
        }
    }

    fn unmap(&mut self, which: u32, size: Option<u64>, attrs: Attrs) -> Option<Out> {
        let was = self.mapping(which)?;
        let size = size.filter(|_| was.kind == Kind::Fresh);
        self.ends(was);
        self.step(Op::Unmap(Unmap { size, attrs, ..plain_unmap(was.h) }))
    }

    /// A part of a mapping: offset and length.
    fn part(handle: &Handle, part: Part) -> (u64, u64) {
        let off = part.off.checked_rem(handle.size).unwrap_or(0);
        (off, part.len % (handle.size - off + 1))
    }

    fn sync(&mut self, which: u32, part: Part, for_device: bool) -> Option<Out> {
        let was = self.mapping(which)?;
        let (off, cut) = Self::part(&self.handle(was), part);
        let past = part.off & 1 == 1 && was.kind == Kind::Fresh;
        let len = Some(if past { part.len } else { cut });
        let sync = Sync { h: was.h, off, dev: None, len, dir: None, crc: true };
        self.step(if for_device { Op::SyncDev(sync) } else { Op::SyncCpu(sync) })
    }

    fn write(&mut self, which: u32, part: Part, by_device: bool) -> Option<Out> {
        let was = self.mapping(which)?;
        let (off, len) = Self::part(&self.handle(was), part);
        let write = Write { h: was.h, off, len, seed: self.steps.len() as u64 };
        self.step(if by_device { Op::DevWrite(write) } else { Op::CpuWrite(write) })
    }

    fn ralloc(&mut self, device: u32, cpu: u32, size: u64) {
        let is_restricted = |dev: &u64| self.oracle.mems[&self.oracle.devices[dev].mem].restricted;
        let restricted: Vec<u64> = self.devices.iter().copied().filter(is_restricted).collect();
        // Where no device has a restricted pool, each is told so.
        let Some(dev) = chosen(&restricted, device).or_else(|| chosen(&self.devices, device)) else { return };
        let h = self.new_h();
        let out = self.step(Op::Ralloc(Ralloc { h, dev, cpu: cpu.into(), size }));
        match out.map(|out| (out.ok, out.cause)) {
            Some((Some(true), _)) => self.live.push(Was { h, kind: Kind::Pages }),
            // Whoever has other free slots may have had room.
            Some((_, Some(Cause::Full { .. }))) => self.failed.push(Was { h, kind: Kind::Pages }),
            _ => {}
        }
    }

    fn rfree(&mut self, which: u32, device: Option<u32>) -> Option<Out> {
        let all: Vec<Was> = self.live.clone();
        let was = chosen(&all, which)?;
        let dev = device.map(|device| self.mistaken_device(device, &self.handle(was)));
        let out = self.step(Op::Rfree(Rfree { h: was.h, dev, paddr: None }))?;
        if out.ok == Some(true) {
            self.ends(was);
        }
        Some(out)
    }
}

/// An unmap of a mapping as it was mapped.
pub(super) fn plain_unmap(h: u64) -> Unmap {
    Unmap { h, off: 0, dev: None, size: None, dir: None, attrs: Attrs::default(), crc: true }
}
