//! How a trace is read: the flags that `replay` and `tune` share.

use super::Failure;
use std::path::PathBuf;
use workloads::trace::{Masks, TraceOptions};

/// Most records that are read unless a flag says otherwise: about 3 GiB of memory.
const MAX_RECORDS: u64 = 10_000_000;

/// The flags.
#[derive(clap::Args)]
pub(super) struct Reading {
    /// File of facts instead of NAME.meta.json beside the trace.
    #[arg(long, value_name = "FILE", env = "SWIOTLB_BENCH_META")]
    meta: Option<PathBuf>,
    /// Masks that the recording does not hold, by device, in TOML: a table ["0000:00:02.0"] with min_align_mask =
    /// 0xfff, alloc_align_mask, seg_boundary_mask.
    #[arg(long, value_name = "FILE", env = "SWIOTLB_BENCH_DEVICES")]
    devices: Option<PathBuf>,
    /// The same for one device, for instance 0000:00:02.0,min_align_mask=0xfff; goes before --devices.
    #[arg(long, value_name = "NAME,MASKS")]
    device: Vec<String>,
    /// Read what is left of a gzip file that was cut off, instead of giving up.
    #[arg(long, env = "SWIOTLB_BENCH_ALLOW_CUT", value_parser = super::switch())]
    allow_cut: bool,
    /// Most records of a trace; each takes about 300 bytes of memory.
    #[arg(long, value_name = "N", default_value_t = MAX_RECORDS, env = "SWIOTLB_BENCH_MAX_RECORDS")]
    max_records: u64,
}

impl Reading {
    /// The options.
    ///
    /// # Errors
    /// A file of masks that cannot be read or is malformed, and masks that are none.
    pub(super) fn options(&self) -> Result<TraceOptions, Failure> {
        let mut masks = Masks::default();
        if let Some(path) = &self.devices {
            masks.add_file(path).map_err(|error| Failure::error(format!("--devices {error}")))?;
        }
        for text in &self.device {
            masks.add_flag(text).map_err(|error| Failure::usage(format!("--device {error}")))?;
        }
        let (max_records, allow_cut, meta) = (self.max_records, self.allow_cut, self.meta.clone());
        Ok(TraceOptions { max_records, allow_cut, meta, masks })
    }

    /// The flags that say the same on another command line; none where all is as it is without flags.
    pub(super) fn words(&self) -> Vec<String> {
        let path = |path: &PathBuf| path.to_string_lossy().into_owned();
        let mut words = Vec::new();
        let mut say = |flag: &str, value: String| words.extend([flag.to_owned(), value]);
        self.meta.iter().for_each(|file| say("--meta", path(file)));
        self.devices.iter().for_each(|file| say("--devices", path(file)));
        self.device.iter().for_each(|device| say("--device", device.clone()));
        if self.max_records != MAX_RECORDS {
            say("--max-records", self.max_records.to_string());
        }
        words.extend(self.allow_cut.then(|| "--allow-cut".to_owned()));
        words
    }
}
