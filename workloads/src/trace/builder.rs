//! What both readers share while they read: devices by name, records so far, counts.
//!
//! Invariant: records are finally in the order of [`Builder::push`]'s `place`, equal places in the order
//! of pushing, and their times never go backwards.

use std::collections::HashMap;
use std::path::Path;

use crate::json::without_place;

use super::record::{DeviceId, Event, Record};
use super::skipped::{Reason, Skipped};
use super::{MAX_CPUS, MAX_DEVICES, TraceDevice, TraceError, TraceOptions};

/// Longest device name, in bytes.
const MAX_NAME: usize = 256;
/// Latest time, in nanoseconds: 146 years. Times above are damage.
const MAX_TIME: u64 = 1 << 62;

pub(super) struct Builder<'a> {
    path: &'a Path,
    max_records: u64,
    names: HashMap<String, DeviceId>,
    pub(super) devices: Vec<TraceDevice>,
    placed: Vec<(u64, Record)>,
    pub(super) skipped: Skipped,
}

impl<'a> Builder<'a> {
    pub(super) fn new(path: &'a Path, options: &TraceOptions) -> Self {
        Self {
            path,
            max_records: options.max_records,
            names: HashMap::new(),
            devices: Vec::new(),
            placed: Vec::new(),
            skipped: Skipped::default(),
        }
    }

    pub(super) fn skip(&mut self, reason: Reason, line: u64) {
        self.skipped.add(reason, line);
    }

    /// The number of the device called `name`; new names get the next number.
    pub(super) fn device(&mut self, name: &str) -> Result<DeviceId, Reason> {
        if let Some(&id) = self.names.get(name) {
            return Ok(id);
        }
        if name.is_empty() || name.len() > MAX_NAME {
            return Err(Reason::BadField);
        }
        let id = u32::try_from(self.devices.len()).map_err(|_| Reason::TooManyDevices)?;
        if id >= MAX_DEVICES {
            return Err(Reason::TooManyDevices);
        }
        self.names.insert(name.to_owned(), DeviceId(id));
        self.devices.push(TraceDevice::new(name));
        Ok(DeviceId(id))
    }

    /// An error at `line`.
    pub(super) fn json_error(&self, e: &serde_json::Error, line: u64) -> TraceError {
        let what = without_place(&e.to_string());
        TraceError::Json { path: self.path.to_owned(), line, column: e.column(), what }
    }

    /// Keeps a record at `place`.
    pub(super) fn push(&mut self, place: u64, record: Record) -> Result<(), TraceError> {
        if self.placed.len() as u64 >= self.max_records {
            let (line, max) = (u64::from(record.line), self.max_records);
            return Err(TraceError::TooManyRecords { path: self.path.to_owned(), line, max });
        }
        if let Event::Map(call) | Event::MapFail(call) = &record.event {
            let failed = matches!(record.event, Event::MapFail(_));
            self.devices[call.dev.0 as usize].note(call, failed);
        }
        self.placed.push((place, record));
        Ok(())
    }

    /// Whether no record was kept so far.
    pub(super) fn is_empty(&self) -> bool {
        self.placed.is_empty()
    }

    /// The records in order; times that go backwards are raised and counted.
    pub(super) fn finish(mut self) -> (Vec<TraceDevice>, Vec<Record>, Skipped) {
        if !self.placed.is_sorted_by_key(|(place, _)| *place) {
            self.placed.sort_by_key(|(place, _)| *place);
        }
        let mut records: Vec<Record> = self.placed.into_iter().map(|(_, record)| record).collect();
        let mut latest = 0;
        for record in &mut records {
            if record.t_ns < latest {
                self.skipped.add(Reason::TimeBackwards, u64::from(record.line));
                record.t_ns = latest;
            }
            latest = record.t_ns;
        }
        (self.devices, records, self.skipped)
    }
}

/// A time that can be one, in nanoseconds.
pub(super) fn time(t_ns: u64) -> Result<u64, Reason> {
    if t_ns < MAX_TIME { Ok(t_ns) } else { Err(Reason::BadField) }
}

/// A CPU's number that can be one.
pub(super) fn cpu(number: u64) -> Result<u32, Reason> {
    if number >= MAX_CPUS.into() {
        return Err(Reason::BadField);
    }
    u32::try_from(number).map_err(|_| Reason::BadField)
}

/// A line's number as records keep it.
pub(super) fn line(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
