//! Files that recorders write and that are not read here: each has a program that prints the text that is.

/// A form by its first bytes, its name, and the program that prints it.
const FORMS: [(&[u8], &str, &str); 3] = [
    (b"\x17\x08\x44tracing", "trace-cmd's binary file", "trace-cmd report"),
    (b"PERFILE2", "perf's binary file", "perf script -i"),
    (b"2ELIFREP", "perf's binary file", "perf script -i"),
];

/// What a file is that begins with `head`, and what prints it; `None` if it may be a trace.
pub(super) fn foreign(head: &[u8]) -> Option<(&'static str, &'static str)> {
    FORMS.iter().find(|(magic, ..)| head.starts_with(magic)).map(|(_, what, prints)| (*what, *prints))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_files_of_recorders_are_known_by_their_first_bytes() {
        assert_eq!(foreign(b"\x17\x08\x44tracing6\0").map(|known| known.1), Some("trace-cmd report"));
        assert_eq!(foreign(b"PERFILE2\x68\0\0\0").map(|known| known.1), Some("perf script -i"));
        assert_eq!((foreign(b"{\"t_ns\":1"), foreign(b""), foreign(b"# tracer: nop")), (None, None, None));
    }
}
