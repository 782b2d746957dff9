//! Capture files that tcpdump and Wireshark read (pcapng, IETF draft-ietf-opsawg-pcapng).
//!
//! One section, little-endian; an Interface Description Block for each port, at any time
//! before its first packet; an Enhanced Packet Block for each frame, in nanoseconds since the
//! Unix epoch.

mod format;
mod read;
mod write;

pub use format::{Direction, InterfaceId, Packet};
pub use read::{Block, blocks};
pub use write::Writer;

#[cfg(test)]
mod tests {
    use super::*;

    fn capture() -> Vec<u8> {
        let mut writer = Writer::new(Vec::new()).unwrap();
        let n0 = writer.add_interface("n0").unwrap();
        let n1 = writer.add_interface("switch").unwrap();
        let mut packet = Packet {
            interface: n1,
            unix_nanos: 1_767_225_600_123_456_789,
            direction: Direction::Inbound,
            frame: &[1; 61],
            comment: "dropped: link down",
        };
        writer.write(&packet).unwrap();
        packet.interface = n0;
        packet.direction = Direction::Outbound;
        packet.comment = "";
        writer.write(&packet).unwrap();
        writer.into_inner()
    }

    #[test]
    fn a_capture_reads_back() {
        let bytes = capture();
        let read: Vec<_> = blocks(&bytes).collect();
        assert_eq!(read.len(), 4, "{read:?}");
        assert_eq!(read[0], Block::Interface { name: "n0" });
        assert_eq!(read[1], Block::Interface { name: "switch" });
        let Block::Packet(first) = read[2] else {
            panic!("{read:?}")
        };
        assert_eq!(first.interface, InterfaceId(1));
        assert_eq!(first.unix_nanos, 1_767_225_600_123_456_789);
        assert_eq!(
            (first.direction, first.comment),
            (Direction::Inbound, "dropped: link down")
        );
        assert_eq!(first.frame, [1; 61]);
        let Block::Packet(second) = read[3] else {
            panic!("{read:?}")
        };
        assert_eq!(
            (second.direction, second.comment),
            (Direction::Outbound, "")
        );
    }

    #[test]
    fn blocks_are_laid_out_as_the_draft_says() {
        let bytes = capture();
        assert_eq!(
            bytes[..12],
            [0x0a, 0x0d, 0x0d, 0x0a, 44, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a]
        );
        assert_eq!(bytes[40..44], [44, 0, 0, 0]);
        let interface = [
            1, 0, 0, 0, 40, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 2, 0, b'n', b'0', 0, 0, 9, 0, 1,
            0, 9, 0, 0, 0, 0, 0, 0, 0, 40, 0, 0, 0,
        ];
        assert_eq!(bytes[44..84], interface);
    }

    #[test]
    fn a_torn_capture_reads_up_to_the_tear() {
        let bytes = capture();
        for length in 0..bytes.len() {
            assert!(blocks(&bytes[..length]).count() < 4, "{length}");
        }
    }
}
