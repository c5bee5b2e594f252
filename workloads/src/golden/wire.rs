//! A step as it stands in the file: one flat object. Turned into [`Op`] here, where a field that an
//! operation needs is asked for by name and the schema's defaults are filled in.

use std::borrow::Cow;

use serde::Deserialize;
use swiotlb_core::device::{Attrs, DeviceLimits, Direction};

use super::error::Fault;
use super::op::{
    Api, Device, FindAt, FindPool, Init, InitMode, Map, Op, Ralloc, Restricted, Rfree, Span, Sync, Unmap,
    Write,
};
use super::{Out, Step};

/// Every input field of every operation.
#[derive(Deserialize)]
struct Wire<'a> {
    i: u64,
    #[serde(borrow)]
    op: Cow<'a, str>,
    out: Out,
    why: Option<String>,
    nslabs: Option<u64>,
    nareas: Option<u64>,
    base: Option<u64>,
    cpus: Option<u64>,
    adjust_size: Option<u64>,
    can_grow: Option<bool>,
    any: Option<bool>,
    memblock_fail: Option<u64>,
    page_skew: Option<u64>,
    mode: Option<Mode>,
    late_size: Option<u64>,
    mem: Option<u64>,
    dev: Option<u64>,
    min_align_mask: Option<u64>,
    seg_boundary_mask: Option<u64>,
    dma_mask: Option<u64>,
    bus_dma_limit: Option<u64>,
    h: Option<u64>,
    cpu: Option<u64>,
    orig: Option<u64>,
    size: Option<u64>,
    align_mask: Option<u64>,
    dir: Option<Dir>,
    api: Option<ApiName>,
    no_warn: Option<bool>,
    skip_sync: Option<bool>,
    fill: Option<u64>,
    crc: Option<bool>,
    off: Option<u64>,
    len: Option<u64>,
    seed: Option<u64>,
    pool: Option<i64>,
    paddr: Option<u64>,
    value: Option<u64>,
    count: Option<u64>,
    order: Option<u64>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    Early,
    Late,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Dir {
    To,
    From,
    Bidi,
}

