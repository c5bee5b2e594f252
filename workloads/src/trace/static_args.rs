//! The arguments of the kernel's own events: a device, then `name=value` pairs.
//!
//! ```text
//! 0000:00:01.0 dir=TO_DEVICE dma_addr=7d49f800 size=74 phys_addr=100dd4eb6 attrs=
//! 0000:00:04.0 dir=FROM_DEVICE nents=1/1 ents=1/1 dma_addrs={0x7a87d000} sizes={0x200} phys_addrs={0x10167e8c0} attrs=
//! ```
//! Addresses of single buffers are hexadecimal without `0x`, their sizes decimal; lists are hexadecimal with it.

use swiotlb_core::device::Attrs;

use super::ftrace::{Args, number};
use super::skipped::Reason;

/// Most elements of a list: more are damage.
const MAX_ELEMENTS: usize = 4096;

/// Whether an event of the group `dma` is known here.
pub(super) fn is_dma(event: &str) -> bool {
    matches!(
        event,
        "dma_map_page"
            | "dma_unmap_page"
            | "dma_map_phys"
            | "dma_unmap_phys"
            | "dma_map_sg"
            | "dma_map_sg_err"
            | "dma_unmap_sg"
            | "dma_sync_single_for_cpu"
            | "dma_sync_single_for_device"
            | "dma_sync_sg_for_cpu"
            | "dma_sync_sg_for_device"
    )
}

/// The arguments of one event.
pub(super) struct Fields<'a> {
    pub(super) device: &'a str,
    pairs: Args<'a>,
}

impl<'a> Fields<'a> {
    pub(super) fn of(rest: &'a str) -> Result<Self, Reason> {
        let (device, pairs) = rest.trim_start().split_once(' ').ok_or(Reason::BadField)?;
        Ok(Self { device, pairs: Args::of(pairs) })
    }

    /// A hexadecimal number, with or without `0x`.
    pub(super) fn hex(&self, name: &str) -> Result<u64, Reason> {
        let text = self.pairs.text(name).ok_or(Reason::BadField)?;
        let digits = text.strip_prefix("0x").unwrap_or(text);
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
        if plain {
            u64::from_str_radix(digits, 16).map_err(|_| Reason::BadField)
        } else {
            Err(Reason::BadField)
        }
    }

    /// A number, decimal unless it begins with `0x`.
    pub(super) fn decimal(&self, name: &str) -> Result<u64, Reason> {
        self.pairs.number(name).ok_or(Reason::BadField)
    }

    /// `{0x1,0x2}`.
    pub(super) fn list(&self, name: &str) -> Result<Vec<u64>, Reason> {
        let text = self.pairs.text(name).ok_or(Reason::BadField)?;
        let inner = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')).ok_or(Reason::BadField)?;
        let all = inner.split(',').filter(|t| !t.is_empty()).take(MAX_ELEMENTS);
        all.map(|text| number(text).ok_or(Reason::BadField)).collect()
    }

    /// Whether the kernel left out elements of a list: it prints no more than 128.
    pub(super) fn is_truncated(&self) -> bool {
        self.pairs.has_word("[TRUNCATED]")
    }

    /// The kernel's number of a direction.
    pub(super) fn direction(&self) -> Result<u64, Reason> {
        match self.pairs.text("dir") {
            Some("BIDIRECTIONAL") => Ok(0),
            Some("TO_DEVICE") => Ok(1),
            Some("FROM_DEVICE") => Ok(2),
            _ => Err(Reason::BadField),
        }
    }

    /// The kernel's bits of those attributes that matter here.
    pub(super) fn attrs(&self) -> u64 {
        let bit = |name| match name {
            "SKIP_CPU_SYNC" => Attrs::SKIP_CPU_SYNC,
            "NO_WARN" => Attrs::NO_WARN,
            _ => 0,
        };
        self.pairs.text("attrs").unwrap_or("").split('|').map(bit).fold(0, |all, bit| all | bit)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_page_and_a_list() {
        let page =
            Fields::of("0000:00:01.0 dir=TO_DEVICE dma_addr=7d49f800 size=74 phys_addr=100dd4eb6 attrs=");
        let page = page.unwrap();
        assert_eq!(
            (page.device, page.hex("dma_addr"), page.decimal("size")),
            ("0000:00:01.0", Ok(0x7d49_f800), Ok(74))
        );
        assert_eq!((page.direction(), page.attrs()), (Ok(1), 0));
        let list = Fields::of("d dir=FROM_DEVICE sizes={0x200,0x1000} attrs=SKIP_CPU_SYNC|NO_WARN").unwrap();
        assert_eq!((list.list("sizes"), list.attrs()), (Ok(vec![0x200, 0x1000]), 0x120));
        assert_eq!(list.list("dma_addrs"), Err(Reason::BadField));
    }

    #[test]
    fn damage_is_a_bad_field() {
        let fields = Fields::of("d dir=NONE dma_addr= size=0x size2=-1 sizes={0x1,zz}").unwrap();
        assert!(fields.hex("dma_addr").is_err() && fields.decimal("size").is_err());
        assert!(fields.direction().is_err() && fields.list("sizes").is_err());
        assert!(Fields::of("").is_err() && Fields::of("alone").is_err());
    }
}
