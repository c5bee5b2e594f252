//! A golden file's first line: schema, kernel, geometry of the observed build.

use serde::{Deserialize, Serialize};

use super::error::Fault;

/// The schema that this module reads.
pub const SCHEMA: &str = "swiotlb-golden/1";

/// A golden file's first line.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Header {
    /// [`SCHEMA`].
    pub schema: String,
    /// Version of the kernel that was observed.
    pub kernel: String,
    /// SHA-256 of the source file that was observed, where given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_source_sha256: Option<String>,
    /// Bytes in a page.
    pub page_size: u64,
    /// Bytes in a slot.
    pub slot_size: u64,
    /// Slots in a segment.
    pub segment_slots: u64,
    /// Largest order of a page block.
    pub max_page_order: u64,
    /// Fewest slots that growth falls back to.
    pub min_pool_slots: u64,
    /// The file's own name, without ending.
    pub file: String,
    /// The CPU-side memory.
    pub arena: Arena,
    /// The rule that a tiny file shows, one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The seed of a random file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// The CPU-side memory: a flat array, all zero at each `init`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Arena {
    /// Address of its first byte.
    pub base: u64,
    /// Bytes.
    pub size: u64,
}

#[derive(Deserialize)]
struct SchemaOnly {
    schema: String,
}

pub(super) fn parse(text: &str) -> Result<Header, Fault> {
    let SchemaOnly { schema } = serde_json::from_str(text)?;
    if schema != SCHEMA {
        return Err(Fault::Schema(format!("schema is `{schema}`; only {SCHEMA} can be read")));
    }
    let header: Header = serde_json::from_str(text)?;
    if header.arena.base.checked_add(header.arena.size).is_none() {
        return Err(Fault::Schema("the arena ends above 2^64".to_owned()));
    }
    Ok(header)
}
