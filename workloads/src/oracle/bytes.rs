//! Memory of the oracle: every byte of the address space, 0 until it is written.

use std::collections::HashMap;

use flate2::Crc;

use crate::golden::fill_pattern;

const PAGE: usize = 4096;

/// Pages that were written to, by their number.
#[derive(Debug, Default)]
pub(super) struct Bytes(HashMap<u64, Box<[u8; PAGE]>>);

/// Each page of `[addr, addr + bytes)`: its number, the first byte in it, the bytes that come before it, how many it has.
fn pages(addr: u64, bytes: u64) -> impl Iterator<Item = (u64, usize, usize, usize)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = addr.wrapping_add(done);
        let (page, from) = (at / PAGE as u64, at % PAGE as u64);
        let len = (PAGE as u64 - from).min(bytes - done);
        let page = (page, index(from), index(done), index(len));
        done += len;
        (len > 0).then_some(page)
    })
}

/// A number of bytes that fits into memory, as everything here does.
fn index(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

impl Bytes {
    pub(super) fn read(&self, addr: u64, bytes: u64) -> Vec<u8> {
        let mut read = vec![0; index(bytes)];
        for (page, from, done, len) in pages(addr, bytes) {
            if let Some(page) = self.0.get(&page) {
                read[done..done + len].copy_from_slice(&page[from..from + len]);
            }
        }
        read
    }

    pub(super) fn write(&mut self, addr: u64, bytes: &[u8]) {
        for (page, from, done, len) in pages(addr, bytes.len() as u64) {
            let page = self.0.entry(page).or_insert_with(|| Box::new([0; PAGE]));
            page[from..from + len].copy_from_slice(&bytes[done..done + len]);
        }
    }

    pub(super) fn copy(&mut self, from: u64, to: u64, bytes: u64) {
        let copied = self.read(from, bytes);
        self.write(to, &copied);
    }

    pub(super) fn zero(&mut self, addr: u64, bytes: u64) {
        self.write(addr, &vec![0; index(bytes)]);
    }

    /// Writes the pattern of `seed`.
    pub(super) fn fill(&mut self, addr: u64, bytes: u64, seed: u64) {
        let mut pattern = vec![0; index(bytes)];
        fill_pattern(&mut pattern, seed);
        self.write(addr, &pattern);
    }

    pub(super) fn crc(&self, addr: u64, bytes: u64) -> u64 {
        crc(&self.read(addr, bytes))
    }
}

/// CRC-32 as in zlib.
pub(super) fn crc(bytes: &[u8]) -> u64 {
    let mut crc = Crc::new();
    crc.update(bytes);
    u64::from(crc.sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_across_pages_is_read_back() {
        let mut bytes = Bytes::default();
        let written: Vec<u8> = (0..=255).cycle().take(9000).collect();
        bytes.write(4090, &written);
        assert_eq!(bytes.read(4090, 9000), written);
        assert_eq!(bytes.read(4088, 4), [0, 0, 0, 1]);
        bytes.copy(4090, 4100, 300);
        assert_eq!(bytes.read(4100, 300), written[..300]);
        bytes.zero(4000, 20_000);
        assert_eq!(bytes.read(0, 30_000), vec![0; 30_000]);
    }

    #[test]
    fn the_crc_is_zlib_s() {
        assert_eq!(crc(b"123456789"), 0xcbf4_3926);
        assert_eq!(Bytes::default().crc(u64::MAX - 1, 0), 0);
    }
}
