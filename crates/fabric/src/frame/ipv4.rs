//! What every IPv4 packet in a frame has.

/// The two addresses and the type in front of every frame.
pub const ETHERNET_HEADER_LEN: usize = 14;

pub(super) const TTL: u8 = 64;

/// RFC 1071: the ones' complement sum over a header with its checksum is all ones. Computed
/// here over the bytes as they came, since the reserved flag is lost in the parsed header.
pub(super) fn header_checksum_holds(header: &[u8]) -> bool {
    let words = header.chunks_exact(2);
    let sum: u32 = words
        .map(|word| u32::from(word[0]) << 8 | u32::from(word[1]))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    (folded & 0xffff) + (folded >> 16) == 0xffff
}
