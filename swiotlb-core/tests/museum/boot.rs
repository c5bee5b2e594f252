//! The boot parameter: what was set stays set, also where it equals the default.

use swiotlb_core::boot::{BootParam, Force, Geometry};
use swiotlb_core::rules::IO_TLB_DEFAULT_SLABS;

/// A size that a platform would rather have, in bytes.
const PLATFORM: Option<u64> = Some(512 << 20);

fn slots(nslabs: Option<u64>, nareas: Option<u32>) -> u64 {
    Geometry::new(BootParam { nslabs, nareas, force: None }, 4, PLATFORM).unwrap().nslabs
}

/// A size that the user gave was overridden by the platform, if it was the default's.
#[test]
fn row_04_a_size_that_was_given_survives_the_platform() {
    for given in [128, 4096, IO_TLB_DEFAULT_SLABS / 2, IO_TLB_DEFAULT_SLABS, IO_TLB_DEFAULT_SLABS * 2] {
        assert_eq!(slots(Some(given), None), given.max(4 * 128), "{given} slots");
        assert_eq!(slots(Some(given), Some(1)), given, "{given} slots");
    }
    // And it is the platform's where none was given, whatever else was.
    assert_eq!((slots(None, None), slots(None, Some(2))), (1 << 18, 1 << 18));
}

/// The same class again: whether a size was set is kept, not found out by comparing it.
#[test]
fn row_37_whether_a_size_was_set_is_known_from_the_text() {
    let parse = |text: &str| text.parse::<BootParam>().unwrap();
    let written = |param: BootParam| Geometry::new(param, 4, PLATFORM).unwrap();
    for text in ["swiotlb=32768", "32768,4", "swiotlb=32768,force", "32768,4,force", "32768,4,noforce"] {
        let param = parse(text);
        assert_eq!(param.nslabs, Some(IO_TLB_DEFAULT_SLABS), "{text}");
        assert_eq!(written(param), Geometry { nslabs: IO_TLB_DEFAULT_SLABS, nareas: 4 }, "{text}");
    }
    // As many areas as there are CPUs, asked for, are not areas that nobody asked for.
    assert_eq!((parse("1024,4").nareas, parse("1024").nareas), (Some(4), None));
    for text in ["force", "noforce"] {
        let param = parse(text);
        assert_eq!((param.nslabs, param.nareas), (None, None));
        assert_eq!(written(param).nslabs, 1 << 18, "{text}: nobody set a size");
    }
    assert_eq!(parse("force").force, Some(Force::Bounce));
}
