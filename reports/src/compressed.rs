//! Files that may be compressed with gzip, read as what they hold.
//!
//! Whether a file is compressed is read from its first bytes and not from its name; a file that is asked for by its
//! plain name is found under that name with `.gz` too. Where both are there, the plain one counts. A file is
//! compressed by gzip itself (`gzip -9n runs.jsonl`); nothing here writes one.

use flate2::bufread::MultiGzDecoder;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// What the name of a compressed file ends in.
pub const ENDING: &str = ".gz";
/// The most bytes that one file is decompressed to: 1 GiB.
pub const MOST: u64 = 1 << 30;
/// How gzip begins.
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The name of `path` when it is compressed.
#[must_use]
pub fn name(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ENDING);
    name.into()
}

/// The file at `path`, or the compressed one beside it; `path` itself where there is neither.
#[must_use]
pub fn find(path: &Path) -> PathBuf {
    let compressed = name(path);
    if !path.exists() && compressed.exists() { compressed } else { path.to_owned() }
}

/// Opens the file at `path` for reading what it holds.
///
/// # Errors
/// The system's answer. Reading gives [`ErrorKind::UnexpectedEof`] where compressed data end too early,
/// [`ErrorKind::InvalidData`] where they are damaged, [`ErrorKind::FileTooLarge`] above [`MOST`].
pub fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let mut file = BufReader::new(File::open(path)?);
    // A file that gives one byte at a time is no regular one, and nobody compresses to those.
    if file.fill_buf()?.starts_with(&MAGIC) {
        return Ok(Box::new(BufReader::new(Decompressed { data: MultiGzDecoder::new(file), left: MOST })));
    }
    Ok(Box::new(file))
}

/// All that the file at `path` holds, whether it is compressed or not.
///
/// # Errors
/// As [`open`], and [`ErrorKind::FileTooLarge`] for a plain file above [`MOST`], too.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    open(path)?.take(MOST + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MOST { Err(too_large()) } else { Ok(text) }
}

fn too_large() -> io::Error {
    io::Error::new(ErrorKind::FileTooLarge, "it holds more than 1 GiB")
}

/// What gzip data hold, with errors in words.
struct Decompressed<R> {
    data: MultiGzDecoder<R>,
    left: u64,
}

impl<R: BufRead> Read for Decompressed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.data.read(buffer).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => io::Error::new(
                ErrorKind::UnexpectedEof,
                "its gzip data end too early: the file was cut off; fetch or compress it again",
            ),
            ErrorKind::InvalidInput | ErrorKind::InvalidData => io::Error::new(
                ErrorKind::InvalidData,
                format!("its gzip data are damaged ({error}): fetch or compress it again"),
            ),
            _ => error,
        })?;
        self.left = self.left.checked_sub(n as u64).ok_or_else(too_large)?;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may stop at the first surprise

    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::fs;
    use std::io::Write as _;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn written(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.jsonl");
        fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    #[test]
    fn what_a_file_holds_is_read_whatever_it_is_called() {
        // Several members, as `cat a.gz b.gz` makes them, are one text.
        let both = [gzip(b"one\n"), gzip(b"two\n")].concat();
        for (bytes, text) in
            [(&b"one\n"[..], &b"one\n"[..]), (&both, b"one\ntwo\n"), (b"", b""), (b"\x1f", b"\x1f")]
        {
            let (_folder, path) = written(bytes);
            assert_eq!(read(&path).unwrap(), text);
        }
    }

    #[test]
    fn a_plain_file_goes_before_a_compressed_one() {
        let (folder, path) = written(b"plain");
        fs::write(folder.path().join("x.jsonl.gz"), gzip(b"packed")).unwrap();
        assert_eq!(find(&path), path);
        fs::remove_file(&path).unwrap();
        assert_eq!(find(&path), name(&path));
        assert_eq!(read(&find(&path)).unwrap(), b"packed");
        assert_eq!(find(Path::new("nothing")), Path::new("nothing"));
    }

    #[test]
    fn cut_and_damaged_data_are_told_apart() {
        let whole = gzip(&b"a line of some length\n".repeat(100));
        for length in [3, 12, whole.len() / 2, whole.len() - 1] {
            let (_folder, path) = written(&whole[..length]);
            let error = read(&path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{length}: {error}");
            assert!(error.to_string().contains("was cut off"), "{error}");
        }
        let (mut wrong, at) = (whole.clone(), whole.len() - 6);
        wrong[at] ^= 0xff;
        for damaged in [wrong, [whole.as_slice(), b"something that is no gzip"].concat()] {
            let (_folder, path) = written(&damaged);
            let error = read(&path).unwrap_err();
            assert!(error.to_string().contains("damaged"), "{error}");
        }
    }
}
