//! Which machine a number was taken on, in 16 digits: the key under which numbers may be put together.
//!
//! Made of what does not change while a machine stays what it is: processor, cores, caches, page size, whether
//! it is virtual, and its memory in whole GiB (kernels keep back a little, each its own). Left out is what an
//! update or a setting changes: kernel release, mitigations, governor, huge pages, clock source, load. Those
//! stand in every record, and a shift that they cause is a shift of one series, to be explained.
//!
//! Two machines of one kind have one fingerprint: it tells kinds, not owners. A fact that could not be read
//! counts as a fact of its own.

use crate::machine::Machine;

/// Bytes of a GiB.
const GIB: u64 = 1 << 30;

/// The fingerprint of a machine.
#[must_use]
pub fn of(machine: &Machine) -> String {
    let caches = machine.caches.iter().flatten();
    let caches: Vec<String> = caches.map(|c| format!("{} {} {}", c.level, c.kind, c.bytes)).collect();
    let facts = format!(
        "{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}",
        machine.cpu_model,
        machine.logical_cores,
        machine.usable_cores,
        caches,
        machine.page_bytes,
        machine.hypervisor,
        machine.memory_bytes.map(|bytes| bytes.div_ceil(GIB)),
    );
    format!("{:016x}", fnv_1a(facts.as_bytes()))
}

/// FNV-1a in 64 bits (G. Fowler, L. C. Noll, K.-P. Vo): the same on every machine and in every version.
#[must_use]
pub fn fnv_1a(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_values() {
        assert_eq!(fnv_1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv_1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv_1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn what_changes_by_itself_makes_no_new_machine() {
        let one = Machine {
            cpu_model: Some("x".into()),
            usable_cores: Some(2),
            memory_bytes: Some(GIB - 5),
            ..Machine::default()
        };
        let later = Machine {
            kernel: Some("6.13".into()),
            load_average: Some([3.0, 2.0, 1.0]),
            memory_bytes: Some(GIB - 99),
            ..one.clone()
        };
        assert_eq!(of(&one), of(&later));
        for other in [
            Machine { usable_cores: Some(4), ..one.clone() },
            Machine { cpu_model: None, ..one.clone() },
            Machine { memory_bytes: Some(3 * GIB), ..one.clone() },
        ] {
            assert_ne!(of(&one), of(&other));
        }
    }
}
