//! The table of partitions in the first sector of a disk.

/// Lets the last partition reach to the end of the disk, when it reaches to the end of the image.
/// Changes nothing of a disk that is partitioned in another way.
///
/// `first` is what the disk begins with; the image and the disk have so many bytes.
pub(super) fn stretch(first: &mut [u8], image_bytes: u64, disk_bytes: u64) {
    let Some(sector) = first.first_chunk_mut::<SECTOR>() else {
        return;
    };
    if !sector.ends_with(&SIGNATURE) {
        return;
    }
    let number = |entry: &[u8], at: usize| {
        let octets = entry[at..].first_chunk::<4>();
        octets.map_or(0, |octets| u64::from(u32::from_le_bytes(*octets)))
    };
    let table = sector[TABLE].chunks_exact_mut(ENTRY);
    let last = table.max_by_key(|entry| number(entry, START) + number(entry, LENGTH));
    let Some(entry) = last else { return };
    let (start, length) = (number(entry, START), number(entry, LENGTH));
    if length == 0 || (start + length) * SECTOR as u64 != image_bytes {
        return;
    }
    // To a whole MiB, as partitions usually end.
    let disk_end = (disk_bytes & !0xf_ffff) / SECTOR as u64;
    let length = disk_end.saturating_sub(start).max(length);
    // As much as such a table can say.
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    entry[LENGTH..LENGTH + 4].copy_from_slice(&length.to_le_bytes());
}

const SECTOR: usize = 512;
const SIGNATURE: [u8; 2] = [0x55, 0xaa];
const TABLE: std::ops::Range<usize> = 446..510;
const ENTRY: usize = 16;
const START: usize = 8;
const LENGTH: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// A disk's beginning with partitions of so many MiB, one after the other.
    fn table(parts: &[u32]) -> Vec<u8> {
        let mut first = vec![0; 4096];
        first[510..512].copy_from_slice(&SIGNATURE);
        let mut start: u32 = 2048;
        for (number, mib) in parts.iter().enumerate() {
            let entry = &mut first[446 + number * ENTRY..][..ENTRY];
            entry[START..][..4].copy_from_slice(&start.to_le_bytes());
            entry[LENGTH..][..4].copy_from_slice(&(mib * 2048).to_le_bytes());
            start += mib * 2048;
        }
        first
    }

    fn stretched(parts: &[u32], image_mib: u64, disk_bytes: u64) -> Vec<u8> {
        let mut first = table(parts);
        stretch(&mut first, image_mib * MIB, disk_bytes);
        first
    }

    #[test]
    fn the_last_partition_takes_the_rest_of_the_disk() {
        let disk_bytes = 500 * MIB + 12_345;
        assert_eq!(stretched(&[64, 100], 165, disk_bytes), table(&[64, 435]));
        assert_eq!(stretched(&[100], 101, disk_bytes), table(&[499]));
        assert_eq!(stretched(&[64, 100], 165, 165 * MIB), table(&[64, 100]));
        let vast = stretched(&[64, 100], 165, 1 << 50);
        assert_eq!(vast[446 + ENTRY + LENGTH..][..4], [0xff; 4]);
    }

    #[test]
    fn what_is_no_such_table_stays_as_it_is() {
        for (image_mib, parts) in [(166, &[64, 100][..]), (64, &[64, 100]), (0, &[])] {
            assert_eq!(stretched(parts, image_mib, 500 * MIB), table(parts));
        }
        let mut unsigned = table(&[64]);
        unsigned[510] = 0;
        let before = unsigned.clone();
        stretch(&mut unsigned, 65 * MIB, 500 * MIB);
        assert_eq!(unsigned, before);
        stretch(&mut [], 0, 0);
    }
}
