//! Capture files that tcpdump and Wireshark read (pcapng, IETF draft-ietf-opsawg-pcapng).
//!
//! One section, little-endian; an Interface Description Block for each port, at any time
//! before its first packet; an Enhanced Packet Block for each frame, in nanoseconds since the
//! Unix epoch.

mod read;

use std::io::{self, Write};

pub use read::{Block, blocks};

/// The direction of a frame, seen from the switch (`epb_flags`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// A machine sent it.
    Inbound,
    /// A machine was given it.
    Outbound,
}

/// One interface of one capture, numbered from zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceId(pub u32);

/// One frame to write down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    pub interface: InterfaceId,
    pub unix_nanos: u64,
    pub direction: Direction,
    pub frame: &'a [u8],
    /// What people should know about it; nothing when empty.
    pub comment: &'a str,
}

/// Writes a capture.
#[derive(Debug)]
pub struct Writer<W: Write> {
    out: W,
    interfaces: u32,
    block: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Starts a capture.
    pub fn new(out: W) -> io::Result<Self> {
        let mut writer = Self {
            out,
            interfaces: 0,
            block: Vec::with_capacity(2048),
        };
        writer
            .block
            .extend_from_slice(&BYTE_ORDER_MAGIC.to_le_bytes());
        writer.block.extend_from_slice(&[1, 0, 0, 0]); // version 1.0
        writer.block.extend_from_slice(&[0xff; 8]); // a section of unknown length
        writer.option(SHB_USERAPPL, b"quorate");
        writer.end_options();
        writer.write_block(SECTION_HEADER)?;
        Ok(writer)
    }

    /// Describes one more interface.
    pub fn add_interface(&mut self, name: &str) -> io::Result<InterfaceId> {
        self.block
            .extend_from_slice(&LINKTYPE_ETHERNET.to_le_bytes());
        self.block.extend_from_slice(&[0; 2]);
        self.block.extend_from_slice(&[0; 4]); // no limit on the captured length
        self.option(IF_NAME, name.as_bytes());
        self.option(IF_TSRESOL, &[NANOSECONDS]);
        self.end_options();
        self.write_block(INTERFACE_DESCRIPTION)?;
        self.interfaces += 1;
        Ok(InterfaceId(self.interfaces - 1))
    }

    /// Writes down one frame.
    ///
    /// # Panics
    /// When the interface was not described before.
    pub fn write(&mut self, packet: &Packet<'_>) -> io::Result<()> {
        let interface = packet.interface.0;
        assert!(interface < self.interfaces, "{interface}");
        let length = u32::try_from(packet.frame.len()).map_err(io::Error::other)?;
        let time_high = (packet.unix_nanos >> 32) as u32;
        let time_low = packet.unix_nanos as u32;
        for word in [interface, time_high, time_low, length, length] {
            self.block.extend_from_slice(&word.to_le_bytes());
        }
        self.block.extend_from_slice(packet.frame);
        self.pad();
        let flags: u32 = match packet.direction {
            Direction::Inbound => 0b01,
            Direction::Outbound => 0b10,
        };
        self.option(EPB_FLAGS, &flags.to_le_bytes());
        if !packet.comment.is_empty() {
            self.option(OPT_COMMENT, packet.comment.as_bytes());
        }
        self.end_options();
        self.write_block(ENHANCED_PACKET)
    }

    /// Hands everything written so far to the operating system.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// What was written to.
    pub fn into_inner(self) -> W {
        self.out
    }

    /// Appends an option, cut to the length that its header can say.
    fn option(&mut self, code: u16, value: &[u8]) {
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.block.extend_from_slice(&code.to_le_bytes());
        self.block.extend_from_slice(&length.to_le_bytes());
        self.block.extend_from_slice(&value[..usize::from(length)]);
        self.pad();
    }

    fn end_options(&mut self) {
        self.block.extend_from_slice(&[0; 4]);
    }

    fn pad(&mut self) {
        self.block.resize(self.block.len().next_multiple_of(4), 0);
    }

    /// Frames the block with its type and its length at both ends.
    fn write_block(&mut self, kind: u32) -> io::Result<()> {
        let length = u32::try_from(self.block.len() + BLOCK_OVERHEAD).map_err(io::Error::other)?;
        let written = self
            .out
            .write_all(&kind.to_le_bytes())
            .and_then(|()| self.out.write_all(&length.to_le_bytes()))
            .and_then(|()| self.out.write_all(&self.block))
            .and_then(|()| self.out.write_all(&length.to_le_bytes()));
        self.block.clear();
        written
    }
}

/// Type and two lengths around every block.
const BLOCK_OVERHEAD: usize = 12;
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const ENHANCED_PACKET: u32 = 6;

const OPT_COMMENT: u16 = 1;
const SHB_USERAPPL: u16 = 4;
const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;
const EPB_FLAGS: u16 = 2;

const LINKTYPE_ETHERNET: u16 = 1;
/// Times are in units of 10^-9 seconds.
const NANOSECONDS: u8 = 9;

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
