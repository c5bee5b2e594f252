//! The header and its Rust are the same: a C compiler is asked about every size and offset.

use super::*;
use core::mem::offset_of;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// C that compiles only where the header agrees.
fn assertions() -> String {
    let mut text = String::from("#include <stddef.h>\n#include \"swiotlb_ext.h\"\n");
    let mut add = |what: String, number: usize| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "_Static_assert({what} == {number}, \"{number}\");");
    };
    macro_rules! same {
        ($($name:literal $of:ty: $($field:ident)*;)*) => {
            $(
                add(concat!("sizeof(struct swiotlb_ext_", $name, ")").to_owned(), size_of::<$of>());
                $( add(
                    format!("offsetof(struct swiotlb_ext_{}, {})", $name, stringify!($field)),
                    offset_of!($of, $field),
                ); )*
            )*
        };
    }
    same!(
        "host" Host: size ctx copy at pages_alloc pages_free log;
        "params" Params: size flags base nslabs nareas default_nslabs default_nareas phys_limit host;
        "limits" Limits: size min_align_mask seg_boundary_mask reach;
        "caller" Caller: mem thread cpu;
        "request" Request: orig size alloc_align_mask dir attrs;
        "pool" Pool: start end transient;
        "stats" Stats: size work_wanted nslabs used used_hiwater transient_nslabs pools retired;
        "counters" Counters: size areas_tried slots_scanned locks_taken locks_contended lookups pools_visited
            transient_made;
        "ops" Ops: abi_version size name declares init fini device_add map unmap sync_for_cpu sync_for_device
            find_pool stats thread_enter thread_exit section_enter section_exit hiwater_reset work reclaim
            counters;
    );
    let codes = [
        ("FULL", FULL),
        ("TOO_LARGE", TOO_LARGE),
        ("OUT_OF_PAGES", OUT_OF_PAGES),
        ("UNUSABLE", UNUSABLE),
        ("BAD_MASK", BAD_MASK),
        ("ZERO", ZERO),
        ("NO_POOL", NO_POOL),
        ("NOT_BOUNCED", NOT_BOUNCED),
        ("NOT_LIVE", NOT_LIVE),
        ("WRONG_DIRECTION", WRONG_DIRECTION),
        ("NO_MEMORY", NO_MEMORY),
        ("UNSUPPORTED", UNSUPPORTED),
    ];
    for (name, code) in codes {
        let _ = writeln!(text, "_Static_assert(SWIOTLB_EXT_{name} == {code}, \"{name}\");");
    }
    text
}

/// Whether `compiler` takes `text` with all warnings on; `None` if there is no such compiler.
fn compiles(compiler: &str, language: &[&str], text: &str) -> Option<bool> {
    let include = concat!(env!("CARGO_MANIFEST_DIR"), "/../swiotlb-core/include");
    let mut command = Command::new(compiler);
    command.args(["-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only", "-I", include]);
    let Ok(mut child) = command.args(language).arg("-").stdin(Stdio::piped()).spawn() else {
        eprintln!("skipped: there is no {compiler}");
        return None;
    };
    let written = child.stdin.take().map(|mut input| input.write_all(text.as_bytes()));
    let done = child.wait();
    Some(written.is_some_and(|written| written.is_ok()) && done.is_ok_and(|status| status.success()))
}

#[test]
fn the_header_has_the_same_shape() {
    assert_ne!(compiles("cc", &["-std=c11", "-x", "c"], &assertions()), Some(false));
}

#[test]
fn the_header_is_c_plus_plus_too() {
    assert_ne!(compiles("c++", &["-x", "c++"], "#include \"swiotlb_ext.h\"\n"), Some(false));
}
