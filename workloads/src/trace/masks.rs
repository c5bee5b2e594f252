//! What a recording does not hold of its devices, said beside it: alignment and boundary masks.
//!
//! On a command line a device is `NAME,min_align_mask=0xfff`; in a file it is a table of TOML:
//!
//! ```toml
//! ["0000:00:02.0"]
//! min_align_mask = 0xfff
//! ```
//! What is said replaces what was recorded, in every map of that device.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::record::{Event, Record};
use super::{TraceDevice, TraceError};

/// Most bytes of a file of devices.
const MAX_FILE: u64 = 1 << 20;
const FIELDS: &str = "min_align_mask, alloc_align_mask, seg_boundary_mask";

/// The masks of one device; what is `None` stays as recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfDevice {
    min_align_mask: Option<u32>,
    alloc_align_mask: Option<u32>,
    seg_boundary_mask: Option<u64>,
}

/// Masks by device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Masks(BTreeMap<String, OfDevice>);

/// Why masks could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum MasksError {
    /// The file cannot be read.
    #[error("{path}: cannot be read: {source}", path = .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It is malformed.
    #[error("{path}: {what}; write for each device a table as [\"0000:00:02.0\"] with {FIELDS}", path = .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        what: String,
    },
    /// A flag is malformed.
    #[error("`{text}`: {what}; write NAME,min_align_mask=0xfff with any of {FIELDS}")]
    Flag {
        /// What was given.
        text: String,
        /// What is wrong.
        what: String,
    },
}

impl Masks {
    /// Adds what a file says.
    ///
    /// # Errors
    /// It cannot be read or is malformed.
    pub fn add_file(&mut self, path: &Path) -> Result<(), MasksError> {
        let bad = |what: String| MasksError::File { path: path.to_owned(), what };
        let read = |source| MasksError::Read { path: path.to_owned(), source };
        if std::fs::metadata(path).map_err(read)?.len() > MAX_FILE {
            return Err(bad(format!("it is longer than {MAX_FILE} bytes")));
        }
        let text = std::fs::read_to_string(path).map_err(read)?;
        let found: BTreeMap<String, OfDevice> =
            toml::from_str(&text).map_err(|e| bad(e.to_string().trim().to_owned()))?;
        for (name, masks) in found {
            check(&masks).map_err(|what| bad(format!("{name}: {what}")))?;
            self.0.insert(name, masks);
        }
        Ok(())
    }

    /// Adds what a flag says: `NAME,min_align_mask=0xfff`.
    ///
    /// # Errors
    /// It is malformed.
    pub fn add_flag(&mut self, text: &str) -> Result<(), MasksError> {
        let bad = |what: String| MasksError::Flag { text: text.to_owned(), what };
        let mut parts = text.split(',');
        let name = parts.next().filter(|name| !name.is_empty()).ok_or_else(|| bad("no device".to_owned()))?;
        let mut masks = OfDevice::default();
        for part in parts {
            let (field, value) = part.split_once('=').ok_or_else(|| bad(format!("`{part}` has no `=`")))?;
            let wrong = || bad(format!("`{value}` is no mask"));
            let number = super::ftrace::number(value).ok_or_else(wrong)?;
            let narrow = || u32::try_from(number).map_err(|_| wrong());
            match field {
                "min_align_mask" => masks.min_align_mask = Some(narrow()?),
                "alloc_align_mask" => masks.alloc_align_mask = Some(narrow()?),
                "seg_boundary_mask" => masks.seg_boundary_mask = Some(number),
                _ => return Err(bad(format!("`{field}` is unknown"))),
            }
        }
        if masks == OfDevice::default() {
            return Err(bad("no mask".to_owned()));
        }
        check(&masks).map_err(bad)?;
        self.0.insert(name.to_owned(), masks);
        Ok(())
    }

    /// Replaces what was recorded.
    ///
    /// # Errors
    /// [`TraceError::UnknownDevice`] for a device that the trace does not have.
    pub(super) fn apply(
        &self,
        path: &Path,
        devices: &mut [TraceDevice],
        records: &mut [Record],
    ) -> Result<(), TraceError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let known = |name: &String| devices.iter().any(|device| device.name == *name);
        if let Some(name) = self.0.keys().find(|name| !known(name)) {
            let names: Vec<_> = devices.iter().map(|device| device.name.as_str()).take(20).collect();
            return Err(TraceError::UnknownDevice {
                path: path.to_owned(),
                name: name.clone(),
                known: names.join(", "),
            });
        }
        let by_number: Vec<_> = devices.iter().map(|device| self.0.get(&device.name).copied()).collect();
        for record in records {
            let (Event::Map(call) | Event::MapFail(call)) = &mut record.event else { continue };
            let Some(masks) = by_number[call.dev.0 as usize] else { continue };
            call.min_align_mask = masks.min_align_mask.unwrap_or(call.min_align_mask);
            call.alloc_align_mask = masks.alloc_align_mask.unwrap_or(call.alloc_align_mask);
            call.seg_boundary_mask = masks.seg_boundary_mask.unwrap_or(call.seg_boundary_mask);
        }
        for (device, masks) in devices.iter_mut().zip(by_number) {
            let Some(masks) = masks else { continue };
            device.masks_known = true;
            device.min_align_mask = masks.min_align_mask.unwrap_or(device.min_align_mask);
            device.seg_boundary_mask = masks.seg_boundary_mask.unwrap_or(device.seg_boundary_mask);
        }
        Ok(())
    }
}

/// Masks are low bits without a gap.
fn check(masks: &OfDevice) -> Result<(), String> {
    let all = [
        ("min_align_mask", masks.min_align_mask.map(u64::from)),
        ("alloc_align_mask", masks.alloc_align_mask.map(u64::from)),
        ("seg_boundary_mask", masks.seg_boundary_mask),
    ];
    match all.into_iter().find(|(_, mask)| mask.is_some_and(|mask| mask & mask.wrapping_add(1) != 0)) {
        Some((field, mask)) => Err(format!("{field} {:#x} is no mask of low bits", mask.unwrap_or(0))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn flags_and_files_say_the_same() {
        let (mut flag, mut file) = (Masks::default(), Masks::default());
        flag.add_flag("0000:00:02.0,min_align_mask=0xfff,seg_boundary_mask=0xffffffff").unwrap();
        let path = std::env::temp_dir().join(format!("devices-{}.toml", std::process::id()));
        std::fs::write(
            &path,
            "[\"0000:00:02.0\"]\nmin_align_mask = 0xfff\nseg_boundary_mask = 0xffff_ffff\n",
        )
        .unwrap();
        file.add_file(&path).unwrap();
        assert_eq!(flag, file);
        std::fs::write(&path, "[\"d\"]\nmin_align = 1\n").unwrap();
        assert!(file.add_file(&path).unwrap_err().to_string().contains("min_align"));
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn wrong_flags_say_what_is_wrong() {
        let wrong = |text: &str| Masks::default().add_flag(text).unwrap_err().to_string();
        for (text, what) in [
            ("", "no device"),
            ("d", "no mask"),
            ("d,min_align_mask", "has no `=`"),
            ("d,min_align_mask=x", "`x` is no mask"),
            ("d,min_align_mask=5", "0x5 is no mask of low bits"),
            ("d,mask=1", "`mask` is unknown"),
        ] {
            assert!(wrong(text).contains(what), "{text}: {}", wrong(text));
        }
    }
}