impl From<Dir> for Direction {
    fn from(dir: Dir) -> Self {
        match dir {
            Dir::To => Self::ToDevice,
            Dir::From => Self::FromDevice,
            Dir::Bidi => Self::Bidirectional,
        }
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ApiName {
    Tbl,
    Stream,
}

/// Parses one line.
pub(super) fn parse(text: &str, line: u64) -> Result<Step, Fault> {
    let mut wire: Wire<'_> = serde_json::from_str(text)?;
    let op = wire.op()?;
    let out = std::mem::take(&mut wire.out);
    Ok(Step { index: wire.i, line, op, out, why: wire.why })
}

impl Wire<'_> {
    fn need<T>(&self, field: Option<T>, name: &str) -> Result<T, Fault> {
        field.ok_or_else(|| Fault::Schema(format!("op `{}` lacks `{name}`", self.op)))
    }

    fn op(&self) -> Result<Op, Fault> {
        Ok(match &*self.op {
            "init" => Op::Init(self.init()?),
            "restricted" => Op::Restricted(self.restricted()?),
            "device" => Op::Device(self.device()?),
            "map" => Op::Map(self.map()?),
            "unmap" => Op::Unmap(self.unmap()?),
            "sync_dev" => Op::SyncDev(self.sync()?),
            "sync_cpu" => Op::SyncCpu(self.sync()?),
            "dev_write" => Op::DevWrite(self.write()?),
            "cpu_write" => Op::CpuWrite(self.write()?),
            "check" => Op::Check(Span { h: self.handle()?, off: self.off.unwrap_or(0), len: self.len }),
            "run_worker" => Op::RunWorker,
            "run_rcu" => Op::RunRcu,
            "find_pool" => Op::FindPool(self.find_pool()?),
            "stats" => Op::Stats { mem: self.mem.unwrap_or(0) },
            "hiwater_reset" => Op::HiwaterReset { value: self.need(self.value, "value")? },
            "snapshot" => Op::Snapshot,
            "fail_pages" => Op::FailPages { count: self.need(self.count, "count")? },
            "max_order" => Op::MaxOrder { order: self.need(self.order, "order")? },
            "ralloc" => Op::Ralloc(self.ralloc()?),
            "rfree" => Op::Rfree(Rfree { h: self.handle()?, dev: self.dev, paddr: self.paddr }),
            other => {
                let shown: String = other.chars().take(40).collect();
                return Err(Fault::Schema(format!("unknown op `{shown}`; this build reads schema 1 only")));
            }
        })
    }

    fn handle(&self) -> Result<u64, Fault> {
        self.need(self.h, "h")
    }

    fn attrs(&self) -> Attrs {
        let skip_cpu_sync = self.skip_sync.unwrap_or(false);
        Attrs { skip_cpu_sync, no_warn: self.no_warn.unwrap_or(false) }
    }

    fn init(&self) -> Result<Init, Fault> {
        let mode = match self.mode {
            None | Some(Mode::Early) => InitMode::Early,
            Some(Mode::Late) => InitMode::Late { late_size: self.need(self.late_size, "late_size")? },
        };
        Ok(Init {
            mode,
            nslabs: self.nslabs,
            nareas: self.nareas,
            base: self.base,
            cpus: self.cpus.unwrap_or(1),
            adjust_size: self.adjust_size,
            can_grow: self.can_grow.unwrap_or(false),
            any: self.any.unwrap_or(false),
            memblock_fail: self.memblock_fail.unwrap_or(0),
            page_skew: self.page_skew.unwrap_or(0),
        })
    }

    fn restricted(&self) -> Result<Restricted, Fault> {
        Ok(Restricted {
            mem: self.need(self.mem, "mem")?,
            base: self.need(self.base, "base")?,
            nslabs: self.need(self.nslabs, "nslabs")?,
        })
    }

    fn device(&self) -> Result<Device, Fault> {
        let limits = DeviceLimits {
            dma_mask: self.dma_mask.unwrap_or(u64::MAX),
            bus_dma_limit: self.bus_dma_limit.unwrap_or(0),
            min_align_mask: self.min_align_mask.unwrap_or(0),
            seg_boundary_mask: match self.seg_boundary_mask {
                None | Some(0) => u64::MAX,
                Some(mask) => mask,
            },
        };
        Ok(Device { dev: self.need(self.dev, "dev")?, limits, mem: self.mem.unwrap_or(0) })
    }

    fn map(&self) -> Result<Map, Fault> {
        Ok(Map {
            h: self.handle()?,
            cpu: self.need(self.cpu, "cpu")?,
            dev: self.need(self.dev, "dev")?,
            orig: self.need(self.orig, "orig")?,
            size: self.need(self.size, "size")?,
            align_mask: self.align_mask.unwrap_or(0),
            dir: self.need(self.dir, "dir")?.into(),
            api: match self.need(self.api, "api")? {
                ApiName::Tbl => Api::Tbl,
                ApiName::Stream => Api::Stream,
            },
            attrs: self.attrs(),
            fill: self.fill,
            crc: self.crc.unwrap_or(false),
        })
    }

    fn unmap(&self) -> Result<Unmap, Fault> {
        Ok(Unmap {
            h: self.handle()?,
            off: self.off.unwrap_or(0),
            dev: self.dev,
            size: self.size,
            dir: self.dir.map(Into::into),
            attrs: self.attrs(),
            crc: self.crc.unwrap_or(false),
        })
    }

    fn sync(&self) -> Result<Sync, Fault> {
        Ok(Sync {
            h: self.handle()?,
            off: self.off.unwrap_or(0),
            dev: self.dev,
            len: self.len,
            dir: self.dir.map(Into::into),
            crc: self.crc.unwrap_or(false),
        })
    }

    fn write(&self) -> Result<Write, Fault> {
        Ok(Write {
            h: self.handle()?,
            off: self.need(self.off, "off")?,
            len: self.need(self.len, "len")?,
            seed: self.need(self.seed, "seed")?,
        })
    }

    fn find_pool(&self) -> Result<FindPool, Fault> {
        let at = match (self.paddr, self.pool) {
            (Some(paddr), _) => FindAt::Paddr(paddr),
            (None, pool) => {
                FindAt::Pool { pool: self.need(pool, "pool` or `paddr")?, off: self.need(self.off, "off")? }
            }
        };
        Ok(FindPool { dev: self.need(self.dev, "dev")?, at })
    }

    fn ralloc(&self) -> Result<Ralloc, Fault> {
        Ok(Ralloc {
            h: self.handle()?,
            dev: self.need(self.dev, "dev")?,
            cpu: self.need(self.cpu, "cpu")?,
            size: self.need(self.size, "size")?,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn op(text: &str) -> Op {
        parse(&format!(r#"{{"i":0,"out":{{}},{text}}}"#), 1).unwrap().op
    }

    #[test]
    fn defaults_are_the_schemas() {
        let Op::Init(init) = op(r#""op":"init""#) else { unreachable!() };
        assert_eq!((init.mode, init.cpus, init.can_grow, init.any), (InitMode::Early, 1, false, false));
        let Op::Device(device) = op(r#""op":"device","dev":3,"seg_boundary_mask":0"#) else { unreachable!() };
        assert_eq!(device.limits, DeviceLimits::default());
        let Op::Unmap(unmap) = op(r#""op":"unmap","h":1"#) else { unreachable!() };
        assert_eq!((unmap.size, unmap.dir), (None, None));
        assert_eq!(op(r#""op":"stats""#), Op::Stats { mem: 0 });
    }

    #[test]
    fn masks_reach_the_largest_number() {
        let Op::Device(device) = op(r#""op":"device","dev":0,"dma_mask":18446744073709551615"#) else {
            unreachable!()
        };
        assert_eq!(device.limits.dma_mask, u64::MAX);
    }

    #[test]
    fn late_needs_its_size() {
        assert!(parse(r#"{"i":0,"op":"init","mode":"late","out":{}}"#, 1).is_err());
        let Op::Init(init) = op(r#""op":"init","mode":"late","late_size":4096"#) else { unreachable!() };
        assert_eq!(init.mode, InitMode::Late { late_size: 4096 });
    }
}
