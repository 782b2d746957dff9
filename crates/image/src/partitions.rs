//! The first sector of a disk: boot code of a BIOS, and a table of partitions.

/// A partition, in sectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Partition {
    pub(crate) kind: u8,
    pub(crate) start: u32,
    pub(crate) length: u32,
}

/// An EFI system partition, which UEFI looks for; a BIOS does not mind.
pub(crate) const EFI_SYSTEM: u8 = 0xef;
pub(crate) const LINUX: u8 = 0x83;

pub(crate) const SECTOR: u64 = 512;

/// Boot code before the table of partitions has so many bytes at most; the last six of the 446
/// are the disk's own number.
const CODE_LEN_MAX: usize = 440;
const TABLE: usize = 446;
const ENTRY_LEN: usize = 16;
/// A cylinder, head and sector that mean: look at the sector numbers instead.
const NOWHERE: [u8; 3] = [254, 255, 255];

/// The sector with this boot code and these partitions, of which the BIOS starts the first.
///
/// # Panics
/// When there are more than four partitions, or more code than fits.
pub(crate) fn first_sector(code: &[u8], partitions: &[Partition]) -> [u8; SECTOR as usize] {
    assert!(code.len() <= CODE_LEN_MAX && partitions.len() <= 4);
    let mut sector = [0; SECTOR as usize];
    sector[..code.len()].copy_from_slice(code);
    for (number, partition) in partitions.iter().enumerate() {
        let active = if number == 0 { 0x80 } else { 0 };
        let entry = &mut sector[TABLE + number * ENTRY_LEN..][..ENTRY_LEN];
        entry[0] = active;
        entry[1..4].copy_from_slice(&NOWHERE);
        entry[4] = partition.kind;
        entry[5..8].copy_from_slice(&NOWHERE);
        entry[8..12].copy_from_slice(&partition.start.to_le_bytes());
        entry[12..16].copy_from_slice(&partition.length.to_le_bytes());
    }
    sector[510..].copy_from_slice(&[0x55, 0xaa]);
    sector
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_where_firmware_looks() {
        let partitions = [
            Partition {
                kind: EFI_SYSTEM,
                start: 2048,
                length: 0x10000,
            },
            Partition {
                kind: LINUX,
                start: 0x10800,
                length: 0x200_000,
            },
        ];
        let sector = first_sector(&[0xfa; 440], &partitions);
        assert!(sector[..440].iter().all(|byte| *byte == 0xfa));
        let first = [
            0x80, 254, 255, 255, 0xef, 254, 255, 255, 0, 8, 0, 0, 0, 0, 1, 0,
        ];
        let second = [
            0, 254, 255, 255, 0x83, 254, 255, 255, 0, 8, 1, 0, 0, 0, 0x20, 0,
        ];
        assert_eq!(sector[446..462], first);
        assert_eq!(sector[462..478], second);
        assert_eq!(sector[478..510], [0; 32]);
        assert_eq!(sector[510..], [0x55, 0xaa]);
    }
}
