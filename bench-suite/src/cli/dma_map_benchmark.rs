//! `swiotlb-bench dma-map-benchmark`: the kernel's own benchmark on this allocator, and the kernel's output
//! beside it.
//!
//! One call is one launch: one process, one allocator, one record. For the spread between launches call it
//! several times with the same `--out`.

use super::out::say;
use super::{Exit, Failure, complain};
use crate::bridge::options::{DMA_BITS, MAX_SECONDS, MAX_THREADS, MAX_TRANSFER_NS};
use crate::bridge::{Figures, Options, Ready, Saved, import, ready, record, table};
use crate::policies::{self, Entry};
use reports::machine::Machine;
use reports::record::RunRecord;
use reports::store::Store;
use reports::terminal;
use std::path::{Path, PathBuf};
use swiotlb_core::boot::{BootParam, Force};
use swiotlb_core::device::Direction;

/// The tool's options, and what it is run on.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Threads that map and unmap.
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_THREADS)), env = "SWIOTLB_BENCH_THREADS")]
    threads: u32,
    /// How long.
    #[arg(short, long, value_name = "S", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_SECONDS)), env = "SWIOTLB_BENCH_SECONDS")]
    seconds: u32,
    /// NUMA node; there are none here, so it changes nothing.
    #[arg(short, long, value_name = "NODE", default_value_t = -1, allow_negative_numbers = true, value_parser = clap::value_parser!(i32).range(-1..), env = "SWIOTLB_BENCH_NODE")]
    node: i32,
    /// Address bits that the device reaches.
    #[arg(short = 'b', long, value_name = "BITS", default_value_t = 32, value_parser = clap::value_parser!(u32).range(i64::from(DMA_BITS.0)..=i64::from(DMA_BITS.1)), env = "SWIOTLB_BENCH_DMA_BITS")]
    dma_bits: u32,
    /// Which way the data goes: 0 both ways, 1 to the device, 2 from the device.
    #[arg(short, long, value_name = "DIR", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2), env = "SWIOTLB_BENCH_DIRECTION")]
    direction: u8,
    /// How long a mapping is held before its unmap, ns.
    #[arg(short = 'x', long, value_name = "NS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=i64::from(MAX_TRANSFER_NS)), env = "SWIOTLB_BENCH_TRANSFER_NS")]
    transfer_ns: u32,
    /// Pages of a mapping; the software IO TLB maps 64 at most.
    #[arg(short, long, value_name = "PAGES", default_value_t = 1, env = "SWIOTLB_BENCH_GRANULE")]
    granule: u32,
    /// The policy.
    #[arg(long, default_value = "kernel", value_name = "NAME", env = "SWIOTLB_BENCH_POLICY")]
    policy: String,
    /// Slots and areas of the pool; without areas one per thread.
    #[arg(long, default_value = "32768", value_name = "SLOTS[,AREAS]", env = "SWIOTLB_BENCH_SWIOTLB")]
    swiotlb: String,
    /// End after so many maps of each thread, in whole passes of up to 4,096, if the time is not up before.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000), env = "SWIOTLB_BENCH_MAPS")]
    maps: Option<u64>,
    /// Saved output of the kernel's tool to show beside ours; any number of runs.
    #[arg(long, value_name = "FILE", env = "SWIOTLB_BENCH_BESIDE")]
    beside: Option<PathBuf>,
    /// Run nothing: only read saved output of the kernel's tool.
    #[arg(long, value_name = "FILE", conflicts_with = "beside", env = "SWIOTLB_BENCH_IMPORT")]
    import: Option<PathBuf>,
    /// Folder to add records (runs.jsonl) to.
    #[arg(long, value_name = "DIR", env = "SWIOTLB_BENCH_OUT")]
    out: Option<PathBuf>,
    /// The seed that is recorded; nothing of a run is drawn but which mappings the oracle watches.
    #[arg(long, default_value_t = 1, env = "SWIOTLB_BENCH_SEED")]
    seed: u64,
    /// End with exit code 6 where the threads do not fit this machine.
    #[arg(long, env = "SWIOTLB_BENCH_STRICT", value_parser = super::switch())]
    strict: bool,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    if let Some(path) = &args.import {
        return imported(args, &read(path)?);
    }
    let options = args.options()?;
    let entry = policies::by_name(&args.policy).map_err(Failure::usage)?;
    let ready = ready(&options, args.pool()?, args.maps, args.seed).map_err(Failure::usage)?;
    let saved = args.beside.as_deref().map(read).transpose()?;
    if options.node != -1 {
        complain(format_args!("note: there are no NUMA nodes here: --node {} changes nothing", options.node));
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if options.threads as usize > cores {
        let threads = options.threads;
        complain(format_args!("warning: {threads} threads on {cores} cores: oversubscribed, no verdict"));
        if args.strict {
            return Ok(Exit::Unfit);
        }
    }
    let mut store = args.out.as_deref().map(store).transpose()?;
    let mut record = measured(entry, &options, &ready)?;
    record.parameters.extend(args.maps.map(|maps| ("maps".to_owned(), maps.to_string())));
    if let Some((_, store)) = &mut store {
        store.append(&record).map_err(Failure::error)?;
    }
    shown(args, &options, &record, saved.as_ref())?;
    if let Some((path, _)) = &store {
        say(&format!("Records: {}\n", path.display()))?;
    }
    Ok(ended(&record))
}

