//! A program without what is never loaded: symbols, debug information, section headers.
//!
//! strip(1) does more, and must be there. Here the file is cut behind the last byte that the
//! kernel's loader reads, and its header says that there are no sections.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::{HEADER_LEN, about, segments, u16_at, u64_at};

/// Reads as a shorter program that does the same.
#[derive(Debug)]
pub struct Stripped {
    header: [u8; HEADER_LEN],
    file: io::Take<File>,
    length: u64,
    position: usize,
}

/// The program in `path`, without what is never loaded.
pub fn strip(path: &Path) -> io::Result<Stripped> {
    let open = || {
        let mut file = File::open(path)?;
        let segments = segments(&file)?;
        let mut header = [0; HEADER_LEN];
        file.read_exact(&mut header)?;
        // The table of segments itself is a segment only in programs with an interpreter.
        let (table, entry) = (u64_at(&header, 0x20), u16_at(&header, 0x36));
        let table_end = table + u64::from(entry) * u64::from(u16_at(&header, 0x38));
        let ends = segments.iter().map(|one| one.offset + one.length);
        let length = ends.max().unwrap_or(0).max(table_end);
        if length > file.metadata()?.len() {
            return Err(io::Error::other("the program is cut off"));
        }
        for field in SECTION_FIELDS {
            header[field].fill(0);
        }
        let rest = length.saturating_sub(HEADER_LEN as u64);
        Ok(Stripped {
            header,
            file: file.take(rest),
            length,
            position: 0,
        })
    };
    open().map_err(about(path))
}

impl Stripped {
    /// In bytes.
    pub const fn length(&self) -> u64 {
        self.length
    }
}

impl Read for Stripped {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let taken = (&self.header[self.position..]).read(buffer)?;
        self.position += taken;
        if taken > 0 || buffer.is_empty() {
            return Ok(taken);
        }
        self.file.read(buffer)
    }
}

/// e_shoff; e_shentsize, e_shnum and e_shstrndx (elf(5)).
const SECTION_FIELDS: [std::ops::Range<usize>; 2] = [0x28..0x30, 0x3a..0x40];