/// Only the kernel's: a table, and records if they are wanted.
fn imported(args: &Args, saved: &Saved) -> Result<Exit, Failure> {
    let mut kept = args.out.as_deref().map(store).transpose()?;
    if let Some((_, store)) = &mut kept {
        for record in record::of_saved(saved) {
            store.append(&record).map_err(Failure::error)?;
        }
    }
    say(&terminal::render(&table::beside(None, Some(saved))))?;
    if let Some((path, _)) = &kept {
        say(&format!("Records: {}\n", path.display()))?;
    }
    Ok(Exit::Ok)
}

fn measured(entry: &Entry, options: &Options, ready: &Ready) -> Result<RunRecord, Failure> {
    let machine = Machine::read();
    let done = entry.runs.measure(true, &ready.plan, &ready.settings).map_err(Failure::error)?;
    let mut record = record::of_run(entry, options, ready, &done);
    record.machine = machine;
    Ok(record)
}

/// Our figures in the tool's form, and the table.
fn shown(args: &Args, options: &Options, record: &RunRecord, saved: Option<&Saved>) -> Result<(), Failure> {
    let Some(figures) = record::figures(record).filter(|_| record.void.is_none()) else { return Ok(()) };
    let figures: &Figures = &figures;
    let table = table::beside(Some((&args.policy, options, figures)), saved);
    say(&format!("{}\n{figures}\n{}", options.asked(), terminal::render(&table)))
}

/// A violation is a failed verification; a map that failed is an error, as it is in the kernel's tool.
fn ended(record: &RunRecord) -> Exit {
    if let Some(why) = &record.void {
        complain(format_args!("no figures: {why}"));
        let violated = record.is_violated();
        return if violated { Exit::Verification } else { Exit::Error };
    }
    let failed: u64 = record.failures.values().sum();
    if failed > 0 {
        complain(format_args!("{failed} maps failed: the figures are of all maps, of failed ones too"));
        return Exit::Error;
    }
    Exit::Ok
}

impl Args {
    fn options(&self) -> Result<Options, Failure> {
        let dir = Direction::from_kernel(self.direction.into());
        let dir = dir.ok_or_else(|| Failure::usage("--direction: 0, 1 or 2"))?;
        let Self { threads, seconds, node, dma_bits, transfer_ns, granule, .. } = *self;
        Ok(Options { threads, seconds, node, dma_bits, dir, transfer_ns, granule })
    }

    fn pool(&self) -> Result<BootParam, Failure> {
        let wrong = |error| Failure::usage(format!("--swiotlb {}: {error}", self.swiotlb));
        let param: BootParam = self.swiotlb.parse().map_err(wrong)?;
        match param.force {
            Some(Force::Off) => Err(Failure::usage("--swiotlb: noforce leaves no pool to measure")),
            _ => Ok(param),
        }
    }
}

fn read(path: &Path) -> Result<Saved, Failure> {
    import::load(path).map_err(Failure::error)
}

/// The store in a folder, which is made if there is none; and its path.
pub(super) fn store(folder: &Path) -> Result<(PathBuf, Store), Failure> {
    let unusable = |error| Failure::error(format!("{}: cannot be made: {error}", folder.display()));
    std::fs::create_dir_all(folder).map_err(unusable)?;
    let path = folder.join("runs.jsonl");
    let (store, repair) = Store::open(&path).map_err(Failure::error)?;
    if let Some(repair) = repair {
        complain(format_args!("{}: {repair}", path.display()));
    }
    Ok((path, store))
}
